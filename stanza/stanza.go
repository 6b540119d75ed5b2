package stanza

import (
	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/jid"
)

// Namespaces of stanzas in the streams that the gateway speaks.
const (
	NSClient    = "jabber:client"           // RFC 6120 §4.8.2
	NSComponent = "jabber:component:accept" // XEP-0114 §3
)

// Header is what a stanza's start tag says (RFC 6120 §8.1).
type Header struct {
	Kind Kind
	Type Type
	ID   string
	From jid.JID
	To   jid.JID
	Lang string // xml:lang, RFC 6120 §8.1.5
}

// Stanza is one message, presence or iq. The zero value is no stanza.
// A Stanza is immutable, so copies may be used concurrently. It is one word, so
// that handing it on costs nothing, neither time nor stack: each of thousands of
// requests that wait has one in several frames. Stanzas can't be compared by ==,
// which would ask for identity.
type Stanza struct {
	_     [0]func()
	parts *parts
}

// parts are what a stanza consists of. They do not change once a Stanza has
// them.
type parts struct {
	header   Header
	content  string
	children int
	payload  Name
}

// nothing is what the zero Stanza consists of.
var nothing parts

func (s Stanza) get() *parts {
	if s.parts == nil {
		return &nothing
	}
	return s.parts
}

// Name is the name of an element: its namespace and its local name.
type Name struct {
	Space string
	Local string
}

// New returns a stanza with the given header and content. The content is
// trusted: it must be well-formed, as if it stood in a jabber:client stream.
// It is meant for constants of the program, such as
// `<ping xmlns="urn:xmpp:ping"/>`; New panics if the content is not well-formed.
func New(h Header, content string) Stanza {
	if content == "" {
		return Stanza{parts: &parts{header: h}}
	}
	checked, err := Parse([]byte("<" + string(h.Kind) + ">" + content + "</" + string(h.Kind) + ">"))
	if err != nil {
		panic("stanza: content of the program's own is wrong: " + err.Error())
	}
	return checked.With(h)
}

// IsZero reports whether s is no stanza at all.
func (s Stanza) IsZero() bool { return s.Kind() == "" }

// Header returns what the start tag says.
func (s Stanza) Header() Header { return s.get().header }

// Kind returns message, presence or iq.
func (s Stanza) Kind() Kind { return s.get().header.Kind }

// Type returns the type attribute, empty if there is none.
func (s Stanza) Type() Type { return s.get().header.Type }

// ID returns the id attribute, empty if there is none.
func (s Stanza) ID() string { return s.get().header.ID }

// From returns the sender, the zero JID if none is given.
func (s Stanza) From() jid.JID { return s.get().header.From }

// To returns the addressee, the zero JID if none is given.
func (s Stanza) To() jid.JID { return s.get().header.To }

// Lang returns the xml:lang attribute, empty if there is none.
func (s Stanza) Lang() string { return s.get().header.Lang }

// Content returns the XML between the start tag and the end tag.
func (s Stanza) Content() string { return s.get().content }

// Children returns how many child elements the stanza has.
func (s Stanza) Children() int { return s.get().children }

// Payload returns the name of the first child element, the zero Name if there
// is none. For an IQ that is what is asked or answered (RFC 6120 §8.2.3).
func (s Stanza) Payload() Name { return s.get().payload }

// IsRequest reports whether s is an iq of type get or set, which someone must
// answer exactly once.
func (s Stanza) IsRequest() bool {
	h := &s.get().header
	return h.Kind == IQ && (h.Type == Get || h.Type == Set)
}

// IsAnswer reports whether s is an iq of type result or error.
func (s Stanza) IsAnswer() bool {
	h := &s.get().header
	return h.Kind == IQ && (h.Type == Result || h.Type == TypeError)
}

// With returns the same content under another header.
func (s Stanza) With(h Header) Stanza {
	p := *s.get()
	p.header = h
	return Stanza{parts: &p}
}

// AppendXML appends the whole stanza to dst and returns the extended slice.
// The root has no namespace declaration and no prefix.
func (s Stanza) AppendXML(dst []byte) []byte {
	p := s.get()
	h := &p.header
	dst = append(dst, '<')
	dst = append(dst, h.Kind...)
	dst = appendAttr(dst, ` type="`, string(h.Type))
	dst = appendAttr(dst, ` id="`, h.ID)
	dst = appendAttr(dst, ` from="`, h.From.String())
	dst = appendAttr(dst, ` to="`, h.To.String())
	dst = appendAttr(dst, ` xml:lang="`, h.Lang)
	if p.content == "" {
		return append(dst, '/', '>')
	}
	dst = append(dst, '>')
	dst = append(dst, p.content...)
	dst = append(dst, '<', '/')
	dst = append(dst, h.Kind...)
	return append(dst, '>')
}

// appendAttr appends an attribute, opened by its name and quote, unless its
// value is empty.
func appendAttr(dst []byte, open, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(dst, open...)
	dst = element.AppendAttr(dst, value)
	return append(dst, '"')
}

// FitsIn reports whether AppendXML writes at most limit bytes.
func (s Stanza) FitsIn(limit int) bool {
	p := s.get()
	h := &p.header
	values := len(h.Type) + len(h.ID) + len(h.From.String()) + len(h.To.String()) + len(h.Lang)
	const names, widest = 80, 6 // bytes of the fixed parts of the tags; of the longest reference, &quot;
	if len(p.content)+names+widest*values <= limit {
		return true
	}
	return len(s.XML()) <= limit
}

// XML returns the whole stanza, as AppendXML writes it.
func (s Stanza) XML() []byte {
	return s.AppendXML(make([]byte, 0, len(s.get().content)+256))
}

// String returns the whole stanza as XML. It is for tests and for logs at
// debug level.
func (s Stanza) String() string { return string(s.XML()) }
