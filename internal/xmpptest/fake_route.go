package xmpptest

import (
	"fmt"
	"strings"
)

// route brings a stanza, whose From is filled, where it belongs; origin is
// where an error goes, nil for none. f.mu is held.
func (f *Fake) route(origin *fakeConn, s Stanza) {
	local, domain, resource := splitAddress(s.To)
	domain = strings.ToLower(domain)
	local = strings.ToLower(local)
	switch {
	case domain == Domain && local == "":
		f.toHost(origin, s)
	case domain == Domain:
		f.toUser(origin, s, local, resource)
	case domain == RoomsDomain && local == "":
		f.toHost(origin, s)
	case domain == RoomsDomain:
		f.toRoom(origin, s, local+"@"+domain, resource)
	default:
		f.toComponent(origin, s, domain)
	}
}

// bounce answers a stanza with an error where its sender is connected.
func (f *Fake) bounce(origin *fakeConn, s Stanza, kind, condition, text, more string) {
	if origin == nil || s.Type == "error" || s.Name == "iq" && s.Type == "result" {
		return
	}
	origin.send(errorReply(s, kind, condition, text, more))
}

func (f *Fake) unavailable(origin *fakeConn, s Stanza) {
	f.bounce(origin, s, "cancel", "service-unavailable", "", "")
}

// toComponent delivers to a component, or says that it is not there as Prosody does.
func (f *Fake) toComponent(origin *fakeConn, s Stanza, domain string) {
	if c := f.attached[domain]; c != nil {
		c.send(s.with(map[string]string{"from": s.From, "to": s.To}))
		return
	}
	for _, d := range componentDomains {
		if d == domain {
			f.bounce(origin, s, "wait", "remote-server-timeout", "Component unavailable",
				"<not-connected xmlns='xmpp:prosody.im/protocol/component'/>")
			return
		}
	}
	f.bounce(origin, s, "cancel", "service-unavailable", "Communication with remote domains is not enabled", "")
}

// toHost is for the server itself and the rooms service.
func (f *Fake) toHost(origin *fakeConn, s Stanza) {
	switch s.Name {
	case "message":
		f.unavailable(origin, s)
	case "iq":
		f.answer(origin, s)
	}
}

// answer answers an IQ for the server, or on behalf of an account.
func (f *Fake) answer(origin *fakeConn, s Stanza) {
	if s.Type != "get" && s.Type != "set" || origin == nil {
		return
	}
	payload := s.Root.Children[0]
	content := ""
	switch {
	case s.Type == "get" && payload.Space == nsPing:
	case s.Type == "get" && payload.Space == nsInfo:
		content = "<query xmlns='" + nsInfo + "'><identity category='server' type='im' name='fake'/>" +
			"<feature var='" + nsInfo + "'/><feature var='" + nsPing + "'/></query>"
	case s.Type == "get" && payload.Space == nsItems:
		content = "<query xmlns='" + nsItems + "'><item jid='" + RoomsDomain + "'/>"
		for _, d := range componentDomains {
			content += "<item jid='" + d + "'/>"
		}
		content += "</query>"
	case s.Type == "get" && payload.Space == "jabber:iq:roster":
		content = "<query xmlns='jabber:iq:roster'/>"
	default:
		f.unavailable(origin, s)
		return
	}
	origin.send(reply(s, "result", content))
}

// toUser delivers to an account (RFC 6121 §8.5).
func (f *Fake) toUser(origin *fakeConn, s Stanza, local, resource string) {
	a := f.accounts[local]
	if a != nil && resource != "" {
		if c := a.session(local + "@" + Domain + "/" + resource); c != nil {
			c.send(s.with(map[string]string{"from": s.From, "to": s.To}))
			return
		}
	}
	switch s.Name {
	case "message":
		f.messageToUser(origin, s, a)
	case "iq":
		if resource != "" || a == nil {
			f.unavailable(origin, s)
		} else {
			f.answer(origin, s)
		}
	case "presence":
		if a == nil || resource != "" {
			return
		}
		for _, c := range a.sessions {
			if c.available {
				c.send(s.with(map[string]string{"from": s.From, "to": s.To}))
			}
		}
	}
}

// messageToUser delivers to all available sessions, or keeps the message, as its type asks for (RFC 6121 §8.5.2).
func (f *Fake) messageToUser(origin *fakeConn, s Stanza, a *account) {
	if s.Type == "error" {
		return
	}
	if a == nil || s.Type == "groupchat" {
		f.unavailable(origin, s)
		return
	}
	text := s.with(map[string]string{"from": s.From, "to": s.To})
	sent := false
	for _, c := range a.sessions {
		if c.available {
			c.send(text)
			sent = true
		}
	}
	if !sent && s.Type != "headline" {
		a.offline = append(a.offline, text)
	}
}

// session finds the session with that full address, nil if there is none.
func (a *account) session(jid string) *fakeConn {
	for _, c := range a.sessions {
		if c.jid == jid {
			return c
		}
	}
	return nil
}

// makePresence makes a presence of the server's own.
func makePresence(from, to, kind, content string) Stanza {
	kindAttr := ""
	if kind != "" {
		kindAttr = fmt.Sprintf(" type='%s'", kind)
	}
	return makeStanza(fmt.Sprintf("<presence from='%s' to='%s'%s>%s</presence>", escape(from), escape(to), kindAttr, content))
}

// makeStanza reads a stanza that this package has written.
func makeStanza(raw string) Stanza {
	s, err := parseStanza(raw)
	if err != nil {
		panic(fmt.Sprintf("xmpptest: %v in %s", err, raw))
	}
	return s
}

// parseStanza reads one stanza that stands alone.
func parseStanza(raw string) (Stanza, error) {
	r := newElementReader(strings.NewReader(clientHeader(Domain)+raw), 0, false)
	if err := r.open(); err != nil {
		return Stanza{}, err
	}
	return r.next()
}
