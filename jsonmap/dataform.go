package jsonmap

import (
	"slices"
	"strings"

	"github.com/restanza/restanza/element"
)

// dataForm is a form (XEP-0004) with everything that a form can have.
var dataForm = &special{
	schema: &Schema{Name: "form", Type: Object, Members: []Member{
		{Name: "type", Schema: Schema{Type: String}},
		{Name: "title", Schema: Schema{Type: String}},
		{Name: "instructions", Schema: Schema{Type: String, About: "several are joined with line feeds"}},
		{Name: "reported", Schema: Schema{Type: Array, Items: formFieldSchema("value"), About: "the columns of a table of results, as fields"}},
		{Name: "fields", Schema: Schema{Type: Array, Items: formFieldSchema("value")}},
		{Name: "items", Schema: Schema{Type: Array, Items: &Schema{Type: Array, Items: formFieldSchema("value")}, About: "the rows of a table of results, each an array of fields"}},
	}},
	read: func(w *writer, c element.Node) (ok, exact bool) {
		f := formReader{writer: w, form: c, exact: true}
		f.read()
		return true, f.exact
	},
	write: func(b *builder, m val, around string) error { return writeForm(b, m, around, false) },
}

// genericForm is the same with the values of each field as an array, in "values".
var genericForm = &special{
	schema: &Schema{Name: "archive_form", Type: Object, Members: []Member{
		{Name: "type", Schema: Schema{Type: String}},
		{Name: "title", Schema: Schema{Type: String}},
		{Name: "instructions", Schema: Schema{Type: String}},
		{Name: "fields", Schema: Schema{Type: Array, Items: formFieldSchema("values")}},
	}},
	read: func(w *writer, c element.Node) (ok, exact bool) {
		f := formReader{writer: w, form: c, exact: true, plain: true}
		f.read()
		return true, f.exact
	},
	write: func(b *builder, m val, around string) error { return writeForm(b, m, around, true) },
}

// scalarSchema is a value of a field: a string, or what is written as one.
var scalarSchema = Schema{Type: String, Either: []*Schema{{Type: Boolean}, {Type: Number}}}

// valueSchema is one or several of them.
var valueSchema = Schema{Type: String, Either: []*Schema{{Type: Boolean}, {Type: Number}, {Type: Array, Items: &scalarSchema}}}

func formFieldSchema(values string) *Schema {
	value := valueSchema
	value.About = "an array for list-multi and jid-multi; the lines of text-multi"
	if values == "values" {
		value = Schema{Type: Array, Items: &scalarSchema, Either: []*Schema{{Type: String}, {Type: Boolean}, {Type: Number}}, About: "an array where it is written"}
	}
	return &Schema{Name: map[string]string{"value": "form_field", "values": "archive_form_field"}[values], Type: Object, Members: []Member{
		{Name: "var", Schema: Schema{Type: String}},
		{Name: "type", Schema: Schema{Type: String}},
		{Name: "label", Schema: Schema{Type: String}},
		{Name: "desc", Schema: Schema{Type: String}},
		{Name: "required", Schema: Schema{Type: Boolean}},
		{Name: values, Schema: value},
		{Name: "options", Schema: Schema{Type: Array, Items: &Schema{Type: Object, Members: []Member{
			{Name: "label", Schema: Schema{Type: String}},
			{Name: "value", Schema: Schema{Type: String}},
		}}}},
	}}
}

// formReader writes a form as JSON.
type formReader struct {
	*writer
	form  element.Node
	exact bool
	plain bool // values are arrays of strings, whatever the type
}

// formOrder is the order in which the parts of a form are written as XML.
var formOrder = []string{"title", "instructions", "reported", "field", "item"}

func (f *formReader) read() {
	f.dst = append(f.dst, '{')
	for _, a := range f.form.Attrs() {
		if a.Space == "" && a.Local == "type" {
			f.text("type", a.Value)
		} else {
			f.exact = false
		}
	}
	f.checkOrder()
	f.textPart("title", false)
	f.textPart("instructions", true)
	if reported := f.form.Child(nsData, "reported"); !reported.IsZero() {
		f.exact = f.exact && len(reported.Attrs()) == 0
		f.key("reported")
		f.fields(reported, true)
	}
	f.key("fields")
	f.fields(f.form, false)
	if !f.form.Child(nsData, "item").IsZero() {
		f.key("items")
		f.dst = append(f.dst, '[')
		for c := range f.form.Children() {
			if c.Is(nsData, "item") {
				f.next()
				f.exact = f.exact && len(c.Attrs()) == 0
				f.fields(c, true)
			}
		}
		f.dst = append(f.dst, ']')
	}
	f.dst = append(f.dst, '}')
}

