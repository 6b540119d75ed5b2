package element

import (
	"errors"
	"iter"
	"strings"
)

// Tree is checked XML taken apart into nodes, for those who have to look at all of
// it. Parse fills it and keeps its memory, so that a Tree in use allocates little;
// texts without references are slices of the input. Its zero value is ready for
// use. A Tree must not be filled while it is read.
type Tree struct {
	nodes    []node
	attrs    []NodeAttr
	bindings []treeBinding
	open     []openNode
}

// node is an element or a text. Nodes refer to one another by their indexes; 0, the
// root, is nobody's child or sibling.
type node struct {
	space, local string // both are empty for a text
	text         string
	attrs, end   int32 // of its attributes
	first, last  int32
	next         int32
}

type openNode struct {
	node     int32
	bindings int    // how many are in force inside it
	base     string // the default namespace inside it
}

type treeBinding struct{ prefix, space string }

// NodeAttr is an attribute of a Node. Space is empty for an attribute without a
// prefix.
type NodeAttr struct {
	Space string
	Local string
	Value string // with references resolved
}

// errUnchecked says that the input was not checked by a Scanner.
var errUnchecked = errors.New("element: not well-formed")

// Parse takes content apart: any number of elements and texts, as they stand inside
// an element in the namespace space. The content must have been accepted by a
// Scanner and declare what prefixes it uses; what comes of anything else is an error
// or something undefined, but no panic. What the Tree held before is gone, and so
// are the Nodes of it.
func (t *Tree) Parse(content, space string) error {
	t.nodes = append(t.nodes[:0], node{space: space})
	t.attrs = t.attrs[:0]
	t.bindings = append(t.bindings[:0], treeBinding{"xml", nsXML})
	t.open = append(t.open[:0], openNode{0, 1, space})
	for content != "" {
		var err error
		if content, err = t.step(content); err != nil {
			return err
		}
	}
	if len(t.open) != 1 {
		return errUnchecked
	}
	return nil
}

// Root returns the node that stands for the element around the content.
func (t *Tree) Root() Node { return Node{t, 0} }

// step takes one tag, or text up to the next tag, and returns the rest.
func (t *Tree) step(s string) (rest string, err error) {
	switch {
	case beginsText(s):
		return t.text(s)
	case strings.HasPrefix(s, "</"):
		end := strings.IndexByte(s, '>')
		if end < 0 || len(t.open) == 1 {
			return "", errUnchecked
		}
		t.close()
		return s[end+1:], nil
	}
	return t.startTag(s[1:])
}

// beginsText reports whether s begins with text or a CDATA section.
func beginsText(s string) bool {
	return s != "" && (s[0] != '<' || strings.HasPrefix(s, "<!"))
}

// text takes what text there is up to the next tag: adjoining texts and CDATA sections are
// one text.
func (t *Tree) text(s string) (rest string, err error) {
	text, s, err := cutText(s)
	if err == nil && beginsText(s) {
		var b strings.Builder
		b.WriteString(text)
		for err == nil && beginsText(s) {
			text, s, err = cutText(s)
			b.WriteString(text)
		}
		text = b.String()
	}
	if err == nil && text != "" {
		t.add(node{text: text})
	}
	return s, err
}

// cutText takes a run of text or a CDATA section.
func cutText(s string) (text, rest string, err error) {
	if s[0] != '<' {
		end := strings.IndexByte(s, '<')
		if end < 0 {
			end = len(s)
		}
		return resolveText(s[:end]), s[end:], nil
	}
	section, ok := strings.CutPrefix(s, string(sectionStart))
	text, rest, closed := strings.Cut(section, "]]>")
	if !ok || !closed {
		return "", "", errUnchecked
	}
	return normalizeLines(text), rest, nil
}

// resolveText resolves a run of text.
func resolveText(raw string) string {
	if strings.IndexByte(raw, '&') < 0 && strings.IndexByte(raw, '\r') < 0 {
		return raw
	}
	var b strings.Builder
	b.Grow(len(raw))
	appendText(&b, []byte(raw))
	return b.String()
}

// add appends a node to the innermost open one and returns its index.
func (t *Tree) add(n node) int32 {
	i := int32(len(t.nodes))
	t.nodes = append(t.nodes, n)
	parent := &t.nodes[t.open[len(t.open)-1].node]
	if parent.last == 0 {
		parent.first = i
	} else {
		t.nodes[parent.last].next = i
	}
	parent.last = i
	return i
}

func (t *Tree) close() {
	t.open = t.open[:len(t.open)-1]
	t.bindings = t.bindings[:t.open[len(t.open)-1].bindings]
}

// startTag takes a start tag after its '<'.
func (t *Tree) startTag(s string) (rest string, err error) {
	end := nameEnd(s)
	name := s[:end]
	if name == "" {
		return "", errUnchecked
	}
	outer := &t.open[len(t.open)-1]
	base, from := outer.base, len(t.attrs)
	s = s[end:]
	for {
		s = trimSpace(s)
		if s == "" {
			return "", errUnchecked
		}
		if s[0] == '>' || s[0] == '/' {
			break
		}
		var attr, value string
		if attr, value, s, err = cutAttr(s); err != nil {
			return "", err
		}
		prefix, local := splitName(attr)
		switch {
		case attr == "xmlns":
			base = value
		case prefix == "xmlns":
			t.bindings = append(t.bindings, treeBinding{local, value})
		default:
			t.attrs = append(t.attrs, NodeAttr{prefix, local, value})
		}
	}
	return t.element(name, base, from, s)
}

