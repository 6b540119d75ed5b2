package apidoc_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

// The section of openapi.yaml that is made of jsonmap's table stands between these
// lines.
const (
	beginStanzas = "    # begin: made of jsonmap's table by `go test ./apidoc -update`\n"
	endStanzas   = "    # end\n"
)

// sharedSchemas are the elements that have a schema with a name of its own, by what
// jsonmap says of their place in XML: those that are there more than once, or inside of
// themselves.
var sharedSchemas = map[string]string{
	`<forwarded xmlns="urn:xmpp:forward:0">`:       "Forwarded",
	`<message xmlns="jabber:client">`:              "ForwardedMessage",
	`<set xmlns="http://jabber.org/protocol/rsm">`: "ResultSet",
	`<payload xmlns="urn:xmpp:json-msg:0">`:        "Payload",
	`<error>`:                                      "StanzaError",
}

// isForm tells the member that is a whole form: others are written into the same element.
func isForm(m jsonmap.Member) bool { return m.Name == "dataform" }

// isTable tells whether the objects of a member are made of elements by the table, so
// that they can have jsonmap.GenericKey.
func isTable(m jsonmap.Member) bool { return m.In != jsonmap.AsSpecial && m.In != "" }

// schemaWriter writes schemas as YAML.
type schemaWriter struct {
	b      strings.Builder
	shared map[string]jsonmap.Member // by name; what has been referred to
	done   map[string]bool
}

// stanzaSchemas returns the schemas of the three kinds of stanza, and of what they
// share.
func stanzaSchemas() string {
	w := &schemaWriter{shared: map[string]jsonmap.Member{}, done: map[string]bool{}}
	about := map[stanza.Kind]string{
		stanza.Message:  "A message (RFC 6121 §5): something for one who may not even be there.",
		stanza.Presence: "A presence (RFC 6121 §4): whether and how somebody can be reached.",
		stanza.IQ:       "A question or its answer (RFC 6120 §8.2.3). It has exactly one member besides those of the stanza itself.",
	}
	names := map[stanza.Kind]string{stanza.Message: "Message", stanza.Presence: "Presence", stanza.IQ: "IQ"}
	for _, kind := range []stanza.Kind{stanza.Message, stanza.Presence, stanza.IQ} {
		fields := slices.Clone(jsonmap.Fields(kind))
		for i := range fields {
			if fields[i].Name == "kind" {
				fields[i].Schema.Enum = []string{string(kind)}
			}
		}
		w.line(2, names[kind]+":")
		w.object(3, jsonmap.Schema{Type: jsonmap.Object, About: about[kind], Members: fields}, true)
	}
	w.line(2, "Field:")
	w.schema(3, jsonmap.Schema{Type: jsonmap.String, Enum: jsonmap.QueryFields()}, false, "a member of an IQ by which something is asked")
	for len(w.done) < len(w.shared) {
		var next []string
		for name := range w.shared {
			if !w.done[name] {
				next = append(next, name)
			}
		}
		slices.Sort(next)
		m := w.shared[next[0]]
		w.done[next[0]] = true
		w.line(2, next[0]+":")
		w.schema(3, m.Schema, isTable(m), describeMember(m, false))
	}
	return w.b.String()
}

func (w *schemaWriter) line(depth int, text string) {
	w.b.WriteString(strings.Repeat("  ", depth) + text + "\n")
}

// member writes a property. What is shared is referred to.
func (w *schemaWriter) member(depth int, m jsonmap.Member) {
	w.line(depth, quoteKey(m.Name)+":")
	name := sharedSchemas[m.XML]
	if isForm(m) || m.Name == "form" && m.In == jsonmap.AsSpecial && has(m.Schema, "reported") {
		name = "DataForm"
	}
	if name == "" || m.Schema.Type != jsonmap.Object {
		w.schema(depth+1, m.Schema, isTable(m), describeMember(m, true))
		return
	}
	if known, ok := w.shared[name]; !ok || len(known.Schema.Members) < len(m.Schema.Members) {
		w.shared[name] = m
	}
	if text := describeMember(m, true); text != "" {
		w.line(depth+1, "description: "+strconv.Quote(text))
	}
	w.line(depth+1, "$ref: '#/components/schemas/"+name+"'")
}

