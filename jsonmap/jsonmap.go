package jsonmap

import (
	"bytes"
	"slices"
	"unicode/utf8"

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
	// Ask says that the iq is to change nothing, as far as the document does not give its
	// type. mod_rest's archive and command are sets nevertheless.
	Ask bool

	otherwise stanza.Kind // where nothing tells the kind; empty: message
}

// Parse reads a stanza from a JSON document. Errors are *stanza.Refusal; its
// Place names the member that is wrong.
func Parse(doc []byte, e Envelope, p Profile) (stanza.Stanza, error) {
	if e.Field != "" && e.asksFlag() && len(bytes.TrimSpace(doc)) == 0 {
		doc = []byte("{}")
	}
	d, err := parseJSON(doc)
	if err != nil {
		return stanza.Stanza{}, err
	}
	defer d.release()
	return e.build(d, p)
}

// ParseForm is Parse for the fields of a form (application/x-www-form-urlencoded):
// a flat object whose numbers and booleans are written as text.
func ParseForm(doc []byte, e Envelope, p Profile) (stanza.Stanza, error) {
	d, err := parseForm(doc)
	if err != nil {
		return stanza.Stanza{}, err
	}
	return e.build(d, p)
}

// ParseCBOR is Parse for the same object in CBOR (RFC 8949). Members are taken in the
// order of their names.
func ParseCBOR(doc []byte, e Envelope, p Profile) (stanza.Stanza, error) {
	if e.Field != "" && e.asksFlag() && len(doc) == 0 {
		doc = []byte{cborMap}
	}
	d, err := parseCBOR(doc)
	if err != nil {
		return stanza.Stanza{}, err
	}
	return e.build(d, p)
}

// ParseText makes a stanza of a text: the value of the one member. What XML can't carry
// is refused.
func ParseText(doc []byte, member string, e Envelope) (stanza.Stanza, error) {
	if !utf8.Valid(doc) {
		return stanza.Stanza{}, &stanza.Refusal{Reason: stanza.NotWellFormed, Text: "the text is not UTF-8"}
	}
	d := &document{values: []value{{kind: object}}}
	d.add(0, value{kind: text, key: member, text: string(doc)})
	return e.build(d, Full)
}

// Replies are the stanzas of a document that answers another stanza.
type Replies struct {
	Stanzas []stanza.Stanza
	// Wrapped says that the document is a list, each of whose stanzas may have a to of
	// its own. The addresses of a stanza that stands alone are neither checked nor kept.
	Wrapped bool
}

// MaxReplies is the largest number of stanzas in a list.
const MaxReplies = 64

// ParseReplies reads what answers a stanza of a kind: one stanza, or {"xmpp":[…]}. Where
// nothing tells the kind of a stanza it is that one; of a stanza in the list with a to of
// its own, message. From is not kept. A message without content is refused. Errors are
// *stanza.Refusal.
func ParseReplies(doc []byte, kind stanza.Kind, p Profile) (Replies, error) {
	d, err := parseJSON(doc)
	if err != nil {
		return Replies{}, err
	}
	defer d.release()
	return buildReplies(d, kind, p)
}

// ParseRepliesForm is ParseReplies for the fields of a form, which hold one stanza.
func ParseRepliesForm(doc []byte, kind stanza.Kind, p Profile) (Replies, error) {
	d, err := parseForm(doc)
	if err != nil {
		return Replies{}, err
	}
	return buildReplies(d, kind, p)
}

// ParseRepliesCBOR is ParseReplies for CBOR.
func ParseRepliesCBOR(doc []byte, kind stanza.Kind, p Profile) (Replies, error) {
	d, err := parseCBOR(doc)
	if err != nil {
		return Replies{}, err
	}
	return buildReplies(d, kind, p)
}

// QueryFields returns the members of an iq that can stand in a path, as the whole
// of what is asked, sorted: those that can be the one payload of a request.
func QueryFields() []string {
	var names []string
	for _, f := range tables.iq.fields {
		if f.place != AsHeader && !f.aside && f.about != answerOnly {
			names = append(names, f.name)
		}
	}
	slices.Sort(names)
	return names
}
