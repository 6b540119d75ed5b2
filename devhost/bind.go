package devhost

import (
	"crypto/rand"
	"strings"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
	"github.com/restanza/restanza/stream"
)

const (
	nsBind    = "urn:ietf:params:xml:ns:xmpp-bind"    // RFC 6120 §7.2
	nsSession = "urn:ietf:params:xml:ns:xmpp-session" // RFC 3921 §3
)

// maxSessions is how many clients may be logged in to one account.
const maxSessions = 5000

// bind serves a client that is logged in until it has a resource (RFC 6120 §7).
func (c *conn) bind(who *account) (*session, error) {
	for {
		item, err := c.next()
		if err != nil {
			return nil, err
		}
		if item.Element != nil {
			if err := c.early(item.Element); err != nil {
				return nil, err
			}
			continue
		}
		st := item.Stanza
		if st.Kind() != stanza.IQ || st.Type() != stanza.Set || st.Payload() != (stanza.Name{Space: nsBind, Local: "bind"}) {
			return nil, end(stream.NotAuthorized, "bind a resource first")
		}
		h := st.Header()
		h.From, h.To = who.jid, c.host.o.Domain
		st = st.With(h)
		address, err := who.address(askedResource(st))
		if err != nil {
			reply, _ := st.ErrorReply(&stanza.Error{Type: stanza.Modify, Condition: stanza.BadRequest, Text: err.Error()})
			if err := c.out.add(unaddressed(reply)); err != nil {
				return nil, err
			}
			continue
		}
		s := c.host.enter(c, who, address)
		if s == nil {
			return nil, end(stream.ResourceConstraint, "too many clients of this account")
		}
		content := `<bind xmlns="` + nsBind + `"><jid>` + stanza.Escape(address.String()) + `</jid></bind>`
		if err := c.out.add(unaddressed(st.Result(content))); err != nil {
			s.leave()
			return nil, err
		}
		return s, nil
	}
}

// unaddressed returns a stanza without addresses, for a client that has none.
func unaddressed(st stanza.Stanza) stanza.Stanza {
	h := st.Header()
	h.From, h.To = jid.JID{}, jid.JID{}
	return st.With(h)
}

// early answers what is no stanza before a resource is bound.
func (c *conn) early(el *element.Element) error {
	switch {
	case is(el, nsSM, "resume"): // there is nothing to resume; the client binds instead (XEP-0198 §5)
		return c.out.addElement(failedSM(stanza.ItemNotFound))
	case is(el, nsSM, "enable"):
		return c.out.addElement(failedSM(stanza.UnexpectedRequest))
	}
	return end(stream.UnsupportedStanzaType, "bind a resource first")
}

// askedResource returns the resource that a client wants, empty for any.
func askedResource(st stanza.Stanza) string {
	for _, payload := range children(st.Content()) {
		for _, c := range payload.children() {
			if c.name == (stanza.Name{Space: nsBind, Local: "resource"}) {
				return strings.TrimSpace(element.Text([]byte(c.raw)))
			}
		}
	}
	return ""
}

// address returns an account's address with a resource, a generated one if none
// is asked for.
func (a *account) address(resource string) (jid.JID, error) {
	if resource == "" {
		resource = strings.ToLower(rand.Text()[:10])
	}
	return jid.Parse(a.jid.String() + "/" + resource)
}

// enter makes a session of a connection whose client has a resource now. An
// older session with the same address is ended with a conflict (RFC 6120
// §7.7.2.2). It returns nil if the account has too many.
func (h *Host) enter(c *conn, who *account, address jid.JID) *session {
	h.mu.Lock()
	defer h.mu.Unlock()
	if older := who.sessions[address]; older != nil {
		older.out.close(&stream.Error{Condition: stream.Conflict, Text: "another client has taken the resource"})
		h.depart(older)
		h.crowded = nil // nobody waits for those who are told
	}
	if len(who.sessions) >= maxSessions {
		return nil
	}
	s := &session{conn: c, account: who}
	c.self = address
	if who.sessions == nil {
		who.sessions = map[jid.JID]*session{}
	}
	who.sessions[address] = s
	return s
}
