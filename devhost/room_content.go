package devhost

import (
	"strings"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/stanza"
)

// anySize takes content that was held against real limits when it came in.
var anySize = element.Limits{Bytes: 64 << 20, Depth: 1 << 16, Attributes: 1 << 16}

// node is an element of a stanza, for reading.
type node struct{ el *element.Element }

// read returns the root of a stanza.
func read(st stanza.Stanza) node {
	return scanned(st.XML(), element.Scope{Default: stanza.NSClient})
}

// scanned describes an element that was checked before. What does not scan,
// and so can't come out of a stanza, reads as an element with nothing in it.
func scanned(raw []byte, scope element.Scope) node {
	sc := element.NewScanner(anySize, scope)
	if _, err := sc.Scan(raw); err != nil {
		return node{&element.Element{}}
	}
	return node{sc.Element()}
}

// all returns the children of that name.
func (n node) all(space, local string) []node {
	var found []node
	for _, c := range n.el.Children {
		if string(c.Local) == local && element.Unescape(c.Space) == space {
			found = append(found, scanned(c.Raw, n.el.Scope()))
		}
	}
	return found
}

// first returns the first child of that name; false if there is none.
func (n node) first(space, local string) (node, bool) {
	found := n.all(space, local)
	if len(found) == 0 {
		return node{&element.Element{}}, false
	}
	return found[0], true
}

// payload returns the first child, of whatever name.
func (n node) payload() node {
	if len(n.el.Children) == 0 {
		return node{&element.Element{}}
	}
	return scanned(n.el.Children[0].Raw, n.el.Scope())
}

// attr returns the attribute of that name without a prefix, "" if there is none.
func (n node) attr(local string) string {
	for _, a := range n.el.Attrs {
		if len(a.Prefix) == 0 && string(a.Local) == local {
			return element.Unescape(a.Value)
		}
	}
	return ""
}

// text returns the text directly in the element.
func (n node) text() string { return element.Text(n.el.Raw) }

// spoken returns what of a stanza's content is passed on: all but what only a
// room itself may say (muc and muc#user). It returns false if package stanza
// would not take that as content, which can be so for a child close to the
// limit of attributes. Otherwise stanza.New takes it, and more children after it.
func spoken(st stanza.Stanza) (content string, ok bool) {
	var b strings.Builder
	for _, c := range read(st).el.Children {
		switch element.Unescape(c.Space) {
		case NSMUC, NSMUCUser:
		default:
			b.Write(c.Raw)
		}
	}
	content = b.String()
	kind := string(st.Kind())
	_, err := stanza.Parse([]byte("<" + kind + ">" + content + "</" + kind + ">"))
	return content, err == nil
}

// escapeAttr returns text such that it can stand in an attribute between quotes.
func escapeAttr(text string) string { return string(element.AppendAttr(nil, text)) }
