package xmpptest

import (
	"encoding/base64"
	"fmt"
	"io"
	"strings"
)

// User is somebody who is logged in with an XMPP client.
type User struct {
	*Stream
	jid string // full
}

// Login logs a user in, over plain TCP with SASL PLAIN, and sends presence: when it returns the
// user is online. name is the local part, perhaps with a resource ("alice",
// "alice/phone"); the account is made if need be. The connection ends with the test.
func Login(tb TB, srv Server, name string) *User {
	tb.Helper()
	u := Connect(tb, srv, name)
	u.Send("<presence/>")
	u.Wait(patience, func(s Stanza) bool {
		return s.Name == "presence" && s.From == u.jid && s.Type == ""
	})
	return u
}

// Connect is Login without the presence: the user has a session and is not available.
func Connect(tb TB, srv Server, name string) *User {
	tb.Helper()
	local, resource, _ := strings.Cut(name, "/")
	srv.AddUser(tb, local)
	c, err := dialStream(srv, srv.ClientAddr(), "user "+name)
	if err != nil {
		tb.Fatalf("user %s: %v\nthe end of %s's log:\n%s", name, err, srv.Name(), tail(srv.Log(), 20))
	}
	u := &User{Stream: &Stream{tb: tb, core: c}}
	if err := u.negotiate(srv, local, resource); err != nil {
		c.conn.Close()
		u.fail("logging in", err)
	}
	if err := c.receive(tb); err != nil {
		u.fail("logging in", err)
	}
	return u
}

// JID is the user's full address.
func (u *User) JID() string { return u.jid }

// Bare is the user's bare address.
func (u *User) Bare() string {
	bare, _, _ := strings.Cut(u.jid, "/")
	return bare
}

// With gives the same user for the use of a subtest.
func (u *User) With(tb TB) *User { return &User{Stream: u.Stream.With(tb), jid: u.jid} }

// Sync returns when the server has worked off all that the user has sent so far, and what it
// has answered to that at once is in the queue.
func (u *User) Sync() {
	u.tb.Helper()
	u.Request(patience, "get", "", u.core.server.Host(), "<ping xmlns='"+nsPing+"'/>")
}

// JoinRoom enters a room, which is made if need be, and returns its bare
// address when the user is in it. room is the local part.
func (u *User) JoinRoom(room, nick string) string {
	u.tb.Helper()
	address := room + "@" + u.core.server.MUC()
	u.Send(fmt.Sprintf("<presence to='%s/%s'><x xmlns='%s'><history maxstanzas='0'/></x></presence>",
		escape(address), escape(nick), nsMUC))
	s := u.Wait(patience, func(s Stanza) bool {
		return s.Name == "presence" && s.From == address+"/"+nick && (s.Type == "error" || hasStatus(s, "110"))
	})
	if s.Type == "error" {
		u.fail("joining "+address, s.Err)
	}
	if hasStatus(s, "201") { // a new room is locked until its owner has accepted the settings (XEP-0045 §10.1.2)
		answer := u.Request(patience, "set", "", address,
			acceptSettings)
		if answer.Type == "error" {
			u.fail("unlocking "+address, answer.Err)
		}
	}
	return address
}

// SendGroupchat sends a message to all in a room.
func (u *User) SendGroupchat(room, body string) {
	u.tb.Helper()
	u.Send(fmt.Sprintf("<message type='groupchat' to='%s' id='%s'><body>%s</body></message>",
		escape(room), u.NewID(), escape(body)))
}

const nsMUC = "http://jabber.org/protocol/muc"

// acceptSettings is the payload by which the owner of a new room accepts its settings as they are.
const acceptSettings = "<query xmlns='" + nsMUC + "#owner'><x xmlns='jabber:x:data' type='submit'/></query>"

// hasStatus reports whether a room's presence has a status code.
func hasStatus(s Stanza, code string) bool {
	x, _ := s.Child(nsMUC+"#user", "x")
	for _, c := range x.Children {
		if c.Local == "status" && c.Attr("code") == code {
			return true
		}
	}
	return false
}

// negotiate opens the stream, authenticates and binds a resource.
func (u *User) negotiate(srv Server, local, resource string) error {
	c := u.core
	if err := c.open(clientHeader(srv.Host())); err != nil {
		return err
	}
	if _, err := c.expect(); err != nil { // features
		return err
	}
	secret := base64.StdEncoding.EncodeToString([]byte("\x00" + local + "\x00" + Password))
	if err := c.write("<auth xmlns='%s' mechanism='PLAIN'>%s</auth>", nsSASL, secret); err != nil {
		return err
	}
	answer, err := c.expect()
	if err != nil {
		return err
	}
	if answer.Name != "success" {
		return fmt.Errorf("authentication: %s", answer.Raw)
	}

	c.reader.restart()
	if err := c.open(clientHeader(srv.Host())); err != nil {
		return err
	}
	if _, err := c.expect(); err != nil { // features
		return err
	}
	wish := ""
	if resource != "" {
		wish = "<resource>" + escape(resource) + "</resource>"
	}
	if err := c.write("<iq type='set' id='bind'><bind xmlns='%s'>%s</bind></iq>", nsBind, wish); err != nil {
		return err
	}
	answer, err = c.expect()
	if err != nil {
		return err
	}
	bind, _ := answer.Child(nsBind, "bind")
	jid, ok := bind.Child(nsBind, "jid")
	if answer.Type != "result" || !ok {
		return fmt.Errorf("binding a resource: %s", answer.Raw)
	}
	u.jid = jid.Text
	return nil
}

func (c *streamCore) write(format string, args ...any) error {
	_, err := io.WriteString(c.conn, fmt.Sprintf(format, args...))
	return err
}
