package stream

import (
	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/stanza"
)

// Namespaces of the stream itself.
const (
	NSStreams      = "http://etherx.jabber.org/streams"     // RFC 6120 §4.8.1
	NSStreamErrors = "urn:ietf:params:xml:ns:xmpp-streams"  // RFC 6120 §4.9.2
	nsXML          = "http://www.w3.org/XML/1998/namespace" // Namespaces in XML 1.0 §3
)

// Condition is a defined stream error condition (RFC 6120 §4.9.3).
type Condition string

// The conditions of RFC 6120 §4.9.3.
const (
	BadFormat              Condition = "bad-format"
	BadNamespacePrefix     Condition = "bad-namespace-prefix"
	Conflict               Condition = "conflict"
	ConnectionTimeout      Condition = "connection-timeout"
	HostGone               Condition = "host-gone"
	HostUnknown            Condition = "host-unknown"
	ImproperAddressing     Condition = "improper-addressing"
	InternalServerError    Condition = "internal-server-error"
	InvalidFrom            Condition = "invalid-from"
	InvalidNamespace       Condition = "invalid-namespace"
	InvalidXML             Condition = "invalid-xml"
	NotAuthorized          Condition = "not-authorized"
	NotWellFormed          Condition = "not-well-formed"
	PolicyViolation        Condition = "policy-violation"
	RemoteConnectionFailed Condition = "remote-connection-failed"
	Reset                  Condition = "reset"
	ResourceConstraint     Condition = "resource-constraint"
	RestrictedXML          Condition = "restricted-xml"
	SeeOtherHost           Condition = "see-other-host"
	SystemShutdown         Condition = "system-shutdown"
	UndefinedCondition     Condition = "undefined-condition"
	UnsupportedEncoding    Condition = "unsupported-encoding"
	UnsupportedFeature     Condition = "unsupported-feature"
	UnsupportedStanzaType  Condition = "unsupported-stanza-type"
	UnsupportedVersion     Condition = "unsupported-version"
)

// Conditions returns the closed set of defined conditions.
func Conditions() []Condition {
	return []Condition{
		BadFormat, BadNamespacePrefix, Conflict, ConnectionTimeout, HostGone, HostUnknown, ImproperAddressing,
		InternalServerError, InvalidFrom, InvalidNamespace, InvalidXML, NotAuthorized, NotWellFormed,
		PolicyViolation, RemoteConnectionFailed, Reset, ResourceConstraint, RestrictedXML, SeeOtherHost,
		SystemShutdown, UndefinedCondition, UnsupportedEncoding, UnsupportedFeature, UnsupportedStanzaType,
		UnsupportedVersion,
	}
}

// Error is a stream error (RFC 6120 §4.9): the peer's reason for ending the
// stream, or ours. A stream error is never recovered from; the stream is over.
type Error struct {
	Condition    Condition
	Text         string      // in words, for people; may be empty
	AppCondition stanza.Name // an application-specific condition; the zero Name if there is none
}

// Error returns the condition, and the text if there is one.
func (e *Error) Error() string {
	if e.Text == "" {
		return "stream error " + string(e.Condition)
	}
	return "stream error " + string(e.Condition) + ": " + e.Text
}

// Fault says that the peer broke the rules of XML streams. The stream cannot
// be read on; Condition is what to tell the peer before closing.
type Fault struct {
	Condition Condition
	Err       error // what is wrong, and where if that is known
}

// Error returns what is wrong.
func (f *Fault) Error() string { return "bad stream: " + f.Err.Error() }

// Unwrap returns the error behind the fault, often an *element.SyntaxError.
func (f *Fault) Unwrap() error { return f.Err }

// readError reads a stream's <error/> element. A condition outside the defined
// ones, or a missing one, reads as undefined-condition.
func readError(el *element.Element) *Error {
	e := &Error{Condition: UndefinedCondition}
	for i := range el.Children {
		c := &el.Children[i]
		switch {
		case element.Unescape(c.Space) != NSStreamErrors:
			if e.AppCondition.Local == "" {
				e.AppCondition = stanza.Name{Space: element.Unescape(c.Space), Local: string(c.Local)}
			}
		case string(c.Local) == "text":
			e.Text = element.Text(c.Raw)
		default:
			if condition, ok := conditionOf(c.Local); ok {
				e.Condition = condition
			}
		}
	}
	return e
}

// conditionOf returns the condition that an element's name stands for.
func conditionOf(local []byte) (Condition, bool) {
	if string(local) == "xml-not-well-formed" { // RFC 3920 §4.7.3, still sent
		return NotWellFormed, true
	}
	for _, c := range Conditions() {
		if string(local) == string(c) {
			return c, true
		}
	}
	return "", false
}
