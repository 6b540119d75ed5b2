package element

import "bytes"

const (
	nsXML   = "http://www.w3.org/XML/1998/namespace"
	nsXMLNS = "http://www.w3.org/2000/xmlns/"
)

// Places in Scanner.bindings.
const (
	scopeBase   = 1 // the scope's default namespace, after the prefix xml
	firstPrefix = 2 // the scope's prefixes
)

// binding is a namespace declaration in force.
type binding struct {
	prefix written // empty for the default namespace
	space  written // raw
	value  []byte  // the same with references resolved; nil if that is what the buffer holds
	used   bool
}

func fixedBinding(prefix, space string) binding {
	return binding{
		prefix: written{fixed: []byte(prefix)},
		space:  written{fixed: AppendAttr([]byte{}, space)},
		value:  []byte(space),
	}
}

// namespace returns the namespace name.
func (b *binding) namespace(buf []byte) []byte {
	if b.value != nil {
		return b.value
	}
	return b.space.of(buf)
}

var xmlns = []byte("xmlns")

// isDeclaration reports whether an attribute declares a namespace.
func isDeclaration(buf []byte, n name) bool {
	end := n.at.to
	if n.colon >= 0 {
		end = n.colon
	}
	return end-n.at.from == len(xmlns) && buf[n.at.from] == 'x' && bytes.Equal(buf[n.at.from:end], xmlns)
}

// namespaces applies Namespaces in XML 1.0 to the start tag whose attributes
// have been read. It returns the indexes of the bindings of the default
// namespace and of the element's own, -1 for none.
func (s *Scanner) namespaces(buf []byte, n name) (base, bound int, err error) {
	attrs := s.attrs[s.rootAttrs:]
	base, inForce := scopeBase, s.outside
	if len(s.open) > 0 {
		parent := &s.open[len(s.open)-1]
		base, inForce = parent.base, parent.bindings
	}
	s.bindings = s.bindings[:inForce]
	for i := range attrs {
		if err := unique(buf, attrs[:i], &attrs[i]); err != nil {
			return 0, 0, err
		}
		if attrs[i].decl {
			if err := s.declare(buf, &attrs[i]); err != nil {
				return 0, 0, err
			}
			if attrs[i].name.colon < 0 {
				base = len(s.bindings) - 1
			}
		}
	}
	bound = base
	if n.colon >= 0 {
		if bound, err = s.resolve(buf, n); err != nil {
			return 0, 0, err
		}
	}
	return base, bound, s.attributeNamespaces(buf, attrs)
}

// unique refuses an attribute that has the same name as one before.
func unique(buf []byte, before []attribute, a *attribute) error {
	name := a.name.at.of(buf)
	for i := range before {
		if bytes.Equal(before[i].name.at.of(buf), name) {
			return fail(a.name.at.from, NotWellFormed, "attribute %s is there twice", clip(name))
		}
	}
	return nil
}

// declare puts a namespace declaration into force.
func (s *Scanner) declare(buf []byte, a *attribute) error {
	b := binding{space: written{at: a.value}}
	if a.name.colon >= 0 {
		b.prefix.at = span{a.name.colon + 1, a.name.at.to}
	}
	if a.escaped {
		b.value = []byte(Unescape(a.value.of(buf)))
		if bytes.IndexByte(b.value, '\n') >= 0 {
			// libexpat refuses the character by which it joins namespace
			// and name, and ejabberd makes that the line feed.
			return fail(a.name.at.from, NotWellFormed, "a namespace name with a line break")
		}
	}
	if reason := forbidden(b.prefix.of(buf), b.namespace(buf)); reason != "" {
		return fail(a.name.at.from, NotWellFormed, "%s", reason)
	}
	if most := 4 * s.limits.Attributes; len(s.bindings)-s.outside >= most {
		return fail(a.name.at.from, TooManyAttributes, "more than %d namespace declarations in force", most)
	}
	s.bindings = append(s.bindings, b)
	return nil
}

// forbidden says what is wrong with a declaration (Namespaces in XML 1.0 §3 and
// §5), or returns nothing.
func forbidden(prefix, space []byte) string {
	isXML := string(space) == nsXML
	switch {
	case string(prefix) == "xmlns":
		return "prefix xmlns can't be declared"
	case string(prefix) == "xml" && !isXML:
		return "prefix xml can't be bound to another namespace"
	case string(prefix) != "xml" && isXML:
		return "the namespace of prefix xml can't be bound to another one"
	case string(space) == nsXMLNS:
		return "the namespace of prefix xmlns can't be declared"
	case len(prefix) > 0 && len(space) == 0:
		return "prefix " + clip(prefix) + " is bound to nothing"
	}
	return ""
}

// attributeNamespaces resolves the prefixes of attributes, and refuses two
// attributes of one expanded name (Namespaces in XML 1.0 §6.3).
func (s *Scanner) attributeNamespaces(buf []byte, attrs []attribute) error {
	for i := range attrs {
		a := &attrs[i]
		if a.decl || a.name.colon < 0 {
			continue
		}
		bound, err := s.resolve(buf, a.name)
		if err != nil {
			return err
		}
		if a.binding = bound; bound < 0 {
			continue
		}
		for j := range attrs[:i] {
			if attrs[j].binding >= 0 && s.sameName(buf, a, &attrs[j]) {
				return fail(a.name.at.from, NotWellFormed, "attributes %s and %s are the same",
					clip(attrs[j].name.at.of(buf)), clip(a.name.at.of(buf)))
			}
		}
	}
	return nil
}

// sameName compares the expanded names of two attributes with prefixes.
func (s *Scanner) sameName(buf []byte, a, b *attribute) bool {
	_, localA := a.name.split(buf)
	_, localB := b.name.split(buf)
	return bytes.Equal(localA, localB) &&
		bytes.Equal(s.bindings[a.binding].namespace(buf), s.bindings[b.binding].namespace(buf))
}

// resolve returns the index of the binding of a name's prefix, or -1 if it has
// none and that is allowed.
func (s *Scanner) resolve(buf []byte, n name) (int, error) {
	prefix, _ := n.split(buf)
	for i := len(s.bindings) - 1; i >= 0; i-- {
		b := &s.bindings[i]
		if bytes.Equal(b.prefix.of(buf), prefix) {
			b.used = true
			return i, nil
		}
	}
	if string(prefix) == "xmlns" {
		return -1, fail(n.at.from, NotWellFormed, "prefix xmlns can't be used for elements")
	}
	if !s.limits.AllowUnbound {
		return -1, fail(n.at.from, UnboundPrefix, "prefix %s is not declared: add xmlns:%[1]s=\"...\"", clip(prefix))
	}
	if s.unbound.to == 0 {
		s.unbound = span{n.at.from, n.colon}
	}
	return -1, nil
}
