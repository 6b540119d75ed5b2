package jsonmap_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

// golden is a case of testdata/golden, whose README has the format. It is written from the
// standards and from docs/json.md, not from the tables.
type golden struct {
	name    string // of the file, the standard and what it shows
	generic bool   // the JSON needs GenericKey
	xml     string
	json    string
	strict  string   // the JSON of the strict profile; empty: the same
	back    string   // the XML that strict makes; empty: the same
	send    []string // other documents that make the XML, in both profiles
}

func TestGolden(t *testing.T) {
	for _, g := range readGolden(t) {
		t.Run(g.name, func(t *testing.T) {
			st := parseXML(t, g.xml)
			g.checkJSON(t, st, jsonmap.Full, g.json)
			g.checkXML(t, st, jsonmap.Full, g.json)
			strict, back := g.json, st
			if g.strict != "" {
				strict, back = g.strict, parseXML(t, g.back)
			}
			g.checkJSON(t, st, jsonmap.Strict, strict)
			g.checkXML(t, back, jsonmap.Strict, strict)
			if !g.generic { // what the strict profile does not write it reads
				g.checkXML(t, st, jsonmap.Strict, g.json)
			}
			for _, doc := range g.send {
				g.checkXML(t, st, jsonmap.Full, doc)
				g.checkXML(t, st, jsonmap.Strict, doc)
			}
			if g.generic != hasMember(decoded(t, []byte(g.json)), jsonmap.GenericKey) {
				t.Errorf("generic is %v, but the JSON is %s", g.generic, g.json)
			}
		})
	}
}

// checkJSON compares what is written for a stanza, with the order of the members.
func (g golden) checkJSON(t *testing.T, st stanza.Stanza, p jsonmap.Profile, want string) {
	t.Helper()
	got := indented(t, jsonmap.Append(nil, st, p))
	if diff := cmp.Diff(indented(t, []byte(want)), got); diff != "" {
		t.Errorf("%s\nstrict %v (-want +got):\n%s", st, p, diff)
	}
}

// checkXML compares what is made of a document with a stanza.
func (g golden) checkXML(t *testing.T, want stanza.Stanza, p jsonmap.Profile, doc string) {
	t.Helper()
	got, err := jsonmap.Parse([]byte(doc), jsonmap.Envelope{}, p)
	if err != nil {
		t.Errorf("%s\nstrict %v: %v", doc, p, err)
		return
	}
	if canonical(t, got) != canonical(t, want) {
		t.Errorf("%s\nstrict %v: got  %s\nwant %s", doc, p, got, want)
	}
}

func indented(t *testing.T, doc []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, doc, "", "  "); err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	return b.String()
}

// hasMember reports whether an object in v, which json.Unmarshal made, has the member.
func hasMember(v any, name string) bool {
	switch v := v.(type) {
	case map[string]any:
		for key, part := range v {
			if key == name || hasMember(part, name) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return hasMember(item, name) })
	}
	return false
}

// Each member of each kind of stanza stands in a case, and so does each member of what
// stands in it.
func TestGolden_complete(t *testing.T) {
	seen, all := places{}, places{}
	for _, g := range readGolden(t) {
		kind := parseXML(t, g.xml).Kind()
		for _, doc := range append([]string{g.json}, g.send...) {
			seen.find(schemaOf(kind), "", decoded(t, []byte(doc)))
		}
	}
	for _, kind := range []stanza.Kind{stanza.Message, stanza.Presence, stanza.IQ} {
		all.list(schemaOf(kind), "")
	}
	for place := range all {
		if !seen[place] {
			t.Errorf("testdata/golden has no case with %s", place)
		}
	}
}

// schemaOf returns the schema of a stanza. It has the name of the kind, so that a message
// inside of another is the same shape.
func schemaOf(k stanza.Kind) *jsonmap.Schema {
	return &jsonmap.Schema{Name: string(k), Type: jsonmap.Object, Members: jsonmap.Fields(k)}
}

// places are where members stand: their names with those of the members around, up to the
// shape that has a name.
type places map[string]bool

