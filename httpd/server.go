package httpd

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

	"github.com/restanza/restanza/gateway"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// Component is what the door needs of a component of the gateway.
// *gateway.Component is one.
type Component interface {
	// Domain returns the component's XMPP domain.
	Domain() jid.JID
	// Submit sends a stanza on behalf of identity and waits for what tells the
	// caller how it went: the zero Stanza means accepted. Errors are
	// *gateway.Queued, *stanza.Refusal, the cause of ctx's end, or internal.
	Submit(ctx context.Context, identity jid.JID, st stanza.Stanza, o gateway.SubmitOptions) (stanza.Stanza, error)
	// Search is Submit for an archive query, whose results go to a Collector; wait is
	// that of SubmitOptions, and counts from the last result.
	Search(ctx context.Context, identity jid.JID, st stanza.Stanza, wait time.Duration, results gateway.Collector) (stanza.Stanza, error)
	// Complete returns the stanza that Submit would send, whether or not it can be
	// sent. Errors are *stanza.Refusal.
	Complete(identity jid.JID, st stanza.Stanza) (stanza.Stanza, error)
	// Outgoing returns what became of a stanza that Submit has queued for identity, and
	// whether there is one of that ID. Errors are internal, or the cause of ctx's end.
	Outgoing(ctx context.Context, identity jid.JID, id string) (gateway.Outgoing, bool, error)
}

// Defaults of Options and Credential.
const (
	DefaultBodyLimit   = 196_608
	DefaultReadTimeout = 10 * time.Second
	DefaultIdleTimeout = 2 * time.Minute
	DefaultLongestWait = 5 * time.Minute
	DefaultGrace       = 10 * time.Second
)

const (
	// maxHeaderBytes bounds the request line and the header together.
	maxHeaderBytes = 32 << 10
	// writingTime is how long writing an answer may take once it is there.
	writingTime = time.Minute
	// cutOffTime is how long the requests that were held to the end of the
	// grace have for writing their answers. It is less if the grace is: who
	// gives little time to the former wants all of it to be over soon.
	cutOffTime  = 2 * time.Second
	leastCutOff = 250 * time.Millisecond
)

// Options of a Server. Credentials are required, or Admin and Tokens, by which they can be made.
type Options struct {
	Credentials []Credential
	Realm       string // in challenges; empty: "DOMAIN/rest" with one component, "restanza" with several

	CertFile string // PEM; with KeyFile: serve TLS. Both are read again when they change
	KeyFile  string

	ReadTimeout time.Duration // for a whole request, header and body; 0: DefaultReadTimeout
	IdleTimeout time.Duration // for a kept-alive connection without a request; 0: DefaultIdleTimeout
	LongestWait time.Duration // how long a Submit can take at most; 0: DefaultLongestWait
	Grace       time.Duration // how long running requests may go on at the end; 0: DefaultGrace

	// StrictJSON makes mod_rest's own mapping the default for JSON and CBOR
	// (jsonmap.Strict).
	StrictJSON bool

	// CORSOrigins are the origins whose web pages may use /rest, such as
	// "https://app.example.org"; "*" stands for all of them, none for none.
	CORSOrigins []string

	// Keys remember the answers to requests with an Idempotency-Key; nil: in memory.
	Keys *gateway.Keys

	// Admin is the complete Authorization value of whoever may see and change undelivered
	// stanzas at /deliveries and /dead-letters and tokens at /tokens, and send nothing; empty: nobody
	// may but credentials with that right, each for its component.
	Admin      string
	Deliveries Deliveries // what is undelivered; nil: nothing is kept
	// ReplayAge returns how long a dead letter of a component is tried anew when it is replayed; nil, or 0:
	// DefaultReplayAge.
	ReplayAge func(component jid.JID) time.Duration

	Tokens     TokenStore   // the credentials that are made at /tokens; nil: there can be none
	Components []Attachment // for which there can be tokens

	// LocalOnly refuses requests whose Host is neither localhost nor a loopback
	// address, such as those of a web page whose name leads here.
	LocalOnly bool

	Health bool           // serve /livez and /readyz
	Checks func() []Check // what /readyz tells; nil: ready while the Server runs

	APIDocs bool // serve /openapi.yaml, /openapi.json and /docs/

	Gatherer prometheus.Gatherer   // what /metrics shows; nil: no /metrics
	Metrics  prometheus.Registerer // for the Server's own metrics; nil: none are kept

	Logger *slog.Logger // nil: no logging

	// Observe is called after each POST to /rest, on the request's goroutine, when
	// the response is written: it must not block. nil costs nothing.
	Observe func(Exchange)
}

// Server is the HTTP door. Its methods may be called concurrently, except that
// Serve is called once.
type Server struct {
	o           Options
	keys        *keyring
	certificate *certificate // nil without TLS
	scrape      http.Handler // nil without /metrics
	endpoints   string       // for the document of a 404
	metrics     *metrics
	log         *slog.Logger
	turns       turns
	readings    readings
	resultBytes atomic.Int64 // of archive queries' results that wait for their callers
	stopping    atomic.Bool  // set once Serve's context has ended

	now func() time.Time // by which credentials expire
}

