package jsonmap

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/stanza"
)

// builder writes JSON values as XML.
type builder struct {
	dst    []byte
	strict bool
}

var builders = sync.Pool{New: func() any { return &builder{dst: make([]byte, 0, 1024)} }}

// release gives the builder's memory to the next one.
func (b *builder) release() {
	if cap(b.dst) <= keptBytes {
		b.dst = b.dst[:0]
		builders.Put(b)
	}
}

// fail refuses a value.
func fail(v val, format string, args ...any) *stanza.Refusal {
	r := &stanza.Refusal{Reason: stanza.NotWellFormed, Text: fmt.Sprintf(format, args...)}
	pointer := v.pointer()
	r.Place.Pointer = bounded(pointer)
	where := "the document"
	if pointer != "" {
		where = nameOf(pointer)
	}
	if src := v.doc.src; src != nil {
		at := v.get()
		place := placeAt(src, int(at.to)-len(v.raw()))
		r.Place.Line, r.Place.Column = place.Line, place.Column
		where = fmt.Sprintf("line %d, column %d (%s)", place.Line, place.Column, where)
	}
	r.Text = where + ": " + r.Text
	return r
}

// maxPointer is the largest pointer in bytes that a refusal has; of a longer one its text
// has the beginning.
const maxPointer = 1024

// bounded returns a pointer, or none if it is too large.
func bounded(pointer string) string {
	if len(pointer) > maxPointer {
		return ""
	}
	return pointer
}

// nameOf writes a pointer that is not empty as people read it, and not too much of it.
func nameOf(pointer string) string {
	const most = 80
	name := pointer[1:]
	if len(name) > most {
		name = name[:most-20]
	}
	name = pointerUnescape.Replace(strings.ToValidUTF8(name, "\uFFFD"))
	if len(pointer)-1 > most {
		name += "…"
	}
	return name
}

var pointerUnescape = strings.NewReplacer("~0", "~", "~1", "/")

// notKindOf says what a value is, as the end of what it should have been. Where all is
// text it says nothing.
func notKindOf(v val) string {
	if v.doc.loose && v.kind() == text {
		return ""
	}
	return ", not " + v.kind().String()
}

// open begins a start tag. Around is the namespace of the element around.
func (b *builder) open(space, local, around string) {
	b.dst = append(append(b.dst, '<'), local...)
	if space != around {
		b.attr("xmlns", space)
	}
}

func (b *builder) attr(name, value string) {
	b.dst = append(append(append(b.dst, ' '), name...), '=', '"')
	b.dst = append(element.AppendAttr(b.dst, value), '"')
}

// empty ends a start tag without content.
func (b *builder) empty() { b.dst = append(b.dst, '/', '>') }

// inside ends a start tag with content to come, and returns where that begins.
func (b *builder) inside() int {
	b.dst = append(b.dst, '>')
	return len(b.dst)
}

// close ends the element whose content began at from.
func (b *builder) close(local string, from int) {
	if len(b.dst) == from {
		b.dst = append(b.dst[:from-1], '/', '>')
		return
	}
	b.dst = append(append(append(b.dst, '<', '/'), local...), '>')
}

// textElement writes an element with nothing but text.
func (b *builder) textElement(space, local, around, content string) {
	b.open(space, local, around)
	from := b.inside()
	b.dst = element.AppendText(b.dst, content)
	b.close(local, from)
}

// str returns a value that must be a string, and one that XML can carry.
func str(v val) (string, error) {
	if v.kind() != text {
		return "", fail(v, "this must be a string%s", notKindOf(v))
	}
	if at, ok := element.IsText(v.str()); !ok {
		return "", fail(v, "%s, which is not allowed in XML: leave it out", charAt(v.str(), at))
	}
	return v.str(), nil
}

// charAt names the character at an offset of a string, for an error.
func charAt(s string, at int) string {
	r, _ := utf8.DecodeRuneInString(s[at:])
	return fmt.Sprintf("character %d of this is %U", 1+utf8.RuneCountInString(s[:at]), r)
}

// value returns a value of the field's type as the text that stands in XML.
func (f *field) value(v val) (string, error) {
	switch f.typ {
	case Integer, Number:
		return f.number(v)
	case Boolean:
		return f.boolean(v)
	case String, Object, Array, Any:
	}
	s, err := str(v)
	if err != nil {
		return "", err
	}
	if f.values != nil && !slices.Contains(f.values, s) {
		return "", fail(v, "%.40q is none of %s", s, strings.Join(f.values, ", "))
	}
	return s, nil
}

