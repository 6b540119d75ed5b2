package access

import (
	"net/netip"
	"slices"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// Right is something that a credential may do. The set is closed.
type Right string

// The rights.
const (
	Send    Right = "send"    // messages and presence, and see what became of those that were queued
	Receive Right = "receive" // read what comes in, and answer questions that do
	IQ      Right = "iq"      // ask questions, of archives too, and answer them
	Admin   Right = "admin"   // operate: undelivered stanzas, tokens
)

// Rights returns all rights.
func Rights() []Right { return []Right{Send, Receive, IQ, Admin} }

// Usual returns the rights of a credential of which nothing else is said: all but Admin.
func Usual() []Right { return []Right{Send, Receive, IQ} }

// Kinds returns the kinds of stanza.
func Kinds() []stanza.Kind { return []stanza.Kind{stanza.Message, stanza.Presence, stanza.IQ} }

// Scope is what a credential may do. It is not changed once it is in use.
type Scope struct {
	Rights   []Right
	To       []Pattern      // destinations of what is sent; none: all
	Kinds    []stanza.Kind  // of what is sent and received; none: all
	Expires  time.Time      // zero: never
	Networks []netip.Prefix // where its user is; none: anywhere
	Rate     Rate
}

// Lack is what a credential would need and has not. One of its fields is set.
type Lack struct {
	Right Right
	Kind  stanza.Kind
	To    *jid.JID // zero: there is no destination
}

// Has returns nil if the scope has a right.
func (s *Scope) Has(r Right) *Lack {
	if slices.Contains(s.Rights, r) {
		return nil
	}
	return lacksRight(r)
}

//go:noinline
func lacksRight(r Right) *Lack { return &Lack{Right: r} }

// MaySend returns nil if a stanza may be sent. The answer to a question goes to nobody but who has
// asked, so that it is not bound to the destinations.
func (s *Scope) MaySend(st stanza.Stanza) *Lack {
	kind, answer := st.Kind(), st.Kind() == stanza.IQ && !st.IsRequest()
	right := Send
	if kind == stanza.IQ {
		right = IQ
	}
	switch {
	case !slices.Contains(s.Rights, right) && (!answer || !slices.Contains(s.Rights, Receive)):
		return lacksRight(right)
	case len(s.Kinds) > 0 && !slices.Contains(s.Kinds, kind):
		return lacksKind(kind)
	case len(s.To) > 0 && !answer && !s.reaches(st.To()):
		return lacksTo(st.To())
	}
	return nil
}

//go:noinline
func lacksTo(to jid.JID) *Lack { return &Lack{To: &to} }

func (s *Scope) reaches(to jid.JID) bool {
	for _, p := range s.To {
		if p.Matches(to) {
			return true
		}
	}
	return false
}

// MayReceive returns nil if stanzas of some kinds may be received; none stand for those that may.
func (s *Scope) MayReceive(kinds []stanza.Kind) *Lack {
	if l := s.Has(Receive); l != nil {
		return l
	}
	for _, k := range kinds {
		if len(s.Kinds) > 0 && !slices.Contains(s.Kinds, k) {
			return lacksKind(k)
		}
	}
	return nil
}

//go:noinline
func lacksKind(k stanza.Kind) *Lack { return &Lack{Kind: k} }

// Expired reports whether the time of the scope is over.
func (s *Scope) Expired(now time.Time) bool { return !s.Expires.IsZero() && !now.Before(s.Expires) }

// From reports whether the scope may be used from an address, which is valid or the zero value.
func (s *Scope) From(a netip.Addr) bool {
	if len(s.Networks) == 0 {
		return true
	}
	a = a.Unmap().WithZone("")
	for _, n := range s.Networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}
