package devhost

import (
	"crypto/sha1" //nolint:gosec // XEP-0114 §3 has it
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
	"github.com/restanza/restanza/stream"
)

// component is a domain as which a component may attach.
type component struct {
	domain jid.JID
	secret string
	bot    jid.JID // by which rosters show it

	// The rest belongs to the routing state.
	link  *conn   // nil if none is attached
	spoke jid.JID // from where the bot has sent presence itself; zero if it has not
}

// serveComponent serves a component (XEP-0114 §3).
func (c *conn) serveComponent() error {
	var which *component
	id := streamID()
	err := c.open(func(h stream.Header) (stream.Open, string, error) {
		answer := stream.Open{Default: stanza.NSComponent, ID: id, From: h.To}
		domain, err := jid.Parse(h.To)
		switch which = c.host.components[domain]; {
		case h.Default != stanza.NSComponent:
			return answer, "", end(stream.InvalidNamespace, "components attach here, with the default namespace "+stanza.NSComponent)
		case err != nil || which == nil:
			return answer, "", end(stream.HostUnknown, "no component has that domain here")
		}
		return answer, "", nil
	})
	if err != nil {
		return err
	}
	if err := c.handshake(which, id); err != nil {
		return err
	}
	if err := c.host.attach(which, c); err != nil {
		return err
	}
	defer c.host.detach(which)
	c.input.done()
	return c.relay(which)
}

// handshake has a component prove that it knows the secret.
func (c *conn) handshake(which *component, id string) error {
	item, err := c.next()
	if err != nil {
		return err
	}
	if item.Element == nil || string(item.Element.Local) != "handshake" {
		return end(stream.NotAuthorized, "a handshake comes first")
	}
	proof := strings.ToLower(strings.TrimSpace(element.Text(item.Element.Raw)))
	if subtle.ConstantTimeCompare([]byte(proof), []byte(proofOf(id, which.secret))) != 1 {
		return end(stream.NotAuthorized, "that is not the secret of "+which.domain.String())
	}
	return nil
}

// proofOf returns what proves a secret on the stream with an id (XEP-0114 §3).
func proofOf(id, secret string) string {
	sum := sha1.Sum([]byte(id + secret)) //nolint:gosec // XEP-0114 §3 has it
	return hex.EncodeToString(sum[:])
}

// attach makes c the link of a component, unless it has one. Everybody learns
// that the bot is there.
func (h *Host) attach(which *component, c *conn) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if which.link != nil {
		return end(stream.Conflict, which.domain.String()+" is attached already")
	}
	if err := c.out.addElement("<handshake/>"); err != nil {
		return err
	}
	c.out.lasting = true // many depend on it, and any of them can fill its queue
	which.link, which.spoke, c.self = c, jid.JID{}, which.domain
	h.spreadBot(presence("", which.bot, jid.JID{}))
	h.crowded = nil
	h.log.Info("a component is attached", "component", which.domain.String())
	return nil
}

// detach undoes attach.
func (h *Host) detach(which *component) {
	h.mu.Lock()
	defer h.mu.Unlock()
	which.link = nil
	h.spreadBot(presence(stanza.Unavailable, which.bot, jid.JID{}))
	if which.spoke.Resource() != "" {
		h.spreadBot(presence(stanza.Unavailable, which.spoke, jid.JID{}))
	}
	h.crowded = nil
	h.log.Info("a component is gone", "component", which.domain.String())
}

// relay routes what a component sends, until its stream ends.
func (c *conn) relay(which *component) error {
	for {
		item, err := c.next()
		if err != nil {
			return err
		}
		if item.Element != nil {
			return end(stream.UnsupportedStanzaType, "<"+string(item.Element.Local)+"> is no stanza")
		}
		if err := c.relayStanza(which, item.Stanza); err != nil {
			return err
		}
	}
}

