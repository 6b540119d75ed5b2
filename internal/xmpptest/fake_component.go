package xmpptest

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// serveComponent is a component's stream from its header to its end.
func (c *fakeConn) serveComponent() {
	if err := c.reader.open(); err != nil {
		c.ended(err)
		return
	}
	if !c.admit() {
		return
	}
	for {
		s, err := c.next()
		if err != nil {
			c.ended(err)
			return
		}
		if !c.fromComponent(s) {
			return
		}
	}
}

// admit answers the stream header and the handshake (XEP-0114 §3).
func (c *fakeConn) admit() bool {
	id := c.answerHeader()
	if id == "" {
		return false
	}
	s, err := c.next()
	if err != nil {
		c.ended(err)
		return false
	}
	f := c.fake
	f.mu.Lock()
	defer f.mu.Unlock()
	domain := c.reader.header.Attr("to")
	digest := sha1.Sum([]byte(id + ComponentSecret))
	switch {
	case s.Name != "handshake" || len(s.Root.Children) > 0:
		c.streamError("not-authorized", "")
		return false
	case !strings.EqualFold(s.Root.Text, hex.EncodeToString(digest[:])):
		c.streamError("not-authorized", "Given token does not match calculated token")
		return false
	}
	if old := f.attached[domain]; old != nil {
		if domain != componentDomains[ReplacingDomain] {
			c.streamError("conflict", "Component already connected")
			return false
		}
		old.streamError("conflict", "Replaced by a new connection")
	}
	c.domain = domain
	f.attached[domain] = c
	f.script.handshakes[domain]++
	f.logf("%s: connected", domain)
	c.send("<handshake/>")
	f.wakeWaiters()
	return true
}

// answerHeader gives the stream's id, "" if the stream is refused.
func (c *fakeConn) answerHeader() string {
	f := c.fake
	f.mu.Lock()
	defer f.mu.Unlock()
	to := c.reader.header.Attr("to")
	switch {
	case f.script.refuse != "":
		c.streamError(f.script.refuse, "")
		return ""
	case to == "":
		c.streamError("improper-addressing", "A 'to' attribute is required on stream headers")
		return ""
	case !slices.Contains(componentDomains, to):
		c.streamError("host-unknown", to+" does not match any configured external components")
		return ""
	}
	id := f.id()
	c.sendHeader(nsComponent, id)
	return id
}

// fromComponent works one stanza off; false: the stream has ended.
func (c *fakeConn) fromComponent(s Stanza) bool {
	f := c.fake
	f.mu.Lock()
	hook := f.script.hook
	f.script.received[c.domain] = append(f.script.received[c.domain], s)
	f.mu.Unlock()
	if hook != nil && hook(c.domain, s) {
		return true
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	if f.attached[c.domain] != c || c.closing() { // replaced, or ended by the script
		return false
	}
	if condition, text := c.fatal(s); condition != "" {
		c.streamError(condition, text)
		return false
	}
	c.accept(s)
	return true
}

// fatal names the error with which Prosody ends a component's stream for a stanza, "" for none.
func (c *fakeConn) fatal(s Stanza) (condition, text string) {
	known := slices.Contains([]string{"message", "presence", "iq"}, s.Root.Local)
	if !known || s.Root.Space != nsComponent && s.Root.Space != nsClient {
		return "unsupported-stanza-type", ""
	}
	if s.From == "" {
		return "", ""
	}
	if _, domain, _ := splitAddress(s.From); domain != c.domain {
		return "invalid-from", fmt.Sprintf(
			"Component tried to send from address <%s> which is not in domain <%s>", s.From, c.domain)
	}
	return "", ""
}

// accept routes a component's stanza, or answers it with an error.
func (c *fakeConn) accept(s Stanza) {
	f := c.fake
	if s.From == "" {
		s.From = c.domain
	}
	switch {
	case s.To == "":
		c.refuse(s, "modify", "bad-request", "Components MUST specify a 'to' address on stanzas")
	case !plausible(s.To):
		c.refuse(s, "modify", "jid-malformed", "The destination address is invalid: "+s.To)
	case !plausible(s.From):
		c.refuse(s, "modify", "jid-malformed", "The source address is invalid: "+s.From)
	case s.Root.Space == nsClient: // an explicit jabber:client is no stanza for Prosody's router
		c.refuse(s, "cancel", "service-unavailable", "")
	case s.Name == "iq" && (s.Type == "get" || s.Type == "set") && len(s.Root.Children) == 0:
		f.logf("%s: iq without a child dropped", c.domain)
	case f.script.holding && isPing(s) && (s.To == Domain || s.To == c.domain):
		f.script.held = append(f.script.held, func() { f.route(c, s) })
	default:
		f.route(c, s)
	}
}

// refuse answers a stanza with an error, unless it is an answer itself.
func (c *fakeConn) refuse(s Stanza, kind, condition, text string) {
	if s.Type == "error" || s.Name == "iq" && s.Type == "result" {
		return
	}
	c.send(errorReply(s, kind, condition, text, ""))
}

// errorReply is the error that answers s; more goes into it as it is.
func errorReply(s Stanza, kind, condition, text, more string) string {
	if text != "" {
		text = "<text xmlns='" + nsStanzaErr + "'>" + escape(text) + "</text>"
	}
	return reply(s, "error", "<error type='"+kind+"'><"+condition+" xmlns='"+nsStanzaErr+"'/>"+text+more+"</error>")
}

// reply is the stanza of the same kind and id that answers s.
func reply(s Stanza, kind, content string) string {
	from := ""
	if s.To != "" {
		from = " from='" + escape(s.To) + "'"
	}
	return fmt.Sprintf("<%s type='%s' id='%s'%s to='%s'>%s</%s>",
		s.Name, kind, escape(s.ID), from, escape(s.From), content, s.Name)
}

// isPing reports whether s asks for a pong (XEP-0199).
func isPing(s Stanza) bool {
	_, ok := s.Child(nsPing, "ping")
	return ok && s.Name == "iq" && s.Type == "get"
}

// splitAddress takes an address apart and changes nothing.
func splitAddress(address string) (local, domain, resource string) {
	domain, resource, _ = strings.Cut(address, "/")
	if l, d, ok := strings.Cut(domain, "@"); ok {
		local, domain = l, d
	}
	return local, domain, resource
}

// plausible refuses what no server takes for an address.
func plausible(address string) bool {
	bare, resource, hasResource := strings.Cut(address, "/")
	local, domain, hasLocal := strings.Cut(bare, "@")
	if !hasLocal {
		local, domain = "", bare
	}
	return domain != "" && (!hasLocal || local != "") && (!hasResource || resource != "") &&
		!strings.ContainsAny(local, " \"&'/:<>@") && !strings.ContainsAny(domain, " @\"&'<>") &&
		len(local) <= 1023 && len(domain) <= 1023 && len(resource) <= 1023
}
