package devhost

import (
	"crypto/tls"
	"fmt"
	"net"

	"github.com/restanza/restanza/stream"
)

// nsTLS is the namespace of STARTTLS (RFC 6120 §5.3).
const nsTLS = "urn:ietf:params:xml:ns:xmpp-tls"

// proceed answers <starttls/> and starts TLS (RFC 6120 §5.4.2). What the peer
// has sent in the clear behind it is no part of what follows, and refused
// unless it is white space, which some clients send.
func (c *conn) proceed() error {
	if c.secure {
		return end(stream.PolicyViolation, "TLS is on already")
	}
	if c.in.Partial() {
		return end(stream.PolicyViolation, "nothing may follow <starttls/> before TLS is on")
	}
	if err := c.out.addElement(`<proceed xmlns="` + nsTLS + `"/>`); err != nil {
		return err
	}
	return c.startTLS(c.host.tls)
}

// startTLS makes TLS of the connection. The stream begins anew.
func (c *conn) startTLS(config *tls.Config) error {
	if err := c.out.flush(); err != nil {
		return err
	}
	secured := tls.Server(&skipSpace{Conn: c.raw}, config)
	c.raw.SetDeadline(c.input.login)
	if err := secured.Handshake(); err != nil { //nolint:noctx // the deadline is that of the login
		c.cut() // there is no way to tell the peer
		c.host.odd("no TLS", "peer", c.peer, "error", err.Error())
		return fmt.Errorf("TLS: %w", err)
	}
	c.net, c.secure = secured, true
	c.out.use(secured)
	c.input.budget = handshakeBytes
	c.in = c.newReader()
	return nil
}

// skipSpace is a connection on which white space may come before the first
// byte. COMPAT(go-sendxmpp 0.5): a newline follows <starttls/>.
type skipSpace struct {
	net.Conn
	begun bool
}

// Read reads, without the white space at the beginning.
func (s *skipSpace) Read(p []byte) (int, error) {
	for {
		n, err := s.Conn.Read(p)
		if s.begun {
			return n, err
		}
		space := 0
		for space < n && (p[space] == ' ' || p[space] == '\n' || p[space] == '\r' || p[space] == '\t') {
			space++
		}
		s.begun = space < n
		if n = copy(p, p[space:n]); n > 0 || err != nil {
			return n, err
		}
	}
}
