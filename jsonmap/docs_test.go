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
	for _, kind := range []stanza.Kind{stanza.Message, stanza.Presence, stanza.IQ} {
		fmt.Fprintf(&b, "\n### %s\n\n| member | type | in XML | defined in |\n|---|---|---|---|\n", kind)
		writeMembers(&b, jsonmap.Fields(kind), 0)
	}
	return b.String()
}

func writeMembers(b *strings.Builder, members []jsonmap.Member, depth int) {
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
		typ := string(m.Schema.Type)
		if len(m.Schema.Enum) > 0 && len(m.Schema.Enum) < 10 {
			typ += ": " + strings.Join(m.Schema.Enum, ", ")
		}
		fmt.Fprintf(b, "| %s`%s` | %s | %s | %s |\n", strings.Repeat("&emsp;", depth), m.Name, typ, in, m.XEP)
		writeMembers(b, m.Schema.Members, depth+1)
		if m.Schema.Items != nil {
			writeMembers(b, m.Schema.Items.Members, depth+1)
		}
	}
}

// Each example of the page is a stanza, and the page's form of it.
func TestDocument_examples(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(text), -1)
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
	}
}
