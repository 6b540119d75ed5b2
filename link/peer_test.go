package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
	"github.com/restanza/restanza/stream"
)

const (
	domain   = "bot.example.net"
	secret   = "s3cr3t-word"
	streamID = "stream&1"
)

// rig is a link with a scripted server at its other end, all in memory.
type rig struct {
	t      *testing.T
	link   *Component
	cancel context.CancelFunc
	ended  chan error // what Run returned
	dialed chan *peer // connections made by the link
	log    *recorder

	mu        sync.Mutex
	received  []stanza.Stanza
	onReceive func(stanza.Stanza)
	dialError error
}

// recorder keeps what is logged.
type recorder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// newRig starts a link. It must be called in a synctest bubble, so that the
// test has all the time in the world.
func newRig(t *testing.T, change func(*ComponentOptions)) *rig {
	t.Helper()
	r := &rig{t: t, ended: make(chan error, 1), dialed: make(chan *peer, 100), log: &recorder{}}
	o := ComponentOptions{
		Domain:  jid.MustParse(domain),
		Address: "xmpp.example.net:5347",
		Secret:  secret,
		Receive: r.receive,
		Logger:  slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Metrics: prometheus.NewRegistry(),
		Dial:    r.dial,
	}
	if change != nil {
		change(&o)
	}
	link, err := NewComponent(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.link, r.cancel = link, cancel
	go func() { r.ended <- link.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		for {
			select {
			case err := <-r.ended:
				if err != nil {
					t.Errorf("Run returned %v", err)
				}
				if strings.Contains(r.log.String(), secret) {
					t.Error("the secret was logged")
				}
				return
			case p := <-r.dialed:
				p.Close()
			}
		}
	})
	return r
}

func (r *rig) receive(st stanza.Stanza) {
	r.mu.Lock()
	r.received = append(r.received, st)
	do := r.onReceive
	r.mu.Unlock()
	if do != nil {
		do(st)
	}
}

func (r *rig) dial(context.Context, string) (net.Conn, error) {
	r.mu.Lock()
	err := r.dialError
	r.mu.Unlock()
	client, server := net.Pipe()
	p := &peer{Conn: server, t: r.t, in: stream.NewReader(server, stream.ReaderOptions{}), at: time.Now(), err: err}
	r.dialed <- p
	return client, err
}

// accept waits for the link to connect.
func (r *rig) accept() *peer {
	r.t.Helper()
	select {
	case p := <-r.dialed:
		return p
	case <-time.After(5 * time.Minute):
		r.t.Fatal("the link does not connect")
		return nil
	}
}

// up waits for the link to connect, lets it in, and waits until it knows.
func (r *rig) up() *peer {
	r.t.Helper()
	p := r.accept()
	p.handshake()
	synctest.Wait()
	return p
}

// stanzas returns what Receive got so far.
func (r *rig) stanzas() []stanza.Stanza {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]stanza.Stanza(nil), r.received...)
}

// send sends a message, waits until all that can be written is, and returns
// where the message's outcome will be.
func (r *rig) send(ctx context.Context, id string) <-chan error {
	return r.sendBy(ctx, r.link.Send, id)
}

func (r *rig) sendBy(ctx context.Context, how func(context.Context, stanza.Stanza) (<-chan error, error), id string) <-chan error {
	r.t.Helper()
	outcome, err := how(ctx, message(id))
	if err != nil {
		r.t.Fatalf("sending %s: %v", id, err)
	}
	synctest.Wait()
	return outcome
}

func message(id string) stanza.Stanza {
	return stanza.New(stanza.Header{
		Kind: stanza.Message, Type: stanza.Chat, ID: id,
		From: jid.MustParse("me@" + domain), To: jid.MustParse("you@example.net"),
	}, "<body>hello</body>")
}

// peer is the server's end of a connection.
type peer struct {
	net.Conn
	t   *testing.T
	in  *stream.Reader
	at  time.Time // when the link dialled
	err error     // what the link was told instead of a connection
}

// open reads the link's header and answers it.
func (p *peer) open(id string) {
	p.t.Helper()
	header, err := p.in.Header()
	if err != nil {
		p.t.Fatalf("reading the header: %v", err)
	}
	if header.To != domain || header.Default != stanza.NSComponent {
		p.t.Errorf("the header is for %q in %q", header.To, header.Default)
	}
	p.write(fmt.Sprintf(`<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:component:accept' id='%s' from='%s'>`,
		strings.ReplaceAll(id, "&", "&amp;"), domain))
}