// relayStanza checks a component's stanza and routes it. Its sender and addressee
// must be given, and the sender be in the component's domain.
func (c *conn) relayStanza(which *component, st stanza.Stanza) error {
	h := st.Header()
	switch {
	case h.From.IsZero() || h.To.IsZero():
		return end(stream.ImproperAddressing, "a component's stanzas have from and to")
	case h.From.DomainJID() != which.domain:
		return end(stream.InvalidFrom, "from must be in "+which.domain.String())
	}
	from, err := jid.Parse(h.From.String())
	if err != nil {
		return end(stream.InvalidFrom, err.Error())
	}
	h.From = from
	to, err := jid.Parse(h.To.String())
	if err != nil {
		return c.refuse(st, &stanza.Error{Type: stanza.Modify, Condition: stanza.JIDMalformed, Text: err.Error()})
	}
	h.To = to
	st = st.With(h)
	if e := checkIQ(st); e != nil {
		return c.refuse(st, e)
	}
	// The other conversations must not wait for one slow client: it is cut off
	// when its queue is full.
	c.host.send(st)
	return nil
}

// routeComponent gives a stanza to a component.
func (h *Host) routeComponent(c *component, st stanza.Stanza) {
	if st.Kind() == stanza.Presence && st.To().Bare() == c.bot && h.answerForBot(c, st) {
		return
	}
	err := errEnded
	if c.link != nil {
		if st.From() == h.o.Domain || st.From().DomainJID() == c.domain {
			err = c.link.out.addOwn(st)
		} else {
			err = c.link.out.add(st)
		}
	}
	switch {
	case err == nil:
		h.noteCrowded(c.link.out)
	case errors.Is(err, errFull):
		h.bounce(st, stanza.Wait, stanza.ResourceConstraint, "the component "+c.domain.String()+" has too much to do")
	default:
		h.bounce(st, stanza.Wait, stanza.RemoteServerTimeout, "the component "+c.domain.String()+" is not attached")
	}
}

// answerForBot answers presence for a bot that its component need not see: the
// bot is subscribed to by all, and is available when the component is attached,
// unless it has sent presence itself.
func (h *Host) answerForBot(c *component, st stanza.Stanza) bool {
	switch st.Type() {
	case stanza.Subscribe:
		h.route(presence(stanza.Subscribed, c.bot, st.From().Bare()))
		h.probeBot(c, st.From())
	case stanza.Unsubscribe:
		h.route(presence(stanza.Unsubscribed, c.bot, st.From().Bare()))
	case stanza.Probe:
		if c.link != nil && !c.spoke.IsZero() {
			return false
		}
		h.probeBot(c, st.From())
	default:
		return false
	}
	return true
}

// probeBot has somebody told the presence of a bot, by the host or the bot
// itself.
func (h *Host) probeBot(c *component, asker jid.JID) {
	switch {
	case c.link == nil:
	case c.spoke.IsZero():
		h.route(presence("", c.bot, asker))
	default:
		c.link.out.add(presence(stanza.Probe, asker, c.bot)) //nolint:errcheck // a component that is gone has no presence
	}
}

// noteBot takes notice of a bot that sends presence itself: from now on the host
// does not answer for it.
func (h *Host) noteBot(st stanza.Stanza) {
	c := h.components[st.From().DomainJID()]
	if c == nil || st.From().Bare() != c.bot || st.Type() != "" && st.Type() != stanza.Unavailable {
		return
	}
	if c.spoke.IsZero() && st.From() != c.bot {
		h.spreadBot(presence(stanza.Unavailable, c.bot, jid.JID{})) // what the host has said for it
	}
	c.spoke = st.From()
}

// spreadBot tells all clients the presence of a bot.
func (h *Host) spreadBot(st stanza.Stanza) {
	for _, who := range h.accounts {
		for _, s := range who.sessions {
			if s.available {
				h.give(s, to(st, s.self))
			}
		}
	}
}
