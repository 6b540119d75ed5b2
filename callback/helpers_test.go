package callback

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// long is a time that nothing takes unless it is broken.
const long = 90 * time.Second

func at(t testing.TB, text string) jid.JID {
	t.Helper()
	j, err := jid.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func parse(t testing.TB, doc string) stanza.Stanza {
	t.Helper()
	st, err := stanza.Parse([]byte(doc))
	if err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	return st
}

// chat is a chat message with an id.
func chat(t testing.TB, from, to, id string) stanza.Stanza {
	t.Helper()
	return stanza.New(stanza.Header{
		Kind: stanza.Message, Type: stanza.Chat, ID: id, From: at(t, from), To: at(t, to),
	}, "<body>Hello</body>")
}

// ping is an iq that must be answered.
func ping(t testing.TB, id string) stanza.Stanza {
	t.Helper()
	return parse(t, `<iq type="get" id="`+id+`" from="user@example.com/phone" to="bot@rest.example.net"><ping xmlns="urn:xmpp:ping"/></iq>`)
}

// server is an XMPP server's side: it collects what is sent to it.
type server struct {
	replies chan stanza.Stanza
	refuse  func(stanza.Stanza) error
}

func newServer() *server { return &server{replies: make(chan stanza.Stanza, 100_000)} }

func (s *server) reply(st stanza.Stanza) error {
	if s.refuse != nil {
		if err := s.refuse(st); err != nil {
			return err
		}
	}
	s.replies <- st
	return nil
}

// next returns the next stanza that was sent.
func (s *server) next(t testing.TB) stanza.Stanza {
	t.Helper()
	select {
	case st := <-s.replies:
		return st
	case <-time.After(long):
		t.Fatal("nothing was sent")
		return stanza.Stanza{}
	}
}

// nothing fails if something was sent that was not taken.
func (s *server) nothing(t testing.TB) {
	t.Helper()
	select {
	case st := <-s.replies:
		t.Errorf("sent, though nothing should be: %s", st)
	default:
	}
}

// logs keeps log lines.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// count returns how many lines hold all of the parts.
func (l *logs) count(parts ...string) int {
	n := 0
lines:
	for line := range strings.Lines(l.String()) {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue lines
			}
		}
		n++
	}
	return n
}

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// fake is an HTTP transport without a network. OPTIONS is not for it.
type fake func(*http.Request) (*http.Response, error)

func (f fake) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodOptions {
		return respond(http.StatusMethodNotAllowed, "", ""), nil
	}
	return f(req)
}

// whole is an HTTP transport without a network.
type whole func(*http.Request) (*http.Response, error)

func (f whole) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// respond is an HTTP answer.
func respond(status int, contentType, body string) *http.Response {
	header := http.Header{}
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	return &http.Response{StatusCode: status, Header: header, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body))}
}

// always gives one answer to everything.
func always(status int, contentType, body string) fake {
	return func(*http.Request) (*http.Response, error) { return respond(status, contentType, body), nil }
}

// begin returns a Callback, changed by each of the functions, that runs until
// the test ends or stop is called.
func begin(t testing.TB, s *server, change ...func(*Options)) (c *Callback, stop func()) {
	t.Helper()
	c = build(t, s, change...)
	return c, runs(t, c)
}

func build(t testing.TB, s *server, change ...func(*Options)) *Callback {
	t.Helper()
	o := Options{URL: "http://callback.example/stanzas", Domain: at(t, "rest.example.net"), Reply: s.reply, Version: "1.2"}
	for _, f := range change {
		f(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// runs runs c until stop is called, which waits for the end.
func runs(t testing.TB, c *Callback) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// over sets the transport.
func over(rt http.RoundTripper) func(*Options) { return func(o *Options) { o.Transport = rt } }

// to sets the URL.
func to(url string) func(*Options) { return func(o *Options) { o.URL = url } }

// logging sets the logger.
func logging(l *logs) func(*Options) { return func(o *Options) { o.Logger = l.logger() } }

// listen serves HTTP on loopback. OPTIONS is answered 405.
func listen(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		h(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv
}

func deliver(t testing.TB, c *Callback, stanzas ...stanza.Stanza) {
	t.Helper()
	for _, st := range stanzas {
		if !c.Deliver(st) {
			t.Fatalf("not taken: %s", st)
		}
	}
}

// say writes to somebody who may have hung up.
func say(w io.Writer, text string) { _, _ = io.WriteString(w, text) }