// checkOrder finds out whether the parts stand in the order in which they are written,
// and whether there are others.
func (f *formReader) checkOrder() {
	before := 0
	for c := range f.form.Children() {
		i := -1
		if !c.IsText() && c.Space() == nsData {
			i = slices.Index(formOrder, c.Local())
		}
		const title, reported = 0, 2
		if i < before || i == before && (i == reported || i == title && c != f.form.First()) {
			f.exact = false
			return
		}
		before = i
	}
}

// textPart writes the text of a child of the form. Lines are several children of that
// name.
func (f *formReader) textPart(name string, lines bool) {
	var parts []string
	for c := range f.form.Children() {
		if !c.Is(nsData, name) {
			continue
		}
		value, only := c.Text()
		f.exact = f.exact && only && len(c.Attrs()) == 0 && (!lines || !strings.Contains(value, "\n"))
		parts = append(parts, value)
	}
	switch {
	case len(parts) == 0:
	case lines:
		f.text(name, strings.Join(parts, "\n"))
	default:
		f.text(name, parts[0])
	}
}

// fields writes the fields in n as an array. Alone says that n has nothing else.
func (f *formReader) fields(n element.Node, alone bool) {
	f.dst = append(f.dst, '[')
	for c := range n.Children() {
		if c.Is(nsData, "field") {
			f.next()
			f.field(c)
		} else if alone {
			f.exact = false
		}
	}
	f.dst = append(f.dst, ']')
}

// fieldParts is what is inside of a field, and the order in which it is written.
var fieldParts = []string{"desc", "required", "value", "option"}

func (f *formReader) field(c element.Node) {
	const value = 2 // its index in fieldParts
	f.dst = append(f.dst, '{')
	typ := ""
	for _, a := range c.Attrs() {
		if a.Space != "" || a.Local != "var" && a.Local != "type" && a.Local != "label" {
			f.exact = false
			continue
		}
		if a.Local == "type" {
			typ = a.Value
		}
		f.text(a.Local, a.Value)
	}
	before := 0
	var seen [value]bool
	var values, options []element.Node
	for n := range c.Children() {
		i := -1
		if !n.IsText() && n.Space() == nsData {
			i = slices.Index(fieldParts, n.Local())
		}
		if i < before || i < value && i == before && n != c.First() {
			f.exact = false
		}
		before = max(before, i)
		switch i {
		case 0, 1:
			f.fieldPart(n, !seen[i])
			seen[i] = true
		case value:
			values = append(values, n)
		case 3:
			options = append(options, n)
		}
	}
	f.values(typ, values)
	f.options(typ, options)
	f.dst = append(f.dst, '}')
}

// fieldPart writes desc or required, of which the first counts.
func (f *formReader) fieldPart(n element.Node, first bool) {
	if !first {
		f.exact = false
		return
	}
	if n.Local() == "required" {
		f.key("required")
		f.dst = append(f.dst, "true"...)
		f.exact = f.exact && isBare(n)
		return
	}
	value, only := n.Text()
	f.text("desc", value)
	f.exact = f.exact && only && len(n.Attrs()) == 0
}

// values writes the values of a field, as its type wants it.
func (f *formReader) values(typ string, values []element.Node) {
	all := make([]string, len(values))
	for i, n := range values {
		value, only := n.Text()
		all[i] = value
		f.exact = f.exact && only && len(n.Attrs()) == 0
	}
	switch {
	case f.plain:
		f.key("values")
		f.strings(all)
	case typ == "list-multi" || typ == "jid-multi":
		f.key("value")
		f.strings(all)
	case len(all) == 0:
	case typ == "text-multi":
		f.text("value", strings.Join(all, "\n"))
		f.exact = f.exact && !slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, "\n") })
	default:
		f.text("value", all[0])
		f.exact = f.exact && len(all) == 1
	}
}

func (w *writer) strings(all []string) {
	w.dst = append(w.dst, '[')
	for _, s := range all {
		w.next()
		w.dst = appendString(w.dst, s)
	}
	w.dst = append(w.dst, ']')
}

// options writes the choices of a list.
func (f *formReader) options(typ string, options []element.Node) {
	if len(options) == 0 && (f.plain || typ != "list-single" && typ != "list-multi") {
		return
	}
	f.key("options")
	f.dst = append(f.dst, '[')
	for _, n := range options {
		f.next()
		f.dst = append(f.dst, '{')
		for _, a := range n.Attrs() {
			if a.Space == "" && a.Local == "label" {
				f.text("label", a.Value)
			} else {
				f.exact = false
			}
		}
		if value := n.Child(nsData, "value"); !value.IsZero() {
			s, only := value.Text()
			f.text("value", s)
			f.exact = f.exact && only && len(value.Attrs()) == 0 && n.First() == value && value.Next().IsZero()
		} else {
			f.exact = f.exact && n.First().IsZero()
		}
		f.dst = append(f.dst, '}')
	}
	f.dst = append(f.dst, ']')
}
