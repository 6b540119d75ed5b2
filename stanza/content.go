package stanza

import (
	"github.com/restanza/restanza/element"
)

// contentOf returns the content of a stanza's element as it can stand in any
// stream: every prefix that a child takes from the stanza's start tag, or from
// the stream's, is declared on that child, and a child's own declaration of the
// stream's namespace as default is removed, since it says nothing new and
// Prosody 0.12 does not take such a child for what it is. ejabberd 23.01 drops
// declarations that stand on the stanza itself, which is a second reason to
// move them.
//
// Nearly every stanza needs none of this, and its content is copied as it is.
func contentOf(el *element.Element) (string, error) {
	if !needsRewriting(el) {
		return string(el.Content), nil
	}
	sc := element.NewScanner(backstop, el.Scope())
	out := make([]byte, 0, len(el.Content)+len(el.Content)/4)
	rest := el.Content
	for i := range el.Children {
		raw := el.Children[i].Raw
		// Both are slices of one buffer, so the difference of their capacities
		// is the distance of their first bytes.
		gap := cap(rest) - cap(raw)
		out = append(out, rest[:gap]...)
		rest = rest[gap+len(raw):]

		sc.Reset()
		if _, err := sc.Scan(raw); err != nil {
			return "", refuseSyntax(err)
		}
		out = appendChild(out, sc.Element())
	}
	return string(append(out, rest...)), nil
}

// needsRewriting reports whether a child may depend on a declaration outside of
// it, or declares what goes without saying.
func needsRewriting(el *element.Element) bool {
	if len(el.Inherited) > 0 || len(el.Decls) > 0 {
		return true
	}
	for i := range el.Children {
		space := string(el.Children[i].Space)
		if (space == NSClient || space == NSComponent) && space != string(el.Space) {
			return true
		}
	}
	return false
}

// appendChild appends a child with its start tag written anew.
func appendChild(dst []byte, child *element.Element) []byte {
	start := len(dst)
	dst = append(dst, '<')
	if len(child.Prefix) > 0 {
		dst = append(append(dst, child.Prefix...), ':')
	}
	dst = append(dst, child.Local...)
	name := string(dst[start+1:])
	for _, b := range child.Inherited {
		dst = appendDeclaration(dst, b)
	}
	for _, b := range child.Decls {
		if len(b.Prefix) == 0 && (string(b.Space) == NSClient || string(b.Space) == NSComponent) {
			continue
		}
		dst = appendDeclaration(dst, b)
	}
	for _, a := range child.Attrs {
		dst = append(dst, ' ')
		if len(a.Prefix) > 0 {
			dst = append(append(dst, a.Prefix...), ':')
		}
		dst = append(append(dst, a.Local...), '=', '"')
		dst = element.AppendAttr(dst, element.Unescape(a.Value))
		dst = append(dst, '"')
	}
	if len(child.Content) == 0 {
		return append(dst, '/', '>')
	}
	dst = append(dst, '>')
	dst = append(dst, child.Content...)
	dst = append(dst, '<', '/')
	dst = append(dst, name...)
	return append(dst, '>')
}

func appendDeclaration(dst []byte, b element.Binding) []byte {
	dst = append(dst, " xmlns"...)
	if len(b.Prefix) > 0 {
		dst = append(append(dst, ':'), b.Prefix...)
	}
	dst = append(dst, '=', '"')
	dst = element.AppendAttr(dst, element.Unescape(b.Space))
	return append(dst, '"')
}
