package restanza_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/restanza/restanza/internal/xmpptest"
)

// poster posts messages one after the other, each with the next number, and notes what it is told.
type poster struct {
	name  string
	every time.Duration
	key   bool // it does so with an Idempotency-Key, and again until there is an answer

	mu       sync.Mutex
	posted   int
	promised map[int]time.Time // answered 202, and when
	bounced  map[int]bool      // answered with the server's error
	refused  map[int]bool      // answered with something else: it may or may not have been sent
	queued   map[int]string    // the Location
	answers  map[int]int       // how often each status came
}

func newPoster(name string, key bool) *poster {
	return &poster{
		name: name, every: 5 * time.Millisecond, key: key, promised: map[int]time.Time{}, bounced: map[int]bool{}, refused: map[int]bool{},
		queued: map[int]string{}, answers: map[int]int{},
	}
}

// text is the body of a message, and its id.
func (p *poster) text(n int) string { return fmt.Sprintf("%s-%d", p.name, n) }

// run posts until ctx ends. While nothing answers it tries again as often, with the next message unless it has a key.
func (p *poster) run(ctx context.Context, g *gatewayUnderTest, to string) {
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	for n := p.posted; ctx.Err() == nil; n++ {
		for !p.post(ctx, g, to, n) && p.key && ctx.Err() == nil {
			<-tick.C
		}
		<-tick.C
	}
}

// post posts one message and reports whether it got an answer that is final.
func (p *poster) post(ctx context.Context, g *gatewayUnderTest, to string, n int) bool {
	p.mu.Lock()
	p.posted = n + 1
	p.mu.Unlock()
	var headers []string
	if p.key {
		headers = []string{fmt.Sprintf("Idempotency-Key: %q", p.text(n))}
	}
	body := fmt.Sprintf(`<message type="chat" id="%[1]s" to="%[2]s"><body>%[1]s</body></message>`, p.text(n), to)
	r, err := g.tryPost(context.WithoutCancel(ctx), body, headers...)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.refused[n] = true
		return false
	}
	p.answers[r.status]++
	delete(p.refused, n)
	switch r.status {
	case http.StatusAccepted:
		p.promised[n] = time.Now()
		if location := r.header.Get("Location"); location != "" {
			p.queued[n] = location
		}
	case http.StatusOK:
		p.bounced[n] = true
	default:
		p.refused[n] = true
		return false
	}
	return true
}

// arrivals are what has come to a receiver.
type arrivals struct {
	numbers map[string][]int // of each poster, in the order in which they came first
	times   map[string]int   // how often each text came
}

// arrived sorts texts by who posted them.
func arrived(texts []string) arrivals {
	a := arrivals{numbers: map[string][]int{}, times: map[string]int{}}
	for _, text := range texts {
		var name string
		var n int
		if _, err := fmt.Sscanf(text, "%1s-%d", &name, &n); err != nil {
			continue
		}
		if a.times[text]++; a.times[text] == 1 {
			a.numbers[name] = append(a.numbers[name], n)
		}
	}
	return a
}

// repeated returns how many came more than once.
func (a arrivals) repeated() (n int) {
	for _, times := range a.times {
		n += times - 1
	}
	return n
}

// postersOf returns some of them, named by letters; every second has keys if that is asked for.
func postersOf(n int, keys bool) (list []*poster) {
	for i := range n {
		list = append(list, newPoster(string(rune('a'+i)), keys && i%2 == 1))
	}
	return list
}

// The gateway is killed at random moments, while programs post and the link goes up and down. Each message that was
// answered 202 arrives, those of one sender in order, and in the end each that was queued is confirmed.
func TestOutbox_killedAtRandom(t *testing.T) {
	command := buildCommand(t)
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		kills := tortured(t, 5)
		way := newGate(t, server)
		receiver := xmpptest.DialComponent(t, server, 1)
		var got inOrder
		receiver.Handle(func(s xmpptest.Stanza) { got.add(s.Body) })
		g := newProcess(t, server, command, filepath.Join(t.TempDir(), "journal.db"), "--server", way.addr, "--outbox-max-stanzas", "1000000")
		g.start()

		posters := postersOf(8, false)
		ctx, stop := context.WithCancel(t.Context())
		var load sync.WaitGroup
		for _, p := range posters {
			load.Go(func() { p.run(ctx, g.gatewayUnderTest, receiver.Domain()) })
		}
		load.Go(func() {
			for ctx.Err() == nil {
				<-time.After(rand.N(400 * time.Millisecond))
				way.close()
				<-time.After(rand.N(100 * time.Millisecond))
				way.open()
			}
		})
		for range kills {
			<-time.After(200*time.Millisecond + rand.N(800*time.Millisecond))
			g.kill()
			g.start()
		}
		stop()
		load.Wait()
		g.waitReady()
		g.waitUntil("the outbox is empty", func() bool {
			return g.post(message(receiver.Domain(), "end")).want(t, http.StatusAccepted).header.Get("Location") == ""
		})
		g.waitUntil("the last has arrived", func() bool { return slices.Contains(got.list(), "end") })

		there := arrived(got.list())
		promised, queued, answers := 0, 0, map[int]int{}
		for _, p := range posters {
			if !slices.IsSorted(there.numbers[p.name]) {
				t.Errorf("%s: arrived out of order: %v", p.name, there.numbers[p.name])
			}
			for n := range p.promised {
				if there.times[p.text(n)] == 0 {
					t.Errorf("%s was answered 202, Location %q, and never arrived", p.text(n), p.queued[n])
				}
			}
			for _, location := range p.queued {
				g.waitOutgoing(location, "confirmed")
			}
			promised += len(p.promised)
			queued += len(p.queued)
			for status, n := range p.answers {
				answers[status] += n
			}
		}
		if queued == 0 || queued == promised {
			t.Errorf("%d of %d were queued", queued, promised)
		}
		t.Logf("%d kills, %d messages answered 202, %d of them queued; all answers: %v; %d arrived twice or more often", kills, promised, queued, answers, there.repeated())
	})
}
