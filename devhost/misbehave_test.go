package devhost

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/restanza/restanza/internal/xmpptest"
	"github.com/restanza/restanza/jid"
)

// bystanders are two well-behaved clients and a component that talk while others
// misbehave.
type bystanders struct {
	t         testing.TB
	one, two  *xmpptest.User
	component *xmpptest.Component
	n         int
}

func newBystanders(t testing.TB, h *testHost) *bystanders {
	t.Helper()
	return &bystanders{t: t, one: xmpptest.Login(t, h, "bob/one"), two: xmpptest.Login(t, h, "carol/two"), component: xmpptest.DialComponent(t, h, 0)}
}

// talk fails the test unless the bystanders can still talk.
func (b *bystanders) talk() {
	b.t.Helper()
	b.n++
	text := fmt.Sprint("still here ", b.n)
	b.one.SendMessage(b.two.JID(), text)
	b.two.WaitBody(patience, text)
	b.two.SendMessage("bot@bot.localhost", text)
	b.component.WaitBody(patience, text)
	b.component.SendMessage(b.one.Bare(), text)
	b.one.WaitBody(patience, text)
}

// misbehaviour is what a client does wrong, and what it is told.
type misbehaviour struct {
	name string
	from func(testing.TB, *testHost) *rawClient // as far as the client behaves
	send string
	want string // the stream error
}

// begin has a client misbehave.
func (m misbehaviour) begin(t *testing.T, h *testHost) *rawClient {
	t.Helper()
	r := m.from(t, h)
	r.send(m.send)
	return r
}

// check looks at what the client is told.
func (m misbehaviour) check(t *testing.T, r *rawClient) {
	t.Helper()
	r.t = t
	got := r.ended()
	if !strings.Contains(got, "<stream:error><"+m.want+" ") || !strings.HasSuffix(got, "</stream:stream>") {
		t.Errorf("got %.600q, want %s", got, m.want)
	}
}

func connected(t testing.TB, h *testHost) *rawClient {
	t.Helper()
	return dialRaw(t, h.ClientAddr())
}

func opened(t testing.TB, h *testHost) *rawClient {
	t.Helper()
	r := connected(t, h)
	r.send(clientOpen)
	r.expect("</stream:features>")
	return r
}

func unbound(t testing.TB, h *testHost) *rawClient {
	t.Helper()
	r := opened(t, h)
	r.send(plainAuth("alice", xmpptest.Password))
	r.expect("<success")
	r.send(clientOpen)
	r.expect("</stream:features>")
	return r
}

func loggedIn(t testing.TB, h *testHost) *rawClient {
	t.Helper()
	r := connected(t, h)
	r.login("alice", rand.Text())
	return r
}

