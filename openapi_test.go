package restanza_test

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/restanza/restanza/httpd"
)

// description is what a gateway says of its API.
type description struct {
	*openapi3.T

	mu       sync.Mutex
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema // by reference; openapi3 would compile them anew for each value
}

// readOpenAPI returns the description of the API as gateways serve it.
func readOpenAPI(t *testing.T) *description {
	t.Helper()
	d := &description{compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	text, err := os.ReadFile("apidoc/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if d.T, err = openapi3.NewLoader().LoadFromData(text); err != nil {
		t.Fatal(err)
	}
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.compiler.AddResource("openapi.json", tree); err != nil {
		t.Fatal(err)
	}
	return d
}

// fits says what is wrong with a value, which is as encoding/json would read it.
func (d *description) fits(t *testing.T, s *openapi3.SchemaRef, value any) error {
	t.Helper()
	if s.Ref == "" {
		if s.Value.AnyOf == nil {
			return s.Value.VisitJSON(value, openapi3.EnableJSONSchema2020())
		}
		var wrong []error
		for _, alternative := range s.Value.AnyOf {
			err := d.fits(t, alternative, value)
			if err == nil {
				return nil
			}
			wrong = append(wrong, err)
		}
		return errors.Join(wrong...)
	}
	compiled, err := d.compiled(s.Ref)
	if err != nil {
		t.Error(err)
		return nil
	}
	return compiled.Validate(value)
}

func (d *description) compiled(ref string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s, ok := d.schemas[ref]; ok {
		return s, nil
	}
	s, err := d.compiler.Compile("openapi.json" + ref)
	if err == nil {
		d.schemas[ref] = s
	}
	return s, err
}

// examplesOfBodies is how many examples of bodies there are: whoever takes one out, or puts
// one in, says so here.
const examplesOfBodies = 142

// Each example fits its schema, except those that show how not to do it.
func TestOpenAPI_exampleSchemas(t *testing.T) {
	doc := readOpenAPI(t)
	seen := map[*openapi3.Example]bool{} // responses are shared
	check := func(where string, content openapi3.Content) {
		for mediaType, m := range content {
			for name, e := range m.Examples {
				if seen[e.Value] {
					continue
				}
				seen[e.Value] = true
				err := doc.fits(t, m.Schema, plain(e.Value.Value))
				if invalid := e.Value.Extensions["x-invalid"] == true; (err != nil) != invalid {
					t.Errorf("%s, %s, example %s: x-invalid is %t: %v", where, mediaType, name, invalid, err)
				}
			}
		}
	}
	items := maps.Clone(doc.Paths.Map())
	for name, item := range doc.Webhooks {
		items["webhook "+name] = item
	}
	for path, item := range items {
		for method, op := range item.Operations() {
			if op.RequestBody != nil {
				check(method+" "+path, op.RequestBody.Value.Content)
			}
			for status, r := range op.Responses.Map() {
				check(method+" "+path+" "+status, r.Value.Content)
			}
		}
	}
	if len(seen) != examplesOfBodies {
		t.Errorf("there are %d examples of bodies, and have been %d", len(seen), examplesOfBodies)
	}
}

// The description has the operations that the door has.
func TestOpenAPI_routes(t *testing.T) {
	want := map[string][]string{}
	for _, e := range httpd.Endpoints() {
		want[e.Path] = slices.Sorted(slices.Values(e.Methods))
	}
	got := map[string][]string{}
	for path, item := range readOpenAPI(t).Paths.Map() {
		got[path] = slices.Sorted(maps.Keys(item.Operations()))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("httpd (-) and openapi.yaml (+) differ:\n%s", diff)
	}
}

// The statuses of the description are those that the code of the door has. Which operation
// has which of them is found out in package httpd.
func TestOpenAPI_statuses(t *testing.T) {
	doc := readOpenAPI(t)
	documented := map[int]bool{}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for status := range op.Responses.Map() {
				n, err := strconv.Atoi(status)
				if err != nil {
					t.Fatal(err)
				}
				documented[n] = true
			}
		}
	}
	for name := range doc.Components.Responses { // not all belong to an operation
		if n, err := strconv.Atoi(name); err != nil || http.StatusText(n) == "" {
			t.Errorf("a response is called %q", name)
		} else {
			documented[n] = true
		}
	}
	inCode := map[int]bool{http.StatusRequestHeaderFieldsTooLarge: true} // net/http's own
	for _, folder := range []string{"httpd", "apidoc"} {
		for _, status := range statusesIn(t, folder) {
			inCode[status] = true
		}
	}
	if diff := cmp.Diff(inCode, documented); diff != "" {
		t.Errorf("code (-) and openapi.yaml (+) differ:\n%s", diff)
	}
}

// statusesIn returns the values of the constants http.Status… that the code in a folder
// names. A status that stands there as a number is an error.
func statusesIn(t *testing.T, folder string) []int {
	t.Helper()
	files, err := filepath.Glob(folder + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]int{}
	for status := 100; status < 600; status++ {
		if text := http.StatusText(status); text != "" {
			byName["Status"+strings.NewReplacer(" ", "", "-", "").Replace(text)] = status
		}
	}
	var statuses []int
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if list, ok := n.(*ast.CompositeLit); ok {
				if array, ok := list.Type.(*ast.ArrayType); ok {
					if elem, ok := array.Elt.(*ast.Ident); ok && elem.Name == "float64" {
						return false // the buckets of a histogram
					}
				}
			}
			if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "max") {
				return false // how many of something there can be
			}
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.INT {
				if status, err := strconv.Atoi(literal.Value); err == nil && http.StatusText(status) != "" {
					t.Errorf("%s: %d is a status: it has a name in net/http", file, status)
				}
			}
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := selector.X.(*ast.Ident)
			if !ok || pkg.Name != "http" || !strings.HasPrefix(selector.Sel.Name, "Status") || selector.Sel.Name == "StatusText" {
				return true
			}
			status, known := byName[selector.Sel.Name]
			if !known {
				t.Errorf("%s: unknown status http.%s", file, selector.Sel.Name)
			}
			statuses = append(statuses, status)
			return true
		})
	}
	return statuses
}
