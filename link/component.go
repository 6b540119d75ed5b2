package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/restanza/restanza/internal/loglimit"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// Defaults of ComponentOptions.
const (
	DefaultConfirmTimeout = 30 * time.Second
	DefaultDrainTimeout   = 5 * time.Second
	// DefaultWindow bounds the queue that a stanza can stand in. Real servers
	// take in 8,000 to 40,000 stanzas a second, so that these are 6 to 30 ms;
	// more brings no throughput.
	DefaultWindow      = 256
	DefaultWindowBytes = 1 << 20
	DefaultMaxReplies  = 10_000
	DefaultReplyAge    = 60 * time.Second
)

// ComponentOptions are the options of a Component. Domain, Address, Secret and
// Receive are required.
type ComponentOptions struct {
	Domain  jid.JID // the component's domain, exactly as the server is configured
	Address string  // of the server's component port, host:port
	Secret  string  // shared with the server; never logged

	// Receive is called for each inbound stanza except pongs, in the order of
	// the stream, by one goroutine. It must not block: while it runs nothing is
	// read or confirmed.
	Receive func(stanza.Stanza)

	// ConfirmTo is the address that is pinged to have stanzas confirmed. The
	// zero value stands for Domain itself: servers route the ping back. Another
	// address must be answered by the server itself, on the same stream.
	ConfirmTo jid.JID

	MaxStanza      int           // bytes of an inbound stanza, larger ones are skipped; 0: stream.DefaultMaxStanza
	ConfirmTimeout time.Duration // until a stanza that is not confirmed fails; 0: DefaultConfirmTimeout
	DrainTimeout   time.Duration // for the last stanzas at the end of Run; 0: DefaultDrainTimeout
	Window         int           // stanzas that may be unconfirmed; 0: DefaultWindow
	WindowBytes    int           // their bytes, roughly; 0: DefaultWindowBytes
	MaxReplies     int           // replies kept while the link is down or behind; 0: DefaultMaxReplies
	ReplyAge       time.Duration // after which a reply is dropped; 0: DefaultReplyAge

	Logger  *slog.Logger          // nil: slog.Default()
	Metrics prometheus.Registerer // nil: no metrics; for several components wrap it with a label
	// Dial connects to an address; nil: TCP by a net.Dialer.
	Dial func(ctx context.Context, address string) (net.Conn, error)
}

// Component is a link to an XMPP server as an external component (XEP-0114).
// Its methods may be called concurrently.
type Component struct {
	o       ComponentOptions
	log     *slog.Logger
	metrics *metrics
	window  *window
	state   stateBox
	started atomic.Bool

	skippedLog     loglimit.Limit
	droppedLog     loglimit.Limit
	unconfirmedLog loglimit.Limit
}

// logEvery is the least time between two log entries of one sort that others
// can cause at will.
const logEvery = time.Second

// NewComponent returns a link that is down until Run is called.
func NewComponent(o ComponentOptions) (*Component, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("component link: %w", err)
	}
	o.setDefaults()
	c := &Component{o: o, log: o.Logger.With("component", o.Domain.String())}
	c.skippedLog.Every, c.droppedLog.Every, c.unconfirmedLog.Every = logEvery, logEvery, logEvery
	m, err := newMetrics(o.Metrics, func() int { return c.window.unconfirmed() })
	if err != nil {
		return nil, fmt.Errorf("component link: %w", err)
	}
	c.metrics = m
	c.window = newWindow(limits{
		count:    o.Window,
		bytes:    o.WindowBytes,
		chunk:    maxChunk,
		replies:  o.MaxReplies,
		confirm:  o.ConfirmTimeout,
		replyAge: o.ReplyAge,
	}, newPinger(o.Domain, o.ConfirmTo), m)
	c.state.start(o.Address)
	return c, nil
}

func (o *ComponentOptions) check() error {
	switch {
	case o.Domain.IsZero() || o.Domain != o.Domain.DomainJID():
		return fmt.Errorf("%q is no domain", o.Domain)
	case o.Secret == "":
		return errors.New("the secret is missing")
	case o.Receive == nil:
		return errors.New("no function receives stanzas")
	}
	if _, _, err := net.SplitHostPort(o.Address); err != nil {
		return fmt.Errorf("server %q: want host:port: %w", o.Address, err)
	}
	return nil
}

