package jsonmap

import (
	"slices"
	"strings"
	"sync"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/stanza"
)

// writer writes XML as JSON.
type writer struct {
	dst    []byte
	strict bool
	depth  int  // of the object that is being written; 1 is the stanza
	sound  bool // the stanza is no error, so that it has no member error
	tree   element.Tree
	marks  []mark   // of the children of all open elements, the innermost last
	taken  []string // the members that are written of all open elements, likewise
}

// mark is what became of a child.
type mark struct {
	child  element.Node
	member string // that says what the child says; empty: none does
	exact  bool   // the member says all of it
	again  bool   // the child belongs to the same run as the one before, see writer.list
}

var writers = sync.Pool{New: func() any { return new(writer) }}

// Append appends the JSON object of a stanza. A stanza that is none appends an empty
// object.
func Append(dst []byte, st stanza.Stanza, p Profile) []byte {
	w := writers.Get().(*writer)
	defer func() {
		w.dst = nil
		writers.Put(w)
	}()
	w.depth, w.sound = 0, st.Type() != stanza.TypeError
	w.dst, w.strict, w.marks, w.taken = dst, p == Strict, w.marks[:0], w.taken[:0]
	if err := w.tree.Parse(st.Content(), stanza.NSClient); err != nil {
		panic("jsonmap: a stanza's content is not well-formed: " + err.Error())
	}
	w.stanza(st.Header(), w.tree.Root())
	return w.dst
}

func (w *writer) stanza(h stanza.Header, root element.Node) {
	w.dst = append(w.dst, '{')
	w.text("kind", string(h.Kind))
	switch {
	case h.Type != "":
		w.text("type", string(h.Type))
	case h.Kind == stanza.Presence:
		w.text("type", available)
	case h.Kind == stanza.IQ && !w.strict:
		w.text("type", "") // no iq may lack it, and a missing one would be taken for get
	}
	for _, m := range [...]struct{ name, value string }{
		{"id", h.ID}, {"from", h.From.String()}, {"to", h.To.String()}, {"lang", h.Lang},
	} {
		if m.value != "" {
			w.text(m.name, m.value)
		}
	}
	w.children(root, tableOf(h.Kind))
	w.dst = append(w.dst, '}')
}

// key begins a member.
func (w *writer) key(name string) {
	if w.dst[len(w.dst)-1] != '{' {
		w.dst = append(w.dst, ',')
	}
	w.dst = append(append(append(w.dst, '"'), name...), '"', ':')
}

// next begins an item of an array.
func (w *writer) next() {
	if w.dst[len(w.dst)-1] != '[' {
		w.dst = append(w.dst, ',')
	}
}

// text writes a member that is a string.
func (w *writer) text(name, value string) {
	w.key(name)
	w.dst = appendString(w.dst, value)
}

// object writes an element as an object. It reports whether the object says all
// that the element's start tag and content say.
func (w *writer) object(n element.Node, t *table) (exact bool) {
	w.dst = append(w.dst, '{')
	exact = w.attributes(n, t)
	if t.content != nil {
		value, only := n.Text()
		if value != "" || !t.content.optional {
			exact = w.attribute(t.content, value, &exact) && exact
		}
		exact = exact && only
	} else {
		w.children(n, t)
	}
	w.dst = append(w.dst, '}')
	return exact
}

// attributes writes those attributes of n that the table knows, and reports whether
// that is all of them.
func (w *writer) attributes(n element.Node, t *table) (exact bool) {
	exact = true
	for _, a := range n.Attrs() {
		f := attrField(t, a)
		if f == nil || w.leaves(f) || !w.attribute(f, a.Value, &exact) {
			exact = false
		}
	}
	return exact
}

// leaves reports whether the field is left out.
func (w *writer) leaves(f *field) bool { return f.beyond && w.strict }

// attrField returns the field of an attribute, nil if there is none.
func attrField(t *table, a element.NodeAttr) *field {
	for _, f := range t.attrs {
		if a.Space == "" && f.attr == a.Local || a.Space == nsXML && f.attr == "xml:"+a.Local {
			return f
		}
	}
	return nil
}

// attribute writes a member for a value, unless the value is none of its type.
func (w *writer) attribute(f *field, value string, exact *bool) (ok bool) {
	before := len(w.dst)
	w.key(f.name)
	if ok = w.value(f, value, exact); !ok {
		w.dst = w.dst[:before]
	}
	return ok
}

// value writes a text as a value of the field's type; ok is false if it is none. It
// clears exact if the text is not what would be written for that value.
func (w *writer) value(f *field, value string, exact *bool) (ok bool) {
	var literal string
	var same bool
	switch f.typ {
	case Integer, Number:
		literal, same = readNumber(value)
		if same && f.typ == Integer { // one of more than 64 bits could not be written again
			_, fits := integer(literal)
			same = fits && !strings.ContainsAny(literal, ".eE")
		}
		if f.min != f.max && !within(literal, f.min, f.max) {
			same = false
		}
	case Boolean:
		literal, same = readBoolean(value, f.words)
	default:
		w.dst = appendString(w.dst, value)
		if f.values != nil && !slices.Contains(f.values, value) {
			*exact = false
		}
		return true
	}
	w.dst = append(w.dst, literal...)
	*exact = *exact && same
	return literal != ""
}

