package jsonmap

import (
	"slices"

	"github.com/restanza/restanza/element"
)

// discoInfo is what an entity is and can (XEP-0030, XEP-0128), or the question for it.
var discoInfo = &special{
	schema: &Schema{
		Type: Object, Either: []*Schema{{Type: Boolean, About: "true: the question"}, {Type: String, About: "the question for a node"}},
		Members: []Member{
			{Name: "node", Schema: Schema{Type: String}},
			{Name: "identities", Schema: Schema{Type: Array, Items: &Schema{Type: Object, Members: members(identityFields)}}},
			{Name: "features", Schema: Schema{Type: Array, Items: &Schema{Type: String}}},
			{Name: "extensions", Schema: Schema{Type: Object, Free: &Schema{Type: Object, Free: &Schema{Type: Any}}, About: "forms by their FORM_TYPE, each an object of its fields"}},
		},
	},
	read:  readDisco,
	write: writeDisco,
}

var identityFields = []field{{name: "category", typ: String}, {name: "type", typ: String}, {name: "name", typ: String}}

// readNode writes a question: its node, or true.
func (w *writer) readNode(c element.Node) (exact bool) {
	node, there := c.Attr("node")
	if !there {
		w.dst = append(w.dst, "true"...)
		return len(c.Attrs()) == 0
	}
	w.dst = appendString(w.dst, node)
	return len(c.Attrs()) == 1
}

func readDisco(w *writer, c element.Node) (ok, exact bool) {
	if c.First().IsZero() {
		return true, w.readNode(c)
	}
	w.dst = append(w.dst, '{')
	exact = true
	for _, a := range c.Attrs() {
		if a.Space == "" && a.Local == "node" {
			w.text("node", a.Value)
		} else {
			exact = false
		}
	}
	w.key("identities")
	w.dst = append(w.dst, '[')
	last := 0 // which sort of child was the last: they are written in this order
	for n := range c.Children() {
		sort := discoSort(n)
		if sort < last || sort == 0 {
			exact = false
		}
		last = max(last, sort)
		if sort == 1 {
			exact = w.identity(n) && exact
		}
	}
	w.dst = append(w.dst, ']')
	w.key("features")
	w.dst = append(w.dst, '[')
	for n := range c.Children() {
		if discoSort(n) != 2 {
			continue
		}
		name, _ := n.Attr("var")
		w.next()
		w.dst = appendString(w.dst, name)
		exact = exact && len(n.Attrs()) == 1 && n.First().IsZero()
	}
	w.dst = append(w.dst, ']')
	if last == 3 {
		exact = w.extensions(c) && exact
	}
	w.dst = append(w.dst, '}')
	return true, exact
}

// discoSort tells identities (1), features (2) and forms (3) from what is neither.
func discoSort(n element.Node) int {
	switch {
	case n.IsText():
		return 0
	case n.Is(nsDiscoInfo, "feature"):
		if _, named := n.Attr("var"); named {
			return 2
		}
		return 0
	case n.Is(nsDiscoInfo, "identity"):
		_, category := n.Attr("category")
		_, typ := n.Attr("type")
		if category && typ {
			return 1
		}
		return 0
	case n.Is(nsData, "x"):
		return 3
	}
	return 0
}

func (w *writer) identity(n element.Node) (exact bool) {
	w.next()
	w.dst = append(w.dst, '{')
	exact = n.First().IsZero()
	for _, a := range n.Attrs() {
		if a.Space == "" && slices.ContainsFunc(identityFields, func(f field) bool { return f.name == a.Local }) {
			w.text(a.Local, a.Value)
		} else {
			exact = false
		}
	}
	w.dst = append(w.dst, '}')
	return exact
}

// extensions writes the forms, if any of them says what it is.
func (w *writer) extensions(c element.Node) (exact bool) {
	before := len(w.dst)
	w.key("extensions")
	start := len(w.dst)
	w.dst = append(w.dst, '{')
	exact = true
	seen := map[string]bool{}
	for n := range c.Children() {
		if !n.Is(nsData, "x") {
			continue
		}
		formType := formTypeOf(n)
		if formType == "" || seen[formType] {
			exact = false
			continue
		}
		seen[formType] = true
		if w.dst[len(w.dst)-1] != '{' {
			w.dst = append(w.dst, ',')
		}
		w.dst = append(appendString(w.dst, formType), ':')
		exact = w.extension(n) && exact
	}
	w.dst = append(w.dst, '}')
	if len(w.dst) == start+2 {
		w.dst = w.dst[:before]
	}
	return exact
}

// formTypeOf returns the value of a form's FORM_TYPE, empty if it has none.
func formTypeOf(form element.Node) string {
	for n := range form.Children() {
		if name, _ := n.Attr("var"); n.Is(nsData, "field") && name == formTypeVar {
			value := n.Child(nsData, "value")
			if value.IsZero() {
				return ""
			}
			s, _ := value.Text()
			return s
		}
	}
	return ""
}