func (f *field) number(v val) (string, error) {
	literal := v.str()
	if spelled := v.kind() == text && (v.doc.loose || f.spelled) && isJSONNumber(literal); v.kind() != number && !spelled {
		return "", fail(v, "this must be a number%s", notKindOf(v))
	}
	if f.typ == Number {
		if _, err := strconv.ParseFloat(literal, 64); err != nil {
			return "", fail(v, "%.40s does not fit into a floating-point number of 64 bits", literal)
		}
		return literal, nil
	}
	s, ok := integer(literal)
	switch {
	case !ok:
		return "", fail(v, "%.40s is no whole number of at most 64 bits", literal)
	case f.min != f.max && !within(s, f.min, f.max):
		return "", fail(v, "%s is out of bounds: %d to %d", s, f.min, f.max)
	}
	return s, nil
}

func (f *field) boolean(v val) (string, error) {
	truth, err := truthOf(v)
	switch {
	case err != nil:
		return "", err
	case f.words && truth:
		return "true", nil
	case f.words:
		return "false", nil
	case truth:
		return "1", nil
	}
	return "0", nil
}

// truthOf returns a value that must be a boolean.
func truthOf(v val) (bool, error) {
	if v.kind() == boolean {
		return v.isTrue(), nil
	}
	if v.kind() == text && v.doc.loose {
		switch v.str() {
		case "true", "1", "": // form output writes true as an empty value
			return true, nil
		case "false", "0":
			return false, nil
		}
	}
	return false, fail(v, "this must be true or false%s", notKindOf(v))
}

// member writes the child, or the children, that a member stands for. Around is the
// namespace of the element around.
func (b *builder) member(f *field, v val, around string) error {
	space := f.space
	if space == "" {
		space = around
	}
	switch f.place {
	case InText:
		s, err := f.value(v)
		if err != nil {
			return err
		}
		b.textElement(space, f.local, around, s)
	case AsFlag:
		set, err := truthOf(v)
		if err != nil || !set {
			return err
		}
		b.open(space, f.local, around)
		b.empty()
	case AsName:
		name, err := f.value(v)
		if err != nil {
			return err
		}
		b.open(space, name, around)
		b.empty()
	case InAttrOf:
		s, err := f.value(v)
		if err != nil {
			return err
		}
		b.open(space, f.local, around)
		b.attr(f.attr, s)
		b.empty()
	case AsObject:
		return b.object(f.table, v, space, f.local, around)
	case AsList:
		return b.list(f, v, space, f.local, around)
	case InList:
		b.open(space, f.local, around)
		from := b.inside()
		if err := b.list(f, v, space, f.item, space); err != nil {
			return err
		}
		b.close(f.local, from)
	case AsSpecial:
		return f.special.write(b, v, around)
	case InAttr, InContent, AsHeader: // no children
	}
	return nil
}

// list writes an element for each item of an array.
func (b *builder) list(f *field, v val, space, local, around string) error {
	if v.kind() == object && v.isEmpty() { // as mod_rest writes an empty array
		return nil
	}
	if v.kind() != array {
		return fail(v, "this must be an array%s", notKindOf(v))
	}
	for item := range v.items() {
		if f.table != nil {
			if err := b.object(f.table, item, space, local, around); err != nil {
				return err
			}
			continue
		}
		if f.of != nil {
			if err := b.member(f.of, item, around); err != nil {
				return err
			}
			continue
		}
		s, err := str(item)
		if err != nil {
			return err
		}
		b.textElement(space, local, around, s)
	}
	return nil
}

// object writes an element whose attributes and content an object tells.
func (b *builder) object(t *table, v val, space, local, around string) error {
	if v.kind() != object {
		return fail(v, "this must be an object%s", notKindOf(v))
	}
	b.open(space, local, around)
	if err := b.attributes(t, v); err != nil {
		return err
	}
	from := b.inside()
	if err := b.children(t, v, space); err != nil {
		return err
	}
	b.close(local, from)
	return nil
}

