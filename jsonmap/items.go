package jsonmap

import (
	"slices"
	"strings"

	"github.com/restanza/restanza/element"
)

// discoItems are the entities that belong to one (XEP-0030 §4), or the question for
// them.
var discoItems = &special{
	schema: &Schema{
		Type: Array, Items: &Schema{Type: Object, Members: members(itemFields), Either: []*Schema{{Type: String, About: "the address alone"}}},
		Either: []*Schema{
			{Type: Boolean, About: "true: the question"},
			{Type: String, About: "the question for a node"},
			{Type: Object, About: "the question for a node", Members: []Member{{Name: "node", Schema: Schema{Type: String}}}},
		},
	},
	read:  readItems,
	write: writeItems,
}

var itemFields = []field{{name: "jid", typ: String}, {name: "node", typ: String}, {name: "name", typ: String}}

func readItems(w *writer, c element.Node) (ok, exact bool) {
	if c.First().IsZero() {
		return true, w.readNode(c)
	}
	exact = len(c.Attrs()) == 0
	w.dst = append(w.dst, '[')
	for n := range c.Children() {
		if !n.Is(nsDiscoItems, "item") {
			exact = false
			continue
		}
		w.next()
		w.dst = append(w.dst, '{')
		exact = exact && n.First().IsZero()
		for _, a := range n.Attrs() {
			if a.Space == "" && slices.ContainsFunc(itemFields, func(f field) bool { return f.name == a.Local }) {
				w.text(a.Local, a.Value)
			} else {
				exact = false
			}
		}
		w.dst = append(w.dst, '}')
	}
	w.dst = append(w.dst, ']')
	return true, exact
}

func writeItems(b *builder, m val, around string) error {
	if m.kind() == object {
		b.open(nsDiscoItems, "query", around)
		if err := b.optionalAttr(m, "node"); err != nil {
			return err
		}
		b.empty()
		return b.onlyKnown(m, map[string]bool{"node": true})
	}
	if m.kind() != array {
		_, err := b.question(nsDiscoItems, m, around)
		return err
	}
	b.open(nsDiscoItems, "query", around)
	from := b.inside()
	for item := range m.items() {
		b.open(nsDiscoItems, "item", nsDiscoItems)
		if item.kind() == text {
			address, err := str(item)
			if err != nil {
				return err
			}
			b.attr("jid", address)
			b.empty()
			continue
		}
		if item.kind() != object {
			return fail(item, "this must be an object or an address%s", notKindOf(item))
		}
		for _, f := range itemFields {
			if err := b.optionalAttr(item, f.name); err != nil {
				return err
			}
		}
		b.empty()
		if err := b.onlyKnown(item, map[string]bool{"jid": true, "node": true, "name": true}); err != nil {
			return err
		}
	}
	b.close("query", from)
	return nil
}

func joinLines(lines []string) string { return strings.Join(lines, "\n") }

// command is an ad-hoc command (XEP-0050), or the node of one that is to be begun.
var command = ofTable(&Schema{Type: Object, Either: []*Schema{{Type: String, About: "the node of the command"}}}, nsCommands, "command",
	new(table).add(
		field{name: "node", place: InAttr, typ: String},
		field{name: "action", place: InAttr, typ: String},
		field{name: "sessionid", place: InAttr, typ: String},
		field{name: "status", place: InAttr, typ: String},
		field{name: "actions", place: AsSpecial, typ: Object, local: "actions", special: commandActions},
		field{name: "note", place: AsObject, typ: Object, local: "note", table: new(table).add(
			field{name: "type", place: InAttr, typ: String},
			field{name: "text", place: InContent, typ: String},
		)},
		field{name: "form", place: AsSpecial, typ: Object, space: nsData, local: "x", special: dataForm},
		field{name: "data", place: AsSpecial, typ: Object, space: nsData, local: "x", special: compactForm, input: true, short: "form"},
	), "node")

// ofTable returns what is an object by a table, and which may be given as a string that
// stands for one attribute.
func ofTable(schema *Schema, space, local string, t *table, attr string) *special {
	schema.Members, schema.Generic = describe(t, nil), true
	return &special{
		schema: schema,
		read: func(w *writer, c element.Node) (ok, exact bool) {
			return true, w.object(c, t)
		},
		write: func(b *builder, m val, around string) error {
			if m.kind() != text || attr == "" {
				return b.object(t, m, space, local, around)
			}
			s, err := str(m)
			if err != nil {
				return err
			}
			b.open(space, local, around)
			b.attr(attr, s)
			b.empty()
			return nil
		},
	}
}

// commandActions is what can be done next: the default, and names that are true.
var commandActions = &special{
	schema: &Schema{Type: Object, Members: []Member{
		{Name: "execute", Schema: Schema{Type: String}},
		{Name: "prev", Schema: Schema{Type: Boolean}},
		{Name: "next", Schema: Schema{Type: Boolean}},
		{Name: "complete", Schema: Schema{Type: Boolean}},
	}},
	read: func(w *writer, c element.Node) (ok, exact bool) {
		exact = true
		w.dst = append(w.dst, '{')
		for _, a := range c.Attrs() {
			if a.Space == "" && a.Local == "execute" {
				w.text("execute", a.Value)
			} else {
				exact = false
			}
		}
		var seen []string
		for n := range c.Children() {
			if !n.IsText() && n.Space() == c.Space() && slices.Contains(actionNames, n.Local()) && !slices.Contains(seen, n.Local()) {
				w.key(n.Local())
				w.dst = append(w.dst, "true"...)
				seen = append(seen, n.Local())
				exact = exact && isBare(n)
			} else {
				exact = false
			}
		}
		w.dst = append(w.dst, '}')
		return true, exact
	},
	write: func(b *builder, m val, around string) error {
		if m.kind() != object {
			return fail(m, "this must be an object%s", notKindOf(m))
		}
		b.open(around, "actions", around)
		if err := b.optionalAttr(m, "execute"); err != nil {
			return err
		}
		from := b.inside()
		for part := range m.members() {
			switch {
			case part.key() == "execute":
			case slices.Contains(actionNames, part.key()):
				set, err := truthOf(part)
				if err != nil {
					return err
				}
				if set {
					b.open(around, part.key(), around)
					b.empty()
				}
			case !b.strict:
				return fail(part, "there is no such action")
			}
		}
		b.close("actions", from)
		return nil
	},
}

var actionNames = []string{"prev", "next", "complete"}
