package devhost

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/restanza/restanza/internal/loglimit"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
	"github.com/restanza/restanza/stream"
)

// Host is an XMPP host for trying and testing. Its methods may be called
// concurrently.
type Host struct {
	o       Options
	log     *slog.Logger
	doors   []*door
	notices []string
	pem     []byte
	tls     *tls.Config // for STARTTLS
	direct  *tls.Config // for the port with direct TLS
	salt    []byte      // of all accounts, known or not
	unknown credentials // what nobody can prove: for accounts that are not there
	began   time.Time
	ran     atomic.Bool

	accounts   map[jid.JID]*account   // by bare address; the map does not change
	components map[jid.JID]*component // by domain; the map does not change
	bots       []*component           // in the order of the options
	roster     []rosterItem           // everybody whom everybody sees, in the order of the options

	wg        sync.WaitGroup // goroutines of connections, writers and services
	writers   writers
	tries     throttle
	oddLog    loglimit.Limit // what clients and components do wrong
	panicked  atomic.Int64   // recovered panics, for tests
	stopping  chan struct{}  // closed when the host begins to end
	closeOnce sync.Once
	closeErr  error

	mu           sync.Mutex // the routing state: all below, and what other types say
	conns        map[*conn]struct{}
	services     map[jid.JID]*mailbox // by domain
	offlineBytes int                  // of all messages kept for accounts
	crowded      *outbox              // the queue that the stanza being routed has made too long
}

// logEvery is the least time between two log entries of one sort that others
// can cause at will.
const logEvery = time.Second

// New returns a host that listens and does not serve yet. It opens its
// listeners, so that the addresses are known; Run or Close ends them.
func New(o Options) (*Host, error) {
	if err := o.setDefaults(); err != nil {
		return nil, fmt.Errorf("dev host: %w", err)
	}
	h := &Host{
		o: o, log: o.Logger.With("host", o.Domain.String()), salt: make([]byte, saltSize), began: time.Now(),
		accounts: map[jid.JID]*account{}, components: map[jid.JID]*component{},
		conns: map[*conn]struct{}{}, services: map[jid.JID]*mailbox{}, stopping: make(chan struct{}),
	}
	h.oddLog.Every = logEvery
	h.tries.delay = o.tryDelay
	h.writers = writers{wg: &h.wg, hard: o.QueueBytes, soft: o.QueueBytes / 4, stall: o.stallTimeout, total: totalQueued}
	if err := h.prepare(); err != nil {
		return nil, fmt.Errorf("dev host: %w", err)
	}
	h.register(h.o.Rooms, newRooms(h.o.Rooms, h.send))
	if err := h.listen(); err != nil {
		return nil, fmt.Errorf("dev host: %w", err)
	}
	return h, nil
}

// prepare makes everything but the listeners.
func (h *Host) prepare() (err error) {
	rand.Read(h.salt)
	if h.unknown, err = deriveCredentials(rand.Text(), h.salt); err != nil {
		return err
	}
	if err := h.addAccounts(h.o.Accounts); err != nil {
		return err
	}
	if err := h.addComponents(h.o.Components); err != nil {
		return err
	}
	return h.makeCertificate()
}

// Notices returns what differs from what was asked for, one sentence each.
func (h *Host) Notices() []string { return h.notices }

// ClientAddr returns the host:port for clients that use STARTTLS or none.
func (h *Host) ClientAddr() string { return h.doors[clientDoor].Addr().String() }

// TLSAddr returns the host:port for clients that begin with TLS.
func (h *Host) TLSAddr() string { return h.doors[tlsDoor].Addr().String() }

// ComponentAddr returns the host:port for components.
func (h *Host) ComponentAddr() string { return h.doors[componentDoor].Addr().String() }

// CertificatePEM returns the certificate that clients are shown. It signs
// itself, so that a client that trusts it accepts the host.
func (h *Host) CertificatePEM() []byte { return h.pem }

// partingTime is how long connections may take to end before they are cut.
const partingTime = 700 * time.Millisecond

// Run serves until ctx ends; then it ends every stream with system-shutdown,
// which takes about a second at most, waits for its goroutines and returns nil.
// It returns an error if a listener breaks, or if the host was closed or has
// run before.
func (h *Host) Run(ctx context.Context) error {
	if h.ran.Swap(true) {
		return errors.New("dev host: it can be run once")
	}
	h.log.Info("this host is for trying and testing and is no server: everybody sees everybody, nothing is kept, no other server is reached",
		"clients", h.ClientAddr(), "clients_tls", h.TLSAddr(), "components", h.ComponentAddr())
	var doors sync.WaitGroup
	broken := make(chan error, len(h.doors))
	for _, d := range h.doors {
		doors.Go(func() {
			if err := h.accept(d); err != nil {
				broken <- err
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-broken:
		err = fmt.Errorf("dev host: %w", err)
	}
	close(h.stopping)
	err = errors.Join(err, h.closeDoors())
	doors.Wait()
	h.endAll()
	return err
}

// Close ends the listeners of a host that is not run. Run does so itself.
func (h *Host) Close() error {
	if h.ran.Swap(true) {
		return nil
	}
	return h.closeDoors()
}

func (h *Host) closeDoors() error {
	h.closeOnce.Do(func() {
		var errs []error
		for _, d := range h.doors {
			errs = append(errs, d.Close())
		}
		h.closeErr = errors.Join(errs...)
	})
	return h.closeErr
}

// endAll ends every stream and waits until all that served them is gone.
func (h *Host) endAll() {
	goodbye := &stream.Error{Condition: stream.SystemShutdown, Text: "the dev host ends"}
	for _, c := range h.connections() {
		c.out.close(goodbye)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		h.wg.Wait()
	}()
	select {
	case <-gone:
		return
	case <-time.After(partingTime):
	}
	for _, c := range h.connections() {
		c.cut()
	}
	<-gone
}

func (h *Host) connections() []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*conn, 0, len(h.conns))
	for c := range h.conns {
		all = append(all, c)
	}
	return all
}

// send routes a stanza of the host's own or of a service. It may be called by
// any goroutine that does not hold the host's lock, and calls no service back.
func (h *Host) send(st stanza.Stanza) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.route(st)
	h.crowded = nil
}

// odd logs what a peer did wrong, not too often.
func (h *Host) odd(msg string, args ...any) {
	if more, ok := h.oddLog.Allow(time.Now()); ok {
		h.log.Info("a peer broke the rules", append([]any{"what", msg, "not_logged", more}, args...)...)
	}
}

// isLoopback reports whether an address is this machine's own.
func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