// What a client does wrong ends its stream with the error that names it, and
// nobody else notices.
func TestMisbehaviour_streamErrors(t *testing.T) {
	const limit = 64 << 10
	h := startHost(t, func(o *Options) { o.MaxStanza = limit })
	others := newBystanders(t, h)
	for _, m := range []misbehaviour{
		{"another host", connected, strings.Replace(clientOpen, "to='localhost'", "to='example.org'", 1), "host-unknown"},
		{"no host", connected, strings.Replace(clientOpen, "to='localhost'", "", 1), "improper-addressing"},
		{"no version", connected, strings.Replace(clientOpen, " version='1.0'>", ">", 1), "unsupported-version"},
		{"server namespace", connected, strings.Replace(clientOpen, "jabber:client", "jabber:server", 1), "invalid-namespace"},
		{"wrong stream namespace", connected, strings.Replace(clientOpen, "etherx", "other", 1), "invalid-namespace"},
		{"HTTP", connected, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "bad-format"},
		{"endless header", connected, "<stream:stream a='" + strings.Repeat("x", 40<<10), "policy-violation"},
		{"stanza before the login", opened, "<message to='bob@localhost'><body>x</body></message>", "not-authorized"},
		{"big stanza before the login", opened, "<message to='bob@localhost'><body>" + strings.Repeat("x", handshakeBytes), "policy-violation"},
		{"stanza before bind", unbound, "<message to='bob@localhost'><body>x</body></message>", "not-authorized"},
		{"iq before bind", unbound, "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>", "not-authorized"},
		{"forged from", loggedIn, "<message from='bob@localhost' to='carol@localhost'><body>x</body></message>", "invalid-from"},
		{"forged resource", loggedIn, "<message from='alice@localhost/else' to='carol@localhost'><body>x</body></message>", "invalid-from"},
		{"from that is no address", loggedIn, "<message from='@' to='carol@localhost'><body>x</body></message>", "invalid-from"},
		{"oversized stanza", loggedIn, "<message><body>" + strings.Repeat("x", limit) + "</body></message>", "policy-violation"},
		{"endless stanza", loggedIn, "<message><body>" + strings.Repeat("x", limit+2*slack), "policy-violation"},
		{"deep stanza", loggedIn, "<message>" + strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100) + "</message>", "policy-violation"},
		{"not well-formed", loggedIn, "<message></presence>", "not-well-formed"},
		{"unbound prefix", loggedIn, "<message><x:y/></message>", "not-well-formed"},
		{"comment", loggedIn, "<message><!-- x --></message>", "restricted-xml"},
		{"DTD", connected, "<!DOCTYPE x [<!ENTITY a 'b'>]>" + clientOpen, "restricted-xml"},
		{"bad UTF-8", loggedIn, "<message><body>\xff</body></message>", "not-well-formed"},
		{"foreign stanza", loggedIn, "<message xmlns='jabber:server'/>", "unsupported-stanza-type"},
		{"no stanza", loggedIn, "<hello xmlns='x'/>", "unsupported-stanza-type"},
		{"stream in the stream", loggedIn, "<stream:stream>", "bad-format"},
		{"acknowledgement that was not asked for", loggedIn, "<r xmlns='urn:xmpp:sm:3'/>", "unsupported-stanza-type"},
	} {
		t.Run(m.name, func(t *testing.T) {
			m.check(t, m.begin(t, h))
			others.talk()
		})
	}
}

// Who falls silent in the middle of something is not waited for.
func TestMisbehaviour_silence(t *testing.T) {
	h := startHost(t, func(o *Options) { o.LoginTimeout, o.StanzaTimeout = 3*time.Second, time.Second })
	others := newBystanders(t, h)
	begun := map[*rawClient]misbehaviour{} // all at once, since each takes its time
	for _, m := range []misbehaviour{
		{"silence", connected, "", "connection-timeout"},
		{"silence after the header", opened, "", "connection-timeout"},
		{"half a header", connected, "<stream:stream xmlns='jab", "connection-timeout"},
		{"silence in SASL", opened, auth("SCRAM-SHA-1", "n,,n=alice,r=x"), "connection-timeout"},
		{"silence before bind", unbound, "", "connection-timeout"},
		{"half a stanza", loggedIn, "<message to='bob@localhost'><bo", "connection-timeout"},
		{"half a stanza behind a whole one", loggedIn, "<presence/><message to='bob@localhost'><bo", "connection-timeout"},
	} {
		begun[m.begin(t, h)] = m
	}
	others.talk()
	for r, m := range begun {
		t.Run(m.name, func(t *testing.T) { m.check(t, r) })
	}
	others.talk()
}

// Who hangs up in the middle of anything leaves nothing behind.
func TestMisbehaviour_disconnects(t *testing.T) {
	h := startHost(t, nil)
	others := newBystanders(t, h)
	for _, send := range []string{
		"", "<stream:st", clientOpen, clientOpen + auth("SCRAM-SHA-1", "n,,n=alice,r=x"), clientOpen + plainAuth("alice", xmpptest.Password),
		clientOpen + "<starttls xmlns='" + nsTLS + "'/>",
	} {
		for _, reset := range []bool{false, true} {
			r := dialRaw(t, h.ClientAddr())
			r.send(send)
			if reset {
				if err := r.conn.(*net.TCPConn).SetLinger(0); err != nil {
					t.Fatal(err)
				}
			}
			r.conn.Close()
		}
	}
	others.talk()
	waitConnections(t, h, 3)
}

// waitConnections waits until the host has n connections.
func waitConnections(t testing.TB, h *testHost, n int) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for len(h.connections()) != n {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections, want %d", len(h.connections()), n)
		}
	}
}

func TestMisbehaviour_manyConnections(t *testing.T) {
	h := startHost(t, nil)
	others := newBystanders(t, h)
	var silent []*rawClient
	for range 500 {
		silent = append(silent, dialRaw(t, h.ClientAddr()))
	}
	waitConnections(t, h, 503)
	others.talk()
	for _, r := range silent {
		r.conn.Close()
	}
	waitConnections(t, h, 3)
	others.talk()
}