// element adds the element whose tag was read up to its end, which s begins with.
func (t *Tree) element(name, base string, from int, s string) (rest string, err error) {
	n := node{space: base, attrs: int32(from), end: int32(len(t.attrs))}
	var prefix string
	if prefix, n.local = splitName(name); prefix != "" {
		if n.space, err = t.resolve(prefix); err != nil {
			return "", err
		}
	}
	for i := from; i < len(t.attrs); i++ {
		if a := &t.attrs[i]; a.Space != "" {
			if a.Space, err = t.resolve(a.Space); err != nil {
				return "", err
			}
		}
	}
	i := t.add(n)
	t.open = append(t.open, openNode{i, len(t.bindings), base})
	if s[0] == '>' {
		return s[1:], nil
	}
	if !strings.HasPrefix(s, "/>") {
		return "", errUnchecked
	}
	t.close()
	return s[2:], nil
}

func (t *Tree) resolve(prefix string) (space string, err error) {
	for i := len(t.bindings) - 1; i >= 0; i-- {
		if t.bindings[i].prefix == prefix {
			return t.bindings[i].space, nil
		}
	}
	return "", errUnchecked
}

// cutAttr takes an attribute.
func cutAttr(s string) (name, value, rest string, err error) {
	end := nameEnd(s)
	name = s[:end]
	s = trimSpace(s[end:])
	if name == "" || s == "" || s[0] != '=' {
		return "", "", "", errUnchecked
	}
	s = trimSpace(s[1:])
	if s == "" || s[0] != '"' && s[0] != '\'' {
		return "", "", "", errUnchecked
	}
	n := strings.IndexByte(s[1:], s[0])
	if n < 0 {
		return "", "", "", errUnchecked
	}
	value = s[1 : 1+n]
	if strings.ContainsAny(value, specialInValue) {
		value = Unescape([]byte(value))
	}
	return name, value, s[n+2:], nil
}

// trimSpace cuts the white space at the start of s.
func trimSpace(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\n' || s[0] == '\t' || s[0] == '\r') {
		s = s[1:]
	}
	return s
}

// nameEnd returns the length of the name at the start of s.
func nameEnd(s string) int {
	for i := range len(s) {
		switch s[i] {
		case ' ', '\t', '\r', '\n', '/', '>', '=', '<', '"', '\'':
			return i
		}
	}
	return len(s)
}

func splitName(name string) (prefix, local string) {
	if i := strings.IndexByte(name, ':'); i >= 0 {
		return name[:i], name[i+1:]
	}
	return "", name
}

// Node is an element or a text in a Tree. Its zero value is none.
type Node struct {
	tree *Tree
	i    int32
}

func (n Node) get() *node { return &n.tree.nodes[n.i] }

// IsZero reports whether n is no node at all.
func (n Node) IsZero() bool { return n.tree == nil }

// IsText reports whether n is a text.
func (n Node) IsText() bool { return n.i != 0 && n.get().local == "" }

// Space returns the namespace name of an element, empty for none.
func (n Node) Space() string { return n.get().space }

// Local returns the local name of an element.
func (n Node) Local() string { return n.get().local }

// Is reports whether n is an element of that name.
func (n Node) Is(space, local string) bool {
	e := n.get()
	return e.local == local && e.space == space && local != ""
}

// Attrs returns the attributes of an element, without namespace declarations. The
// slice belongs to the Tree.
func (n Node) Attrs() []NodeAttr {
	e := n.get()
	return n.tree.attrs[e.attrs:e.end]
}

// Attr returns the value of the attribute of that name without a prefix.
func (n Node) Attr(local string) (value string, ok bool) {
	for _, a := range n.Attrs() {
		if a.Local == local && a.Space == "" {
			return a.Value, true
		}
	}
	return "", false
}

// Children returns the elements and texts directly in n, in order. No two texts
// adjoin, and none is empty.
func (n Node) Children() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		for c := n.First(); !c.IsZero(); c = c.Next() {
			if !yield(c) {
				return
			}
		}
	}
}

// First returns the first child, the zero Node if there is none.
func (n Node) First() Node { return n.at(n.get().first) }

// Next returns the sibling that follows, the zero Node if there is none.
func (n Node) Next() Node { return n.at(n.get().next) }

func (n Node) at(i int32) Node {
	if i == 0 {
		return Node{}
	}
	return Node{n.tree, i}
}

// Child returns the first child element of that name, the zero Node if there is
// none.
func (n Node) Child(space, local string) Node {
	for c := range n.Children() {
		if c.Is(space, local) {
			return c
		}
	}
	return Node{}
}

// Text returns a text, or the text directly inside an element. onlyText tells
// whether that is all that is inside it.
func (n Node) Text() (text string, onlyText bool) {
	e := n.get()
	if n.IsText() {
		return e.text, true
	}
	if e.first == 0 {
		return "", true
	}
	if e.first == e.last && n.tree.nodes[e.first].local == "" {
		return n.tree.nodes[e.first].text, true
	}
	var b strings.Builder
	for c := range n.Children() {
		if c.IsText() {
			b.WriteString(c.get().text)
		}
	}
	return b.String(), false
}
