package stanza

import (
	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/jid"
)

// NSStanzas is the namespace of stanza error conditions (RFC 6120 §8.3.3).
const NSStanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"

// ErrorType says what the sender of a refused stanza can do (RFC 6120 §8.3.2).
type ErrorType string

// The error types.
const (
	Auth     ErrorType = "auth"     // try again with credentials
	Cancel   ErrorType = "cancel"   // do not try again
	Continue ErrorType = "continue" // go on, this was only a warning
	Modify   ErrorType = "modify"   // try again with other data
	Wait     ErrorType = "wait"     // try again later
)

// Condition is a defined stanza error condition (RFC 6120 §8.3.3).
type Condition string

// The conditions of RFC 6120 §8.3.3.1 to §8.3.3.22, and payment-required, which
// RFC 3920 had and which servers still send.
const (
	BadRequest            Condition = "bad-request"
	Conflict              Condition = "conflict"
	FeatureNotImplemented Condition = "feature-not-implemented"
	Forbidden             Condition = "forbidden"
	Gone                  Condition = "gone"
	InternalServerError   Condition = "internal-server-error"
	ItemNotFound          Condition = "item-not-found"
	JIDMalformed          Condition = "jid-malformed"
	NotAcceptable         Condition = "not-acceptable"
	NotAllowed            Condition = "not-allowed"
	NotAuthorized         Condition = "not-authorized"
	PaymentRequired       Condition = "payment-required"
	PolicyViolation       Condition = "policy-violation"
	RecipientUnavailable  Condition = "recipient-unavailable"
	Redirect              Condition = "redirect"
	RegistrationRequired  Condition = "registration-required"
	RemoteServerNotFound  Condition = "remote-server-not-found"
	RemoteServerTimeout   Condition = "remote-server-timeout"
	ResourceConstraint    Condition = "resource-constraint"
	ServiceUnavailable    Condition = "service-unavailable"
	SubscriptionRequired  Condition = "subscription-required"
	UndefinedCondition    Condition = "undefined-condition"
	UnexpectedRequest     Condition = "unexpected-request"
)

// Conditions returns the closed set of defined conditions.
func Conditions() []Condition {
	return []Condition{
		BadRequest, Conflict, FeatureNotImplemented, Forbidden, Gone, InternalServerError, ItemNotFound,
		JIDMalformed, NotAcceptable, NotAllowed, NotAuthorized, PaymentRequired, PolicyViolation,
		RecipientUnavailable, Redirect, RegistrationRequired, RemoteServerNotFound, RemoteServerTimeout,
		ResourceConstraint, ServiceUnavailable, SubscriptionRequired, UndefinedCondition, UnexpectedRequest,
	}
}

// Error is a stanza error (RFC 6120 §8.3): why a stanza was not delivered or a
// request not fulfilled.
type Error struct {
	Type      ErrorType
	Condition Condition
	Text      string  // in words, for people; may be empty
	By        jid.JID // who says so, if not the addressee; usually zero
}

// Error returns the condition, and the text if there is one.
func (e *Error) Error() string {
	if e.Text == "" {
		return string(e.Condition)
	}
	return string(e.Condition) + ": " + e.Text
}

// appendXML appends the error element.
func (e *Error) appendXML(dst []byte) []byte {
	dst = append(dst, "<error"...)
	dst = appendAttr(dst, ` type="`, string(e.Type))
	dst = appendAttr(dst, ` by="`, e.By.String())
	dst = append(dst, "><"...)
	dst = append(dst, e.Condition...)
	dst = append(dst, ` xmlns="`+NSStanzas+`"/>`...)
	if e.Text != "" {
		dst = append(dst, `<text xmlns="`+NSStanzas+`">`...)
		dst = element.AppendText(dst, e.Text)
		dst = append(dst, "</text>"...)
	}
	return append(dst, "</error>"...)
}

// Escape returns text as the content of an element, for New: markup characters
// become references, and what XML forbids becomes U+FFFD.
func Escape(text string) string { return string(element.AppendText(nil, text)) }
