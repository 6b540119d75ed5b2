package format

import (
	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

// Format is one way of writing stanzas into bodies. Formats are compared by
// identity and may be used concurrently.
type Format struct {
	// Name is the short word for it in configurations: xml, json, form, text, cbor.
	Name string
	// MediaType is in lower case, without parameters.
	MediaType string
	// ContentType is the header field of what is written, as a slice that all
	// share: nobody changes it.
	ContentType []string
	// Explicit says that a body in this format is always meant as a stanza. Text,
	// forms and JSON are also what error pages are written in.
	Explicit bool

	parse   func(doc []byte, e jsonmap.Envelope) (stanza.Stanza, error)
	replies func(doc []byte, kind stanza.Kind) (jsonmap.Replies, error)
	write   func(dst []byte, st stanza.Stanza) []byte
	wrapper Wrapper
}

// Wrapper is how several stanzas are written as one body: Open, the stanzas with
// Between between them, and Close. The zero Wrapper: the format has none.
type Wrapper struct{ Open, Between, Close string }

// Parse reads the stanza in the body of a request. The envelope is what its path
// says. The result shares no memory with doc. Errors are *stanza.Refusal.
func (f *Format) Parse(doc []byte, e jsonmap.Envelope) (stanza.Stanza, error) {
	return f.parse(doc, e)
}

// ParseReplies reads what the body of an answer holds: nothing, one stanza, or several in
// a wrapper. Kind is that of the stanza answered, and of a reply that does not tell its
// own. Errors are *stanza.Refusal.
func (f *Format) ParseReplies(doc []byte, kind stanza.Kind) (jsonmap.Replies, error) {
	return f.replies(doc, kind)
}

// Append appends a stanza as a body to dst. A format that can't express all of it
// leaves out the rest: text is the body of a message and nothing else.
func (f *Format) Append(dst []byte, st stanza.Stanza) []byte { return f.write(dst, st) }

// Wrapper returns how several stanzas are written as one body.
func (f *Format) Wrapper() Wrapper { return f.wrapper }

// Strict returns the format without what mod_rest's mapping does not have, the same
// format if that makes no difference.
func (f *Format) Strict() *Format {
	switch f {
	case JSON:
		return StrictJSON
	case Form:
		return StrictForm
	case CBOR:
		return StrictCBOR
	}
	return f
}

// IsForm reports whether f is Form or StrictForm.
func (f *Format) IsForm() bool { return f == Form || f == StrictForm }

// All returns the formats in the order in which they are preferred. The strict
// ones, which have the same media types, are not among them.
func All() []*Format { return []*Format{XML, JSON, Form, Text, CBOR} }
