package gateway

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/restanza/restanza/events"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// Link is a connection to an XMPP server, as far as a component needs it.
type Link interface {
	// Send queues a stanza for the server, waiting for room until ctx ends. The
	// channel gets one value: nil once the server has confirmed the stanza, or
	// why it could not. After a reconnect an unconfirmed stanza is written
	// again, unless ctx has ended.
	Send(ctx context.Context, st stanza.Stanza) (<-chan error, error)
	// SendOnce is Send for a stanza that must not be written twice.
	SendOnce(ctx context.Context, st stanza.Stanza) (<-chan error, error)
	// Post returns once the stanza is written, confirmed or not.
	Post(ctx context.Context, st stanza.Stanza) error
	// Reply queues an answer without blocking.
	Reply(st stanza.Stanza) error
}

// Receiver takes stanzas that nobody waits for. Deliver must not block. Once it
// returns true the receiver answers what has to be answered; false means that
// it has no room.
type Receiver interface {
	Deliver(st stanza.Stanza) bool
}

// Defaults of Options.
const (
	DefaultIQTimeout      = 120 * time.Second
	DefaultIQMaxTimeout   = 300 * time.Second
	DefaultMaxOutstanding = 20_000
	DefaultMaxStanza      = 196_608 + HeaderRoom
)

// HeaderRoom is how many bytes the start tag that the gateway writes may add to
// a stanza as its caller sent it: two addresses of full length and an id.
const HeaderRoom = 8 << 10

// Options of a component. Domain and Link are required.
type Options struct {
	Domain   jid.JID  // the component's XMPP domain
	Link     Link     // to the server that routes for Domain
	Receiver Receiver // for inbound stanzas; nil: the component answers them itself
	Filter   Filter   // which inbound stanzas go to Receiver

	IQTimeout      time.Duration // how long a query waits if its caller says nothing; 0: DefaultIQTimeout
	IQMaxTimeout   time.Duration // the longest wait that a caller can ask for; 0: DefaultIQMaxTimeout
	MaxOutstanding int           // queries outstanding at once; 0: DefaultMaxOutstanding
	MaxStanza      int           // bytes of the largest stanza that may be written; 0: DefaultMaxStanza

	// Outbox keeps messages and presence while the link is down; nil: they are refused
	// then. With an outbox Run has to be called.
	Outbox *OutboxOptions

	// Events is the log of what comes and goes; nil: there is none. Without a Receiver it
	// is where stanzas go that somebody reads there.
	Events *events.Log

	Version string // of the program, for jabber:iq:version
	Logger  *slog.Logger
	Metrics prometheus.Registerer // nil: no metrics

	// Observe is called with each inbound stanza that nobody waited for and that
	// went to no Receiver, and with the component's own answer, zero if there is
	// none. It is called from Receive and must not block. nil costs nothing.
	Observe func(st, answer stanza.Stanza)
}

// Component is the gateway's side of one XMPP domain. Its methods may be called
// concurrently.
type Component struct {
	o        Options
	domain   string // o.Domain as written
	waiting  waiting
	archives archives
	outbox   *outbox // nil without one
	asked    asked
	metrics  metrics
}

