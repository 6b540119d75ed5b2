package xmpptest

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// Namespaces of the stream itself.
const (
	nsClient    = "jabber:client"
	nsComponent = "jabber:component:accept"
	nsStreams   = "http://etherx.jabber.org/streams"
	nsStreamErr = "urn:ietf:params:xml:ns:xmpp-streams"
	nsStanzaErr = "urn:ietf:params:xml:ns:xmpp-stanzas"
	nsSASL      = "urn:ietf:params:xml:ns:xmpp-sasl"
	nsBind      = "urn:ietf:params:xml:ns:xmpp-bind"
	nsPing      = "urn:xmpp:ping"
	nsInfo      = "http://jabber.org/protocol/disco#info"
	nsItems     = "http://jabber.org/protocol/disco#items"
	nsXML       = "http://www.w3.org/XML/1998/namespace"
)

// Node is an element as it was read, with namespaces resolved.
type Node struct {
	Space, Local string
	Attrs        []xml.Attr // Name.Space is the namespace; declarations are there as well, as encoding/xml names them
	Text         string     // the text directly in it
	Children     []Node
}

// Attr gives the attribute without namespace of that name, "" if there is none.
func (n Node) Attr(local string) string {
	for _, a := range n.Attrs {
		if a.Name.Space == "" && a.Name.Local == local {
			return a.Value
		}
	}
	return ""
}

// Child finds the first child of that name; an empty space means any namespace.
func (n Node) Child(space, local string) (Node, bool) {
	for _, c := range n.Children {
		if c.Local == local && (space == "" || c.Space == space) {
			return c, true
		}
	}
	return Node{}, false
}

// Stanza is a top-level element as it was received.
type Stanza struct {
	Name string // local name: message, presence, iq
	Type string
	ID   string
	From string
	To   string
	Lang string // xml:lang of the stanza itself
	Body string // the text of the first body
	Err  *Error // the error child, nil if there is none
	Raw  string // the element's bytes
	Root Node

	startLen int        // length of the start tag in Raw
	attrs    []xml.Attr // with prefixes as written
	rawName  string     // likewise
}

// Error is the error in a stanza (RFC 6120 §8.3).
type Error struct {
	Type      string // cancel, wait, …
	Condition string // service-unavailable, …
	Text      string
	By        string
}

func (e *Error) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%s (%s) %s", e.Condition, e.Type, e.Text))
}

// StreamError is the error with which a server has ended a stream (RFC 6120 §4.9).
type StreamError struct {
	Condition string // conflict, not-well-formed, …
	Text      string
}

func (e *StreamError) Error() string {
	return strings.TrimSpace("stream error " + e.Condition + " " + e.Text)
}

// Child finds the first child of the stanza of that name; an empty space means any namespace.
func (s Stanza) Child(space, local string) (Node, bool) {
	return s.Root.Child(space, local)
}

// String gives the stanza's bytes.
func (s Stanza) String() string { return s.Raw }

// fill sets the fields that are read out of the root.
func (s *Stanza) fill() {
	s.Name = s.Root.Local
	s.Type, s.ID = s.Root.Attr("type"), s.Root.Attr("id")
	s.From, s.To = s.Root.Attr("from"), s.Root.Attr("to")
	for _, a := range s.Root.Attrs {
		if a.Name.Space == nsXML && a.Name.Local == "lang" {
			s.Lang = a.Value
		}
	}
	if body, ok := s.Child("", "body"); ok {
		s.Body = body.Text
	}
	if e, ok := s.Child("", "error"); ok && s.Type == "error" {
		s.Err = &Error{Type: e.Attr("type"), By: e.Attr("by")}
		s.Err.Condition, s.Err.Text = conditionOf(e, nsStanzaErr)
	}
}

// streamError gives the stream error that an element is, nil if it is something else.
func (s Stanza) streamError() error {
	if s.Root.Space != nsStreams || s.Root.Local != "error" {
		return nil
	}
	condition, text := conditionOf(s.Root, nsStreamErr)
	return &StreamError{Condition: condition, Text: text}
}

// conditionOf reads the condition and the text out of an error.
func conditionOf(e Node, space string) (condition, text string) {
	for _, c := range e.Children {
		switch {
		case c.Space != space:
		case c.Local == "text":
			text = c.Text
		case condition == "":
			condition = c.Local
		}
	}
	return condition, text
}

// with gives the stanza's bytes with some attributes set to other values, or dropped if
// the value is "". An xmlns of its own is dropped always: the bytes are for
// a stream where the default namespace is another.
func (s Stanza) with(changes map[string]string) string {
	var b strings.Builder
	b.WriteString("<" + s.rawName)
	for _, a := range s.attrs {
		_, changed := changes[a.Name.Local]
		if a.Name.Space == "" && (changed || a.Name.Local == "xmlns") {
			continue
		}
		name := a.Name.Local
		if a.Name.Space != "" {
			name = a.Name.Space + ":" + name
		}
		fmt.Fprintf(&b, " %s='%s'", name, escape(a.Value))
	}
	for _, name := range []string{"type", "id", "from", "to"} {
		if value := changes[name]; value != "" {
			fmt.Fprintf(&b, " %s='%s'", name, escape(value))
		}
	}
	if strings.HasSuffix(s.Raw[:s.startLen], "/>") {
		b.WriteString("/>")
	} else {
		b.WriteString(">" + s.Raw[s.startLen:])
	}
	return b.String()
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&apos;", `"`, "&quot;",
	"\t", "&#9;", "\n", "&#10;", "\r", "&#13;")

// escape writes a text so that it can stand in an attribute or an element.
func escape(text string) string { return escaper.Replace(text) }
