package restanza_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// module is the project's own import path.
const module = "github.com/restanza/restanza"

// root is the package at the top of the module, as the tables name it.
const root = "restanza"

// mayImport is the plan: which of the project's packages each package may
// import. What is not named here may not be imported. ARCHITECTURE.md shows the
// same table to people.
var mayImport = map[string][]string{
	"element":  {},
	"jid":      {},
	"stanza":   {"element", "jid"},
	"access":   {"jid", "stanza"},
	"jsonmap":  {"element", "jid", "stanza"},
	"format":   {"element", "jid", "jsonmap", "stanza"},
	"stream":   {"element", "jid", "stanza"},
	"link":     {"internal/loglimit", "jid", "stanza", "stream"},
	"journal":  {"jid", "stanza"},
	"callback": {"format", "internal/guard", "internal/loglimit", "internal/signing", "jid", "journal", "jsonmap", "stanza"},
	"events":   {"jid", "journal", "stanza"},
	"gateway":  {"events", "jid", "journal", "stanza"},
	"apidoc":   {},
	"httpd":    {"access", "apidoc", "events", "format", "gateway", "jid", "journal", "jsonmap", "stanza"},
	"console":  {},
	"devhost":  {"element", "internal/loglimit", "jid", "stanza", "stream"},
	"config":   {"access", "internal/signing", "jid"},
	root: {
		"access", "apidoc", "callback", "config", "console", "devhost", "element", "events", "format", "gateway", "httpd", "jid",
		"journal", "jsonmap", "link", "stanza", "stream",
	},
	"cmd/restanza":        {"config", "format", "internal/client", "internal/doctor", "internal/listen", "internal/prosodycfg", "internal/signing", root, "stanza"},
	"internal/client":     {"element", "jid", "stanza"},
	"internal/doctor":     {"callback", "config", "element", "format", "jid", "journal", "link", "stanza", "stream"},
	"internal/guard":      {},
	"internal/listen":     {"callback", "format", "internal/client", "internal/signing", "jid", "stanza"},
	"internal/loglimit":   {},
	"internal/prosodycfg": {"config", "jid"},
	"internal/signing":    {},
	"internal/xmpptest":   {"jid", "stanza"},
	"internal/load":       {"config", "format", "internal/xmpptest", "jid", root, "stanza", "stream"},
}

// Packages import what the plan allows and nothing else. Test files may import
// more.
func TestArchitecture_imports(t *testing.T) {
	imports := importsByPackage(t, func(file string) bool { return !strings.HasSuffix(file, "_test.go") })
	for pkg, imported := range imports {
		allowed, planned := mayImport[pkg]
		if !planned {
			t.Errorf("package %s is not in the plan: add it to mayImport and to ARCHITECTURE.md", pkg)
			continue
		}
		for _, other := range ownOnly(imported) {
			if !slices.Contains(allowed, other) {
				t.Errorf("package %s imports %s, which the plan does not allow", pkg, other)
			}
		}
	}
	for pkg := range mayImport {
		if _, ok := imports[pkg]; !ok {
			t.Errorf("package %s is in the plan, but there is no such package", pkg)
		}
	}
}

// planRow is a row of ARCHITECTURE.md's table of packages: | `name` | text | a,
// b |
var planRow = regexp.MustCompile("(?m)^\\| `([a-z/]+)`[^|]*\\|[^|]*\\| ([^|]*) \\|$")

// ARCHITECTURE.md shows the plan as it is.
func TestArchitecture_document(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string][]string{}
	for _, row := range planRow.FindAllStringSubmatch(string(text), -1) {
		allowed := []string{}
		switch row[2] {
		case "–":
		case "all above":
			allowed = mayImport[root]
		default:
			allowed = strings.Split(row[2], ", ")
			slices.Sort(allowed)
		}
		documented[row[1]] = allowed
	}
	if diff := cmp.Diff(mayImport, documented); diff != "" {
		t.Errorf("the plan (-) and the table of ARCHITECTURE.md (+) differ:\n%s", diff)
	}
}

// documentedModule is a heading of docs/dependencies.md: a row that begins with
// a module path.
var documentedModule = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

// Each module that is imported has its line in docs/dependencies.md, and each
// line a module in go.mod.
func TestDependencies_document(t *testing.T) {
	text, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	goMod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, row := range documentedModule.FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, row[1])
		if !strings.Contains(string(goMod), row[1]+" v") {
			t.Errorf("docs/dependencies.md has a line for %s, which is not in go.mod", row[1])
		}
	}
	for pkg, imported := range importsByPackage(t, func(string) bool { return true }) {
		for _, other := range imported {
			if isOwn(other) || !strings.Contains(strings.Split(other, "/")[0], ".") {
				continue
			}
			within := func(mod string) bool { return other == mod || strings.HasPrefix(other, mod+"/") }
			if !slices.ContainsFunc(documented, within) {
				t.Errorf("package %s imports %s, which has no line in docs/dependencies.md", pkg, other)
			}
		}
	}
}

// importsByPackage returns the import paths of each package of the module, read
// from the Go files that keep accepts, whatever their build constraints.
func importsByPackage(t *testing.T, keep func(file string) bool) map[string][]string {
	t.Helper()
	imports := map[string][]string{}
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && file != "." && (entry.Name() == "testdata" || entry.Name()[0] == '.'):
			return filepath.SkipDir
		case entry.IsDir() || filepath.Ext(file) != ".go" || !keep(file):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := packageName(path.Dir(filepath.ToSlash(file)))
		imports[pkg] = slices.Grow(imports[pkg], len(parsed.Imports))
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports[pkg] = append(imports[pkg], imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return imports
}

// ownOnly returns the project's own packages among the import paths, named as
// in the plan.
func ownOnly(imported []string) []string {
	var own []string
	for _, other := range imported {
		if isOwn(other) {
			own = append(own, packageName(strings.TrimPrefix(strings.TrimPrefix(other, module), "/")))
		}
	}
	slices.Sort(own)
	return slices.Compact(own)
}

// isOwn reports whether an import path is of this module.
func isOwn(imported string) bool {
	return imported == module || strings.HasPrefix(imported, module+"/")
}

// packageName returns the name by which the plan calls the package in a folder.
func packageName(folder string) string {
	if folder == "" || folder == "." {
		return root
	}
	return folder
}
