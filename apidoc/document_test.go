package apidoc_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "write the schemas of stanzas into openapi.yaml, and openapi.json")

// The document is what OpenAPI 3.1 wants. Its examples are looked at by the tests that
// drive them through a gateway.
func TestDocument_valid(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("the version is %s", doc.OpenAPI)
	}
	if err := doc.Validate(t.Context(), openapi3.DisableExamplesValidation()); err != nil {
		t.Error(err)
	}
}

// The schemas of stanzas are those of jsonmap's table, same members, types and values;
// and what can be asked by path is what it knows.
func TestDocument_stanzas(t *testing.T) {
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), beginStanzas)
	got, after, ended := strings.Cut(rest, endStanzas)
	if !ok || !ended {
		t.Fatal("openapi.yaml has no place for the schemas of stanzas")
	}
	want := stanzaSchemas()
	if got == want {
		return
	}
	if !*update {
		t.Fatal("the schemas of stanzas in openapi.yaml are out of date: go test ./apidoc -update")
	}
	writeFile(t, "openapi.yaml", before+beginStanzas+want+endStanzas+after)
}

// The JSON form is the YAML form, members in the same order.
func TestDocument_json(t *testing.T) {
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var tree yaml.Node
	if err := yaml.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	want := string(appendJSON(t, nil, tree.Content[0])) + "\n"
	if string(got) != want {
		if !*update {
			t.Fatal("openapi.json is not what openapi.yaml is: go test ./apidoc -update")
		}
		writeFile(t, "openapi.json", want)
		got = []byte(want)
	}
	var fromYAML, fromJSON any
	if err := yaml.Unmarshal(text, &fromYAML); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got, &fromJSON); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(throughJSON(t, fromYAML), fromJSON) {
		t.Error("openapi.json says something else than openapi.yaml")
	}
}

// throughJSON returns a value as encoding/json would read it.
func throughJSON(t *testing.T, v any) (out any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// appendJSON writes a YAML node as JSON. Maps keep their order: it is that of the page.
func appendJSON(t *testing.T, dst []byte, n *yaml.Node) []byte {
	t.Helper()
	switch n.Kind {
	case yaml.MappingNode:
		dst = append(dst, '{')
		for i := 0; i < len(n.Content); i += 2 {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendValue(t, dst, n.Content[i].Value), ':')
			dst = appendJSON(t, dst, n.Content[i+1])
		}
		return append(dst, '}')
	case yaml.SequenceNode:
		dst = append(dst, '[')
		for i, item := range n.Content {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(t, dst, item)
		}
		return append(dst, ']')
	case yaml.ScalarNode:
		var value any
		if err := n.Decode(&value); err != nil {
			t.Fatal(err)
		}
		return appendValue(t, dst, value)
	default:
		t.Fatalf("line %d: aliases and the like are not for this document", n.Line)
		return nil
	}
}

func appendValue(t *testing.T, dst []byte, value any) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		t.Fatal(err)
	}
	return append(dst, bytes.TrimSpace(b.Bytes())...)
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
