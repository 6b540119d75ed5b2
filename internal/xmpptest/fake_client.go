package xmpptest

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// serveClient is a client's stream from its header to its end.
func (c *fakeConn) serveClient() {
	if !c.openClient("<mechanisms xmlns='" + nsSASL + "'><mechanism>PLAIN</mechanism></mechanisms>") {
		return
	}
	for c.name == "" {
		s, err := c.next()
		if err != nil {
			c.ended(err)
			return
		}
		if !c.authenticate(s) {
			return
		}
	}
	c.reader.restart()
	if !c.openClient("<bind xmlns='" + nsBind + "'/>") {
		return
	}
	for {
		s, err := c.next()
		if err != nil {
			c.ended(err)
			return
		}
		if !c.fromClient(s) {
			return
		}
	}
}

// openClient reads a stream header and answers it with ours and the features.
func (c *fakeConn) openClient(features string) bool {
	if err := c.reader.open(); err != nil {
		c.ended(err)
		return false
	}
	f := c.fake
	f.mu.Lock()
	defer f.mu.Unlock()
	c.sendHeader(nsClient, f.id())
	if to := c.reader.header.Attr("to"); to != Domain {
		c.streamError("host-unknown", "This server does not serve "+to)
		return false
	}
	c.send("<stream:features>" + features + "</stream:features>")
	return true
}

// authenticate answers an attempt by SASL PLAIN (RFC 4616); false: the stream has ended.
func (c *fakeConn) authenticate(s Stanza) bool {
	f := c.fake
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.Root.Space != nsSASL || s.Name != "auth" {
		c.streamError("not-authorized", "")
		return false
	}
	text, err := base64.StdEncoding.DecodeString(s.Root.Text)
	parts := strings.Split(string(text), "\x00")
	switch {
	case s.Root.Attr("mechanism") != "PLAIN":
		c.send("<failure xmlns='" + nsSASL + "'><invalid-mechanism/></failure>")
	case err != nil || len(parts) != 3:
		c.send("<failure xmlns='" + nsSASL + "'><malformed-request/></failure>")
	case f.accounts[parts[1]] == nil || parts[2] != Password:
		c.send("<failure xmlns='" + nsSASL + "'><not-authorized/></failure>")
	default:
		c.name = parts[1]
		c.send("<success xmlns='" + nsSASL + "'/>")
	}
	return true
}

// fromClient works one stanza off; false: the stream has ended.
func (c *fakeConn) fromClient(s Stanza) bool {
	f := c.fake
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.closing() {
		return false
	}
	if s.Root.Space != nsClient || !slices.Contains([]string{"message", "presence", "iq"}, s.Name) {
		c.streamError("unsupported-stanza-type", "")
		return false
	}
	if c.jid == "" {
		return c.bind(s)
	}
	s.From = c.jid
	switch {
	case s.Name == "iq" && !slices.Contains([]string{"get", "set", "result", "error"}, s.Type):
		c.refuse(s, "modify", "bad-request", "Invalid IQ type")
	case s.Name == "iq" && s.ID == "":
		c.refuse(s, "modify", "bad-request", "Missing required 'id' attribute")
	case s.Name == "iq" && (s.Type == "get" || s.Type == "set") && len(s.Root.Children) != 1:
		c.refuse(s, "modify", "bad-request", "Incorrect number of children for IQ stanza")
	case s.Name == "presence" && s.To == "":
		c.presence(s)
	case s.To == "":
		s.To = c.name + "@" + Domain
		f.route(c, s)
	case !plausible(s.To):
		c.refuse(s, "modify", "jid-malformed", "The destination address is invalid: "+s.To)
	default:
		c.noteDirected(s)
		f.route(c, s)
	}
	return true
}

// bind gives the client its resource (RFC 6120 §7). The same resource a second time ends the first stream.
func (c *fakeConn) bind(s Stanza) bool {
	f := c.fake
	b, ok := s.Child(nsBind, "bind")
	if !ok || s.Name != "iq" || s.Type != "set" {
		c.streamError("not-authorized", "bind a resource first")
		return false
	}
	resource := f.id()
	if wish, ok := b.Child(nsBind, "resource"); ok && wish.Text != "" {
		resource = wish.Text
	}
	jid := c.name + "@" + Domain + "/" + resource
	for _, old := range f.accounts[c.name].sessions {
		if old.jid == jid {
			old.streamError("conflict", "Replaced by new connection")
			old.leave()
		}
	}
	c.jid = jid
	c.directed = make(map[string]bool)
	f.accounts[c.name].sessions = append(f.accounts[c.name].sessions, c)
	c.send(fmt.Sprintf("<iq type='result' id='%s'><bind xmlns='%s'><jid>%s</jid></bind></iq>",
		escape(s.ID), nsBind, escape(jid)))
	return true
}

// presence is a client's presence for all: its own sessions see it, as there are no rosters.
func (c *fakeConn) presence(s Stanza) {
	f := c.fake
	switch s.Type {
	case "", "unavailable":
	default:
		return
	}
	first := !c.available && s.Type == ""
	if s.Type == "" {
		c.available = true
	}
	me := f.accounts[c.name]
	for _, other := range me.sessions {
		if other.available {
			other.send(s.with(map[string]string{"from": c.jid, "to": other.jid}))
		}
	}
	if s.Type == "unavailable" {
		c.available = false
		c.sendDirectedUnavailable()
	}
	if first {
		for _, message := range me.offline {
			c.send(message)
		}
		me.offline = nil
	}
}

// noteDirected keeps in mind who must hear of the client's end (RFC 6121 §4.6).
func (c *fakeConn) noteDirected(s Stanza) {
	switch {
	case s.Name != "presence":
	case s.Type == "":
		c.directed[s.To] = true
	case s.Type == "unavailable":
		delete(c.directed, s.To)
	}
}

func (c *fakeConn) sendDirectedUnavailable() {
	for to := range c.directed {
		c.fake.route(c, makePresence(c.jid, to, "unavailable", ""))
	}
	clear(c.directed)
}

// leave ends the client's session, if it has one.
func (c *fakeConn) leave() {
	if c.jid == "" {
		return
	}
	me := c.fake.accounts[c.name]
	me.sessions = slices.DeleteFunc(me.sessions, func(other *fakeConn) bool { return other == c })
	if c.available {
		c.available = false
		for _, other := range me.sessions {
			if other.available {
				other.send(fmt.Sprintf("<presence type='unavailable' from='%s' to='%s'/>", escape(c.jid), escape(other.jid)))
			}
		}
	}
	c.sendDirectedUnavailable()
}
