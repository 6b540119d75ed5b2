package devhost

import (
	"strings"

	"github.com/restanza/restanza/stanza"
)

// say routes a client's message. One without an addressee is for the client's
// own account (RFC 6120 §10.3.1).
func (s *session) say(st stanza.Stanza) {
	if st.To().IsZero() {
		st = to(st, s.account.jid)
	}
	if st.To().Bare() != s.account.jid { // otherwise the others get it or a copy anyway
		s.host.copy(s.account, st, sent, func(other *session) bool { return other == s })
	}
	s.host.route(st)
}

// routeMessage delivers a message to an account's clients (RFC 6121 §8.5).
func (h *Host) routeMessage(who *account, st stanza.Stanza) {
	address := st.To()
	if address.Resource() != "" {
		if s := who.sessions[address]; s != nil && h.give(s, st) {
			h.copy(who, st, received, func(other *session) bool { return other == s })
			return
		}
		switch st.Type() {
		case stanza.Chat: // as if it were for the bare address
		case stanza.TypeError:
			return
		default:
			h.bounce(st, stanza.Cancel, stanza.ServiceUnavailable, "that client is not connected")
			return
		}
	}
	h.routeToBare(who, st)
}

// routeToBare delivers a message to the clients of an account that are most
// willing to take it, or keeps it.
func (h *Host) routeToBare(who *account, st stanza.Stanza) {
	switch st.Type() {
	case stanza.TypeError:
		return
	case stanza.Groupchat: // RFC 6121 §8.5.2.1.1
		h.bounce(st, stanza.Cancel, stanza.ServiceUnavailable, "")
		return
	default:
	}
	got := map[*session]bool{}
	for _, s := range who.willing() {
		if h.give(s, st) {
			got[s] = true
		}
	}
	switch {
	case len(got) > 0:
		h.copy(who, st, received, func(other *session) bool { return got[other] })
	case st.Type() != stanza.Headline:
		h.keepOffline(who, st)
	}
}

// willing returns the clients with the highest priority, if that is not
// negative.
func (a *account) willing() []*session {
	var best []*session
	for _, s := range a.sessions {
		switch {
		case !s.available || s.priority < 0:
		case len(best) == 0 || s.priority == best[0].priority:
			best = append(best, s)
		case s.priority > best[0].priority:
			best = append(best[:0], s)
		}
	}
	return best
}

// Namespaces of copies (XEP-0280, XEP-0297), of hints (XEP-0334), and of what
// rooms say to one occupant (XEP-0045).
const (
	nsCarbons = "urn:xmpp:carbons:2"
	nsForward = "urn:xmpp:forward:0"
	nsHints   = "urn:xmpp:hints"
	nsMUCUser = "http://jabber.org/protocol/muc#user"
)

// direction says which way a copied message went.
type direction string

const (
	sent     direction = "sent"
	received direction = "received"
)

// copy sends copies of a message to those of an account's clients that want
// them (XEP-0280 §7, §8), but for those that have the message itself.
func (h *Host) copy(who *account, st stanza.Stanza, d direction, has func(*session) bool) {
	var carbon []byte
	for _, s := range who.sessions {
		if !s.carbons || has(s) {
			continue
		}
		if carbon == nil {
			if !isCopied(st) {
				return
			}
			carbon = appendCarbon(nil, st, d)
		}
		open := stanza.New(stanza.Header{Kind: stanza.Message, Type: st.Type(), From: who.jid, To: s.self}, "").XML()
		xml := append(open[:len(open)-len("/>")], carbon...)
		if s.out.addRaw(xml) == nil {
			h.noteCrowded(s.out)
		}
	}
}

// appendCarbon appends what goes between the start tag of a copy and its end,
// with both ends.
func appendCarbon(dst []byte, st stanza.Stanza, d direction) []byte {
	dst = append(dst, `><`+string(d)+` xmlns="`+nsCarbons+`"><forwarded xmlns="`+nsForward+`"><message xmlns="`+stanza.NSClient+`"`...)
	dst = append(dst, st.XML()[len("<message"):]...)
	return append(dst, `</forwarded></`+string(d)+`></message>`...)
}

// isCopied reports whether a message is of the kind that is copied (XEP-0280
// §6.1), and neither private nor itself a copy.
func isCopied(st stanza.Stanza) bool {
	if t := st.Type(); t != stanza.Chat && t != stanza.Normal && t != "" {
		return false
	}
	content := st.Content()
	body := false
	for _, c := range children(content) {
		switch {
		case c.name.Space == nsCarbons, c.name == stanza.Name{Space: nsHints, Local: "no-copy"}, c.name.Space == nsMUCUser:
			return false
		case c.name == stanza.Name{Space: stanza.NSClient, Local: "body"}:
			body = true
		}
	}
	return body || st.Type() == stanza.Chat
}

// hasBody reports whether a message may have a body. It may err on the side of
// yes.
func hasBody(st stanza.Stanza) bool { return strings.Contains(st.Content(), "<body") }
