package restanza_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/restanza/restanza/internal/xmpptest"
)

// idOf finds the id of a stanza in XML.
var idOf = regexp.MustCompile(`^<message[^>]* id="([^"]+)"`)

// trouble is a time in which the server was not there, or not for all: from when it began to end until everybody is
// connected again.
type trouble struct{ from, to time.Time }

// serverLoad is load in both directions: a component sends messages to the callback, and programs post messages to the component.
type serverLoad struct {
	t        *testing.T
	g        *process
	posters  []*poster
	users    int
	receiver *xmpptest.Receiver

	peer     atomic.Pointer[xmpptest.Component]
	sentAt   []time.Time // of each number that the component's users have sent
	accepted *accepted
	got      inOrder // what the component has got
	errors   sync.Map
}

// connect connects the component.
func (l *serverLoad) connect() {
	peer := xmpptest.DialComponent(l.t, l.g.server, 1)
	peer.Handle(func(s xmpptest.Stanza) {
		if s.Type == "error" {
			l.errors.Store(s.ID, true)
			return
		}
		l.got.add(s.Body)
	})
	l.peer.Store(peer)
}

// answer is the callback.
func (l *serverLoad) answer(w http.ResponseWriter, _ *http.Request, c xmpptest.Callback) {
	if strings.Contains(c.Body, `type="error"`) {
		if id := idOf.FindStringSubmatch(c.Body); id != nil {
			l.errors.Store(id[1], true)
		}
	} else {
		l.accepted.take(l.t, c)
	}
	w.WriteHeader(http.StatusAccepted)
}

// run starts the load and returns what ends it.
func (l *serverLoad) run() (stop func()) {
	ctx, cancel := context.WithCancel(l.t.Context())
	var load sync.WaitGroup
	domain := l.peer.Load().Domain()
	for _, p := range l.posters {
		load.Go(func() { p.run(ctx, l.g.gatewayUnderTest, domain) })
	}
	load.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			peer, n := l.peer.Load(), len(l.sentAt)
			l.sentAt = append(l.sentAt, time.Now())
			for u := range l.users {
				_ = peer.TrySend(numberedMessage(peer, "bot@"+l.g.domain, u, n)) // the server may be gone
			}
			<-tick.C
		}
	})
	return func() {
		cancel()
		load.Wait()
	}
}

// idle returns what the gateway uses when nothing happens: goroutines, and bytes of the heap.
func (l *serverLoad) idle() (goroutines int, heap float64) {
	l.g.waitUntil("nothing is under way", func() bool {
		return l.g.metric("restanza_callback_in_flight")+l.g.metric("restanza_callback_queue_length")+l.g.metric("restanza_journal_queued")+l.g.metric("restanza_journal_waiting") == 0
	})
	l.g.client.CloseIdleConnections()
	l.receiver.Down() // its connections are the gateway's, too
	l.receiver.Up()
	goroutines, heap = int(l.g.metric("go_goroutines")), l.g.metric("go_memstats_heap_alloc_bytes")
	for range 20 { // what has ended is seen at different times, and the heap is between two collections
		<-time.After(10 * time.Millisecond)
		goroutines, heap = min(goroutines, int(l.g.metric("go_goroutines"))), min(heap, l.g.metric("go_memstats_heap_alloc_bytes"))
	}
	return goroutines, heap
}

