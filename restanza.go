package restanza

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/gateway"
	"github.com/restanza/restanza/httpd"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// Options of a Restanza.
type Options struct {
	// Config is checked: config.Config.Validate has accepted it. Without a path for the journal nothing is kept, since a
	// package has no place of its own.
	Config  config.Config
	Logger  *slog.Logger // nil: no logging
	Version string       // of the program, told to XMPP entities and callbacks that ask

	// LocalOnly refuses HTTP requests for other hosts than localhost and loopback
	// addresses.
	LocalOnly bool
	// Patience is how long a message or presence waits for a callback at which
	// nothing listens; 0: it does not.
	Patience time.Duration
	// Receiver, if it is not nil, makes what takes the stanzas of a component
	// without a callback URL; reply sends a stanza to the server and does not block.
	Receiver func(domain jid.JID, reply func(stanza.Stanza) error) gateway.Receiver

	// Traffic, if it is not nil, is called with each stanza that went through the
	// gateway, except those that a Receiver took. It is called by many goroutines at
	// once, on the way of other stanzas, and must not block.
	Traffic func(Exchange)
}

// Restanza is a gateway, assembled: one HTTP door and, for each XMPP component,
// a link, a policy and perhaps a callback. Several may run in one process.
type Restanza struct {
	o        Options
	log      *slog.Logger
	registry *prometheus.Registry
	journal  *journal.Journal // nil: nothing is kept
	listener net.Listener
	door     *httpd.Server
	parts    []*part
}

// New builds every part and opens the HTTP listener, so that a wrong setting or
// a port in use is an error here. It connects to nothing; Run does. A Restanza
// that is not run must be closed.
func New(o Options) (*Restanza, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Restanza{o: o, log: o.Logger, registry: prometheus.NewRegistry()}
	if err := r.openJournal(); err != nil {
		return nil, &JournalError{err}
	}
	if err := r.build(); err != nil {
		return nil, errors.Join(err, r.closeJournal())
	}
	return r, nil
}

// JournalError says why the journal can't be used.
type JournalError struct{ Err error }

func (e *JournalError) Error() string { return e.Err.Error() }

// Unwrap returns the cause, which errors.Is tells apart by the errors of package journal.
func (e *JournalError) Unwrap() error { return e.Err }

// openJournal opens the journal, if there is to be one.
func (r *Restanza) openJournal() (err error) {
	c := r.o.Config.Journal
	if c.Path == "" || c.Path == config.NoJournal {
		return nil
	}
	r.journal, err = journal.Open(journal.Options{
		Path:     c.Path,
		Linger:   linger,
		MaxBytes: int64(c.MaxBytes),
		DeadAge:  c.DeadAge.Std(),
		Notify:   r.journalChanged,
		Logger:   r.log,
		Metrics:  r.registry,

		OutboxLimit: r.o.Config.Outbox.MaxStanzas,
	})
	if err != nil {
		return err
	}
	held := r.journal.Stats()
	r.log.Info("journal open", slog.String("path", c.Path), slog.Int64("waiting", held.Waiting),
		slog.Int64("dead", held.Dead), slog.Int64("queued", held.Queued))
	return nil
}

// linger is how old a stanza may be when it is on disk. It is what a sudden end costs, if commits are not slower, which is to
// be less than 20 ms; the longer it is, the more of what callbacks accept at once is never written.
const linger = 12 * time.Millisecond

// journalChanged tells callbacks what an operator has done to what waits for them.
func (r *Restanza) journalChanged(change journal.Change) {
	for _, p := range r.parts {
		if p.callback != nil {
			p.callback.Changed(change)
		}
	}
}

func (r *Restanza) closeJournal() error {
	if r.journal == nil {
		return nil
	}
	return r.journal.Close()
}

// build makes everything else.
func (r *Restanza) build() error {
	o := r.o
	r.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	var credentials []httpd.Credential
	for i := range o.Config.Components {
		c := &o.Config.Components[i]
		p, err := newPart(o, c, r.journal, r.registry)
		if err != nil {
			return fmt.Errorf("component %s: %w", c.Domain, err)
		}
		r.parts = append(r.parts, p)
		credentials = append(credentials, p.credentials()...)
	}
	return r.open(credentials)
}

// attachments returns the components for which there can be tokens.
func (r *Restanza) attachments() []httpd.Attachment {
	list := make([]httpd.Attachment, len(r.parts))
	for i, p := range r.parts {
		list[i] = p.attachment()
	}
	return list
}

// tokens returns where tokens are kept, nil without a journal.
func (r *Restanza) tokens() httpd.TokenStore {
	if r.journal == nil {
		return nil
	}
	return r.journal
}

