package callback

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// A backlog costs neither time at the start nor memory, whatever its size: 20,000 stanzas, or as many as
// RESTANZA_TEST_BACKLOG says, of which the first arrive at once, while others come and go.
func TestBacklog_size(t *testing.T) {
	size := 20_000
	if text := os.Getenv("RESTANZA_TEST_BACKLOG"); text != "" {
		var err error
		if size, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := journal.Open(journal.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	c := build(t, newServer(), kept(j), func(o *Options) { o.QueueLimit = 1000 })
	users := size / 50
	for n := range size {
		if n%5000 == 0 {
			if err := j.Flush(t.Context()); err != nil { // so that it need not keep all in memory
				t.Fatal(err)
			}
		}
		if !c.Deliver(from(t, fmt.Sprintf("u%06d", n%users), strconv.Itoa(n/users))) {
			t.Fatalf("%d: refused", n)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	before := heap()
	began := time.Now()
	j = ledger(t, path)
	first := make(chan struct{}, size+1)
	h := newHook(func(request) (*http.Response, error) {
		first <- struct{}{}
		return respond(http.StatusAccepted, "", ""), nil
	})
	c, stop := begin(t, newServer(), over(h), kept(j))
	<-first
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the first came after %v", took)
	}
	deliver(t, c, from(t, "other", "0"))
	for h.count("other") == 0 {
		<-first
	}
	most := heap() - before
	t.Logf("%d stanzas: one that came since was posted after %v and %d others, with %d kB of heap", size, time.Since(began), len(h.requests()), most>>10)
	if most > 32<<20 {
		t.Errorf("%d bytes of heap", most)
	}
	stop()
}

// However much of however many conversations is fetched, there is room for one that begins: it does not come after all that
// has waited.
func TestBacklog_newcomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "journal.db")
		j, err := journal.Open(journal.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		const users, each = 100, 30
		c := build(t, newServer(), kept(j))
		for n := range users * each {
			if !c.Deliver(from(t, "u"+strconv.Itoa(n%users), strconv.Itoa(n/users))) {
				t.Fatalf("%d: refused", n)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		h := newHook(func(request) (*http.Response, error) {
			time.Sleep(10 * time.Millisecond)
			return respond(http.StatusAccepted, "", ""), nil
		})
		c, _ = begin(t, newServer(), over(h), kept(openLedger(t, journal.Options{Path: path})), func(o *Options) { o.QueueLimit, o.Concurrency = 200, 8 })
		time.Sleep(time.Second)
		before := len(h.requests())
		const newcomers = 20
		for n := range newcomers {
			deliver(t, c, from(t, "new"+strconv.Itoa(n), "1"))
			time.Sleep(7 * time.Millisecond)
		}
		time.Sleep(500 * time.Millisecond)
		if n := strings.Count(h.ids(), "new"); n != newcomers {
			t.Errorf("%d of %d posted after %d others, in half a second", n, newcomers, len(h.requests())-before-n)
		}
		time.Sleep(time.Minute)
		if n := len(h.requests()); before > users*each/2 || n != users*each+newcomers {
			t.Errorf("%d were posted when they came, %d of %d at last", before, n, users*each+newcomers)
		}
	})
}

// While the disk does not take anything, what can't be delivered is tried again from memory.
func TestBacklog_unwritable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := ledger(t, path)
	unlock := lockOut(t, path)
	accepted := make(chan string, 10)
	failures := 3
	h := newHook(nil)
	h.answer = func(r request) (*http.Response, error) {
		if h.mu.Lock(); failures > 0 {
			failures--
			h.mu.Unlock()
			return nil, errReset
		}
		h.mu.Unlock()
		accepted <- r.String()
		return respond(http.StatusAccepted, "", ""), nil
	}
	c, stop := begin(t, newServer(), over(h), kept(j), func(o *Options) { o.RetryFirst, o.RetryMax = 10*time.Millisecond, 50*time.Millisecond })
	deliver(t, c, from(t, "a", "1"), from(t, "a", "2"), from(t, "b", "1"))
	got := map[string]int{}
	for i := range 3 {
		got[<-accepted] = i
	}
	if j.State().Err == nil {
		t.Error("the journal could be written")
	}
	if len(got) != 3 || got["a1"] > got["a2"] {
		t.Errorf("accepted %v", got)
	}
	unlock()
	stop()
}

// Then all conversations that wait on disk get their turn, though what was posted can't be removed, and so do
// their next stanzas.
func TestBacklog_unwritableAndLarge(t *testing.T) {
	const users = 3 * window
	path := filepath.Join(t.TempDir(), "journal.db")
	j := ledger(t, path)
	for i := range users {
		if _, err := j.Add(at(t, "rest.example.net"), from(t, "u"+strconv.Itoa(i), "1"), time.Now(), time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	unlock := lockOut(t, path)
	accepted := make(chan string, users)
	h := newHook(func(r request) (*http.Response, error) {
		accepted <- r.String()
		return respond(http.StatusAccepted, "", ""), nil
	})
	c, stop := begin(t, newServer(), over(h), kept(j))
	got := map[string]bool{}
	for range users {
		got[<-accepted] = true
	}
	if len(got) != users {
		t.Errorf("%d of %d", len(got), users)
	}
	busy := func() bool {
		c.queue.mu.Lock()
		defer c.queue.mu.Unlock()
		return len(c.queue.conversations) > 0 || c.queue.backlog.some
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for busy() || j.State().Err == nil {
		<-tick.C
	}
	deliver(t, c, from(t, "u0", "2"))
	if got := <-accepted; got != "u02" {
		t.Errorf("then %s", got)
	}
	unlock()
	stop()
	for j.State().Err != nil {
		<-tick.C
	}
	if alive, dead := waiting(t, j); alive+dead > 0 {
		t.Errorf("%d wait, %d are dead", alive, dead)
	}
}

// Conversations that came between two looks don't make it look as if nothing else waited.
func TestFeeder_scanAgain(t *testing.T) {
	j := newLedger(t)
	if _, err := j.Add(at(t, "rest.example.net"), from(t, "a", "1"), time.Now(), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := &feeder{Callback: build(t, newServer(), kept(j))}
	now := time.Now()
	if next := f.scanAgain(t.Context(), now, true, false); next.IsZero() || !f.queue.backlog.some {
		t.Errorf("again at %v, though not all were seen", next)
	}
	if next := f.scanAgain(t.Context(), now, false, false); !next.IsZero() || f.queue.backlog.some {
		t.Errorf("again at %v", next)
	}
}

// lockOut keeps a journal from being written until unlock is called.
func lockOut(t *testing.T, path string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	other, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		_, err := other.ExecContext(t.Context(), "ROLLBACK")
		if err = errors.Join(err, other.Close(), db.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// While what is done with can't be removed from the disk, no more than a part of the rest is fetched, however quick the callback
// is: each would take memory until it can.
func TestBacklog_lag(t *testing.T) {
	const size = 20_000
	path := filepath.Join(t.TempDir(), "journal.db")
	j := ledger(t, path)
	c := build(t, newServer(), kept(j), func(o *Options) { o.QueueLimit = 1000 })
	for n := range size {
		if !c.Deliver(from(t, "u"+strconv.Itoa(n), "1")) {
			t.Fatalf("%d: refused", n)
		}
	}
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	unlock := lock(t, path)
	var posted atomic.Int64
	h := fake(func(*http.Request) (*http.Response, error) {
		posted.Add(1)
		return respond(http.StatusAccepted, "", ""), nil
	})
	begin(t, newServer(), over(h), kept(j), func(o *Options) { o.QueueLimit = 1000 })
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for before := int64(-1); before != posted.Load() || before == 0; <-tick.C {
		before = posted.Load()
	}
	if n := posted.Load(); n < maxLeaving || n > maxLeaving+2000 || int64(j.Leaving()) != n {
		t.Errorf("%d were posted, %d are to be removed", n, j.Leaving())
	}
	unlock()
	for deadline := time.Now().Add(long); posted.Load() < size || j.Stats().Waiting > 0; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d were posted, %d are left", posted.Load(), size, j.Stats().Waiting)
		}
	}
	if n := posted.Load(); n != size {
		t.Errorf("%d requests for %d", n, size)
	}
}

// lock locks a journal as another program could, until unlock is called.
func lock(t *testing.T, path string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	unlock = sync.OnceFunc(func() {
		if _, err := db.ExecContext(context.Background(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(unlock)
	return unlock
}

// Whatever the callback does, and however often the gateway is started anew, each message is accepted once, in order, and
// each query gets one answer.
func TestBacklog_model(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { model(t, rand.New(rand.NewPCG(seed, 2))) })
		})
	}
}

func model(t *testing.T, random *rand.Rand) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.db")
	var mu sync.Mutex
	chance := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(n)
	}
	var quiet atomic.Bool
	accepted := map[string][]string{}
	h := newHook(nil)
	h.answer = func(r request) (*http.Response, error) {
		time.Sleep(time.Duration(chance(50)) * time.Millisecond)
		if what := chance(10); !quiet.Load() && what < 3 {
			return nil, errReset
		} else if !quiet.Load() && what < 6 {
			resp := respond(http.StatusServiceUnavailable, "", "")
			resp.Header.Set("Retry-After", strconv.Itoa(chance(4)))
			return resp, nil
		}
		mu.Lock()
		defer mu.Unlock()
		if r.stanza.Kind() == stanza.Message {
			accepted[r.user] = append(accepted[r.user], r.stanza.ID())
		}
		return respond(http.StatusAccepted, "", ""), nil
	}
	limit, concurrency := 2+chance(40), 1+chance(8)
	s, sent, queries := newServer(), map[string][]string{}, 0
	for life := range 5 {
		j := openLedger(t, journal.Options{Path: path, Linger: time.Duration(1+chance(20)) * time.Millisecond})
		c, stop := begin(t, s, over(h), kept(j), func(o *Options) {
			o.QueueLimit, o.Concurrency, o.RetryMax, o.Grace = limit, concurrency, 8*time.Second, time.Minute
		})
		for n := range 400 {
			user := "u" + strconv.Itoa(chance(12))
			if chance(10) == 0 {
				if c.Deliver(parse(t, fmt.Sprintf(`<iq type="get" id="q" from="%s@example.com/x" to="bot@rest.example.net"><ping xmlns="urn:xmpp:ping"/></iq>`, user))) {
					queries++
				}
				continue
			}
			id := fmt.Sprintf("%d-%03d", life, n)
			deliver(t, c, from(t, user, id))
			sent[user] = append(sent[user], id)
			if chance(20) == 0 {
				time.Sleep(time.Duration(chance(2000)) * time.Millisecond)
			}
		}
		if life == 4 {
			time.Sleep(time.Minute)
			quiet.Store(true)
			time.Sleep(time.Hour)
			synctest.Wait()
			if l := c.queue.load(); l.waiting != 0 || l.conversations != 0 || l.down || c.queue.backlog.held != 0 {
				t.Errorf("left in memory: %+v", l)
			}
		}
		stop()
		if alive, dead := waiting(t, j); dead != 0 || life == 4 && alive != 0 {
			t.Errorf("%d wait, %d are dead", alive, dead)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(sent, accepted); diff != "" {
		t.Errorf("(-sent +accepted):\n%s", diff)
	}
	if len(s.replies) != queries {
		t.Errorf("%d answers to %d queries", len(s.replies), queries)
	}
}

// heap returns the bytes that are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
