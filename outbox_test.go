package restanza_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/xmpptest"
)

// withJournal gives a gateway a journal.
func withJournal(path string) func(*config.Config) {
	return func(c *config.Config) { c.Journal.Path = path }
}

// gate is on the way to a server and can be shut.
type gate struct {
	addr, target string
	mu           sync.Mutex
	shut         bool
	conns        map[net.Conn]bool
}

// newGate opens a gate before a server's component port.
func newGate(t *testing.T, server xmpptest.Server) *gate {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{addr: ln.Addr().String(), target: server.ComponentAddr(), conns: map[net.Conn]bool{}}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { g.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		g.close()
		serving.Wait()
	})
	return g
}

// serve copies in both directions until one of them ends.
func (g *gate) serve(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", g.target)
	if err != nil {
		return
	}
	defer far.Close()
	g.mu.Lock()
	if g.shut {
		g.mu.Unlock()
		return
	}
	g.conns[near], g.conns[far] = true, true
	g.mu.Unlock()
	ended := make(chan struct{}, 2)
	forward := func(to, from net.Conn) {
		_, _ = io.Copy(to, from) // until it is cut off
		ended <- struct{}{}
	}
	go forward(near, far)
	go forward(far, near)
	<-ended
	g.mu.Lock()
	delete(g.conns, near)
	delete(g.conns, far)
	g.mu.Unlock()
	_, _ = near.Close(), far.Close()
	<-ended
}

// close shuts the gate and breaks what goes through it.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
	for conn := range g.conns {
		_ = conn.Close()
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = false
}

// through makes a gateway's link go through the gate.
func (g *gate) through(c *config.Config) { c.Components[0].Server = g.addr }

// waitDown returns when the link is down.
func (g *gatewayUnderTest) waitDown() {
	g.t.Helper()
	g.waitUntil("the link is down", func() bool { return g.get("/readyz").status == http.StatusServiceUnavailable })
}

// outgoing is the status of a stanza that was queued.
type outgoing struct {
	ID, State        string
	Created, Expires time.Time
	Error            *struct{ Type, Condition, Text string }
}

// outgoing asks for a status.
func (g *gatewayUnderTest) outgoing(location string) (o outgoing) {
	g.t.Helper()
	r := g.get(location).want(g.t, http.StatusOK)
	if err := json.Unmarshal([]byte(r.body), &o); err != nil {
		g.t.Fatalf("%v: %s", err, r.body)
	}
	return o
}

// waitOutgoing waits until a stanza is in a state.
func (g *gatewayUnderTest) waitOutgoing(location, state string) (o outgoing) {
	g.t.Helper()
	g.waitUntil(location+" is "+state, func() bool {
		o = g.outgoing(location)
		return o.State == state
	})
	return o
}

// The server is killed. What is posted then is queued, and when the server is back it
// arrives, once and in order, before what is posted later.
func TestOutbox_serverKilled(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		way := newGate(t, server)
		g := launchGateway(t, server, withJournal(filepath.Join(t.TempDir(), "journal.db")), way.through)
		g.waitReady()
		xmpptest.Login(t, server, "alice")
		way.close()
		server.Kill(t)
		g.waitDown()

		to := server.ComponentDomain(1)
		var locations, want []string
		for i := range 200 {
			text := fmt.Sprintf("m%d", i)
			want = append(want, text)
			r := g.post(message(to, text)).want(t, http.StatusAccepted)
			location := r.header.Get("Location")
			if !strings.HasPrefix(location, "/rest/outbox/") || r.body != "" {
				t.Fatalf("Location %q, body %q", location, r.body)
			}
			locations = append(locations, location)
		}
		nobody := g.post(message("nobody@"+server.Host(), "anybody?"), "Prefer: respond-async").want(t, http.StatusAccepted)
		if nobody.header.Get("Preference-Applied") != "respond-async" {
			t.Errorf("got %v", nobody.header)
		}
		g.post(message(to, "strictly"), "Prefer: handling=strict").want(t, http.StatusServiceUnavailable, "service-unavailable")
		g.post(`<iq type="get" to="`+to+`"><ping xmlns="urn:xmpp:ping"/></iq>`).want(t, http.StatusServiceUnavailable)
		if o := g.outgoing(locations[0]); o.State != "queued" || o.Expires.Sub(o.Created).Round(time.Minute) != time.Hour || o.Error != nil {
			t.Errorf("got %+v", o)
		}
		g.get("/rest/outbox/nothing").want(t, http.StatusNotFound, "item-not-found")

		server.Start(t)
		receiver := xmpptest.DialComponent(t, server, 1)
		var got inOrder
		receiver.Handle(func(s xmpptest.Stanza) { got.add(s.Body) })
		way.open()
		g.waitReady()
		for i := 200; ; i++ { // until the outbox is empty
			text := fmt.Sprintf("m%d", i)
			want = append(want, text)
			r := g.post(message(to, text)).want(t, http.StatusAccepted)
			if r.header.Get("Location") == "" {
				break
			}
			locations = append(locations, r.header.Get("Location"))
		}
		g.waitUntil("all have arrived", func() bool { return len(got.list()) >= len(want) })
		if list := got.list(); !slices.Equal(list, want) {
			t.Errorf("got %v, want %v", list, want)
		}
		for _, location := range locations {
			g.waitOutgoing(location, "confirmed")
		}
		o := g.waitOutgoing(nobody.header.Get("Location"), "bounced")
		if o.Error == nil || o.Error.Condition == "" || o.Error.Type == "" {
			t.Errorf("got %+v", o)
		}
		g.receiver.Wait(patience, posted(`type="error"`, "nobody@"))
	})
}

