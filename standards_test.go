package restanza_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

var standard = regexp.MustCompile(`XEP-[0-9]{4}|RFC [0-9]+|Standard Webhooks 1\.0`)

// notThePackagesOf are directories whose code does not belong to the program.
var notThePackagesOf = []string{"internal/xmpptest", "internal/load"}

// standardsInCode returns the packages that cite each standard, in comments or in
// tables.
func standardsInCode(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return err
		}
		dir := path.Dir(filepath.ToSlash(file))
		if dir == "." {
			dir = root
		}
		if slices.Contains(notThePackagesOf, dir) {
			return nil
		}
		text, err := os.ReadFile(file)
		for _, name := range standard.FindAllString(string(text), -1) {
			if !slices.Contains(found[name], dir) {
				found[name] = append(found[name], dir)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, packages := range found {
		slices.Sort(packages)
	}
	return found
}

// standardsInDocument returns the packages and the last column of each row of
// docs/standards.md.
func standardsInDocument(t *testing.T) (packages map[string][]string, farness map[string]string) {
	t.Helper()
	text, err := os.ReadFile("docs/standards.md")
	if err != nil {
		t.Fatal(err)
	}
	packages, farness = map[string][]string{}, map[string]string{}
	rows := regexp.MustCompile(`(?m)^\| \[((?:XEP-|RFC )[0-9]+|Standard Webhooks 1\.0)\]\([^)]*\) \| [^|]+ \| ([^|]+) \| ([^|]+) \|$`)
	for _, row := range rows.FindAllStringSubmatch(string(text), -1) {
		if packages[row[1]] != nil {
			t.Errorf("docs/standards.md has %s twice", row[1])
		}
		for name := range strings.SplitSeq(row[2], ", ") {
			packages[row[1]] = append(packages[row[1]], strings.Trim(name, "`"))
		}
		farness[row[1]] = row[3]
	}
	return packages, farness
}

// The standards of docs/standards.md, and where they are kept to, are those that the code
// cites.
func TestStandards(t *testing.T) {
	packages, _ := standardsInDocument(t)
	if diff := cmp.Diff(standardsInCode(t), packages); diff != "" {
		t.Errorf("docs/standards.md does not name the standards and packages that the code does (-code +document):\n%s", diff)
	}
}

// Each member of the JSON mapping is named beside the standard that it comes from.
func TestStandards_members(t *testing.T) {
	_, farness := standardsInDocument(t)
	for _, kind := range []stanza.Kind{stanza.Message, stanza.Presence, stanza.IQ} {
		for _, m := range jsonmap.Fields(kind) {
			name := standard.FindString(m.XEP)
			if strings.HasPrefix(name, "XEP-") && !strings.Contains(farness[name], "`"+m.Name+"`") {
				t.Errorf("docs/standards.md: %s does not name the member %s", name, m.Name)
			}
		}
	}
}
