package httpd

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/restanza/restanza/gateway"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

const (
	testDomain = "rest.example.net"
	testSecret = "Bearer dmVyeSBzZWNyZXQgdG9rZW4K"

	message = `<message type="chat" to="user@example.org"><body>Hello!</body></message>`
	ping    = `<iq type="get" id="p1" to="example.net"><ping xmlns="urn:xmpp:ping"/></iq>`
)

// submission is one call of Submit.
type submission struct {
	identity jid.JID
	stanza   stanza.Stanza
	options  gateway.SubmitOptions
}

// fakeComponent stands for a component of the gateway. It notes what is
// submitted, and takes everything unless submit says otherwise.
type fakeComponent struct {
	domain jid.JID
	submit func(ctx context.Context, st stanza.Stanza) (stanza.Stanza, error)
	// outgoing is Outgoing; nil: there is nothing.
	outgoing func(identity jid.JID, id string) (gateway.Outgoing, bool, error)

	mu        sync.Mutex
	submitted []submission
}

func newFake() *fakeComponent { return &fakeComponent{domain: jid.MustParse(testDomain)} }

func (c *fakeComponent) Domain() jid.JID { return c.domain }

func (c *fakeComponent) Submit(ctx context.Context, identity jid.JID, st stanza.Stanza, o gateway.SubmitOptions) (stanza.Stanza, error) {
	c.mu.Lock()
	c.submitted = append(c.submitted, submission{identity, st, o})
	c.mu.Unlock()
	if c.submit == nil {
		return stanza.Stanza{}, nil
	}
	return c.submit(ctx, st)
}

func (c *fakeComponent) Complete(identity jid.JID, st stanza.Stanza) (stanza.Stanza, error) {
	h := st.Header()
	if h.From.IsZero() {
		h.From = identity
	}
	return st.With(h), nil
}

func (c *fakeComponent) Search(ctx context.Context, identity jid.JID, st stanza.Stanza, wait time.Duration, _ gateway.Collector) (stanza.Stanza, error) {
	return c.Submit(ctx, identity, st, gateway.SubmitOptions{Wait: wait})
}

func (c *fakeComponent) Outgoing(_ context.Context, identity jid.JID, id string) (gateway.Outgoing, bool, error) {
	if c.outgoing == nil {
		return gateway.Outgoing{}, false, nil
	}
	return c.outgoing(identity, id)
}

// calls returns what was submitted so far.
func (c *fakeComponent) calls() []submission {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]submission(nil), c.submitted...)
}

// forget drops what was submitted so far.
func (c *fakeComponent) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.submitted = nil
}

// failWith makes every Submit return err.
func (c *fakeComponent) failWith(err error) {
	c.submit = func(context.Context, stanza.Stanza) (stanza.Stanza, error) { return stanza.Stanza{}, err }
}

// answerWith makes every Submit return the stanza in xml.
func (c *fakeComponent) answerWith(tb testing.TB, xml string) {
	tb.Helper()
	answer, err := stanza.Parse([]byte(xml))
	if err != nil {
		tb.Fatal(err)
	}
	c.submit = func(context.Context, stanza.Stanza) (stanza.Stanza, error) { return answer, nil }
}

// newTestServer returns a Server with one credential for c, and the options
// that change adds to that.
func newTestServer(tb testing.TB, c Component, change func(*Options)) *Server {
	tb.Helper()
	o := Options{Credentials: []Credential{{Authorization: testSecret, Component: c}}, Health: true}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// newPost returns a request that is right, for tests to spoil.
func newPost(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/rest", strings.NewReader(body))
	r.Header.Set("Authorization", testSecret)
	r.Header.Set("Content-Type", "application/xmpp+xml")
	return r
}

// do answers r by s directly, without a network.
func do(s http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// logTo returns a logger at debug level that writes into a buffer.
func logTo() (*slog.Logger, *syncBuffer) {
	b := &syncBuffer{}
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})), b
}

// syncBuffer is a bytes.Buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// pipeListener is a net.Listener without a network, for tests in a synctest
// bubble.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

// dial returns the caller's end of a new connection.
func (l *pipeListener) dial() (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// pass lets time go by, in a bubble.
func pass(d time.Duration) { <-time.After(d) }

// running is a Server that serves a pipeListener.
type running struct {
	*Server
	ln     *pipeListener
	stop   context.CancelFunc // ends Serve's context
	served chan struct{}      // closed once Serve has returned
	err    error              // what Serve returned

	authorization string // of those who follow events; empty: testSecret
}

// serve runs s until the test ends. It is for tests in a bubble.
func serve(t *testing.T, s *Server) *running {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	rs := &running{Server: s, ln: newPipeListener(), stop: stop, served: make(chan struct{})}
	go func() {
		defer close(rs.served)
		rs.err = s.Serve(ctx, rs.ln)
	}()
	t.Cleanup(func() {
		stop()
		if err := rs.end(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return rs
}

// credential returns what those who follow events show.
func (rs *running) credential() string {
	if rs.authorization == "" {
		return testSecret
	}
	return rs.authorization
}

// end waits for Serve to return.
func (rs *running) end() error {
	<-rs.served
	return rs.err
}

// client returns an HTTP client that reaches the server. The caller closes its
// idle connections.
func (rs *running) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return rs.ln.dial() },
	}}
}

// send sends a request over the pipe. Its URL's host does not matter.
func send(t *testing.T, c *http.Client, r *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// newClientPost is newPost for a client.
func newClientPost(t *testing.T, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://gateway/rest", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", testSecret)
	r.Header.Set("Content-Type", "application/xmpp+xml")
	return r
}

// mediaType returns a Content-Type without its parameters.
func mediaType(contentType string) string {
	name, _, _ := strings.Cut(contentType, ";")
	return strings.TrimSpace(name)
}
