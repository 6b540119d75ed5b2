package jsonmap

import (
	"strings"
)

// writeForm writes a form. Plain forms have their values in "values".
func writeForm(b *builder, m val, around string, plain bool) error {
	if m.kind() != object {
		return fail(m, "this must be an object%s", notKindOf(m))
	}
	f := formWriter{b, "value"}
	if plain {
		f.values = "values"
	}
	b.open(nsData, "x", around)
	if err := b.optionalAttr(m, "type"); err != nil {
		return err
	}
	from := b.inside()
	steps := []struct {
		member string
		write  func(val) error
	}{
		{"title", f.title},
		{"instructions", f.instructions},
		{"reported", f.reported},
		{"fields", f.fields},
		{"items", f.items},
	}
	known := map[string]bool{"type": true}
	for _, step := range steps {
		known[step.member] = true
		if part := m.member(step.member); !part.isZero() {
			if err := step.write(part); err != nil {
				return err
			}
		}
	}
	if err := b.onlyKnown(m, known); err != nil {
		return err
	}
	b.close("x", from)
	return nil
}

// optionalAttr writes a string member as an attribute, if it is there.
func (b *builder) optionalAttr(m val, name string) error {
	part := m.member(name)
	if part.isZero() {
		return nil
	}
	s, err := str(part)
	if err != nil {
		return err
	}
	b.attr(name, s)
	return nil
}

// onlyKnown refuses members of other names.
func (b *builder) onlyKnown(m val, known map[string]bool) error {
	if b.strict {
		return nil
	}
	for part := range m.members() {
		if !known[part.key()] {
			return fail(part, "there is no such member here")
		}
	}
	return nil
}

// formWriter writes the parts of a form.
type formWriter struct {
	*builder
	values string // the member with a field's values
}

func (f formWriter) title(m val) error { return f.lines("title", m, false) }

func (f formWriter) instructions(m val) error { return f.lines("instructions", m, true) }

// lines writes an element with a text, or one for each line of it.
func (f formWriter) lines(local string, m val, split bool) error {
	s, err := str(m)
	if err != nil {
		return err
	}
	lines := []string{s}
	if split {
		lines = strings.Split(s, "\n")
	}
	for _, line := range lines {
		f.textElement(nsData, local, nsData, line)
	}
	return nil
}

func (f formWriter) reported(m val) error {
	f.open(nsData, "reported", nsData)
	from := f.inside()
	if err := f.fields(m); err != nil {
		return err
	}
	f.close("reported", from)
	return nil
}

func (f formWriter) items(m val) error {
	if m.kind() != array {
		return fail(m, "this must be an array%s", notKindOf(m))
	}
	for item := range m.items() {
		f.open(nsData, "item", nsData)
		from := f.inside()
		if err := f.fields(item); err != nil {
			return err
		}
		f.close("item", from)
	}
	return nil
}

func (f formWriter) fields(m val) error {
	if m.kind() != array {
		return fail(m, "this must be an array%s", notKindOf(m))
	}
	for item := range m.items() {
		if err := f.field(item); err != nil {
			return err
		}
	}
	return nil
}

func (f formWriter) field(m val) error {
	if m.kind() != object {
		return fail(m, "this must be an object%s", notKindOf(m))
	}
	f.open(nsData, "field", nsData)
	for _, name := range []string{"var", "type", "label"} {
		if err := f.optionalAttr(m, name); err != nil {
			return err
		}
	}
	from := f.inside()
	if desc := m.member("desc"); !desc.isZero() {
		if err := f.lines("desc", desc, false); err != nil {
			return err
		}
	}
	if required := m.member("required"); !required.isZero() {
		set, err := truthOf(required)
		if err != nil {
			return err
		}
		if set {
			f.open(nsData, "required", nsData)
			f.empty()
		}
	}
	typ := m.member("type")
	if value := m.member(f.values); !value.isZero() {
		if err := f.fieldValues(value, !typ.isZero() && typ.str() == "text-multi" && f.values == "value"); err != nil {
			return err
		}
	}
	if options := m.member("options"); !options.isZero() {
		if err := f.options(options); err != nil {
			return err
		}
	}
	known := map[string]bool{"var": true, "type": true, "label": true, "desc": true, "required": true, f.values: true, "options": true}
	if err := f.onlyKnown(m, known); err != nil {
		return err
	}
	f.close("field", from)
	return nil
}

// fieldValues writes the value or the array of values of a field.
func (f formWriter) fieldValues(m val, split bool) error {
	if m.kind() != array {
		s, err := scalar(m)
		if err != nil {
			return err
		}
		lines := []string{s}
		if split {
			lines = strings.Split(s, "\n")
		}
		for _, line := range lines {
			f.textElement(nsData, "value", nsData, line)
		}
		return nil
	}
	for item := range m.items() {
		s, err := scalar(item)
		if err != nil {
			return err
		}
		f.textElement(nsData, "value", nsData, s)
	}
	return nil
}

// scalar returns the value of a form's field as text: a string, or what is written as
// one (XEP-0004 §3.3: a boolean is 1 or 0).
func scalar(m val) (string, error) {
	switch {
	case m.kind() == number:
		return m.str(), nil
	case m.isTrue():
		return "1", nil
	case m.kind() == boolean:
		return "0", nil
	}
	return str(m)
}

func (f formWriter) options(m val) error {
	if m.kind() != array {
		return fail(m, "this must be an array%s", notKindOf(m))
	}
	for item := range m.items() {
		parts, err := texts(f.builder, item, []field{{name: "label", typ: String}, {name: "value", typ: String}})
		if err != nil {
			return err
		}
		f.open(nsData, "option", nsData)
		if label, given := parts["label"]; given {
			f.attr("label", label)
		}
		from := f.inside()
		if value, given := parts["value"]; given {
			f.textElement(nsData, "value", nsData, value)
		}
		f.close("option", from)
	}
	return nil
}

// compactForm is a form that is submitted: an object whose members are its fields.
var compactForm = &special{
	schema: &Schema{Type: Object, Free: &valueSchema},
	write: func(b *builder, m val, around string) error {
		return writeCompact(b, m, around, "submit", "")
	},
}

// writeCompact writes a form of the given type, with the field FORM_TYPE unless that is
// empty.
func writeCompact(b *builder, m val, around, typ, formType string) error {
	if m.kind() != object {
		return fail(m, "this must be an object%s", notKindOf(m))
	}
	f := formWriter{b, "value"}
	b.open(nsData, "x", around)
	b.attr("type", typ)
	from := b.inside()
	if formType != "" {
		f.formType(formType)
	}
	for member := range m.items() {
		b.open(nsData, "field", nsData)
		b.attr("var", member.key())
		inside := b.inside()
		if !member.isNull() {
			if err := f.fieldValues(member, false); err != nil {
				return err
			}
		}
		b.close("field", inside)
	}
	b.close("x", from)
	return nil
}

// formType writes the field that says which form this is (XEP-0068).
func (f formWriter) formType(value string) {
	f.open(nsData, "field", nsData)
	f.attr("var", formTypeVar)
	f.attr("type", "hidden")
	from := f.inside()
	f.textElement(nsData, "value", nsData, value)
	f.close("field", from)
}

const formTypeVar = "FORM_TYPE"