// startKillable starts a gateway in a process of its own, and returns what kills it.
func startKillable(t *testing.T, command, listen string, arguments ...string) (kill func()) {
	t.Helper()
	cmd := exec.Command(command, append([]string{"serve", "--listen", listen, "--credentials", credential}, arguments...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
	})
	t.Cleanup(kill)
	awaitReady(t, "http://"+listen+"/livez")
	return kill
}

// The gateway is killed while stanzas are queued, and again while they are sent. Each one
// that was answered 202 arrives, and those of one sender in order.
func TestOutbox_gatewayKilled(t *testing.T) {
	command := buildCommand(t)
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		way := newGate(t, server)
		way.close()
		receiver := xmpptest.DialComponent(t, server, 1)
		var got inOrder
		receiver.Handle(func(s xmpptest.Stanza) { got.add(s.Body) })
		listen := xmpptest.FreeAddr(t)
		arguments := []string{"--component", server.ComponentDomain(0), "--server", way.addr, "--secret", server.Secret(), "--journal-path", filepath.Join(t.TempDir(), "journal.db")}
		kill := startKillable(t, command, listen, arguments...)
		g := &gatewayUnderTest{t: t, server: server, url: "http://" + listen, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}}

		const senders = 8
		var answered atomic.Int64
		accepted := make([]int, senders) // how many of each sender's were
		var posting sync.WaitGroup
		for sender := range senders {
			posting.Go(func() {
				for {
					r, err := g.tryPost(t.Context(), message(receiver.Domain(), fmt.Sprintf("%d %d", sender, accepted[sender])))
					if err != nil {
						return
					}
					if r.status != http.StatusAccepted || r.header.Get("Location") == "" {
						t.Errorf("status %d, %v: %s", r.status, r.header, r.body)
						return
					}
					accepted[sender]++
					answered.Add(1)
				}
			})
		}
		g.waitUntil("many are queued", func() bool { return answered.Load() > 600 })
		kill()
		posting.Wait()
		t.Logf("%d were queued", answered.Load())

		kill = startKillable(t, command, listen, arguments...)
		way.open()
		g.waitUntil("some have arrived", func() bool { return len(got.list()) > 50 })
		kill()
		kill = startKillable(t, command, listen, arguments...)
		defer kill()
		awaitReady(t, g.url+"/readyz")
		g.waitUntil("the outbox is empty", func() bool {
			return g.post(message(receiver.Domain(), "end")).want(t, http.StatusAccepted).header.Get("Location") == ""
		})
		g.waitUntil("the last has arrived", func() bool { return slices.Contains(got.list(), "end") })

		first := make([][]int, senders) // of each sender, in the order of their first arrival
		seen := map[string]bool{}
		var twice int
		for _, text := range got.list() {
			var sender, n int
			if _, err := fmt.Sscanf(text, "%d %d", &sender, &n); err != nil {
				continue
			}
			if seen[text] {
				twice++
				continue
			}
			seen[text] = true
			first[sender] = append(first[sender], n)
		}
		for sender, list := range first {
			if len(list) < accepted[sender] || len(list) > accepted[sender]+1 || !slices.IsSorted(list) { // one may have been queued without an answer
				t.Errorf("sender %d: %d were answered 202; arrived: %v", sender, accepted[sender], list)
			}
		}
		t.Logf("%d arrived twice", twice)
		if twice > 128 { // what is sent and confirmed together
			t.Errorf("%d arrived twice", twice)
		}
	})
}

