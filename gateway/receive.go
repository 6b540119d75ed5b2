package gateway

import (
	"log/slog"

	"github.com/restanza/restanza/events"
	"github.com/restanza/restanza/stanza"
)

// The namespaces of what the component answers itself.
const (
	NSPing      = "urn:xmpp:ping"                         // XEP-0199
	NSVersion   = "jabber:iq:version"                     // XEP-0092
	NSDiscoInfo = "http://jabber.org/protocol/disco#info" // XEP-0030
)

// Receive takes one stanza that came from the server, in the order of the
// stream. It does not block.
func (c *Component) Receive(st stanza.Stanza) {
	if c.archives.take(st) || !c.outbox.bounced(st) && c.waiting.take(st) {
		return
	}
	if c.o.Receiver == nil {
		c.offer(st)
		return
	}
	if !c.o.Filter.Passes(st) {
		c.serve(st)
		return
	}
	if c.o.Receiver.Deliver(st) {
		c.record(events.In, events.Posted, st)
		return
	}
	c.metrics.overflow()
	c.fail(st, &stanza.Error{
		Type:      stanza.Wait,
		Condition: stanza.ResourceConstraint,
		Text:      "too many stanzas are waiting; try again later",
	})
}

// serve answers a stanza that goes to nobody, as a server would for an address
// of its own that does not exist: IQs to the domain that ask who we are,
// service-unavailable for other requests and for messages, and silence for
// presence (RFC 6121 §8.5).
func (c *Component) serve(st stanza.Stanza) {
	switch st.Kind() {
	case stanza.Message:
		c.fail(st, unavailable())
	case stanza.IQ:
		content, e := c.ownAnswer(st)
		if e != nil {
			c.fail(st, e)
			return
		}
		c.answer(st, st.Result(content))
	case stanza.Presence:
		c.answer(st, stanza.Stanza{})
	}
}

func unavailable() *stanza.Error {
	return &stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable}
}

// ownAnswer returns the payload of the component's own answer to an iq, or the
// error that answers it. Answers to iqs that ask nothing never leave, see fail.
func (c *Component) ownAnswer(st stanza.Stanza) (string, *stanza.Error) {
	if st.Type() != stanza.Get || st.To() != c.o.Domain {
		return "", unavailable()
	}
	switch st.Payload() {
	case stanza.Name{Space: NSPing, Local: "ping"}:
		return "", nil
	case stanza.Name{Space: NSVersion, Local: "query"}:
		return `<query xmlns="` + NSVersion + `"><name>Restanza</name><version>` +
			stanza.Escape(c.o.Version) + `</version></query>`, nil
	case stanza.Name{Space: NSDiscoInfo, Local: "query"}:
		if st.PayloadAttr("node") != "" { // XEP-0030 §3.2: the domain has no nodes
			return "", &stanza.Error{Type: stanza.Cancel, Condition: stanza.ItemNotFound}
		}
		return discoInfo, nil
	}
	return "", unavailable()
}

// discoInfo says what the domain is (XEP-0030 §3.1): a component that answers
// what ownAnswer knows.
const discoInfo = `<query xmlns="` + NSDiscoInfo + `"><identity category="component" type="generic" name="Restanza"/>` +
	`<feature var="` + NSDiscoInfo + `"/><feature var="` + NSPing + `"/><feature var="` + NSVersion + `"/></query>`

// fail answers st with an error, if it may be answered.
func (c *Component) fail(st stanza.Stanza, e *stanza.Error) {
	answer, _ := st.ErrorReply(e)
	c.answer(st, answer)
}

func (c *Component) reply(st stanza.Stanza) {
	if err := c.o.Link.Reply(st); err != nil {
		c.o.Logger.Warn("answer not sent", slog.String("kind", string(st.Kind())), slog.String("id", st.ID()), slog.Any("error", err))
	}
}