// New returns a component. It does nothing by itself: callers drive it through
// Submit, the link through Receive, and Run empties the outbox.
func New(o Options) (*Component, error) {
	if o.Domain.IsZero() || o.Domain != o.Domain.DomainJID() {
		return nil, fmt.Errorf("gateway: %q is no domain", o.Domain)
	}
	if o.Link == nil {
		return nil, errors.New("gateway: no link")
	}
	if o.IQTimeout == 0 {
		o.IQTimeout = DefaultIQTimeout
	}
	if o.IQMaxTimeout == 0 {
		o.IQMaxTimeout = DefaultIQMaxTimeout
	}
	if o.MaxOutstanding == 0 {
		o.MaxOutstanding = DefaultMaxOutstanding
	}
	if o.MaxStanza == 0 {
		o.MaxStanza = DefaultMaxStanza
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Component{o: o, domain: o.Domain.String()}
	c.archives.counted = c.metrics.archiveResult
	if err := c.metrics.init(o.Metrics, &c.waiting); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	if o.Outbox != nil {
		c.outbox = newOutbox(*o.Outbox, o)
	}
	return c, nil
}

// Domain returns the component's domain.
func (c *Component) Domain() jid.JID { return c.o.Domain }

// SubmitOptions say how a caller wants to wait.
type SubmitOptions struct {
	// Wait is how long an IQ may wait for its answer; negative means the
	// component's default. It is capped at the component's maximum. Zero sends
	// the query and gives up at once.
	Wait time.Duration
	// Async asks not to wait for the server's confirmation of a message or
	// presence. It says nothing for an IQ, whose answer is the point.
	Async bool
	// Strict asks for a refusal where the stanza would go to the outbox.
	Strict bool
}

// Submit sends a stanza on behalf of the caller that identity stands for, and
// waits for what tells him how it went.
//
// The sender defaults to identity and must be covered by it (jid.JID.Covers).
// A missing id is generated. For an IQ the result is its answer, be it a result
// or an error. For a message or presence it is the zero Stanza once the server
// has confirmed that it has it, or the error that the server returned for it
// before that. An IQ of the type result or error must answer one that was offered in
// Options.Events; it is not waited for.
//
// With an outbox, a message or presence is kept there while the link is down, and
// while others are still there, so that their order stays: the error is *Queued then.
// Other errors are *stanza.Refusal, or the cause of ctx's end.
func (c *Component) Submit(ctx context.Context, identity jid.JID, st stanza.Stanza, o SubmitOptions) (stanza.Stanza, error) {
	st, err := c.address(identity, st)
	if err != nil {
		return stanza.Stanza{}, err
	}
	if st.Kind() == stanza.IQ {
		if st.IsAnswer() {
			return stanza.Stanza{}, c.answerAsked(st)
		}
		answer, err := c.query(ctx, st, o.Wait)
		if c.o.Events != nil {
			c.recordQuery(st, err)
		}
		return answer, err
	}
	if c.o.Events != nil {
		return c.deliverRecorded(ctx, identity, st, o)
	}
	if o.Async || c.outbox != nil {
		return c.deliver(ctx, identity, st, o)
	}
	return c.send(ctx, st, "")
}

// Complete returns the stanza that Submit would send on behalf of identity, without
// sending it: with its sender and an id. It may lack an addressee, and the rules for
// IQs are not applied. Errors are *stanza.Refusal: the sender is not allowed.
func (c *Component) Complete(identity jid.JID, st stanza.Stanza) (stanza.Stanza, error) {
	h := st.Header()
	if err := complete(&h, identity); err != nil {
		return st, err
	}
	return st.With(h), nil
}

// complete fills in the sender and the id, and applies the sender rule.
func complete(h *stanza.Header, identity jid.JID) error {
	if h.From.IsZero() {
		h.From = identity
	} else if !identity.Covers(h.From) {
		return &stanza.Refusal{
			Reason: stanza.ForeignSender,
			Text:   fmt.Sprintf("these credentials stand for %s and may not send as %s", identity, h.From),
		}
	}
	if h.ID == "" {
		h.ID = newID()
	}
	return nil
}

// address completes the header of a caller's stanza and applies the rules that
// do not depend on anything else.
func (c *Component) address(identity jid.JID, st stanza.Stanza) (stanza.Stanza, error) {
	h := st.Header()
	if h.To.IsZero() {
		return st, &stanza.Refusal{Reason: stanza.ImproperAddressing, Text: "to is missing: say whom the stanza is for"}
	}
	if err := complete(&h, identity); err != nil {
		return st, err
	}
	st = st.With(h)
	if st.Kind() == stanza.IQ && (!st.IsAnswer() || c.o.Events == nil) {
		if err := checkQuery(st); err != nil {
			return st, err
		}
	}
	if !st.FitsIn(c.o.MaxStanza) {
		return st, &stanza.Refusal{
			Reason: stanza.TooLarge,
			Text:   fmt.Sprintf("the stanza would be larger than %d bytes on its way to the server", c.o.MaxStanza),
		}
	}
	return st, nil
}

// checkQuery applies RFC 6120 §8.2.3 to an iq that a caller wants to send.
func checkQuery(st stanza.Stanza) error {
	if !st.IsRequest() {
		return &stanza.Refusal{Reason: stanza.InvalidIQType, Text: fmt.Sprintf("an iq must have the type get or set, not %.40q", st.Type())}
	}
	if n := st.Children(); n != 1 {
		return &stanza.Refusal{Reason: stanza.InvalidIQPayload, Text: fmt.Sprintf("an iq of type %s has exactly one child element, this one has %d", st.Type(), n)}
	}
	return nil
}

// newID returns 24 characters of URL-safe base64 from 18 random bytes.
func newID() string {
	var random [18]byte
	_, _ = rand.Read(random[:]) // never fails: it ends the program instead
	return base64.RawURLEncoding.EncodeToString(random[:])
}