// A request is carried out once, however often it is made.
func TestIdempotency(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		path := filepath.Join(t.TempDir(), "journal.db")
		g := launchGateway(t, server, withJournal(path))
		g.waitReady()
		receiver := xmpptest.DialComponent(t, server, 1)
		var got inOrder
		receiver.Handle(func(s xmpptest.Stanza) { got.add(s.Body) })

		const key = `Idempotency-Key: "8e03978e-40d5-43dd-bc93-6894a57f9324"`
		var both sync.WaitGroup
		var replayed atomic.Int64
		for range 2 {
			both.Go(func() {
				r, err := g.tryPost(t.Context(), message(receiver.Domain(), "once"), key)
				if err != nil || r.status != http.StatusAccepted {
					t.Errorf("%d %s, %v", r.status, r.body, err)
				}
				if r.header.Get("Idempotency-Replayed") == "true" {
					replayed.Add(1)
				}
			})
		}
		both.Wait()
		if replayed.Load() != 1 {
			t.Errorf("%d of 2 answers were replayed", replayed.Load())
		}
		g.post(message(receiver.Domain(), "other"), key).want(t, http.StatusUnprocessableEntity, "conflict")
		g.post(message(receiver.Domain(), "x"), `Idempotency-Key: "x`).want(t, http.StatusBadRequest, "in quotes")
		if err := g.stop(); err != nil {
			t.Fatal(err)
		}

		g = launchGateway(t, server, withJournal(path))
		g.waitReady()
		r := g.post(message(receiver.Domain(), "once"), key).want(t, http.StatusAccepted)
		if r.header.Get("Idempotency-Replayed") != "true" {
			t.Error("not replayed after a restart")
		}
		g.post(message(receiver.Domain(), "other"), key).want(t, http.StatusUnprocessableEntity)
		g.post(message(receiver.Domain(), "end")).want(t, http.StatusAccepted)
		g.waitUntil("the last has arrived", func() bool { return slices.Contains(got.list(), "end") })
		if list := got.list(); !slices.Equal(list, []string{"once", "end"}) {
			t.Errorf("got %v", list)
		}
	})
}

// The gateway is killed while it carries out requests with keys, and all of them are made
// again. What was answered 202 is not sent twice; what was not arrives, too.
func TestIdempotency_gatewayKilled(t *testing.T) {
	command := buildCommand(t)
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		receiver := xmpptest.DialComponent(t, server, 1)
		var got inOrder
		receiver.Handle(func(s xmpptest.Stanza) { got.add(s.Body) })
		listen := xmpptest.FreeAddr(t)
		arguments := []string{"--component", server.ComponentDomain(0), "--server", server.ComponentAddr(), "--secret", server.Secret(), "--journal-path", filepath.Join(t.TempDir(), "journal.db")}
		kill := startKillable(t, command, listen, arguments...)
		g := &gatewayUnderTest{t: t, server: server, url: "http://" + listen, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}}
		g.waitReady()

		const senders = 8
		var next, answered atomic.Int64
		var sure sync.Map // texts of what was answered 202
		post := func(n int64) (response, error) {
			return g.tryPost(t.Context(), message(receiver.Domain(), fmt.Sprint(n)), fmt.Sprintf(`Idempotency-Key: "%d"`, n))
		}
		var posting sync.WaitGroup
		for range senders {
			posting.Go(func() {
				for {
					n := next.Add(1)
					r, err := post(n)
					if err != nil {
						return
					}
					if r.status != http.StatusAccepted || r.header.Get("Idempotency-Replayed") != "" {
						t.Errorf("%d: status %d, %v: %s", n, r.status, r.header, r.body)
					}
					sure.Store(fmt.Sprint(n), true)
					answered.Add(1)
				}
			})
		}
		g.waitUntil("there is load", func() bool { return answered.Load() > 300 })
		kill()
		posting.Wait()

		defer startKillable(t, command, listen, arguments...)()
		g.waitReady()
		for n := range next.Load() {
			r, err := post(n + 1)
			if err != nil || r.status != http.StatusAccepted {
				t.Fatalf("%d: status %d: %s, %v", n+1, r.status, r.body, err)
			}
			if _, was := sure.Load(fmt.Sprint(n + 1)); was && r.header.Get("Idempotency-Replayed") != "true" {
				t.Errorf("%d was answered before, and is carried out again", n+1)
			}
		}
		g.post(message(receiver.Domain(), "end")).want(t, http.StatusAccepted)
		g.waitUntil("the last has arrived", func() bool { return slices.Contains(got.list(), "end") })
		count := map[string]int{}
		for _, text := range got.list() {
			count[text]++
		}
		for n := range next.Load() {
			text := fmt.Sprint(n + 1)
			_, was := sure.Load(text)
			if count[text] < 1 || count[text] > 2 || was && count[text] != 1 {
				t.Errorf("%s, answered at first: %t, has arrived %d times", text, was, count[text])
			}
		}
	})
}

// With a key, what is queued is queued once.
func TestIdempotency_queued(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		way := newGate(t, server)
		way.close()
		g := launchGateway(t, server, withJournal(filepath.Join(t.TempDir(), "journal.db")), way.through)
		var locations []string
		for range 3 {
			locations = append(locations, g.post(message("alice@"+server.Host(), "x"), "Idempotency-Key: abc").want(t, http.StatusAccepted).header.Get("Location"))
		}
		if locations[0] == "" || locations[1] != locations[0] || locations[2] != locations[0] {
			t.Errorf("got %v", locations)
		}
		server.AddUser(t, "alice")
		way.open()
		g.waitOutgoing(locations[0], "confirmed")
	})
}
