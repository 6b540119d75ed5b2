package element

// Attr is one attribute of a start tag. The slices refer to the scanned buffer.
type Attr struct {
	Prefix []byte // nil for an attribute without a prefix
	Local  []byte
	Value  []byte // raw, as written between the quotes: references are not resolved; see Unescape
}

// Binding is one namespace declaration: Prefix is empty for the default namespace.
type Binding struct {
	Prefix []byte
	Space  []byte // raw, as written; see Unescape
}

// Child is an element directly below the root.
type Child struct {
	Local []byte
	Space []byte // its namespace name, raw; empty for none; see Unescape
	Raw   []byte // the whole child, start tag to end tag
}

// Element is what a Scanner found. All slices refer to the buffer that was
// scanned or belong to the Scanner: they must not be changed, and are valid
// until the Scanner is reset. Their capacities are not cut.
type Element struct {
	Raw       []byte    // the whole element
	Local     []byte    // the root's local name
	Prefix    []byte    // the root's prefix, nil for none
	Space     []byte    // the root's namespace name, raw; empty for none; see Unescape
	Attrs     []Attr    // the root's attributes, without namespace declarations
	Decls     []Binding // the root's own namespace declarations
	Content   []byte    // between the root's start tag and its end tag
	Children  []Child
	Inherited []Binding // bindings of the scope (not the default namespace) that the element uses and does not declare
	Unbound   []byte    // only with Limits.AllowUnbound: the first undeclared prefix met, nil for none
	Text      bool      // the root holds text other than white space directly

	base []byte // the default namespace in force inside the root, raw
}

// Scope returns the namespaces in force for the children: with a Scanner of this
// scope the Raw bytes of each can be scanned again. Of the bindings outside of
// the element it holds those that the element uses.
func (e *Element) Scope() Scope {
	scope := Scope{Default: Unescape(e.base)}
	if len(e.Inherited)+len(e.Decls) == 0 {
		return scope
	}
	scope.Prefixes = make(map[string]string, len(e.Inherited)+len(e.Decls))
	for _, b := range e.Inherited {
		scope.Prefixes[string(b.Prefix)] = Unescape(b.Space)
	}
	for _, b := range e.Decls {
		if len(b.Prefix) > 0 {
			scope.Prefixes[string(b.Prefix)] = Unescape(b.Space)
		}
	}
	return scope
}

// span is a part of the buffer. The buffer may move while it grows, so that
// positions are kept, not slices.
type span struct{ from, to int }

func (sp span) of(buf []byte) []byte { return buf[sp.from:sp.to] }

// written is a name that stands in the buffer, or outside of it in a scope.
type written struct {
	at    span
	fixed []byte // instead of at
}

func (w written) of(buf []byte) []byte {
	if w.fixed != nil {
		return w.fixed
	}
	return w.at.of(buf)
}

// child is what is kept of a Child during the scan.
type child struct {
	at, local span
	space     written
}

// describe fills s.element once the element is complete in buf.
func (s *Scanner) describe(buf []byte) {
	el := &s.element
	el.Raw = buf[:s.pos]
	el.Content = s.content.of(buf)
	el.Prefix, el.Local = s.root.split(buf)
	el.Space = s.rootSpace.of(buf)
	el.base = s.rootBase.of(buf)
	el.Text = s.hasText
	for i := range s.attrs[:s.rootAttrs] {
		a := &s.attrs[i]
		prefix, local := a.name.split(buf)
		switch {
		case !a.decl:
			el.Attrs = append(el.Attrs, Attr{prefix, local, a.value.of(buf)})
		case prefix == nil:
			el.Decls = append(el.Decls, Binding{nil, a.value.of(buf)})
		default:
			el.Decls = append(el.Decls, Binding{local, a.value.of(buf)})
		}
	}
	for i := range s.children {
		c := &s.children[i]
		el.Children = append(el.Children, Child{c.local.of(buf), c.space.of(buf), c.at.of(buf)})
	}
	for i := range s.bindings[firstPrefix:s.outside] {
		if b := &s.bindings[firstPrefix+i]; b.used {
			el.Inherited = append(el.Inherited, Binding{b.prefix.fixed, b.space.fixed})
		}
	}
	if s.unbound.to > 0 {
		el.Unbound = s.unbound.of(buf)
	}
}