// handshake lets the link in.
func (p *peer) handshake() {
	p.t.Helper()
	p.open(streamID)
	item, err := p.in.Next()
	if err != nil || item.Element == nil {
		p.t.Fatalf("reading the handshake: %+v, %v", item, err)
	}
	const want = "<handshake>afe457a46a4640f9d687731a48ed2cd329e731dd</handshake>"
	if got := string(item.Element.Raw); got != want {
		p.t.Errorf("handshake %s, want %s", got, want)
	}
	p.write("<handshake/>")
}

func (p *peer) write(xml string) {
	p.t.Helper()
	if _, err := io.WriteString(p, xml); err != nil {
		p.t.Errorf("the server can't write: %v", err)
	}
}

// fail ends the stream with a stream error.
func (p *peer) fail(c stream.Condition) {
	p.t.Helper()
	p.write(string(stream.AppendClose(stream.AppendError(nil, &stream.Error{Condition: c, Text: "because"}))))
	p.Close()
}

// next returns the next stanza from the link.
func (p *peer) next() stanza.Stanza {
	p.t.Helper()
	item, err := p.in.Next()
	if err != nil || item.Stanza.IsZero() {
		p.t.Fatalf("the server read %+v, error %v; want a stanza", item, err)
	}
	return item.Stanza
}

// expect reads stanzas and checks their ids; "ping" stands for a ping. It
// returns the last one.
func (p *peer) expect(ids ...string) stanza.Stanza {
	p.t.Helper()
	var st stanza.Stanza
	for _, want := range ids {
		st = p.next()
		got := st.ID()
		if isPing(st) {
			got = "ping"
		}
		if got != want {
			p.t.Fatalf("the server read %s, want %s", st, want)
		}
	}
	return st
}

// pong routes a ping back to the link, as servers do.
func (p *peer) pong(ping stanza.Stanza) {
	p.t.Helper()
	if !isPing(ping) {
		p.t.Fatalf("%s is no ping", ping)
	}
	p.write(ping.String())
}

// rest reads until the connection ends and returns the ids of what came.
func (p *peer) rest() (ids []string, err error) {
	for {
		item, err := p.in.Next()
		if err != nil {
			return ids, err
		}
		ids = append(ids, item.Stanza.ID())
	}
}

// drain reads until the connection ends.
func (p *peer) drain() {
	for {
		if _, err := p.in.Next(); err != nil {
			return
		}
	}
}

// serve answers pings until the connection ends. It returns a function that
// waits for that and returns the ids of the other stanzas.
func (p *peer) serve() (wait func() []string) {
	var ids []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			item, err := p.in.Next()
			if err != nil {
				p.Close()
				return
			}
			if isPing(item.Stanza) {
				p.write(item.Stanza.String())
				continue
			}
			ids = append(ids, item.Stanza.ID())
		}
	}()
	return func() []string {
		<-done
		return ids
	}
}

func isPing(st stanza.Stanza) bool {
	return st.Kind() == stanza.IQ && st.Payload() == stanza.Name{Space: NSPing, Local: "ping"} &&
		st.From().String() == domain && st.To().String() == domain
}

// settledOutcome returns the outcome of a stanza that must have one by now.
func settledOutcome(t *testing.T, outcome <-chan error) error {
	t.Helper()
	select {
	case err := <-outcome:
		return err
	default:
		t.Fatal("the stanza has no outcome yet")
		return nil
	}
}

func wantConfirmed(t *testing.T, outcome <-chan error) {
	t.Helper()
	if err := settledOutcome(t, outcome); err != nil {
		t.Errorf("not confirmed: %v", err)
	}
}

func wantUndecided(t *testing.T, outcome <-chan error) {
	t.Helper()
	select {
	case err := <-outcome:
		t.Errorf("the outcome is %v already", err)
	default:
	}
}

// wantUnavailable checks an error that tells the sender to try again later.
func wantUnavailable(t *testing.T, err error) {
	t.Helper()
	wantReason(t, err, stanza.LinkUnavailable)
	if after := retryAfter(err); after < time.Second {
		t.Errorf("error %v says to try again in %s", err, after)
	}
}

// retryAfter returns when an error says to try again; 0 if it does not.
func retryAfter(err error) time.Duration {
	type retry interface {
		error
		RetryAfter() time.Duration
	}
	if later, ok := errors.AsType[retry](err); ok {
		return later.RetryAfter()
	}
	return 0
}

func wantReason(t *testing.T, err error, want stanza.Reason) {
	t.Helper()
	if refusal, ok := errors.AsType[*stanza.Refusal](err); !ok || refusal.Reason != want {
		t.Errorf("error %v, want a refusal with the reason %s", err, want)
	}
}

// count returns the value of a counter.
func count(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}
