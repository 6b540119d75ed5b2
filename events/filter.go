package events

import (
	"slices"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// Filter says which events a reader gets: those that fit all that is given. The zero
// value lets everything through.
type Filter struct {
	Identity  jid.JID       // whose: the own address is one that it covers (jid.JID.Covers)
	Direction Direction     // empty: both
	Kinds     []stanza.Kind // empty: all
	Types     []stanza.Type // empty: all. stanza.Normal stands for messages without a type, too, and Available for such presence
	From, To  jid.JID       // an address, a bare one for all its resources, a domain for all in it
}

// Passes reports whether an event passes.
func (f *Filter) Passes(e *Event) bool {
	return (f.Direction == "" || f.Direction == e.Direction) &&
		(f.Identity.IsZero() || f.Identity.Covers(e.Own())) &&
		(len(f.Kinds) == 0 || slices.Contains(f.Kinds, e.Stanza.Kind())) &&
		(len(f.Types) == 0 || slices.Contains(f.Types, typeOf(e.Stanza))) &&
		within(e.Stanza.From(), f.From) && within(e.Stanza.To(), f.To)
}

// Available is the type of a presence that has none (RFC 6121 §4.7.1).
const Available stanza.Type = "available"

func typeOf(st stanza.Stanza) stanza.Type {
	switch {
	case st.Type() != "":
		return st.Type()
	case st.Kind() == stanza.Presence:
		return Available
	}
	return stanza.Normal
}

// passesOne reports whether one of some events passes.
func (f *Filter) passesOne(list []*Event) bool { return slices.ContainsFunc(list, f.Passes) }

// within reports whether a is what was asked for, or in it.
func within(a, asked jid.JID) bool { return asked.IsZero() || asked.Covers(a) }
