package stanza

import "github.com/restanza/restanza/element"

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
