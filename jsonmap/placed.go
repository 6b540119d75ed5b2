package jsonmap

import (
	"slices"
	"strconv"
	"strings"

	"github.com/restanza/restanza/element"
)

// placement is what the value of GenericKey says about an object: where the children
// stand that its members describe.
type placement struct {
	table *table
	owner val // the object
	space string
	names []string // the members that are placed
	exact []string // those whose exact form counts
	done  []string // those that are written
}

// placed reads the value of GenericKey of an object, if there is one. Nothing is
// written.
func (b *builder) placed(t *table, v val, space string) (*placement, error) {
	list := v.member(GenericKey)
	if list.isZero() || b.strict {
		return nil, nil //nolint:nilnil // no placement is a valid one
	}
	if list.kind() != array {
		return nil, fail(list, "this must be an array%s", notKindOf(list))
	}
	p := &placement{table: t, owner: v, space: space}
	forms := map[string]*builder{} // the exact forms by member
	for item := range list.items() {
		member := item.member("member")
		if member.isZero() {
			continue
		}
		name, err := str(member)
		if err != nil {
			return nil, err
		}
		if f := t.byName[name]; f == nil || f.place == InAttr || f.place == AsHeader || f.place == InContent {
			return nil, fail(member, "%.40q is no member that stands for a child", name)
		}
		if !slices.Contains(p.names, name) {
			p.names = append(p.names, name)
		}
		if item.member("name").isZero() {
			continue
		}
		if forms[name] == nil {
			forms[name] = &builder{}
		}
		if err := forms[name].element(item, space, space); err != nil {
			return nil, err
		}
	}
	for name, form := range forms {
		if equal(t.readBack(form.dst, space).orNull().member(name), v.member(name)) {
			p.exact = append(p.exact, name)
		}
	}
	return p, nil
}

// orNull makes something of no value of which one can ask.
func (v val) orNull() val {
	if v.isZero() {
		return (&document{values: []value{{}}}).root()
	}
	return v
}

func (p *placement) has(member string) bool { return p != nil && slices.Contains(p.names, member) }

// write writes what the items of the list tell.
func (p *placement) write(b *builder, list val) error {
	for item := range list.items() {
		if err := p.item(b, item); err != nil {
			return err
		}
	}
	return nil
}

func (p *placement) item(b *builder, item val) error {
	switch {
	case item.kind() == text:
		s, err := str(item)
		b.dst = element.AppendText(b.dst, s)
		return err
	case item.kind() != object:
		return fail(item, "this must be a string or an object%s", notKindOf(item))
	}
	member := item.member("member")
	if member.isZero() {
		return b.element(item, p.space, p.space)
	}
	name := member.str()
	if slices.Contains(p.exact, name) && !item.member("name").isZero() {
		return b.element(item, p.space, p.space)
	}
	if slices.Contains(p.done, name) {
		return nil
	}
	p.done = append(p.done, name)
	value := p.owner.member(name)
	if value.isZero() { // what is taken out of the object is taken out of its place
		return nil
	}
	f := p.table.byName[name]
	if short := f.short; short != "" && !p.owner.member(short).isZero() {
		return b.agree(p.table, p.owner, f, value, p.space)
	}
	return b.member(f, value, p.space)
}

// element writes an element in the generic form. Around is the namespace of the element
// around, and base the default namespace there, which is another one only inside of
// elements with the prefix xml.
func (b *builder) element(v val, around, base string) error {
	if v.kind() != object {
		return fail(v, "this must be an object%s", notKindOf(v))
	}
	var name, attrs, children val
	space := around
	for m := range v.members() {
		switch m.key() {
		case "member":
		case "name":
			name = m
		case "xmlns":
			s, err := str(m)
			if err != nil {
				return err
			}
			space = s
		case "attrs":
			attrs = m
		case "children":
			children = m
		default:
			return fail(m, "an element has name, xmlns, attrs and children, and nothing else")
		}
	}
	if name.isZero() {
		return fail(v, "the name of the element is missing")
	}
	if name.kind() != text || !element.IsName(name.str()) {
		return fail(name, "this is not the name of an XML element")
	}
	tag := name.str()
	switch {
	case space == nsXML: // for which there is no other way to write it
		tag = "xml:" + tag
		b.open(base, tag, base)
	case reserved(space):
		return fail(v.member("xmlns"), "this namespace can't be that of an element")
	default:
		b.open(space, tag, base)
		base = space
	}
	if err := b.genericAttrs(attrs); err != nil {
		return err
	}
	from := b.inside()
	if err := b.genericChildren(children, space, base); err != nil {
		return err
	}
	b.close(tag, from)
	return nil
}

// reserved reports whether XML keeps a namespace for itself (Namespaces in XML 1.0
// §3), or no namespace name can be written like that.
func reserved(space string) bool {
	return space == nsXML || space == "http://www.w3.org/2000/xmlns/" || strings.Contains(space, "\n")
}

func (b *builder) genericAttrs(attrs val) error {
	if attrs.isZero() {
		return nil
	}
	if attrs.kind() != object {
		return fail(attrs, "this must be an object%s", notKindOf(attrs))
	}
	var declared prefixes
	for m := range attrs.members() {
		value, err := str(m)
		if err != nil {
			return err
		}
		key := m.key()
		local, isXML := strings.CutPrefix(key, "xml:")
		space, qualified, isQualified := cutQualified(key)
		switch {
		case isXML && element.IsName(local):
			b.attr(key, value)
		case isQualified && element.IsName(qualified) && space != "" && !reserved(space):
			if _, ok := element.IsText(space); !ok {
				return fail(m, "the namespace of the attribute has a character that is not allowed in XML")
			}
			b.qualifiedAttr(&declared, space, qualified, value)
		case element.IsName(key) && key != "xmlns":
			b.attr(key, value)
		default:
			return fail(m, "this is not the name of an XML attribute")
		}
	}
	return nil
}

// cutQualified takes {namespace}local apart. A namespace can have braces, a name can't.
func cutQualified(key string) (space, local string, ok bool) {
	end := strings.LastIndexByte(key, '}')
	if end < 1 || key[0] != '{' {
		return "", "", false
	}
	return key[1:end], key[end+1:], true
}

// prefixes are the namespaces that an element declares, n1 and so on, for its attributes.
type prefixes []string

// qualifiedAttr writes an attribute in a namespace.
func (b *builder) qualifiedAttr(declared *prefixes, space, local, value string) {
	i := slices.Index(*declared, space)
	if i < 0 {
		i = len(*declared)
		*declared = append(*declared, space)
		b.attr("xmlns:n"+strconv.Itoa(i+1), space)
	}
	b.attr("n"+strconv.Itoa(i+1)+":"+local, value)
}

func (b *builder) genericChildren(children val, space, base string) error {
	if children.isZero() {
		return nil
	}
	if children.kind() != array {
		return fail(children, "this must be an array%s", notKindOf(children))
	}
	for item := range children.items() {
		if item.kind() == text {
			s, err := str(item)
			if err != nil {
				return err
			}
			b.dst = element.AppendText(b.dst, s)
			continue
		}
		if m := item.member("member"); !m.isZero() {
			return fail(m, "only an item of %s itself can stand for a member", GenericKey)
		}
		if err := b.element(item, space, base); err != nil {
			return err
		}
	}
	return nil
}