// open builds the HTTP door and opens its listener.
func (r *Restanza) open(credentials []httpd.Credential) (err error) {
	h := r.o.Config.HTTP
	r.door, err = httpd.New(httpd.Options{
		Credentials: credentials,
		CertFile:    h.TLSCertificate,
		KeyFile:     h.TLSKey,
		ReadTimeout: h.ReadTimeout.Std(),
		IdleTimeout: h.IdleTimeout.Std(),
		LongestWait: r.longestWait(),
		Grace:       r.o.Config.ShutdownGrace.Std(),
		StrictJSON:  h.JSONProfile == strictProfile,
		CORSOrigins: h.CORSOrigins,
		LocalOnly:   r.o.LocalOnly,
		Health:      true,
		APIDocs:     h.APIDocs,
		Checks:      r.checks,
		Gatherer:    r.registry,
		Metrics:     r.registry,
		Logger:      r.log,
		Keys:        gateway.NewKeys(r.journal),
		Observe:     watchDoor(r.o.Traffic),
		Admin:       h.AdminAuthorization.Reveal(),
		Deliveries:  r.deliveries(),
		Tokens:      r.tokens(),
		Components:  r.attachments(),
		ReplayAge:   r.replayAge,
	})
	if err != nil {
		return err
	}
	r.listener, err = new(net.ListenConfig).Listen(context.Background(), "tcp", h.Listen)
	if err != nil {
		return fmt.Errorf("HTTP listener: %w", err)
	}
	return nil
}

// deliveries returns what an operator works on, nil without a journal.
func (r *Restanza) deliveries() httpd.Deliveries {
	if r.journal == nil {
		return nil
	}
	return r.journal
}

// replayAge returns how long a dead letter of a component is tried anew when it is replayed: as long as what comes in, 0 if that
// is not kept, or there is no such component any more.
func (r *Restanza) replayAge(component jid.JID) time.Duration {
	for _, p := range r.parts {
		if p.config.Domain == component {
			return p.config.Callback.MaxAge.Std()
		}
	}
	return 0
}

// strictProfile is the value of http.json_profile for mod_rest's own mapping.
const strictProfile = "strict-mod_rest"

// Addr returns the address on which HTTP is served, with the real port.
func (r *Restanza) Addr() string { return r.listener.Addr().String() }

// Close releases the listener and the journal of a Restanza that is not run.
func (r *Restanza) Close() error { return errors.Join(r.listener.Close(), r.closeJournal()) }

// Run serves until ctx ends, and then stops in the order in which stanzas flow
// in: the HTTP door, the callbacks, the outboxes, the links, the logs of events, the journal. Each has stopped before the next
// is told to, so that what is under way can still be answered. Run returns nil
// after such an end.
func (r *Restanza) Run(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)

	logs := r.start(ctx, fail, func(p *part) func(context.Context) error {
		if p.events == nil {
			return nil
		}
		return p.events.Run
	})
	links := r.start(ctx, fail, func(p *part) func(context.Context) error { return p.link.Run })
	callbacks := r.start(ctx, fail, func(p *part) func(context.Context) error {
		if p.callback == nil {
			return nil
		}
		return p.callback.Run
	})
	outboxes := r.start(ctx, fail, func(p *part) func(context.Context) error { return p.gateway.Run })
	errDoor := r.door.Serve(ctx, r.listener)
	errCallbacks := callbacks.stop()
	errOutboxes := outboxes.stop()
	errLinks := links.stop()
	errLogs := logs.stop()
	return errors.Join(errDoor, errCallbacks, errOutboxes, errLinks, errLogs, r.closeJournal())
}

// layer is the same part of every component, running.
type layer struct {
	cancel context.CancelFunc
	wait   sync.WaitGroup
	mu     sync.Mutex
	errs   []error
}

// start runs one part of every component under a context of the layer's own,
// which stop ends. An error of any of them calls fail.
func (r *Restanza) start(ctx context.Context, fail context.CancelCauseFunc, run func(*part) func(context.Context) error) *layer {
	l := &layer{}
	ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for _, p := range r.parts {
		f := run(p)
		if f == nil {
			continue
		}
		l.wait.Go(func() {
			if err := f(ctx); err != nil {
				err = fmt.Errorf("component %s: %w", p.config.Domain, err)
				l.mu.Lock()
				l.errs = append(l.errs, err)
				l.mu.Unlock()
				fail(err)
			}
		})
	}
	return l
}

// stop ends the layer, waits for it, and returns its errors.
func (l *layer) stop() error {
	l.cancel()
	l.wait.Wait()
	return errors.Join(l.errs...)
}

// checks tells /readyz how each link is.
func (r *Restanza) checks() []httpd.Check {
	checks := make([]httpd.Check, len(r.parts), len(r.parts)+1)
	for i, p := range r.parts {
		checks[i] = p.check()
	}
	if r.journal == nil {
		return checks
	}
	// A gateway whose disk is full still does what needs no disk: it is ready.
	state := r.journal.State()
	if !state.FullSince.IsZero() {
		checks = append(checks, httpd.Check{Name: "journal", OK: true, Detail: fmt.Sprintf(
			"has had journal.max_bytes since %s and no dead letter to drop, so that what has to be kept is refused", state.FullSince.UTC().Format(time.RFC3339))})
	}
	if state.Err != nil {
		checks = append(checks, httpd.Check{Name: "journal", OK: true, Detail: fmt.Sprintf(
			"not written since %s, so that what has to be kept is refused: %v", state.Since.UTC().Format(time.RFC3339), state.Err)})
	}
	return checks
}

// longestWait returns how long a caller's request can take at most.
func (r *Restanza) longestWait() time.Duration {
	var longest time.Duration
	for i := range r.o.Config.Components {
		c := &r.o.Config.Components[i]
		longest = max(longest, c.IQMaxTimeout.Std(), c.ConfirmTimeout.Std())
	}
	return longest
}