// The server is killed or stopped, and started again, while messages go in both directions. What was answered 202 arrives or is
// known to have bounced, unless the server died with it; the order is kept; and the gateway is as it was.
func TestServer_restarted(t *testing.T) {
	command := buildCommand(t)
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		restarts, up := tortured(t, 2), 300*time.Millisecond
		if restarts > 2 {
			up = 10 * time.Second // after which a link counts as working: else it would wait longer each time
		}
		l := &serverLoad{t: t, users: 4, posters: postersOf(6, true), accepted: newAccepted(), receiver: xmpptest.NewReceiver(t)}
		for _, p := range l.posters {
			p.every = 20 * time.Millisecond
		}
		l.receiver.Handle(l.answer)
		l.g = newProcess(t, server, command, filepath.Join(t.TempDir(), "journal.db"), "--callback-url", l.receiver.URL()+"/", "--outbox-max-stanzas", "1000000")
		l.g.start()
		l.g.waitReady()
		l.connect()
		stop := l.run()
		<-time.After(500 * time.Millisecond)
		stop()
		goroutines, heap := l.idle()

		stop = l.run()
		var troubles []trouble
		for i := range restarts {
			<-time.After(up + rand.N(300*time.Millisecond))
			troubles = append(troubles, trouble{from: time.Now()})
			if i%2 == 0 {
				server.Kill(t)
			} else {
				server.Stop(t)
			}
			<-time.After(rand.N(300 * time.Millisecond))
			server.Start(t)
			l.connect()
			l.g.waitReady()
			troubles[i].to = time.Now()
		}
		<-time.After(300 * time.Millisecond)
		stop()
		l.g.waitUntil("the outbox is empty", func() bool {
			return l.g.post(message(l.peer.Load().Domain(), "end")).want(t, http.StatusAccepted).header.Get("Location") == ""
		})
		l.g.waitUntil("the last has arrived", func() bool { return slices.Contains(l.got.list(), "end") })
		goroutinesNow, heapNow := l.idle()

		l.checkIncoming(troubles)
		l.checkOutgoing(troubles)
		t.Logf("%d restarts; goroutines: %d, were %d; heap: %.1f MiB, was %.1f MiB", restarts, goroutinesNow, goroutines, heapNow/(1<<20), heap/(1<<20))
		if goroutinesNow > goroutines+5 {
			t.Errorf("%d goroutines, were %d", goroutinesNow, goroutines)
		}
		if heapNow > heap+16<<20 {
			t.Errorf("%.0f bytes in the heap, were %.0f", heapNow, heap)
		}
	})
}

// during reports whether a time was within a trouble, or so shortly before it that the server may not have passed on what it had.
func during(at time.Time, troubles []trouble) bool {
	const buffered = 500 * time.Millisecond
	return slices.ContainsFunc(troubles, func(r trouble) bool { return at.After(r.from.Add(-buffered)) && at.Before(r.to) })
}

// checkIncoming checks what the callback has got.
func (l *serverLoad) checkIncoming(troubles []trouble) {
	l.accepted.inOrder(l.t)
	l.accepted.mu.Lock()
	defer l.accepted.mu.Unlock()
	for id, n := range l.accepted.ids {
		if n != 1 {
			l.t.Errorf("%s was accepted %d times", id, n)
		}
	}
	lost, returned := 0, 0
	for n, at := range l.sentAt {
		for u := range l.users {
			if l.accepted.seen[fmt.Sprintf("u%d %d", u, n)] {
				continue
			}
			if _, ok := l.errors.Load(fmt.Sprintf("u%d-%d", u, n)); ok {
				returned++
				continue
			}
			lost++
			if !during(at, troubles) {
				l.t.Errorf("u%d %d was sent while all was well, and is lost", u, n)
			}
		}
	}
	l.t.Logf("to the callback: %d sent, %d accepted, %d returned, %d sent when there was no server, or lost with it",
		len(l.sentAt)*l.users, len(l.accepted.seen), returned, lost)
}

// checkOutgoing checks what the component has got.
func (l *serverLoad) checkOutgoing(troubles []trouble) {
	there := arrived(l.got.list())
	promised, queued, bounced, lost, answers := 0, 0, 0, 0, map[int]int{}
	for _, p := range l.posters {
		if !slices.IsSorted(there.numbers[p.name]) {
			l.t.Errorf("%s: arrived out of order: %v", p.name, there.numbers[p.name])
		}
		promised += len(p.promised)
		queued += len(p.queued)
		for status, n := range p.answers {
			answers[status] += n
		}
		for n, at := range p.promised {
			if there.times[p.text(n)] > 0 {
				continue
			}
			if _, ok := l.errors.Load(p.text(n)); ok {
				bounced++
				continue
			}
			lost++
			if state := l.state(p.queued[n]); !during(at, troubles) || state != "" && state != "confirmed" {
				l.t.Errorf("%s was answered 202 at %s, Location %q (%s), and never arrived", p.text(n), at.Format(time.StampMilli), p.queued[n], state)
			}
		}
	}
	if lost > promised/100 {
		l.t.Errorf("%d of %d that were answered 202 never arrived", lost, promised)
	}
	l.t.Logf("posted: %d answered 202, %d of them queued; %d bounced later, since the component was not connected; %d lost with the server, which had confirmed them; %d arrived twice; answers: %v",
		promised, queued, bounced, lost, there.repeated(), answers)
}

// state returns how far a stanza has come that may have been queued.
func (l *serverLoad) state(location string) string {
	if location == "" {
		return ""
	}
	return l.g.outgoing(location).State
}