// attributes writes the members that are attributes.
func (b *builder) attributes(t *table, v val) error {
	for m := range v.members() {
		f := t.byName[m.key()]
		if f == nil || f.place != InAttr {
			continue
		}
		s, err := f.value(m)
		if err != nil {
			return err
		}
		b.attr(f.attr, s)
	}
	return nil
}

// children writes what is inside the element that an object tells of, in the order of
// its members.
func (b *builder) children(t *table, v val, space string) error {
	placed, err := b.placed(t, v, space)
	if err != nil {
		return err
	}
	for m := range v.members() {
		f := t.byName[m.key()]
		switch {
		case m.key() == GenericKey && !b.strict:
			err = placed.write(b, m)
		case f == nil && b.strict:
		case f == nil:
			err = t.refuse(m)
		case f.place == InAttr, f.place == AsHeader, placed.has(f.name):
		case f.place == InContent:
			err = b.content(f, m)
		case f.short != "" && !v.member(f.short).isZero():
			err = b.agree(t, v, f, m, space)
		default:
			err = b.member(f, m, space)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) content(f *field, v val) error {
	s, err := f.value(v)
	if err != nil {
		return err
	}
	b.dst = element.AppendText(b.dst, s)
	return nil
}

// copy writes an element or text of a tree. Around is the namespace of the element
// around.
func (b *builder) copy(n element.Node, around string) {
	if n.IsText() {
		content, _ := n.Text()
		b.dst = element.AppendText(b.dst, content)
		return
	}
	space, tag := n.Space(), n.Local()
	if space == nsXML {
		space, tag = around, "xml:"+tag
	}
	b.open(space, tag, around)
	var declared prefixes
	for _, a := range n.Attrs() {
		switch a.Space {
		case "":
			b.attr(a.Local, a.Value)
		case nsXML:
			b.attr("xml:"+a.Local, a.Value)
		default:
			b.qualifiedAttr(&declared, a.Space, a.Local, a.Value)
		}
	}
	from := b.inside()
	for c := range n.Children() {
		b.copy(c, space)
	}
	b.close(tag, from)
}

// agree makes sure that a member says the same as the one that it is short for.
func (b *builder) agree(t *table, v val, f *field, m val, space string) error {
	apart := &builder{strict: b.strict}
	if err := apart.member(t.byName[f.short], v.member(f.short), space); err != nil {
		return err
	}
	if f.place == AsFlag && m.isTrue() && len(apart.dst) > 0 { // the child is there, with more in it
		return nil
	}
	if said := t.readBack(apart.dst, space); !said.isZero() && equal(said.member(f.name), m) {
		return nil
	}
	return fail(m, "this differs from %s, for which it is short: send one of them", f.short)
}

// readBack returns the object that the members for some XML make.
func (t *table) readBack(xml []byte, space string) val {
	var w writer
	if err := w.tree.Parse(string(xml), space); err != nil {
		return val{}
	}
	w.dst = append(w.dst, '{')
	w.children(w.tree.Root(), t)
	w.dst = append(w.dst, '}')
	return parseOwn(w.dst).root()
}

// refuse refuses a member that the table does not have.
func (t *table) refuse(m val) error {
	if other := onlyKind(t.kinds, m.key()); other != "" {
		return fail(m, "there is no such member as %q in the kind %s; it belongs to %s", m.key(), t.kind, other)
	}
	return fail(m, "there is no such member as %.40q%s", m.key(), t.suggest(m.key()))
}

// suggest returns the known name that an unknown one was probably meant to be, as the
// end of a sentence.
func (t *table) suggest(name string) string {
	folded := strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(name))
	for _, f := range t.fields {
		if f.name == folded || len(name) > 2 && distance(f.name, folded) == 1 {
			return fmt.Sprintf("; did you mean %s?", f.name)
		}
	}
	return ""
}

// distance returns 0 for equal names, 1 for such as differ by one letter that is
// wrong, missing or too much, or by two that changed places, else 2.
func distance(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	a, b = a[i:], b[i:]
	switch {
	case a == b:
		return 0
	case a != "" && b != "" && a[1:] == b[1:], a != "" && a[1:] == b, b != "" && a == b[1:]:
		return 1
	case len(a) > 1 && len(b) > 1 && a[0] == b[1] && a[1] == b[0] && a[2:] == b[2:]:
		return 1
	}
	return 2
}