func (o *ComponentOptions) setDefaults() {
	setDefault(&o.ConfirmTo, o.Domain)
	setDefault(&o.ConfirmTimeout, DefaultConfirmTimeout)
	setDefault(&o.DrainTimeout, DefaultDrainTimeout)
	setDefault(&o.Window, DefaultWindow)
	setDefault(&o.WindowBytes, DefaultWindowBytes)
	setDefault(&o.MaxReplies, DefaultMaxReplies)
	setDefault(&o.ReplyAge, DefaultReplyAge)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Dial == nil {
		o.Dial = dial
	}
}

func setDefault[T comparable](option *T, value T) {
	var zero T
	if *option == zero {
		*option = value
	}
}

// State returns how the link is now.
func (c *Component) State() State { return c.state.load() }

// Send accepts a stanza for the server. The channel gets one value: nil when the
// server has confirmed the stanza, or why it did not. After a reconnect it is
// written again unless ctx has ended; so it may arrive twice.
//
// Send blocks only while the window is full. Errors, on either way, are
// *stanza.Refusal, or ctx's cause if that ends first. A refusal with the reason
// stanza.LinkUnavailable has an error with the method RetryAfter in its chain.
func (c *Component) Send(ctx context.Context, st stanza.Stanza) (<-chan error, error) {
	return c.send(ctx, newEntry(st, confirm))
}

// Lend is Send for a stanza that Withdraw may take back while there is no connection;
// until then it waits for the next one, for however long. owner comes back with it,
// and means nothing to the link.
func (c *Component) Lend(ctx context.Context, st stanza.Stanza, owner string) (<-chan error, error) {
	e := newEntry(st, lent)
	e.owner = owner
	return c.send(ctx, e)
}

// Withdraw takes back what was lent, unless there is a connection: what is not confirmed,
// and after it what was not written, in order. The link does not write it any more. For
// each, take is called; what it or anybody after it calls tell with, once, is what the
// sender gets. take must not call the link. What nobody waits for any more is dropped.
func (c *Component) Withdraw(take func(st stanza.Stanza, owner string, tell func(error))) {
	c.window.withdraw(take)
}

// SendOnce is Send for a stanza that must not be written twice: if the link
// breaks before it is confirmed, it fails.
func (c *Component) SendOnce(ctx context.Context, st stanza.Stanza) (<-chan error, error) {
	return c.send(ctx, newEntry(st, once))
}

func (c *Component) send(ctx context.Context, e *entry) (<-chan error, error) {
	if err := c.check(e.st); err != nil {
		return nil, err
	}
	if err := c.window.add(ctx, e); err != nil {
		return nil, err
	}
	return e.done, nil
}

// Post returns once the stanza is written into the connection, which does not
// mean that the server has it. Errors are as those of Send.
func (c *Component) Post(ctx context.Context, st stanza.Stanza) error {
	written, err := c.send(ctx, newEntry(st, post))
	if err != nil {
		return err
	}
	select {
	case err := <-written:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Reply accepts a stanza that nobody waits for. It never blocks. While the link
// is down the stanza is kept, for a limited time; it is written, confirmed and
// written again as with Send. What is dropped in the end is logged and counted;
// an error means that it was dropped at once.
func (c *Component) Reply(st stanza.Stanza) error {
	err := c.check(st)
	if err == nil {
		err = c.window.add(context.Background(), newEntry(st, reply))
	}
	if err != nil {
		c.dropped(st, err)
	}
	return err
}

// check is the last check before a stanza is written: servers end the stream
// for a foreign sender, and some for a missing addressee.
func (c *Component) check(st stanza.Stanza) error {
	switch {
	case st.IsZero():
		return &stanza.Refusal{Reason: stanza.UnsupportedStanzaType, Text: "no stanza"}
	case st.To().IsZero():
		return &stanza.Refusal{Reason: stanza.ImproperAddressing, Text: "to is missing"}
	case st.From().Domain() != c.o.Domain.Domain():
		return &stanza.Refusal{Reason: stanza.InvalidFrom, Text: fmt.Sprintf("from must be an address of %s", c.o.Domain)}
	}
	return nil
}

// dropped counts and logs a reply that is given up.
func (c *Component) dropped(st stanza.Stanza, why error) {
	c.metrics.dropped.Inc()
	if more, ok := c.droppedLog.Allow(time.Now()); ok {
		c.log.Warn("reply dropped", "kind", st.Kind(), "id", st.ID(), "reason", why.Error(), "not_logged", more)
	}
}