func has(s jsonmap.Schema, member string) bool {
	return slices.ContainsFunc(s.Members, func(m jsonmap.Member) bool { return m.Name == member })
}

// describeMember says what a member is in XML and where it is defined.
func describeMember(m jsonmap.Member, own bool) string {
	var parts []string
	if own && m.Schema.About != "" {
		parts = append(parts, m.Schema.About)
	}
	if m.XML != "" {
		parts = append(parts, map[bool]string{true: "attribute ", false: ""}[m.In == jsonmap.InAttr]+"`"+m.XML+"`")
	}
	if m.XEP != "" {
		parts = append(parts, m.XEP)
	}
	if m.Input {
		parts = append(parts, "only sent, never received")
	}
	return strings.Join(parts, "; ")
}

// schema writes a schema. Generic says that objects in it are made of elements by the
// table, so that they can have jsonmap.GenericKey.
func (w *schemaWriter) schema(depth int, s jsonmap.Schema, generic bool, about string) {
	if len(s.Either) == 0 {
		s.About = about
		w.one(depth, s, generic)
		return
	}
	if about != "" {
		w.line(depth, "description: "+strconv.Quote(about))
	}
	w.line(depth, "anyOf:")
	either := s.Either
	s.Either, s.About = nil, ""
	for _, alternative := range append([]*jsonmap.Schema{&s}, either...) {
		inner := &schemaWriter{shared: w.shared, done: w.done}
		inner.schema(depth+2, *alternative, generic, alternative.About)
		w.b.WriteString(asItem(inner.b.String(), depth+1))
	}
}

// asItem makes a block an item of a list, whose dash stands at depth.
func asItem(block string, depth int) string {
	indent := strings.Repeat("  ", depth)
	return indent + "- " + strings.TrimPrefix(block, indent+"  ")
}

func (w *schemaWriter) one(depth int, s jsonmap.Schema, generic bool) {
	if s.Type == jsonmap.Object {
		w.object(depth, s, generic)
		return
	}
	if s.About != "" {
		w.line(depth, "description: "+strconv.Quote(s.About))
	}
	if s.Type == jsonmap.Any {
		if s.About == "" {
			w.line(depth, "description: any JSON value")
		}
		return
	}
	w.line(depth, "type: "+string(s.Type))
	if s.Enum != nil {
		quoted := make([]string, len(s.Enum))
		for i, value := range s.Enum {
			quoted[i] = strconv.Quote(value)
		}
		w.line(depth, "enum: ["+strings.Join(quoted, ", ")+"]")
	}
	if s.Min != 0 || s.Max != 0 {
		w.line(depth, fmt.Sprintf("minimum: %d", s.Min))
		w.line(depth, fmt.Sprintf("maximum: %d", s.Max))
	}
	if s.Items != nil {
		w.line(depth, "items:")
		w.schema(depth+1, *s.Items, generic, s.Items.About)
	}
}

func (w *schemaWriter) object(depth int, s jsonmap.Schema, generic bool) {
	if s.About != "" {
		w.line(depth, "description: "+strconv.Quote(s.About))
	}
	w.line(depth, "type: object")
	if s.Free != nil {
		w.line(depth, "additionalProperties:")
		w.schema(depth+1, *s.Free, false, s.Free.About)
	} else if generic && s.Members != nil {
		w.line(depth, "additionalProperties: false")
	}
	if len(s.Members) == 0 {
		return
	}
	w.line(depth, "properties:")
	for _, m := range s.Members {
		w.member(depth+1, m)
	}
	if generic {
		w.line(depth+1, jsonmap.GenericKey+":")
		w.line(depth+2, "$ref: '#/components/schemas/Generic'")
	}
}

// quoteKey writes a key that YAML would not take as a string.
func quoteKey(name string) string {
	if name == "y" || name == "n" || name == "null" || name == "true" || name == "false" {
		return strconv.Quote(name)
	}
	return name
}
