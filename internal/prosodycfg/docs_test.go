package prosodycfg_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/prosodycfg"
)

const document = "../../docs/mod_rest.md"

// optionTable shows what becomes of each option, as docs/mod_rest.md has it.
func optionTable() string {
	var b strings.Builder
	for _, m := range prosodycfg.Mappings() {
		becomes := "`" + m.Setting + "`"
		if m.Setting == "" {
			becomes = "– " + m.Why
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", m.Option, becomes)
	}
	return b.String()
}

// The document's table is that of the importer.
func TestDocument_options(t *testing.T) {
	raw, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	part := regexp.MustCompile(`(?s)(<!-- begin options -->\n\n\| [^\n]*\n\|---\|---\|\n)(.*?)(\n<!-- end -->)`)
	if !part.Match(raw) {
		t.Fatal("no table of options")
	}
	text := part.ReplaceAllStringFunc(string(raw), func(found string) string {
		groups := part.FindStringSubmatch(found)
		return groups[1] + optionTable() + groups[3]
	})
	if text == string(raw) {
		return
	}
	if !*update {
		t.Fatalf("%s is out of date: go test ./internal/prosodycfg -update", document)
	}
	if err := os.WriteFile(document, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// What the document calls a setting is one, and what it calls an option is known to the importer.
func TestDocument_names(t *testing.T) {
	raw, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	var settings, short, options []string
	for _, s := range config.Settings() {
		settings = append(settings, s.Key)
		short = append(short, s.Key[strings.LastIndexByte(s.Key, '.')+1:])
	}
	for _, m := range prosodycfg.Mappings() {
		options = append(options, m.Option)
	}
	raw = regexp.MustCompile(`\[+component[a-z.]*\]+`).ReplaceAll(raw, nil) // headings of tables
	for _, name := range regexp.MustCompile(`\b(?:component|http|log)\.[a-z_.]*[a-z]\b`).FindAllString(string(raw), -1) {
		if !slices.Contains(settings, name) {
			t.Errorf("the document has %s, which is no setting", name)
		}
	}
	for _, name := range regexp.MustCompile(`\brest_[a-z_]*[a-z]\b`).FindAllString(string(raw), -1) {
		if !slices.Contains(options, name) {
			t.Errorf("the document has %s, which the importer does not know", name)
		}
	}
	for _, m := range regexp.MustCompile("`([a-z]+_[a-z_]+)(?: = [^`]*)?`").FindAllStringSubmatch(string(raw), -1) {
		if !slices.Contains(short, m[1]) && !slices.Contains(options, m[1]) {
			t.Errorf("the document has %s, which is neither a setting nor an option", m[1])
		}
	}
}