// anyName stands for the names of members that can have any.
const anyName = "*"

// placeOf returns the place of what has the schema, which is its name if it has one.
func placeOf(s *jsonmap.Schema, place string) string {
	if s.Name == "" {
		return place
	}
	return s.Name
}

// placeIn returns the place of a member. The attributes of a message inside of another are
// not those of the stanza.
func placeIn(place string, m jsonmap.Member) string {
	if place == string(stanza.Message) && m.In == jsonmap.InAttr {
		place = "message inside"
	}
	return place + "/" + m.Name
}

// list adds all members of a schema, which is at the place unless it has a name.
func (ps places) list(s *jsonmap.Schema, place string) {
	place = placeOf(s, place)
	for _, m := range s.Members {
		ps[placeIn(place, m)] = true
		ps.list(&m.Schema, placeIn(place, m))
	}
	if s.Items != nil {
		ps.list(s.Items, place)
	}
	if s.Free != nil {
		ps[place+"/"+anyName] = true
		ps.list(s.Free, place+"/"+anyName)
	}
}

// find adds the members of a schema that v has.
func (ps places) find(s *jsonmap.Schema, place string, v any) {
	place = placeOf(s, place)
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if s.Items != nil {
				ps.find(s.Items, place, item)
			}
		}
	case map[string]any:
		for key, part := range v {
			i := slices.IndexFunc(s.Members, func(m jsonmap.Member) bool { return m.Name == key })
			switch {
			case i >= 0:
				ps[placeIn(place, s.Members[i])] = true
				ps.find(&s.Members[i].Schema, placeIn(place, s.Members[i]), part)
			case s.Free != nil:
				ps[place+"/"+anyName] = true
				ps.find(s.Free, place+"/"+anyName, part)
			}
		}
	}
}

var (
	goldenCase    = regexp.MustCompile(`(?m)^== `)
	goldenTitle   = regexp.MustCompile(`^(?:XEP-[0-9]{4}|RFC [0-9]{4})(?: §[0-9.]+)?: [^(]+( \(generic\))?$`)
	goldenSection = regexp.MustCompile(`(?m)^-- ([a-z]+)\n`)
)

// readGolden reads the cases.
func readGolden(t *testing.T) []golden {
	t.Helper()
	files, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files: ", err)
	}
	var all []golden
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range goldenCase.Split(string(text), -1)[1:] {
			title, rest, _ := strings.Cut(part, "\n")
			match := goldenTitle.FindStringSubmatch(title)
			if match == nil {
				t.Fatalf("%s: the title %q does not name a standard", file, title)
			}
			g := golden{name: strings.TrimSuffix(filepath.Base(file), ".txt") + "/" + title, generic: match[1] != ""}
			g.read(t, rest)
			all = append(all, g)
		}
	}
	return all
}

// read reads the sections of a case.
func (g *golden) read(t *testing.T, text string) {
	t.Helper()
	sections := goldenSection.FindAllStringSubmatchIndex(text, -1)
	for i, at := range sections {
		end := len(text)
		if i+1 < len(sections) {
			end = sections[i+1][0]
		}
		content := strings.TrimSpace(text[at[1]:end])
		switch text[at[2]:at[3]] {
		case "xml":
			g.xml = joined(content)
		case "json":
			g.json = content
		case "strict":
			g.strict = content
		case "back":
			g.back = joined(content)
		case "send":
			g.send = append(g.send, content)
		default:
			t.Fatalf("%s: there is no such section as %s", g.name, text[at[2]:at[3]])
		}
	}
	if g.xml == "" || g.json == "" || (g.strict == "") != (g.back == "") {
		t.Fatalf("%s: xml and json must be there, and strict together with back", g.name)
	}
}

// joined makes one line of XML on several: between tags there is nothing, inside of tags a
// blank.
func joined(lines string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		line = strings.TrimSpace(line)
		if b.Len() > 0 && line != "" && !strings.HasSuffix(b.String(), ">") {
			b.WriteByte(' ')
		}
		b.WriteString(line)
	}
	return b.String()
}
