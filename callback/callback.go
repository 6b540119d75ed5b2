package callback

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/internal/loglimit"
	"github.com/restanza/restanza/internal/signing"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// Defaults of Options.
const (
	DefaultTimeout     = 30 * time.Second
	DefaultConcurrency = 64
	DefaultQueueLimit  = 10_000
	DefaultQueueBytes  = 64 << 20
	DefaultMaxAnswer   = 256 << 10
	DefaultMaxStanza   = 196_608 + 8<<10 // what a caller may send, and a start tag
	DefaultGrace       = 10 * time.Second
	DefaultRetryFirst  = time.Second
	DefaultRetryMax    = 10 * time.Minute
)

// Options of a Callback. URL, Domain and Reply are required; zero in a limit
// stands for its default.
type Options struct {
	// URL is where stanzas are posted: http or https, with credentials for Basic
	// authorization if the callback asks for them. Path and query may hold the
	// placeholders {kind}, {type}, {to} and {from}, which are filled in
	// percent-encoded.
	URL    string
	Domain jid.JID // of the component whose stanzas these are
	// Reply sends a stanza to the XMPP server. As long as it blocks, its conversation and
	// a request wait. An error means that the stanza is not sent.
	Reply func(stanza.Stanza) error

	// Format is what requests are written in unless the callback's answer to the probe
	// names another; nil: format.XML.
	Format *format.Format
	// StrictJSON makes mod_rest's own mapping the one for JSON and CBOR
	// (jsonmap.Strict).
	StrictJSON bool

	// SigningSecrets are what requests are signed with (Standard Webhooks 1.0), all of them at once, each as whsec_ and
	// 24 to 64 bytes in base64; none: requests are not signed.
	SigningSecrets []string
	// Authorization is the whole value of that header; empty: what the credentials in URL make.
	Authorization string
	// Header has further fields of each request. Those that the package sets itself can't be
	// changed.
	Header http.Header

	// Journal keeps what the callback has not accepted, for MaxAge: messages and subscription requests, see the
	// package's documentation. It must stay open until Run has ended. nil: nothing is kept.
	Journal *journal.Journal
	// MaxAge is how long a stanza may wait in the journal; 0: nothing that comes is kept there.
	MaxAge time.Duration
	// RetryFirst is the time between the first two attempts. It doubles with each further one up to RetryMax.
	RetryFirst, RetryMax time.Duration

	Timeout     time.Duration // for one request, from dialling to the end of the answer
	Patience    time.Duration // for a message or presence while nothing listens at the callback; 0: none
	Concurrency int           // requests at once
	QueueLimit  int           // stanzas that may wait in memory
	QueueBytes  int           // bytes of stanzas that may wait in memory
	MaxAnswer   int           // bytes of an answer's body
	MaxStanza   int           // bytes of a reply as it is written to the XMPP server
	Grace       time.Duration // after the end of Run's context, for what was accepted before

	Version string // of the program, for the User-Agent header
	Logger  *slog.Logger
	Metrics prometheus.Registerer // nil: no metrics
	// Observe is called after each stanza, by the goroutine that posted it: it must
	// not block. nil costs nothing.
	Observe   func(Exchange)
	Transport http.RoundTripper // nil: HTTP/1.1 with kept-alive connections and the proxies of the environment
	Resolver  *net.Resolver     // looks up the callback's host, without Transport; nil: the system's
}

// Callback posts stanzas to a webhook. Its methods may be called concurrently.
type Callback struct {
	o       Options
	log     *slog.Logger
	target  *target
	headers headers
	signer  *signing.Signer // nil without keys
	newID   func() string   // for a delivery
	client  http.RoundTripper
	queue   *queue
	metrics *metrics

	format    atomic.Pointer[format.Format] // of requests
	down      atomic.Bool                   // the last probe got no answer, and no stanza has got one since
	answering atomic.Bool                   // the last stanza got an answer
	wake      chan error                    // wakes the watch; holds one value: why, nil if the callback is back

	flawed  loglimit.Limit // of answers that can't be used
	failing loglimit.Limit // of stanzas without an answer while the callback does answer
	unsent  loglimit.Limit // of replies that Reply refused
	unkept  loglimit.Limit // of what the journal does not do
	expired loglimit.Limit // of stanzas whose time was over
}

// New returns a Callback. An error says which option is wrong, without showing
// what could be a secret. Nothing is sent before Run.
func New(o Options) (*Callback, error) {
	t, err := parseTarget(o.URL)
	if err != nil {
		return nil, fmt.Errorf("callback: %w", err)
	}
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("callback: %w", err)
	}
	signer, err := newSigner(o.SigningSecrets)
	if err != nil {
		return nil, fmt.Errorf("callback: %w", err)
	}
	c := &Callback{
		o:       o,
		log:     o.Logger.With(slog.String("callback", t.origin)),
		target:  t,
		headers: newHeaders(t, &o),
		signer:  signer,
		newID:   newIDs().next,
		client:  o.Transport,
		queue:   newQueue(o.QueueLimit, o.QueueBytes, o.Concurrency),
		wake:    make(chan error, 1),
	}
	for _, limit := range []*loglimit.Limit{&c.flawed, &c.failing, &c.unsent, &c.unkept, &c.expired} {
		limit.Every = logEvery
	}
	c.format.Store(c.o.Format)
	if o.Journal != nil {
		c.queue.durably(o.Journal, c.inJournal, &c.o)
	}
	if c.client == nil {
		c.client = newTransport(o.Concurrency, newDialer(t, o.Resolver))
	}
	if c.metrics, err = newMetrics(o.Metrics, c.queue, &c.down); err != nil {
		return nil, fmt.Errorf("callback: %w", err)
	}
	return c, nil
}