// children writes the members for the children of n, and under GenericKey what they
// don't say.
func (w *writer) children(n element.Node, t *table) {
	w.depth++
	marks, taken := len(w.marks), len(w.taken)
	for c := range n.Children() {
		if c.IsText() {
			w.marks = append(w.marks, mark{child: c})
			continue
		}
		w.child(c, n.Space(), t, taken)
	}
	if !w.strict {
		w.generic(n.Space(), w.marks[marks:])
	}
	w.marks, w.taken = w.marks[:marks], w.taken[:taken]
	w.depth--
}

// child writes the members for one child. The members of its siblings stand in
// w.taken from index siblings on.
func (w *writer) child(c element.Node, around string, t *table, siblings int) {
	m := mark{child: c}
	repeated := false
	before := len(w.taken)
	for _, f := range t.fieldsFor(c, around) {
		earlier := w.taken[siblings:before]
		seen := slices.Contains(earlier, f.name) || f.short != "" && slices.Contains(earlier, f.short)
		switch {
		case w.leaves(f):
			continue
		case f.more && m.exact && (f.place != AsList || isOnly(c)):
			continue
		case f.place == AsList:
			w.list(c, f, seen)
			return
		case seen, repeated:
			repeated = true // of several equal children the first counts
			continue
		}
		if f.special == stanzaError && w.depth == 1 && w.sound {
			break
		}
		start := len(w.dst)
		w.key(f.name)
		ok, exact := w.member(f, c)
		if !ok {
			w.dst = w.dst[:start]
			continue
		}
		w.taken = append(w.taken, f.name)
		if m.member == "" || f.more {
			m.member, m.exact = f.name, exact
		}
	}
	w.marks = append(w.marks, m)
}

// isOnly reports whether no later sibling has the same name.
func isOnly(c element.Node) bool {
	for n := c.Next(); !n.IsZero(); n = n.Next() {
		if n.Is(c.Space(), c.Local()) {
			return false
		}
	}
	return true
}

// list writes the array of all children of c's name, from c on, unless that was done
// with the first of them, which was seen. The children of a run are marked as one; what
// does not follow the others at once, or is not exact, keeps its exact form.
func (w *writer) list(c element.Node, f *field, seen bool) {
	if seen {
		previous := &w.marks[len(w.marks)-1]
		run := previous.member == f.name && previous.exact
		w.marks = append(w.marks, mark{child: c, member: f.name, exact: run, again: run})
		return
	}
	w.taken = append(w.taken, f.name)
	w.key(f.name)
	w.dst = append(w.dst, '[')
	together, exact := true, true
	for sibling, between := c, false; !sibling.IsZero(); sibling = sibling.Next() {
		if !sibling.Is(c.Space(), c.Local()) {
			between = true
			continue
		}
		together = together && !between
		exact = w.item(f, sibling) && exact
	}
	w.dst = append(w.dst, ']')
	w.marks = append(w.marks, mark{child: c, member: f.name, exact: together && exact})
}

// item writes an item of a list.
func (w *writer) item(f *field, c element.Node) (exact bool) {
	before := len(w.dst)
	w.next()
	if f.of != nil {
		ok, exact := w.member(f.of, c)
		if !ok {
			w.dst = w.dst[:before]
		}
		return ok && exact
	}
	if f.table != nil {
		return w.object(c, f.table)
	}
	value, only := c.Text()
	w.dst = appendString(w.dst, value)
	return only && len(c.Attrs()) == 0
}

// member writes the value of a field for a child.
func (w *writer) member(f *field, c element.Node) (ok, exact bool) {
	switch f.place {
	case InText:
		value, only := c.Text()
		if !only {
			return false, false
		}
		exact = len(c.Attrs()) == 0
		return w.value(f, value, &exact), exact
	case AsFlag:
		w.dst = append(w.dst, "true"...)
		return true, isBare(c)
	case AsName:
		w.dst = appendString(w.dst, c.Local())
		return true, isBare(c)
	case InAttrOf:
		value, there := c.Attr(f.attr)
		if !there {
			return false, false
		}
		exact = len(c.Attrs()) == 1 && c.First().IsZero()
		return w.value(f, value, &exact), exact
	case AsObject:
		return true, w.object(c, f.table)
	case InList:
		return true, w.wrapped(f, c)
	case AsSpecial:
		return f.special.read(w, c)
	case InAttr, InContent, AsList, AsHeader: // dealt with elsewhere
	}
	return false, false
}

// isBare reports whether an element has nothing but its name.
func isBare(c element.Node) bool { return len(c.Attrs()) == 0 && c.First().IsZero() }

// wrapped writes the children of c as an array.
func (w *writer) wrapped(f *field, c element.Node) (exact bool) {
	exact = len(c.Attrs()) == 0
	w.dst = append(w.dst, '[')
	for item := range c.Children() {
		if !item.Is(c.Space(), f.item) {
			exact = false
			continue
		}
		exact = w.item(f, item) && exact
	}
	w.dst = append(w.dst, ']')
	return exact
}
