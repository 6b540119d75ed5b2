package devhost

import (
	"strings"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// route gives a stanza with sender and addressee to whom it is for. Like all
// that touches the routing state it is called with the host's lock held, and
// calls nobody who might call back.
func (h *Host) route(st stanza.Stanza) {
	to := st.To()
	domain := to.DomainJID()
	if domain == h.o.Domain {
		h.routeLocal(st)
		return
	}
	if c := h.components[domain]; c != nil {
		h.routeComponent(c, st)
		return
	}
	if m := h.services[domain]; m != nil {
		if !m.put(st) {
			h.bounce(st, stanza.Wait, stanza.ResourceConstraint, domain.String()+" has too much to do")
		}
		return
	}
	if strings.HasSuffix(domain.Domain(), "."+h.o.Domain.Domain()) {
		h.bounce(st, stanza.Cancel, stanza.ItemNotFound, "there is no "+domain.Domain()+" on this host")
		return
	}
	h.bounce(st, stanza.Cancel, stanza.RemoteServerNotFound, "this host reaches no other servers")
}

// routeLocal routes what is for the host itself or for an account.
func (h *Host) routeLocal(st stanza.Stanza) {
	to := st.To()
	who := h.accounts[to.Bare()]
	switch {
	case to.Local() == "":
		h.receive(st)
	case who == nil:
		h.bounce(st, stanza.Cancel, stanza.ServiceUnavailable, "there is no such account")
	case st.Kind() == stanza.Message:
		h.routeMessage(who, st)
	case st.Kind() == stanza.Presence:
		h.routePresence(who, st)
	case to.Resource() == "":
		if st.IsRequest() {
			h.route(h.answer(st, nil, who))
		}
	default:
		s := who.sessions[to]
		if s == nil || !h.give(s, st) {
			h.bounce(st, stanza.Cancel, stanza.ServiceUnavailable, "")
		}
	}
}

// receive takes what is for the host itself.
func (h *Host) receive(st stanza.Stanza) {
	switch {
	case st.IsRequest():
		h.route(h.answer(st, nil, nil))
	case st.Kind() == stanza.Message:
		h.bounce(st, stanza.Cancel, stanza.ServiceUnavailable, "nobody reads what is sent to the host itself")
	}
}

// bounce answers a stanza with an error on behalf of its addressee, if it is one
// that may be answered. Presence is not answered: nobody waits for that.
func (h *Host) bounce(st stanza.Stanza, t stanza.ErrorType, c stanza.Condition, text string) {
	if st.Kind() == stanza.Presence {
		return
	}
	if reply, ok := st.ErrorReply(&stanza.Error{Type: t, Condition: c, Text: text}); ok {
		h.route(reply)
	}
}

// give writes a stanza to a client. It returns false if the client is gone.
func (h *Host) give(s *session, st stanza.Stanza) bool {
	if s.out.add(st) != nil {
		return false
	}
	h.noteCrowded(s.out)
	return true
}

// noteCrowded remembers an outbox that the sender of the stanza should wait
// for.
func (h *Host) noteCrowded(o *outbox) {
	if o.isCrowded() {
		h.crowded = o
	}
}

// to returns a stanza with another addressee.
func to(st stanza.Stanza, addressee jid.JID) stanza.Stanza {
	h := st.Header()
	h.To = addressee
	return st.With(h)
}
