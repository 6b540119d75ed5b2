package apidoc_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

func schemas(t *testing.T) openapi3.Schemas {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	return doc.Components.Schemas
}

// The error types are those of stanza errors.
func TestDocument_errorTypes(t *testing.T) {
	var want []any
	for _, m := range jsonmap.Fields(stanza.Message) {
		if m.Name != "error" {
			continue
		}
		for _, inner := range m.Schema.Members {
			if inner.Name == "type" {
				for _, value := range inner.Schema.Enum {
					want = append(want, value)
				}
			}
		}
	}
	if diff := cmp.Diff(want, schemas(t)["ErrorType"].Value.Enum); diff != "" || want == nil {
		t.Errorf("jsonmap (-) and ErrorType (+) differ:\n%s", diff)
	}
}

// The value of what is asked has the types that the values of such members have.
func TestDocument_queryValue(t *testing.T) {
	want := map[string]bool{}
	for _, m := range jsonmap.Fields(stanza.IQ) {
		if !slices.Contains(jsonmap.QueryFields(), m.Name) {
			continue
		}
		for _, s := range append(m.Schema.Either, &m.Schema) {
			want[string(s.Type)] = true
		}
	}
	got := slices.Sorted(slices.Values(schemas(t)["QueryValue"].Value.Type.Slice()))
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), got); diff != "" {
		t.Errorf("jsonmap (-) and QueryValue (+) differ:\n%s", diff)
	}
}

// The generic form of elements has exactly the items and members that jsonmap writes.
func TestDocument_generic(t *testing.T) {
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("openapi.json", tree); err != nil {
		t.Fatal(err)
	}
	message, err := c.Compile("openapi.json#/components/schemas/Message")
	if err != nil {
		t.Fatal(err)
	}
	// An element that says more than its member, one without a member, text, and a place.
	st, err := stanza.Parse([]byte(`<message xmlns:a="urn:a"><body xml:lang="de">Hallo</body>` +
		`<level xmlns="urn:b" a:c="d">high <reason/></level>text<nick xmlns="http://jabber.org/protocol/nick">Jo</nick><x xmlns="urn:c"/></message>`))
	if err != nil {
		t.Fatal(err)
	}
	written := jsonmap.Append(nil, st, jsonmap.Full)
	var object map[string]any
	if err := json.Unmarshal(written, &object); err != nil {
		t.Fatal(err)
	}
	if err := message.Validate(object); err != nil {
		t.Errorf("%s does not fit its schema: %v", written, err)
	}
	elements, places := map[string]bool{}, map[string]bool{}
	texts := collect(object[jsonmap.GenericKey], elements, places)
	if texts == 0 || len(places) == 0 {
		t.Fatalf("%s has not all that there can be", written)
	}
	all := schemas(t)
	if got, want := slices.Sorted(maps.Keys(all["GenericElement"].Value.Properties)), slices.Sorted(maps.Keys(elements)); !slices.Equal(got, want) {
		t.Errorf("GenericElement has %v, written are %v", got, want)
	}
	if required := all["GenericElement"].Value.Required; !slices.Equal(required, []string{"name"}) {
		t.Errorf("GenericElement requires %v; its name makes it one", required)
	}
	if n := len(all["Generic"].Value.Items.Value.AnyOf); n != 3 {
		t.Errorf("there are %d kinds of items in Generic: text, elements and places are 3", n)
	}
}

// collect notes the members of the elements and places in a list of items, and returns the
// number of texts.
func collect(items any, elements, places map[string]bool) (texts int) {
	list, _ := items.([]any)
	for _, item := range list {
		object, ok := item.(map[string]any)
		if !ok {
			texts++
			continue
		}
		keys := places
		if object["name"] != nil {
			keys = elements
		}
		for key := range object {
			keys[key] = true
		}
		texts += collect(object["children"], elements, places)
	}
	return texts
}
