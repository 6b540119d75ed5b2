package restanza

import (
	"time"

	"github.com/restanza/restanza/callback"
	"github.com/restanza/restanza/httpd"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// Direction says which way the stanza of an Exchange went.
type Direction string

// The directions, seen from XMPP.
const (
	Outbound Direction = "out" // a caller's, to the XMPP server
	Inbound  Direction = "in"  // from the XMPP server
)

// Exchange is a stanza that went through the gateway, and what came of it: the
// unit in which its traffic is watched. Each stanza is in one Exchange only: the
// answer to a caller's IQ is in that of the IQ, and a reply in that of the stanza
// that it answers.
type Exchange struct {
	Component jid.JID   // zero: the caller's credential is not known
	Direction Direction // of Stanza; Answer went the other way
	At        time.Time // when it ended

	// Stanza is zero for a request that was refused before there was one. An
	// outbound one is as its caller sent it, with the sender that his credential
	// implies; it may lack an id.
	Stanza stanza.Stanza
	Answer stanza.Stanza // zero if there is none
	// More were sent after Answer, because the callback answered with a list. Each may
	// have gone to somebody else.
	More []stanza.Stanza

	// Status is that of the response to the caller's POST, or of the callback's
	// answer. 0: there was none, because nothing was asked by HTTP or nobody
	// answered. 499: the caller hung up.
	Status int
	Took   time.Duration // 0: the gateway answered by itself, at once
	Err    error         // why there is no answer, or none that can be used; may hold what is not for callers
}

// watchDoor returns what tells f about callers' requests; nil for a nil f.
func watchDoor(f func(Exchange)) func(httpd.Exchange) {
	if f == nil {
		return nil
	}
	return func(x httpd.Exchange) {
		f(Exchange{
			Component: x.Component, Direction: Outbound, At: time.Now(),
			Stanza: x.Stanza, Answer: x.Answer, Status: x.Status, Took: x.Took, Err: x.Err,
		})
	}
}

// watchCallback returns what tells f about a component's callbacks; nil for a
// nil f.
func watchCallback(domain jid.JID, f func(Exchange)) func(callback.Exchange) {
	if f == nil {
		return nil
	}
	return func(x callback.Exchange) {
		f(Exchange{
			Component: domain, Direction: Inbound, At: time.Now(),
			Stanza: x.Stanza, Answer: x.Reply, More: x.More, Status: x.Status, Took: x.Took, Err: x.Err,
		})
	}
}

// watchAnswers returns what tells f about stanzas that a component, or its
// built-in receiver, answered by itself; nil for a nil f.
func watchAnswers(domain jid.JID, f func(Exchange)) func(st, answer stanza.Stanza) {
	if f == nil {
		return nil
	}
	return func(st, answer stanza.Stanza) {
		f(Exchange{Component: domain, Direction: Inbound, At: time.Now(), Stanza: st, Answer: answer})
	}
}
