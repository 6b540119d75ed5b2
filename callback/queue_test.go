package callback

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/restanza/restanza/stanza"
)

// Under load from many conversations, each keeps its order, replies included,
// and never more requests are under way than allowed.
func TestCallback_order(t *testing.T) {
	const conversations, each, concurrency = 50, 40, 8
	var mu sync.Mutex
	var underWay, most int
	several := make(chan struct{}) // closed when a second request comes during the first
	srv := listen(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		underWay++
		if most = max(most, underWay); underWay == 2 {
			closeOnce(several)
		}
		mu.Unlock()
		select {
		case <-several:
		case <-time.After(long):
		}
		w.Header().Set("Content-Type", textType)
		say(w, r.URL.Query().Get("from"))
		mu.Lock()
		underWay--
		mu.Unlock()
	})
	s := newServer()
	c, _ := begin(t, s, to(srv.URL+"/?from={from}"), func(o *Options) { o.Concurrency = concurrency })
	var senders sync.WaitGroup
	for i := range conversations {
		senders.Go(func() {
			for n := range each {
				// Another resource does not make another conversation.
				deliver(t, c, chat(t, fmt.Sprintf("user%d@example.com/%d", i, n), "bot@rest.example.net/"+strconv.Itoa(n%3), ""))
			}
		})
	}
	senders.Wait()
	got := map[string]int{}
	for range conversations * each {
		to := s.next(t).To()
		n, err := strconv.Atoi(to.Resource())
		if err != nil {
			t.Fatal(err)
		}
		if n != got[to.Local()] {
			t.Fatalf("%s: reply %d after %d others", to.Local(), n, got[to.Local()])
		}
		got[to.Local()]++
	}
	if most > concurrency || most < 2 {
		t.Errorf("%d requests at once, allowed are %d", most, concurrency)
	}
}

// closeOnce closes a channel that may be closed already. Its callers take turns.
func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// A conversation whose callback hangs holds up no other, as long as there are
// free workers, and its own stanzas wait.
func TestCallback_noHeadOfLineBlocking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := fake(func(r *http.Request) (*http.Response, error) {
			if strings.Contains(r.URL.RawQuery, "slow") {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return respond(200, textType, "Yes"), nil
		})
		s := newServer()
		c, _ := begin(t, s, over(hang), to("http://h/?{from}"), func(o *Options) { o.Concurrency = 2 })
		began := time.Now()
		for i := range 3 {
			deliver(t, c, chat(t, "slow@example.com", "bot@rest.example.net", strconv.Itoa(i)))
		}
		for i := range 100 {
			deliver(t, c, chat(t, fmt.Sprintf("quick%d@example.com", i), "bot@rest.example.net", ""))
		}
		for range 100 {
			if st := s.next(t); st.Type() != stanza.Chat || time.Since(began) > 0 {
				t.Fatalf("after %v: %s", time.Since(began), st)
			}
		}
		for i := range 3 {
			st := s.next(t)
			if st.ID() != strconv.Itoa(i) || st.Type() != stanza.TypeError || time.Since(began) != time.Duration(i+1)*DefaultTimeout {
				t.Errorf("after %v: %s", time.Since(began), st)
			}
		}
	})
}

// Conversations take turns: a long one does not keep the only worker.
func TestCallback_fair(t *testing.T) {
	s := newServer()
	c := build(t, s, over(always(200, textType, "Yes")), func(o *Options) { o.Concurrency = 1 })
	for range 100 {
		deliver(t, c, chat(t, "talker@example.com", "bot@rest.example.net", ""))
	}
	deliver(t, c, chat(t, "quiet@example.com", "bot@rest.example.net", ""))
	runs(t, c)
	if a, b := s.next(t).To().Local(), s.next(t).To().Local(); a != "talker" || b != "quiet" {
		t.Errorf("%s came first, then %s", a, b)
	}
}

// The queue refuses what is beyond its limits and has room again later.
func TestCallback_queueLimits(t *testing.T) {
	st := func() stanza.Stanza { return chat(t, "user@example.com", "bot@rest.example.net", "") }
	size := sizeOf(st())
	for name, change := range map[string]func(*Options){
		"stanzas": func(o *Options) { o.QueueLimit = 3 },
		"bytes":   func(o *Options) { o.QueueBytes = 4*size - 1 },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer()
			c := build(t, s, over(always(200, textType, "Yes")), change)
			deliver(t, c, st(), st(), st())
			if c.Deliver(st()) {
				t.Error("the queue took more than its limit")
			}
			runs(t, c)
			for range 3 {
				s.next(t)
			}
			deliver(t, c, st())
			s.next(t)
			s.nothing(t)
		})
	}
}

// An idle Callback has no worker and remembers no conversation.
func TestCallback_idle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		c, _ := begin(t, s, over(always(200, textType, "Yes")))
		for i := range 1000 {
			deliver(t, c, chat(t, fmt.Sprintf("user%d@example.com", i%300), "bot@rest.example.net", ""))
		}
		synctest.Wait()
		if len(s.replies) != 1000 {
			t.Errorf("%d replies", len(s.replies))
		}
		q := c.queue
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.workers != 0 || q.busy != 0 || q.stanzas != 0 || q.bytes != 0 || len(q.conversations) != 0 || cap(q.ready) != 0 {
			t.Errorf("left: %d workers, %d busy, %d stanzas, %d bytes, %d conversations, room for %d ready",
				q.workers, q.busy, q.stanzas, q.bytes, len(q.conversations), cap(q.ready))
		}
	})
}

// The queue against a plain model: whatever the order of events, the books
// balance, no conversation has two workers, and its order is kept.
func TestQueue_model(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		spawned := 0
		q := newQueue(30, 1<<20, 4)
		q.start(func() { spawned++ })
		want := map[string][]string{} // ids by conversation
		working := map[*conversation]stanza.Stanza{}
		idle := 0
		for i := range 2000 {
			for ; spawned > 0; spawned-- {
				idle++ // a worker that has not asked yet
			}
			if random.IntN(2) == 0 {
				st := chat(t, fmt.Sprintf("u%d@example.com", random.IntN(6)), "bot@rest.example.net", strconv.Itoa(i))
				if q.put(delivery{stanza: st}) {
					want[st.From().Local()] = append(want[st.From().Local()], st.ID())
				} else if q.load().waiting < 30 {
					t.Fatalf("seed %d: refused with %d waiting", seed, q.load().waiting)
				}
				continue
			}
			var last *conversation
			switch {
			case idle > 0:
				idle--
			case len(working) > 0:
				for conv := range working {
					last = conv
					break
				}
				delete(working, last)
			default:
				continue
			}
			conv, d, ok := q.next(last)
			if !ok {
				continue
			}
			if _, twice := working[conv]; twice {
				t.Fatalf("seed %d: two workers in one conversation", seed)
			}
			st := d.stanza
			from := st.From().Local()
			if want[from][0] != st.ID() {
				t.Fatalf("seed %d: %s before %s", seed, st.ID(), want[from][0])
			}
			want[from] = want[from][1:]
			working[conv] = st
			if l := q.load(); l.busy != len(working) || l.busy > 4 {
				t.Fatalf("seed %d: %d busy, %d working", seed, l.busy, len(working))
			}
		}
		waiting := 0
		for _, ids := range want {
			waiting += len(ids)
		}
		if l := q.load(); l.waiting != waiting || len(q.clear()) != waiting || q.bytes != 0 {
			t.Fatalf("seed %d: %d waiting, want %d; %d bytes left", seed, l.waiting, waiting, q.bytes)
		}
	}
}