// newSigner returns what signs with these secrets; nil if there are none.
func newSigner(secrets []string) (*signing.Signer, error) {
	keys := make([]signing.Key, len(secrets))
	for i, text := range secrets {
		key, err := signing.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("signing secret %d: %w", i+1, err)
		}
		keys[i] = key
	}
	return signing.NewSigner(keys), nil
}

// complete checks the options and fills in the defaults.
func (o *Options) complete() error {
	if o.Domain.IsZero() || o.Domain != o.Domain.DomainJID() {
		return fmt.Errorf("%q is no domain", o.Domain)
	}
	if o.Reply == nil {
		return errors.New("no Reply function")
	}
	if min(o.Timeout, o.Grace, o.MaxAge, o.RetryFirst, o.RetryMax) < 0 || min(o.Concurrency, o.QueueLimit, o.QueueBytes, o.MaxAnswer, o.MaxStanza) < 0 {
		return errors.New("a limit is negative")
	}
	o.Format = o.profiled(cmp.Or(o.Format, format.XML))
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	o.Concurrency = cmp.Or(o.Concurrency, DefaultConcurrency)
	o.QueueLimit = cmp.Or(o.QueueLimit, DefaultQueueLimit)
	o.QueueBytes = cmp.Or(o.QueueBytes, DefaultQueueBytes)
	o.MaxAnswer = cmp.Or(o.MaxAnswer, DefaultMaxAnswer)
	o.MaxStanza = cmp.Or(o.MaxStanza, DefaultMaxStanza)
	o.Grace = cmp.Or(o.Grace, DefaultGrace)
	o.RetryFirst = cmp.Or(o.RetryFirst, DefaultRetryFirst)
	o.RetryMax = max(o.RetryFirst, cmp.Or(o.RetryMax, DefaultRetryMax))
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// profiled returns the strict variant of a format if that is asked for.
func (o *Options) profiled(f *format.Format) *format.Format {
	if o.StrictJSON {
		return f.Strict()
	}
	return f
}

// Deliver takes a stanza to be posted. It never blocks for long. It returns false if
// there is no room for it, or Run is ending and it is not kept: then the stanza is left to the caller, who
// has to answer it. What is taken before Run is posted when it begins.
func (c *Callback) Deliver(st stanza.Stanza) bool {
	if c.keeps(st) {
		return c.keep(st)
	}
	return c.queue.put(delivery{id: c.newID(), stanza: st})
}

// DeliverAs is Deliver for a stanza that has an id already, which becomes its webhook-id: without a dot, and no other
// stanza has it. The stanza is in memory only. What is sent in answer to it goes to reply, as to Options.Reply, or
// there if reply is nil.
func (c *Callback) DeliverAs(id string, st stanza.Stanza, reply func(stanza.Stanza) error) bool {
	return c.queue.put(delivery{id: id, stanza: st, reply: reply})
}

// errStopped is the cause of the end of requests that were cut off at the end.
var errStopped = errors.New("the gateway is stopping")

// Run posts what Deliver takes and what the journal has for the component, and finds out whether the
// callback answers, until ctx ends. Then no request is begun any more for what is in the journal: that is where it
// stays. Other stanzas are not taken any more; those that were accepted before have the
// grace period. After that requests are cut off, and whatever is not in the journal and
// has not been answered gets the error recipient-unavailable, type wait, if it
// may be answered at all. Run returns nil, when all of that is done and no
// goroutine of it is left. It must be called only once.
func (c *Callback) Run(ctx context.Context) error {
	work, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	var workers, watch sync.WaitGroup
	watch.Go(func() { c.watch(ctx) })
	if c.o.Journal != nil {
		watch.Go(func() { c.feed(ctx) })
	}
	c.queue.start(func() { workers.Go(func() { c.work(work) }) })

	<-ctx.Done()
	c.queue.close()
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		workers.Wait()
	}()
	grace := time.NewTimer(c.o.Grace)
	defer grace.Stop()
	select {
	case <-idle:
	case <-grace.C:
	}
	c.drop(c.queue.clear())
	cut(errStopped)
	<-idle
	watch.Wait()
	if t, ok := c.client.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
	return nil
}

// drop answers stanzas that are not posted any more.
func (c *Callback) drop(left []delivery) {
	if len(left) == 0 {
		return
	}
	for _, d := range left {
		st := d.stanza
		c.metrics.requests[outcomeDropped].Inc()
		v := verdict{outcome: outcomeDropped, flaw: errStopped}
		v.reply, _ = st.ErrorReply(unavailable())
		c.guard(st, func() { c.answer(d, v.reply) })
		c.observe(d, v, 0)
	}
	c.log.Warn("stanzas not posted, because the gateway stops; their senders get an error", slog.Int("stanzas", len(left)))
}