// New returns a Server. It reads the certificate, if there is one, and the tokens; nothing else
// happens before Serve.
func New(o Options) (*Server, error) {
	o = o.withDefaults()
	s := &Server{o: o, log: o.Logger, turns: newTurns(), now: time.Now}
	var err error
	if s.keys, err = o.keyring(); err != nil {
		return nil, fmt.Errorf("httpd: %w", err)
	}
	if o.CertFile != "" || o.KeyFile != "" {
		if s.certificate, err = newCertificate(o.CertFile, o.KeyFile, o.Logger); err != nil {
			return nil, fmt.Errorf("httpd: %w", err)
		}
	}
	if s.metrics, err = newMetrics(o.Metrics); err != nil {
		return nil, fmt.Errorf("httpd: %w", err)
	}
	if o.Gatherer != nil {
		s.scrape = newScrape(o.Gatherer, o.Logger)
	}
	s.endpoints = s.listEndpoints()
	return s, nil
}

// keyring returns all credentials.
func (o *Options) keyring() (*keyring, error) {
	k, err := newKeyring(o.Credentials, o.Realm)
	if err != nil {
		return nil, err
	}
	if o.Admin != "" {
		if err := k.setAdmin(o.Admin); err != nil {
			return nil, err
		}
	}
	if o.Tokens != nil {
		if k.tokens, err = loadTokens(context.Background(), o.Tokens, o.Components, o.Logger); err != nil {
			return nil, err
		}
		if k.operable() {
			k.challenge(challengeFor("Bearer", cmp.Or(o.Realm, realmOf(o.Credentials, o.Components))))
		}
	}
	if len(k.grants) == 0 && (k.tokens == nil || !k.operable()) {
		return nil, errors.New("no credentials: nobody could send anything")
	}
	return k, nil
}

func (o Options) withDefaults() Options {
	defaults := []struct {
		d        *time.Duration
		fallback time.Duration
	}{
		{&o.ReadTimeout, DefaultReadTimeout},
		{&o.IdleTimeout, DefaultIdleTimeout},
		{&o.LongestWait, DefaultLongestWait},
		{&o.Grace, DefaultGrace},
	}
	for _, f := range defaults {
		if *f.d == 0 {
			*f.d = f.fallback
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Keys == nil {
		o.Keys = gateway.NewKeys(nil)
	}
	return o
}

// errStopping is the cause of the end of a request that was held to the end of
// the grace.
var errStopping = errors.New("httpd: shutting down")

// Serve answers requests that come in through ln, which it closes, until ctx
// ends. Then it takes no more connections, waits for the running requests at
// most Options.Grace, and cuts off the rest: what is still held is answered
// with 503. The error is nil after such an end, and says why the listener
// failed otherwise.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	base, cutOff := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cutOff(errStopping)
	hs := s.httpServer(base)

	watch, unwatch := context.WithCancel(base)
	var watching sync.WaitGroup
	watching.Go(func() { s.watch(watch) })
	defer watching.Wait()
	defer unwatch()

	failed := make(chan error, 1)
	go func() {
		if s.certificate != nil {
			failed <- hs.ServeTLS(ln, "", "")
		} else {
			failed <- hs.Serve(ln)
		}
	}()
	select {
	case err := <-failed:
		s.stopping.Store(true)
		s.readings.stop()
		s.drain(hs, cutOff)
		return fmt.Errorf("httpd: accept on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	s.stopping.Store(true)
	s.readings.stop()
	s.drain(hs, cutOff)
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("httpd: accept on %s: %w", ln.Addr(), err)
	}
	return nil
}

// drain ends hs in two steps.
func (s *Server) drain(hs *http.Server, cutOff context.CancelCauseFunc) {
	atGraceEnd := time.AfterFunc(s.o.Grace, func() { cutOff(errStopping) })
	defer atGraceEnd.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), s.o.Grace+max(leastCutOff, min(cutOffTime, s.o.Grace)))
	defer cancel()
	if err := hs.Shutdown(ctx); err != nil {
		s.log.Warn("http connections cut off at shutdown", slog.Any("error", err))
		if err := hs.Close(); err != nil {
			s.log.Warn("http server not closed cleanly", slog.Any("error", err))
		}
	}
}

// httpServer returns the server with its limits. ReadTimeout covers header and
// body of every request, also of one that is refused before its body is read;
// it ends with the body, so that a held request outlives it. WriteTimeout
// counts from the end of the header and must cover the wait.
func (s *Server) httpServer(base context.Context) *http.Server {
	hs := &http.Server{
		Handler:        s,
		BaseContext:    func(net.Listener) context.Context { return base },
		ReadTimeout:    s.o.ReadTimeout,
		WriteTimeout:   s.o.ReadTimeout + s.o.LongestWait + writingTime,
		IdleTimeout:    s.o.IdleTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	if s.certificate != nil {
		hs.TLSConfig = s.certificate.config()
	}
	return hs
}
