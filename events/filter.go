package events

import (
	"encoding/json"
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

	// Watch says that the reader only looks on: whoever writes to the component must not believe
	// that it receives anything. It lets through as much as without, see Log.Attended.
	Watch bool
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

// filterText is how a filter is kept.
type filterText struct {
	Identity  string        `json:"identity,omitempty"`
	Direction Direction     `json:"direction,omitempty"`
	Kinds     []stanza.Kind `json:"kinds,omitempty"`
	Types     []stanza.Type `json:"types,omitempty"`
	From      string        `json:"from,omitempty"`
	To        string        `json:"to,omitempty"`
}

// text returns a form of the filter in which equal filters are equal.
func (f *Filter) text() string {
	doc := filterText{f.Identity.String(), f.Direction, slices.Clone(f.Kinds), slices.Clone(f.Types), f.From.String(), f.To.String()}
	slices.Sort(doc.Kinds)
	slices.Sort(doc.Types)
	text, err := json.Marshal(doc)
	if err != nil {
		panic("events: a filter has no JSON form: " + err.Error()) // strings always have
	}
	return string(text)
}

// parseFilter is the inverse of text.
func parseFilter(text string) (f Filter, err error) {
	var doc filterText
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return f, err
	}
	f = Filter{Direction: doc.Direction, Kinds: doc.Kinds, Types: doc.Types}
	for _, a := range []struct {
		text string
		to   *jid.JID
	}{{doc.Identity, &f.Identity}, {doc.From, &f.From}, {doc.To, &f.To}} {
		if a.text == "" {
			continue
		}
		if *a.to, err = jid.ParseRouted(a.text); err != nil {
			return f, err
		}
	}
	return f, nil
}
