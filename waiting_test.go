package restanza_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/xmpptest"
)

// dam stands before a gate. It can keep back what flows through it.
type dam struct {
	*gate

	addr     string
	up, down atomic.Bool // what goes to the server is lost, what comes from it
}

func newDam(t *testing.T, server xmpptest.Server) *dam {
	t.Helper()
	d := &dam{gate: newGate(t, server)}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.addr = ln.Addr().String()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			near, err := ln.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", d.gate.addr)
			if err != nil {
				_ = near.Close()
				continue
			}
			serving.Go(func() { relay(far, near, &d.up) })
			serving.Go(func() { relay(near, far, &d.down) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		d.close()
		serving.Wait()
	})
	return d
}

// relay copies until one of the connections ends, and closes both. What comes while lost is
// true goes nowhere.
func relay(to, from net.Conn, lost *atomic.Bool) {
	defer to.Close()
	defer from.Close()
	_, _ = io.Copy(writerFunc(func(p []byte) (int, error) { // until it is cut off
		if lost.Load() {
			return len(p), nil
		}
		return to.Write(p)
	}), from)
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// The connection breaks while callers wait for the server's confirmation, and does not come
// back soon. They get 202 with a Location, not 503, and what they have sent arrives, in order
// and before what was sent later; a second time, if the server had it.
func TestOutbox_waitingForTheConfirmation(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		receiver := xmpptest.DialComponent(t, server, 1)
		for _, had := range []bool{false, true} {
			t.Run(fmt.Sprintf("the server had them: %t", had), func(t *testing.T) {
				waitingForTheConfirmation(t, server, receiver, had)
			})
		}
	})
}

func waitingForTheConfirmation(t *testing.T, server xmpptest.Server, receiver *xmpptest.Component, had bool) {
	way := newDam(t, server)
	g := launchGateway(t, server, withJournal(filepath.Join(t.TempDir(), "journal.db")), func(c *config.Config) { c.Components[0].Server = way.addr })
	g.waitReady()
	g.waitUntil("the outbox is open", func() bool {
		return g.post(message(receiver.Domain(), "begin")).want(t, http.StatusAccepted).header.Get("Location") == ""
	})
	var got inOrder
	receiver.Handle(func(s xmpptest.Stanza) {
		if s.Body != "begin" {
			got.add(s.Body)
		}
	})
	if way.down.Store(true); !had {
		way.up.Store(true)
	}

	const n = 5
	answers := make([]response, n)
	post := func(i int) {
		answers[i], _ = g.tryPost(t.Context(), message(receiver.Domain(), fmt.Sprint(i)), fmt.Sprintf(`Idempotency-Key: "%d"`, i)) // an error is no 202
	}
	var posting sync.WaitGroup
	for i := range n {
		posting.Go(func() { post(i) })
		g.waitUntil("it is with the link", func() bool { return g.metric("restanza_link_unconfirmed") == float64(i+1) })
	}
	if had {
		g.waitUntil("the server has them", func() bool { return len(got.list()) == n })
	}
	way.close()
	g.waitDown()
	later := g.post(message(receiver.Domain(), fmt.Sprint(n))).want(t, http.StatusAccepted).header.Get("Location")
	posting.Wait()
	locations := []string{later}
	for i := range n {
		location := answers[i].want(t, http.StatusAccepted).header.Get("Location")
		if o := g.outgoing(location); o.State != "sent" || o.Error != nil {
			t.Errorf("%d: %+v", i, o)
		}
		post(i)
		if again := answers[i]; again.status != http.StatusAccepted || again.header.Get("Location") != location || again.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%d again: status %d, %v; it was %s", i, again.status, again.header, location)
		}
		locations = append(locations, location)
	}

	way.up.Store(false)
	way.down.Store(false)
	way.open()
	for _, location := range locations {
		g.waitOutgoing(location, "confirmed")
	}
	want := "012345"
	if had {
		want = "01234012345"
	}
	g.waitUntil("all have arrived", func() bool { return len(got.list()) >= len(want) })
	if arrived := strings.Join(got.list(), ""); arrived != want {
		t.Errorf("arrived: %s, want %s", arrived, want)
	}
}

