package gateway

import (
	"fmt"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// Form is the form of an address: which of its parts are there.
type Form string

// The forms. An address without a local part is of the form host, with or
// without a resource.
const (
	Bare Form = "bare" // local@domain
	Full Form = "full" // local@domain/resource
	Host Form = "host" // domain, domain/resource
)

// FormOf returns the form of an address.
func FormOf(j jid.JID) Form {
	switch {
	case j.Local() == "":
		return Host
	case j.Resource() == "":
		return Bare
	}
	return Full
}

// Filter says which inbound stanzas go to the receiver: those of the kinds
// named, addressed in one of the forms named. The zero value lets everything
// through.
type Filter struct {
	kinds map[stanza.Kind]bool
	forms map[Form]bool
}

// NewFilter returns a filter; an empty list stands for all. Unknown words are
// an error.
func NewFilter(kinds, forms []string) (Filter, error) {
	var f Filter
	for _, k := range kinds {
		switch kind := stanza.Kind(k); kind {
		case stanza.Message, stanza.Presence, stanza.IQ:
			if f.kinds == nil {
				f.kinds = map[stanza.Kind]bool{}
			}
			f.kinds[kind] = true
		default:
			return Filter{}, fmt.Errorf("unknown kind of stanza %q", k)
		}
	}
	for _, w := range forms {
		switch form := Form(w); form {
		case Bare, Full, Host:
			if f.forms == nil {
				f.forms = map[Form]bool{}
			}
			f.forms[form] = true
		default:
			return Filter{}, fmt.Errorf("unknown form of address %q", w)
		}
	}
	return f, nil
}

// Passes reports whether st goes to the receiver.
func (f Filter) Passes(st stanza.Stanza) bool {
	return (f.kinds == nil || f.kinds[st.Kind()]) && (f.forms == nil || f.forms[FormOf(st.To())])
}