// extension writes the fields of one form as an object.
func (w *writer) extension(form element.Node) (exact bool) {
	typ, _ := form.Attr("type")
	exact = typ == "result" && len(form.Attrs()) == 1
	w.dst = append(w.dst, '{')
	seen := map[string]bool{}
	for n := range form.Children() {
		name, named := "", false
		if n.Is(nsData, "field") {
			name, named = n.Attr("var")
		}
		if !named || seen[name] {
			exact = false
			continue
		}
		seen[name] = true
		if name == formTypeVar {
			exact = exact && n == form.First() && isHiddenField(n)
			continue
		}
		if w.dst[len(w.dst)-1] != '{' {
			w.dst = append(w.dst, ',')
		}
		w.dst = append(appendString(w.dst, name), ':')
		exact = w.compactValue(n) && exact
	}
	w.dst = append(w.dst, '}')
	return exact
}

// isHiddenField reports whether FORM_TYPE is written as it is written here.
func isHiddenField(n element.Node) bool {
	typ, _ := n.Attr("type")
	value := n.First()
	if typ != "hidden" || len(n.Attrs()) != 2 || value.IsZero() || !value.Is(nsData, "value") || !value.Next().IsZero() {
		return false
	}
	_, only := value.Text()
	return only && len(value.Attrs()) == 0
}

// compactValue writes the value of a field as its type wants it. Only a field without
// a type is exact.
func (w *writer) compactValue(n element.Node) (exact bool) {
	var all []string
	exact = true
	for c := range n.Children() {
		if !c.Is(nsData, "value") {
			exact = false
			continue
		}
		s, only := c.Text()
		exact = exact && only && len(c.Attrs()) == 0
		all = append(all, s)
	}
	typ, typed := n.Attr("type")
	switch {
	case !typed, typ == "list-single", typ == "list-multi":
		w.strings(all)
		return exact && !typed && len(n.Attrs()) == 1
	case typ == "text-multi":
		w.dst = appendString(w.dst, joinLines(all))
	case len(all) == 0:
		w.dst = append(w.dst, "null"...)
	case typ == "boolean":
		literal, _ := readBoolean(all[0], false)
		w.dst = append(w.dst, literal...)
	default:
		w.dst = appendString(w.dst, all[0])
	}
	return false
}

func writeDisco(b *builder, m val, around string) error {
	if done, err := b.question(nsDiscoInfo, m, around); done {
		return err
	}
	b.open(nsDiscoInfo, "query", around)
	if err := b.optionalAttr(m, "node"); err != nil {
		return err
	}
	from := b.inside()
	if list := m.member("identities"); !list.isZero() {
		if err := b.identities(list); err != nil {
			return err
		}
	}
	if list := m.member("features"); !list.isZero() {
		if err := b.features(list); err != nil {
			return err
		}
	}
	if forms := m.member("extensions"); !forms.isZero() {
		if forms.kind() != object {
			return fail(forms, "this must be an object%s", notKindOf(forms))
		}
		for form := range forms.members() {
			if err := writeCompact(b, form, nsDiscoInfo, "result", form.key()); err != nil {
				return err
			}
		}
	}
	b.close("query", from)
	return b.onlyKnown(m, map[string]bool{"node": true, "identities": true, "features": true, "extensions": true})
}

// question writes a query for something that is no object: true, or a node. Done is
// false if it is an object.
func (b *builder) question(space string, m val, around string) (done bool, err error) {
	switch {
	case m.kind() == object:
		return false, nil
	case m.kind() == text:
		node, err := str(m)
		if err != nil {
			return true, err
		}
		b.open(space, "query", around)
		b.attr("node", node)
	case m.isTrue():
		b.open(space, "query", around)
	default:
		return true, fail(m, "this must be true, a node or an object%s", notKindOf(m))
	}
	b.empty()
	return true, nil
}

func (b *builder) identities(list val) error {
	if list.kind() != array {
		return fail(list, "this must be an array%s", notKindOf(list))
	}
	for item := range list.items() {
		if item.kind() != object {
			return fail(item, "this must be an object%s", notKindOf(item))
		}
		b.open(nsDiscoInfo, "identity", nsDiscoInfo)
		for _, name := range []string{"category", "type", "name"} {
			if err := b.optionalAttr(item, name); err != nil {
				return err
			}
		}
		b.empty()
		if err := b.onlyKnown(item, map[string]bool{"category": true, "type": true, "name": true}); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) features(list val) error {
	if list.kind() != array {
		return fail(list, "this must be an array%s", notKindOf(list))
	}
	for item := range list.items() {
		s, err := str(item)
		if err != nil {
			return err
		}
		b.open(nsDiscoInfo, "feature", nsDiscoInfo)
		b.attr("var", s)
		b.empty()
	}
	return nil
}
