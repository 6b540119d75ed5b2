package jsonmap

import (
	"github.com/restanza/restanza/element"
)

// GenericKey is the member that holds, in order, what no other member says of the
// children of a stanza, or of an element that is mapped to an object. It is an array:
//
//   - a string is text between the children;
//   - {"name":…} is an element in the generic form. Its other members, each of which
//     may be missing: "xmlns", the namespace, if it is not that of the element around
//     it; "attrs", an object of strings, where the name of an attribute with a namespace
//     is {namespace}local, and xml:lang is just that; "children", an array of strings
//     and elements;
//   - {"member":"body"} is where the child stands that the member body describes. What
//     no item names stands before the array's items or after them, as the members of
//     the object do;
//   - {"member":"body","name":…} is the exact form of that child. It counts as long as
//     the member says the same.
const GenericKey = "xml"

const nsXML = "http://www.w3.org/XML/1998/namespace"

// generic writes GenericKey, if it is needed for the children marked: from the first
// child on that is not said exactly by members.
func (w *writer) generic(around string, marks []mark) {
	i := 0
	for i < len(marks) && marks[i].exact {
		i++
	}
	if i == len(marks) {
		return
	}
	w.key(GenericKey)
	w.dst = append(w.dst, '[')
	for _, m := range marks[i:] {
		if m.again {
			continue
		}
		w.next()
		switch {
		case m.child.IsText():
			value, _ := m.child.Text()
			w.dst = appendString(w.dst, value)
		case m.exact:
			w.dst = append(w.dst, '{')
			w.text("member", m.member)
			w.dst = append(w.dst, '}')
		default:
			w.element(m.child, around, m.member)
		}
	}
	w.dst = append(w.dst, ']')
}

// element writes an element in the generic form. A member that stands for it is
// named in it.
func (w *writer) element(n element.Node, around, member string) {
	w.dst = append(w.dst, '{')
	if member != "" {
		w.text("member", member)
	}
	w.text("name", n.Local())
	if n.Space() != around {
		w.text("xmlns", n.Space())
	}
	if attrs := n.Attrs(); len(attrs) > 0 {
		w.key("attrs")
		w.dst = append(w.dst, '{')
		for _, a := range attrs {
			if w.dst[len(w.dst)-1] != '{' {
				w.dst = append(w.dst, ',')
			}
			w.dst = append(appendString(w.dst, attrKey(a)), ':')
			w.dst = appendString(w.dst, a.Value)
		}
		w.dst = append(w.dst, '}')
	}
	if !n.First().IsZero() {
		w.key("children")
		w.dst = append(w.dst, '[')
		for c := range n.Children() {
			w.next()
			if c.IsText() {
				value, _ := c.Text()
				w.dst = appendString(w.dst, value)
			} else {
				w.element(c, n.Space(), "")
			}
		}
		w.dst = append(w.dst, ']')
	}
	w.dst = append(w.dst, '}')
}

// attrKey names an attribute in the generic form.
func attrKey(a element.NodeAttr) string {
	switch a.Space {
	case "":
		return a.Local
	case nsXML:
		return "xml:" + a.Local
	}
	return "{" + a.Space + "}" + a.Local
}
