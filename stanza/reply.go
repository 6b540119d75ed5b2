package stanza

// Result returns the answer to the request s: an iq of type result with the
// same id, from s's addressee to its sender. The content is trusted, as in New.
func (s Stanza) Result(content string) Stanza {
	return New(s.backwards(Result), content)
}

// ErrorReply returns e as the answer to s: the same kind and id, from s's
// addressee to its sender, with the error as its only child. It returns false
// for what must never be answered with an error, so that no two entities can
// answer each other for ever: errors, and iq results (RFC 6120 §8.3.1).
func (s Stanza) ErrorReply(e *Error) (Stanza, bool) {
	if !s.Answerable() {
		return Stanza{}, false
	}
	return Stanza{parts: &parts{
		header:   s.backwards(TypeError),
		content:  string(e.appendXML(nil)),
		children: 1,
		payload:  Name{NSClient, "error"},
	}}, true
}

// Answerable reports whether s may be answered at all: it is neither an error
// nor an iq result, and it says whom to answer.
func (s Stanza) Answerable() bool {
	h := &s.get().header
	return h.Type != TypeError && (h.Kind != IQ || h.Type != Result) && !h.From.IsZero()
}

// backwards returns the header of an answer of the given type to s.
func (s Stanza) backwards(t Type) Header {
	h := &s.get().header
	return Header{Kind: h.Kind, Type: t, ID: h.ID, From: h.To, To: h.From}
}
