package devhost

import (
	"bytes"
	"context"
	"crypto/pbkdf2"
	"encoding/base64"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/restanza/restanza/internal/xmpptest"
	"github.com/restanza/restanza/jid"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// testDomain is the component's domain in the tests.
var testDomain = jid.MustParse("bot.localhost")

// testHost is a host that runs. It is an xmpptest.Server for as far as a host
// can be.
type testHost struct {
	*hosted
	log    *logBuffer
	cancel func()
	ran    chan error // what Run returns
}

// hosted is Host by another name, which leaves the method Host to testHost.
type hosted = Host

// startHost runs a host with the accounts alice, bob and carol and a component
// until the test ends, on free ports.
func startHost(t testing.TB, change func(*Options)) *testHost {
	t.Helper()
	h := &testHost{log: &logBuffer{}}
	o := Options{
		Components:   []Component{{testDomain, xmpptest.ComponentSecret}, {jid.MustParse("other.localhost"), "another"}},
		ClientListen: "127.0.0.1:0", TLSListen: "127.0.0.1:0", Version: "1.2.3",
		Logger: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, name := range []string{"alice", "bob", "carol"} {
		o.Accounts = append(o.Accounts, Account{name, xmpptest.Password})
	}
	if change != nil {
		change(&o)
	}
	host, err := New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	h.hosted = host
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel, h.ran = cancel, make(chan error, 1)
	go func() { h.ran <- host.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := within(t, "the end of the host", h.ran); err != nil {
			t.Errorf("Run: %v", err)
		}
		if n := host.panicked.Load(); n > 0 {
			t.Errorf("%d panics; the log:\n%s", n, h.log)
		}
	})
	return h
}

// within returns what comes from a channel, or fails the test.
func within[T any](t testing.TB, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("timed out waiting for %s", what)
		panic("unreachable")
	}
}

func (h *testHost) Name() string                { return "devhost" }
func (h *testHost) Host() string                { return h.o.Domain.String() }
func (h *testHost) MUC() string                 { return h.o.Rooms.String() }
func (h *testHost) Secret() string              { return xmpptest.ComponentSecret }
func (h *testHost) ComponentDomain(int) string  { return testDomain.String() }
func (h *testHost) AddUser(xmpptest.TB, string) {}
func (h *testHost) Log() string                 { return h.log.String() }
func (h *testHost) Kill(tb xmpptest.TB)         { tb.Fatalf("a dev host can't be killed") }
func (h *testHost) Stop(tb xmpptest.TB)         { tb.Fatalf("a dev host ends with its context") }
func (h *testHost) Start(tb xmpptest.TB)        { tb.Fatalf("a dev host can't be started again") }

var _ xmpptest.Server = (*testHost)(nil)

// logBuffer collects a log.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// rawClient sends bytes and looks at the bytes that come back.
type rawClient struct {
	t    testing.TB
	conn net.Conn
	got  []byte
	seen int // bytes of got that expect has passed
}

const (
	clientOpen    = `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>`
	componentOpen = `<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='bot.localhost'>`
)

func dialRaw(t testing.TB, addr string) *rawClient {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &rawClient{t: t, conn: conn}
}

// loginRaw returns a client that is logged in and has the resource "raw".
func loginRaw(t testing.TB, h *testHost, name string) *rawClient {
	t.Helper()
	r := dialRaw(t, h.ClientAddr())
	r.login(name, "raw")
	return r
}

// login logs a client in that has just connected.
func (r *rawClient) login(name, resource string) {
	r.t.Helper()
	r.send(clientOpen)
	r.expect("</stream:features>")
	r.send(plainAuth(name, xmpptest.Password))
	r.expect("<success")
	r.send(clientOpen)
	r.expect("</stream:features>")
	r.send(`<iq type='set' id='b'><bind xmlns='` + nsBind + `'><resource>` + resource + `</resource></bind></iq>`)
	r.expect("/" + resource + "</jid>")
}

func plainAuth(name, password string) string {
	return `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>` +
		base64.StdEncoding.EncodeToString([]byte("\x00"+name+"\x00"+password)) + `</auth>`
}

// send writes text. That the host has closed the connection meanwhile is no
// failure.
func (r *rawClient) send(text string) {
	r.conn.SetWriteDeadline(time.Now().Add(patience))
	_, _ = r.conn.Write([]byte(text)) // what comes back tells
}

// expect reads until text has come, and returns all up to its end.
func (r *rawClient) expect(text string) string {
	r.t.Helper()
	for {
		if i := strings.Index(string(r.got[r.seen:]), text); i >= 0 {
			part := string(r.got[r.seen : r.seen+i+len(text)])
			r.seen += i + len(text)
			return part
		}
		if err := r.read(); err != nil {
			r.t.Fatalf("waiting for %q: %v; got %q", text, err, r.got[r.seen:])
		}
	}
}

// ended reads until the host ends the connection, and returns what came.
func (r *rawClient) ended() string {
	r.t.Helper()
	for {
		if err := r.read(); err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() { //nolint:errorlint // as it comes from the socket
				r.t.Fatalf("the connection does not end; got %q", r.got[r.seen:])
			}
			return string(r.got[r.seen:])
		}
	}
}

func (r *rawClient) read() error {
	buf := make([]byte, 4096)
	r.conn.SetReadDeadline(time.Now().Add(patience))
	n, err := r.conn.Read(buf)
	r.got = append(r.got, buf[:n]...)
	if n > 0 {
		return nil
	}
	return err
}

// saltedPassword returns what SCRAM derives from a password.
func saltedPassword(t testing.TB, h *scramHash, password string, salt []byte) (credentials, []byte) {
	t.Helper()
	creds, err := deriveCredentials(password, salt)
	if err != nil {
		t.Fatal(err)
	}
	salted, err := pbkdf2.Key(h.new, password, salt, iterations, h.new().Size())
	if err != nil {
		t.Fatal(err)
	}
	return creds, salted
}

// hangUp ends a connection from the client's side, and leaves it open to read.
func hangUp(r *rawClient) { _ = r.conn.(*net.TCPConn).CloseWrite() } // an error says that the host was faster
