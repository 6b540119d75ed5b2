package xmpptest

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
)

// Component is an external component (XEP-0114) that does nothing by itself: it
// answers no pings, and checks nothing of what it sends.
type Component struct {
	*Stream
	domain string
}

// DialComponent connects component i of a server. The connection ends with the test.
func DialComponent(tb TB, srv Server, i int) *Component {
	tb.Helper()
	domain := srv.ComponentDomain(i)
	c, err := OpenComponent(tb, srv, domain, srv.Secret())
	if err != nil {
		tb.Fatalf("component %s: %v\nthe end of %s's log:\n%s", domain, err, srv.Name(), tail(srv.Log(), 20))
	}
	return c
}

// OpenComponent connects a component as any domain with any secret. If the server refuses that the error is a
// *[StreamError], as a rule.
func OpenComponent(tb TB, srv Server, domain, secret string) (*Component, error) {
	core, err := dialStream(srv, srv.ComponentAddr(), "component "+domain)
	if err != nil {
		return nil, err
	}
	if err := core.handshake(domain, secret); err != nil {
		core.conn.Close()
		return nil, err
	}
	if err := core.receive(tb); err != nil {
		return nil, err
	}
	return &Component{Stream: &Stream{tb: tb, core: core}, domain: domain}, nil
}

// Domain is the component's domain.
func (c *Component) Domain() string { return c.domain }

// With gives the same component for the use of a subtest.
func (c *Component) With(tb TB) *Component {
	return &Component{Stream: c.Stream.With(tb), domain: c.domain}
}

// SendMessage sends a message of type chat from bot@ the component's domain.
func (c *Component) SendMessage(to, body string) {
	c.tb.Helper()
	c.Send(fmt.Sprintf("<message type='chat' from='bot@%s' to='%s' id='%s'><body>%s</body></message>",
		c.domain, escape(to), c.NewID(), escape(body)))
}

// Sync returns when the server has worked off all that the component has
// sent so far; what bounced at once is in the queue then.
func (c *Component) Sync() {
	c.tb.Helper()
	c.Request(patience, "get", c.domain, c.core.server.Host(), "<ping xmlns='"+nsPing+"'/>")
}

// handshake opens the stream and proves that the secret is known (XEP-0114 §3).
func (c *streamCore) handshake(domain, secret string) error {
	if err := c.open(componentHeader(domain)); err != nil {
		return err
	}
	// Without a stream id the server has already refused; a further write could cost us its reason.
	if id := c.reader.header.Attr("id"); id != "" {
		digest := sha1.Sum([]byte(id + secret))
		if err := c.write("<handshake>%s</handshake>", hex.EncodeToString(digest[:])); err != nil {
			return err
		}
	}
	answer, err := c.expect()
	if err != nil {
		return err
	}
	if answer.Name != "handshake" {
		return fmt.Errorf("instead of the handshake: %s", answer.Raw)
	}
	return nil
}
