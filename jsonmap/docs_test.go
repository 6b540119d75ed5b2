package jsonmap_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

var update = flag.Bool("update", false, "write the generated part of docs/json.md")

const document = "../docs/json.md"

// The tables of docs/json.md are those of the code.
func TestDocument_members(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	section := regexp.MustCompile(`(?s)<!-- begin members -->\n.*<!-- end -->`)
	want := section.ReplaceAllLiteralString(string(text), "<!-- begin members -->\n"+memberTables()+"\n<!-- end -->")
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatalf("%s is out of date: go test ./jsonmap -update", document)
	}
	if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

func memberTables() string {
	var b strings.Builder
	d := documenter{Builder: &b, shapes: map[string]*jsonmap.Schema{}}
	for _, kind := range []stanza.Kind{stanza.Message, stanza.Presence, stanza.IQ} {
		d.heading(string(kind))
		d.members(jsonmap.Fields(kind), 0)
	}
	for len(d.order) > 0 { // shapes have shapes
		name := d.order[0]
		d.order = d.order[1:]
		if name == "message" { // it would be the longest of them, again
			d.WriteString("\n### Shape: message\n\nAll members of a message but `kind`.\n")
			continue
		}
		d.heading("Shape: " + strings.ReplaceAll(name, "_", " "))
		d.members(d.shapes[name].Members, 0)
	}
	return b.String()
}

// documenter writes the tables. What has a name is written once, after all else.
type documenter struct {
	*strings.Builder
	shapes map[string]*jsonmap.Schema
	order  []string // the shapes that are still to be written
}

func (d *documenter) heading(title string) {
	fmt.Fprintf(d.Builder, "\n### %s\n\n| member | type | in XML | defined in |\n|---|---|---|---|\n", title)
}

// typeOf says what a value is, and keeps it if it is a shape with a name.
func (d *documenter) typeOf(s *jsonmap.Schema) string {
	text := string(s.Type)
	switch {
	case s.Type == jsonmap.Array && s.Items != nil:
		text = "array of " + d.typeOf(s.Items)
	case s.Name != "":
		if s.Members != nil && d.shapes[s.Name] == nil {
			d.shapes[s.Name] = s
			d.order = append(d.order, s.Name)
		}
		text = fmt.Sprintf("[%s](#shape-%s)", strings.ReplaceAll(s.Name, "_", " "), strings.ReplaceAll(s.Name, "_", "-"))
	}
	if len(s.Enum) > 0 && len(s.Enum) < 10 {
		text += ": " + strings.Join(s.Enum, ", ")
	}
	for _, other := range s.Either {
		text += " or " + d.typeOf(other)
	}
	return text
}

// parts returns the members of an object, or of those in an array, that has no name.
func parts(s *jsonmap.Schema) []jsonmap.Member {
	for s.Type == jsonmap.Array && s.Items != nil {
		s = s.Items
	}
	if s.Name != "" {
		return nil
	}
	return s.Members
}

func (d *documenter) members(members []jsonmap.Member, depth int) {
	for _, m := range members {
		in := string(m.In)
		if m.XML != "" {
			in += " `" + strings.ReplaceAll(m.XML, "|", "\\|") + "`"
		}
		if m.Schema.About != "" {
			in = strings.TrimPrefix(in+": "+m.Schema.About, ": ")
		}
		if m.Input {
			in += " (only read)"
		}
		name := "`" + m.Name + "`"
		if m.Beyond {
			name += " ＋"
		}
		fmt.Fprintf(d.Builder, "| %s%s | %s | %s | %s |\n", strings.Repeat("&emsp;", depth), name, d.typeOf(&m.Schema), in, m.XEP)
		d.members(parts(&m.Schema), depth+1)
	}
}

// Each example of the page is a stanza, and the one that is printed after it, if one is.
func TestDocument_examples(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```json\n(.*?)```(?:\n\n```xml\n(.*?)\n```)?").FindAllStringSubmatch(string(text), -1)
	if len(examples) < 6 {
		t.Fatalf("%d examples", len(examples))
	}
	for _, example := range examples {
		st, err := jsonmap.Parse([]byte(example[1]), jsonmap.Envelope{}, jsonmap.Full)
		if err != nil {
			t.Errorf("%s: %v", example[1], err)
			continue
		}
		checkRoundTrip(t, st)
		if example[2] != "" && example[2] != st.String() {
			t.Errorf("%s is %s\nand not %s", example[1], st, example[2])
		}
	}
}