// Whoever wants to know waits for the connection, and gets no Location. Whoever does not
// want to wait has his answer already.
func TestOutbox_waitingStrictly(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		way := newDam(t, server)
		g := launchGateway(t, server, withJournal(filepath.Join(t.TempDir(), "journal.db")), func(c *config.Config) { c.Components[0].Server = way.addr })
		g.waitReady()
		receiver := xmpptest.DialComponent(t, server, 1)
		g.waitUntil("the outbox is open", func() bool {
			return g.post(message(receiver.Domain(), "begin")).want(t, http.StatusAccepted).header.Get("Location") == ""
		})
		var got inOrder
		receiver.Handle(func(s xmpptest.Stanza) {
			if s.Body != "begin" {
				got.add(s.Body)
			}
		})
		way.down.Store(true)
		way.up.Store(true)
		strictly, waiting := make(chan response, 1), make(chan response, 1)
		for answer, prefer := range map[chan response]string{strictly: "handling=strict", waiting: "wait=100"} {
			go func() {
				r, err := g.tryPost(t.Context(), message(receiver.Domain(), prefer), "Prefer: "+prefer)
				if err != nil {
					t.Error(err)
				}
				answer <- r
			}()
		}
		g.waitUntil("they are with the link", func() bool { return g.metric("restanza_link_unconfirmed") == 2 })
		r := g.post(message(receiver.Domain(), "x"), "Prefer: respond-async").want(t, http.StatusAccepted)
		if location := r.header.Get("Location"); location != "" {
			t.Errorf("written, and at %s", location)
		}
		way.close()
		location := (<-waiting).want(t, http.StatusAccepted).header.Get("Location")
		if len(strictly) > 0 {
			t.Error("answered before the link is back")
		}
		way.up.Store(false)
		way.down.Store(false)
		way.open()
		if location := (<-strictly).want(t, http.StatusAccepted).header.Get("Location"); location != "" {
			t.Errorf("sent, and at %s", location)
		}
		g.waitOutgoing(location, "confirmed")
		g.waitUntil("both have arrived", func() bool { return len(got.list()) == 2 })
		if !slices.Contains(got.list(), "handling=strict") {
			t.Errorf("arrived: %v", got.list())
		}
	})
}

// What does not fit into the outbox is refused, with the time after which to try again. Queries are
// refused at once, whatever is in it.
func TestOutbox_full(t *testing.T) {
	server := xmpptest.Start(t, "fake")
	way := newGate(t, server)
	way.close()
	g := launchGateway(t, server, withJournal(filepath.Join(t.TempDir(), "journal.db")), way.through, func(c *config.Config) { c.Outbox.MaxStanzas = 2 })
	to := "alice@" + server.Host()
	for range 2 {
		g.post(message(to, "x")).want(t, http.StatusAccepted)
	}
	for _, headers := range [][]string{nil, {"Prefer: respond-async"}, {"Idempotency-Key: full"}} {
		r := g.post(message(to, "x"), headers...).want(t, http.StatusServiceUnavailable, "resource-constraint", "is full")
		if seconds, err := strconv.Atoi(r.header.Get("Retry-After")); err != nil || seconds < 1 {
			t.Errorf("%v: Retry-After %q", headers, r.header.Get("Retry-After"))
		}
	}
	for _, kind := range []string{"get", "set"} {
		began := time.Now()
		r := g.post(`<iq type="`+kind+`" to="`+to+`"><ping xmlns="urn:xmpp:ping"/></iq>`).want(t, http.StatusServiceUnavailable, "service-unavailable")
		if took := time.Since(began); r.header.Get("Retry-After") == "" || took > patience/2 {
			t.Errorf("%s: Retry-After %q, after %s", kind, r.header.Get("Retry-After"), took)
		}
	}
}
