package devhost

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// Limits of what is remembered for presence.
const (
	maxDirected = 200 // of a client: whom it has sent presence itself
	maxWatchers = 200 // of an account: subscribers at components

	maxPresence = 8 << 10 // bytes of presence for everybody: it is kept, and all of it told at once to who comes
)

// show handles a client's presence: for everybody, or for somebody.
func (s *session) show(st stanza.Stanza) {
	switch {
	case !st.To().IsZero():
		s.showTo(st)
	case st.Type() == "":
		s.appear(st)
	case st.Type() == stanza.Unavailable:
		s.hide(st)
	case st.Type() != stanza.TypeError:
		s.refuseLocked(st, stanza.Modify, stanza.BadRequest, "presence of that type has an addressee")
	}
}

// refuseLocked answers a stanza with an error. A client that is gone needs none.
func (s *session) refuseLocked(st stanza.Stanza, t stanza.ErrorType, c stanza.Condition, text string) {
	if reply, ok := st.ErrorReply(&stanza.Error{Type: t, Condition: c, Text: text}); ok {
		s.host.give(s, reply)
	}
}

// appear makes a client available, or changes how it is (RFC 6121 §4.2, §4.4).
func (s *session) appear(st stanza.Stanza) {
	if !st.FitsIn(maxPresence) {
		s.refuseLocked(st, stanza.Modify, stanza.PolicyViolation, fmt.Sprintf("presence may have at most %d bytes", maxPresence))
		return
	}
	first, wasWilling := !s.available, s.available && s.priority >= 0
	s.available, s.priority, s.presence = true, priorityOf(st), st
	s.host.spread(s, st)
	if first {
		s.greet()
	}
	if s.priority >= 0 && !wasWilling {
		s.host.handOver(s)
	}
}

// hide makes a client unavailable (RFC 6121 §4.5), also for those whom it has
// sent presence itself.
func (s *session) hide(st stanza.Stanza) {
	if s.available {
		s.available, s.presence = false, stanza.Stanza{}
		s.host.spread(s, st)
	}
	directed := s.directed
	s.directed = nil
	for address := range directed {
		s.host.route(to(st, address))
	}
}

// spread tells everybody about a client: all are subscribed to all.
func (h *Host) spread(s *session, st stanza.Stanza) {
	many := len(h.conns) >= manySessions
	for _, who := range h.accounts {
		st = to(st, who.jid)
		for _, other := range who.sessions {
			switch {
			case !other.available:
			case many && other != s:
				other.out.addLater(st) //nolint:errcheck // a client that is gone needs no presence
			default:
				h.give(other, st)
			}
		}
	}
	for watcher := range s.account.watchers {
		h.route(to(st, watcher))
	}
}

// greet tells a client that has just become available who else is.
func (s *session) greet() {
	h := s.host
	for _, who := range h.accounts {
		for _, other := range who.sessions {
			if !other.available || other == s {
				continue
			}
			known := other.presence
			if s.out.isCrowded() { // that they are there must do: who comes can't have read anything yet
				known = presence("", other.self, jid.JID{})
			}
			h.give(s, to(known, s.self))
		}
	}
	for _, c := range h.bots {
		h.probeBot(c, s.self)
	}
}

// showTo handles presence of a client for somebody: it is remembered, so that
// he learns when the client is gone (RFC 6121 §4.6.2).
func (s *session) showTo(st stanza.Stanza) {
	address := st.To()
	switch st.Type() {
	case "":
		if address.DomainJID() == s.host.o.Domain {
			break // everybody there learns it anyway
		}
		if _, known := s.directed[address]; !known && len(s.directed) >= maxDirected {
			s.refuseLocked(st, stanza.Wait, stanza.ResourceConstraint, "you have sent presence to too many")
			return
		}
		if s.directed == nil {
			s.directed = map[jid.JID]struct{}{}
		}
		s.directed[address] = struct{}{}
	case stanza.Unavailable:
		delete(s.directed, address)
	case stanza.Subscribe, stanza.Subscribed, stanza.Unsubscribe, stanza.Unsubscribed: // RFC 6121 §3.1.2
		hd := st.Header()
		hd.From, hd.To = s.account.jid, address.Bare()
		st = st.With(hd)
	default:
	}
	s.host.route(st)
}

// routePresence takes presence for an account.
func (h *Host) routePresence(who *account, st stanza.Stanza) {
	switch st.Type() {
	case stanza.Subscribe:
		h.subscribe(who, st.From())
	case stanza.Unsubscribe:
		delete(who.watchers, st.From().Bare())
		h.route(presence(stanza.Unsubscribed, who.jid, st.From()))
	case stanza.Probe:
		h.tell(who, st.From())
	default:
		h.noteBot(st)
		h.deliverPresence(who, st)
	}
}

// deliverPresence gives presence to the clients that it is for.
func (h *Host) deliverPresence(who *account, st stanza.Stanza) {
	if st.To().Resource() != "" {
		if s := who.sessions[st.To()]; s != nil {
			h.give(s, st)
		}
		return
	}
	for _, s := range who.sessions {
		if s.available && st.Type() != stanza.TypeError {
			h.give(s, st)
		}
	}
}

// subscribe answers a request to be told of an account's presence: that is so
// already, and the answer says it (RFC 6121 §3.1.3). Who is at a component is
// told from now on.
func (h *Host) subscribe(who *account, from jid.JID) {
	watcher := from.Bare()
	if watcher.DomainJID() != h.o.Domain {
		if who.watchers == nil {
			who.watchers = map[jid.JID]struct{}{}
		}
		if _, known := who.watchers[watcher]; !known && len(who.watchers) >= maxWatchers {
			h.route(presence(stanza.Unsubscribed, who.jid, from))
			return
		}
		who.watchers[watcher] = struct{}{}
	}
	h.route(presence(stanza.Subscribed, who.jid, watcher))
	h.tell(who, watcher)
}

// tell sends somebody an account's presence (RFC 6121 §4.3.2).
func (h *Host) tell(who *account, address jid.JID) {
	some := false
	for _, s := range who.sessions {
		if s.available {
			some = true
			h.route(to(s.presence, address))
		}
	}
	if !some {
		h.route(presence(stanza.Unavailable, who.jid, address))
	}
}

// presence returns presence without content.
func presence(t stanza.Type, from, to jid.JID) stanza.Stanza {
	return stanza.New(stanza.Header{Kind: stanza.Presence, Type: t, From: from, To: to}, "")
}

// priorityOf returns the priority of a presence (RFC 6121 §4.7.2.3), 0 if none
// can be read.
func priorityOf(st stanza.Stanza) int8 {
	if !strings.Contains(st.Content(), "priority") {
		return 0
	}
	for _, c := range children(st.Content()) {
		if c.name == (stanza.Name{Space: stanza.NSClient, Local: "priority"}) {
			n, err := strconv.ParseInt(strings.TrimSpace(element.Text([]byte(c.raw))), 10, 8)
			if err == nil {
				return int8(n)
			}
		}
	}
	return 0
}
