package jsonmap

import (
	"math"
	"slices"
	"strings"

	"github.com/restanza/restanza/element"
)

// archiveQuery is a question to an archive (XEP-0313), with mod_rest's shorthand for the
// form and the page of one.
var archiveQuery = &special{
	schema: &Schema{Type: Object, Generic: true, Members: append(describe(archiveTable, nil), shorthandMembers()...)},
	read: func(w *writer, c element.Node) (ok, exact bool) {
		return true, w.object(c, archiveTable)
	},
	write: writeArchive,
}

var archiveTable = new(table).add(
	field{name: "queryid", place: InAttr, typ: String},
	field{name: "node", place: InAttr, typ: String, beyond: true},
	field{name: "form", place: AsSpecial, typ: Object, space: nsData, local: "x", special: genericForm},
	field{name: "page", place: AsSpecial, typ: Object, space: nsRSM, local: "set", special: resultSet},
)

// shorthand are the members of an archive query that stand for fields of the form and
// for parts of the page.
var shorthand = []field{
	{name: "with", typ: String, about: "only messages to or from this address"},
	{name: "start", typ: String, about: "only messages from this time on, as XEP-0082 writes it"},
	{name: "end", typ: String, about: "only messages up to this time"},
	{name: "before-id", typ: String, about: "only messages before the one with this archive id"},
	{name: "after-id", typ: String, about: "only messages after the one with this archive id"},
	{name: "ids", typ: String, about: "only these archive ids: an array, or separated by commas"},
	{name: "after", typ: String, about: "the page after the message with this archive id"},
	{name: "before", typ: String, about: "the page before it; empty: the last page"},
	{name: "max", typ: Integer, max: math.MaxUint32, spelled: true, about: "messages on a page; a number, also as a string"},
}

// shorthandMembers describes them, with what two of them may be instead.
func shorthandMembers() []Member {
	list := members(shorthand)
	for i := range list {
		switch list[i].Name {
		case "ids":
			list[i].Schema.Either = []*Schema{{Type: Array, Items: &scalarSchema}}
		case "max":
			list[i].Schema.Either = []*Schema{{Type: String}}
		}
	}
	return list
}

const pageFields = 6 // of shorthand, from this index on

func writeArchive(b *builder, m val, around string) error {
	if m.kind() != object {
		return fail(m, "this must be an object%s", notKindOf(m))
	}
	b.open(nsMAM, "query", around)
	if err := b.attributes(archiveTable, m); err != nil {
		return err
	}
	from := b.inside()
	if err := b.archiveForm(m); err != nil {
		return err
	}
	if err := b.archivePage(m); err != nil {
		return err
	}
	for part := range m.members() {
		f := archiveTable.byName[part.key()]
		isShort := slices.ContainsFunc(shorthand, func(f field) bool { return f.name == part.key() })
		switch {
		case f != nil || isShort || part.key() == GenericKey && !b.strict:
		case !b.strict:
			return fail(part, "there is no such member")
		}
	}
	if err := b.archiveChildren(m); err != nil {
		return err
	}
	b.close("query", from)
	return nil
}

// archiveChildren writes what is not written in shorthand.
func (b *builder) archiveChildren(m val) error {
	placed, err := b.placed(archiveTable, m, nsMAM)
	if err != nil {
		return err
	}
	for part := range m.members() {
		f := archiveTable.byName[part.key()]
		switch {
		case part.key() == GenericKey && !b.strict:
			err = placed.write(b, part)
		case f != nil && f.place == AsSpecial && !placed.has(f.name):
			err = b.member(f, part, nsMAM)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// archiveForm writes the form that the shorthand stands for.
func (b *builder) archiveForm(m val) error {
	given := map[string]val{}
	for _, f := range shorthand[:pageFields] {
		if part := m.member(f.name); !part.isZero() {
			given[f.name] = part
		}
	}
	if len(given) == 0 {
		return nil
	}
	if form := m.member("form"); !form.isZero() {
		return fail(form, "the form and its shorthand (with, start, end, …) can't both be there")
	}
	f := formWriter{b, "value"}
	b.open(nsData, "x", nsMAM)
	b.attr("type", "submit")
	from := b.inside()
	f.formType(nsMAM)
	for _, short := range shorthand[:pageFields] {
		part, there := given[short.name]
		if !there {
			continue
		}
		b.open(nsData, "field", nsData)
		b.attr("var", short.name)
		inside := b.inside()
		if err := f.shorthandValue(short.name, part); err != nil {
			return err
		}
		b.close("field", inside)
	}
	b.close("x", from)
	return nil
}

func (f formWriter) shorthandValue(name string, part val) error {
	if name != "ids" {
		s, err := str(part)
		if err != nil {
			return err
		}
		f.textElement(nsData, "value", nsData, s)
		return nil
	}
	if part.kind() == array {
		return f.fieldValues(part, false)
	}
	s, err := str(part)
	if err != nil {
		return err
	}
	for id := range strings.SplitSeq(s, ",") {
		f.textElement(nsData, "value", nsData, strings.TrimSpace(id))
	}
	return nil
}

// archivePage writes the page that the shorthand stands for.
func (b *builder) archivePage(m val) error {
	var open bool
	var from int
	for _, f := range shorthand[pageFields:] {
		part := m.member(f.name)
		if part.isZero() {
			continue
		}
		if page := m.member("page"); !page.isZero() {
			return fail(part, "page and its shorthand (after, before, max) can't both be there")
		}
		if !open {
			b.open(nsRSM, "set", nsMAM)
			from, open = b.inside(), true
		}
		s, err := f.value(part)
		if err != nil {
			return err
		}
		b.textElement(nsRSM, f.name, nsRSM, s)
	}
	if open {
		b.close("set", from)
	}
	return nil
}
