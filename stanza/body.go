package stanza

import (
	"sync"

	"github.com/restanza/restanza/element"
)

// Body returns the text of a message's first body (RFC 6121 §5.2.3), empty if
// there is none. Bodies in other languages are not looked at.
func (s Stanza) Body() string {
	if s.Kind() != Message {
		return ""
	}
	for _, c := range rescan(s.XML()).Children {
		if string(c.Local) == "body" && string(c.Space) == NSClient {
			return element.Text(c.Raw)
		}
	}
	return ""
}

// FirstChild returns the name of the first child element of a stanza of any kind,
// the zero Name if there is none.
func (s Stanza) FirstChild() Name {
	children := rescan(s.XML()).Children
	if len(children) == 0 {
		return Name{}
	}
	return Name{Space: element.Unescape(children[0].Space), Local: string(children[0].Local)}
}

// ChildNames returns the names of the child elements of a stanza of any kind, in order.
func (s Stanza) ChildNames() []Name {
	children := rescan(s.XML()).Children
	names := make([]Name, len(children))
	for i, c := range children {
		names[i] = Name{Space: element.Unescape(c.Space), Local: string(c.Local)}
	}
	return names
}

// ChildAttr looks for the first child element of that name in a stanza of any kind.
// It reports whether there is one, and returns that child's attribute of the given
// local name without a prefix; empty if it has none.
func (s Stanza) ChildAttr(child Name, local string) (value string, found bool) {
	sc := rescanners.Get().(*element.Scanner)
	defer func() {
		sc.Reset()
		rescanners.Put(sc)
	}()
	for _, c := range mustScan(sc, s.XML()).Children {
		if string(c.Local) != child.Local || element.Unescape(c.Space) != child.Space {
			continue
		}
		sc.Reset()
		for _, a := range mustScan(sc, c.Raw).Attrs {
			if len(a.Prefix) == 0 && string(a.Local) == local {
				return element.Unescape(a.Value), true
			}
		}
		return "", true
	}
	return "", false
}

// rescanners holds scanners for what is asked of many stanzas.
var rescanners = sync.Pool{New: func() any { return newRescanner() }}