func TestMisbehaviour_tooManyConnections(t *testing.T) {
	h := startHost(t, func(o *Options) { o.MaxConnections = 3 })
	others := newBystanders(t, h)
	r := dialRaw(t, h.ClientAddr())
	if got := r.ended(); !strings.Contains(got, "<resource-constraint ") || !strings.HasPrefix(got, "<?xml") {
		t.Errorf("got %q, want a stream that ends with resource-constraint", got)
	}
	others.talk()
	others.two.Close()
	waitConnections(t, h, 2)
	loginRaw(t, h, "alice")
}

// A client that reads nothing is cut off; who writes to it waits a little, and
// nobody else.
func TestMisbehaviour_neverReads(t *testing.T) {
	h := startHost(t, func(o *Options) { o.QueueBytes = 128 << 10 })
	others := newBystanders(t, h)
	deaf := loginRaw(t, h, "alice")
	if err := deaf.conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	body := strings.Repeat("x", 16<<10)
	gone := func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.accounts[jid.MustParse("alice@localhost")].sessions) == 0
	}
	for i := 0; !gone(); i++ {
		if i > 10_000 {
			t.Fatal("a client that reads nothing is still served")
		}
		others.component.SendMessage("alice@localhost/raw", body)
		if i%20 == 0 {
			others.talk()
		}
	}
	others.talk()
}

// A client that sends faster than its addressee reads is slowed; nothing is lost.
func TestMessage_fastSenderSlowReader(t *testing.T) {
	h := startHost(t, func(o *Options) { o.QueueBytes = 64 << 10 })
	alice := xmpptest.Login(t, h, "alice")
	bob := loginRaw(t, h, "bob")
	const count = 2000
	body := strings.Repeat("x", 4<<10)
	sent := make(chan error, 1)
	go func() {
		for i := range count {
			if err := alice.TrySend(fmt.Sprintf("<message to='bob@localhost/raw' id='n%d'><body>%s</body></message>", i, body)); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for i := range count {
		bob.expect(fmt.Sprintf(`id="n%d"`, i))
		bob.got, bob.seen = append([]byte(nil), bob.got[bob.seen:]...), 0
	}
	if err := within(t, "the sender", sent); err != nil {
		t.Error(err)
	}
	if !alice.Alive() {
		t.Error("the sender was cut off")
	}
}

func TestServe_panicEndsOneConnection(t *testing.T) {
	h := startHost(t, nil)
	others := newBystanders(t, h)
	h.register(testRooms, serviceFunc(nil)) // a nil function
	others.one.SendMessage("x@rooms.localhost", "boom")
	others.talk()
	deadline := time.Now().Add(patience)
	for h.panicked.Load() == 0 && time.Now().Before(deadline) {
		others.talk()
	}
	if n := h.panicked.Swap(0); n != 1 {
		t.Errorf("%d panics, want 1", n)
	}
	if !strings.Contains(h.Log(), "panicked") {
		t.Error("the panic is not in the log")
	}
}

func TestRun_endsStreams(t *testing.T) {
	h := startHost(t, nil)
	others := newBystanders(t, h)
	half := dialRaw(t, h.ClientAddr())
	half.send(clientOpen)
	half.expect("</stream:features>")
	silent := dialRaw(t, h.ClientAddr())
	waitConnections(t, h, 5)
	start := time.Now()
	h.cancel()
	if err := within(t, "the end of the host", h.ran); err != nil {
		t.Errorf("Run: %v", err)
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("the end took %v", d)
	}
	h.ran <- nil // for the cleanup
	for name, s := range map[string]interface{ Ended(time.Duration) error }{
		"client": others.one, "other client": others.two, "component": others.component,
	} {
		err := s.Ended(patience)
		if ended, ok := errors.AsType[*xmpptest.StreamError](err); !ok || ended.Condition != "system-shutdown" {
			t.Errorf("%s: the stream ended with %v, want system-shutdown", name, err)
		}
	}
	for name, r := range map[string]*rawClient{"in the login": half, "silent": silent} {
		if got := r.ended(); !strings.Contains(got, "<system-shutdown ") || !strings.HasSuffix(got, "</stream:stream>") {
			t.Errorf("%s: got %q, want system-shutdown", name, got)
		}
	}
}
