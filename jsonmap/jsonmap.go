package jsonmap

import (
	"errors"

	"github.com/restanza/restanza/stanza"
)

// Profile chooses between mod_rest's mapping and the complete one.
type Profile bool

// The profiles.
const (
	Full   Profile = false // nothing is lost; unknown members are refused
	Strict Profile = true  // mod_rest's: no GenericKey; unknown members are ignored
)

// Envelope is what is known about a stanza from outside of its document: from the
// path of an HTTP request. It goes before what the document says.
type Envelope struct {
	Kind  stanza.Kind // empty: the document tells
	Type  stanza.Type // empty: the document tells
	To    string      // empty: the document tells
	Field string      // not empty: the whole document is the value of that member of an iq
}

// errLater is what stands here until there is a mapping.
var errLater = errors.New("jsonmap: not there yet")

// Parse reads a stanza from a JSON document. Errors are *stanza.Refusal; its
// Place names the member that is wrong.
func Parse(doc []byte, e Envelope, p Profile) (stanza.Stanza, error) {
	return stanza.Stanza{}, errLater
}

// ParseForm is Parse for the fields of a form (application/x-www-form-urlencoded):
// a flat object whose numbers and booleans are written as text.
func ParseForm(doc []byte, e Envelope, p Profile) (stanza.Stanza, error) {
	return stanza.Stanza{}, errLater
}

// ParseCBOR is Parse for the same object in CBOR.
func ParseCBOR(doc []byte, e Envelope, p Profile) (stanza.Stanza, error) {
	return stanza.Stanza{}, errLater
}

// ParseReplies reads what answers another stanza: one stanza, whose addresses are
// neither checked nor kept, or {"xmpp":[…]}, in which each may have a to of its
// own; from is not kept.
func ParseReplies(doc []byte, p Profile) ([]stanza.Stanza, error) {
	return nil, errLater
}

// ParseRepliesCBOR is ParseReplies for CBOR.
func ParseRepliesCBOR(doc []byte, p Profile) ([]stanza.Stanza, error) {
	return nil, errLater
}

// Append appends the JSON object of a stanza.
func Append(dst []byte, st stanza.Stanza, p Profile) []byte { return dst }

// AppendForm appends the members of a stanza's object that a form can hold:
// strings, numbers and trues at the top level.
func AppendForm(dst []byte, st stanza.Stanza) []byte { return dst }

// AppendCBOR appends the object of a stanza in CBOR.
func AppendCBOR(dst []byte, st stanza.Stanza, p Profile) []byte { return dst }
