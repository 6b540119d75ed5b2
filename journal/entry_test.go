package journal

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// never is a Linger by which nothing is written unless somebody waits.
const never = time.Hour

func bodies(entries []*Entry) []string {
	var found []string
	for _, e := range entries {
		found = append(found, e.Stanza().Body())
	}
	return found
}

// wait waits until an entry is written or settled.
func wait(t testing.TB, e *Entry) {
	t.Helper()
	if err := <-e.Written(); err != nil {
		t.Error(err)
	}
}

// load returns what a conversation has on disk.
func load(t *testing.T, j *Journal, c Conversation) []*Entry {
	t.Helper()
	found, err := j.Load(t.Context(), c, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestEntry_settledBeforeItIsWritten(t *testing.T) {
	j := open(t, Options{Linger: never})
	e := add(t, j, "romeo@example.org", "one")
	e.Settle()
	e.Settle()
	wait(t, e)
	kept := add(t, j, "romeo@example.org", "two")
	flush(t, j)
	if got := bodies(load(t, j, kept.Conversation())); !slices.Equal(got, []string{"two"}) {
		t.Errorf("on disk: %q", got)
	}
	if w, s := j.metrics.written.Load(), j.metrics.skipped.Load(); w != 1 || s != 1 {
		t.Errorf("%d written, %d skipped; want 1 and 1", w, s)
	}
	if held := j.Stats().Held; held != 0 {
		t.Errorf("%d bytes are held", held)
	}
}

func TestEntry_settledAfterItIsWritten(t *testing.T) {
	j := open(t, Options{})
	e := add(t, j, "romeo@example.org", "one")
	wait(t, e)
	if has, err := j.Has(t.Context(), e.Conversation()); err != nil || !has {
		t.Errorf("has: %v, %v", has, err)
	}
	e.Attempted(Attempt{At: time.Now(), Error: "refused"}, time.Now())
	e.Settle()
	flush(t, j)
	if got := j.Stats(); got != (Stats{Used: got.Used}) {
		t.Errorf("left: %+v", got)
	}
	for _, table := range []string{"delivery", "conversation", "attempt"} {
		var n int
		if err := j.store.(*sqliteStore).reads.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d rows are left in %s, %v", n, table, err)
		}
	}
}

// What is on disk but settled must not be delivered again by whoever takes up the
// conversation before the removal is on disk.
func TestEntry_settledIsNotLoaded(t *testing.T) {
	j := open(t, Options{Linger: never})
	for i := range 20 {
		add(t, j, "romeo@example.org", fmt.Sprint(i))
	}
	flush(t, j)
	c := conversationOf(component, message(t, "romeo@example.org", ""))
	for _, e := range load(t, j, c)[:10] {
		e.Settle()
	}
	load(t, j, c)[0].Bury("test")
	found, err := j.Load(t.Context(), c, 0, 3)
	if err != nil || !slices.Equal(bodies(found), []string{"11", "12", "13"}) {
		t.Errorf("loaded: %q, %v", bodies(found), err)
	}
	flush(t, j)
	if got := j.Stats(); got.Waiting != 9 || got.Dead != 1 {
		t.Errorf("stats: %+v", got)
	}
}

// Each of many workers must find a conversation as the last one left it.
func TestEntry_settledIsNotLoadedWhileItIsRemoved(t *testing.T) {
	j := open(t, Options{Linger: time.Microsecond})
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			from := fmt.Sprintf("user%d@example.org", w)
			for i := range 50 {
				e := add(t, j, from, fmt.Sprint(i))
				wait(t, e)
				found, err := j.Load(t.Context(), e.Conversation(), 0, 10)
				if err != nil || len(found) != 1 || found[0].Stanza().Body() != fmt.Sprint(i) {
					t.Errorf("%s, %d: loaded %q, %v", from, i, bodies(found), err)
				}
				e.Settle()
			}
		})
	}
	all.Wait()
}

// What every stanza costs, although nearly none is written.
func TestEntry_allocations(t *testing.T) {
	j := open(t, Options{Linger: never})
	st, now := message(t, "romeo@example.org", "one"), time.Now()
	got := testing.AllocsPerRun(10_000, func() {
		if err := addSettle(j, st, now); err != nil {
			t.Fatal(err)
		}
	})
	if got > 2 {
		t.Errorf("%v allocations, at most 2 are allowed", got)
	}
}

func TestEntry_survives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, Options{Path: path})
	received, expires := time.UnixMilli(1_700_000_000_123), time.UnixMilli(1_800_000_000_456)
	st := message(t, "romeo@example.org", "<&>\n\U0001F600")
	e, err := j.Add(component, st, received, expires)
	if err != nil {
		t.Fatal(err)
	}
	a := Attempt{At: time.UnixMilli(1_700_000_001_000), Took: 1234 * time.Microsecond, Status: 503, Answer: make([]byte, 2*MaxAnswer), Error: "later"}
	e.Attempted(Attempt{At: received, Error: "refused"}, received)
	e.Attempted(a, time.UnixMilli(1_700_000_002_000))
	id, seq := e.ID(), e.Seq()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}

	j = open(t, Options{Path: path})
	found := load(t, j, e.Conversation())
	if len(found) != 1 {
		t.Fatalf("%d entries", len(found))
	}
	got := found[0]
	if got.ID() != id || got.Seq() != seq || !got.Received().Equal(received) || !got.Expires().Equal(expires) ||
		got.Component() != component || got.Stanza().String() != st.String() || got.Attempts() != 2 {
		t.Errorf("got %+v", got)
	}
	if last, ok := got.Last(); !ok || !last.At.Equal(a.At) || last.Status != 503 || last.Error != "later" {
		t.Errorf("last attempt: %+v, %v", last, ok)
	}
	d, err := j.Show(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	a.Answer = a.Answer[:MaxAnswer]
	if diff := cmp.Diff([]Attempt{{At: time.UnixMilli(received.UnixMilli()), Error: "refused"}, a}, d.Trials); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	if next := add(t, j, "romeo@example.org", "two"); next.Seq() <= seq || next.ID() == id {
		t.Errorf("%d, %s after %d, %s", next.Seq(), next.ID(), seq, id)
	}
}

func TestEntry_ID(t *testing.T) {
	j := open(t, Options{Linger: never})
	seen := map[string]bool{}
	for range 100 {
		id := add(t, j, "romeo@example.org", "x").ID()
		if seen[id] || len(id) > 32 || strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyz-") != "" {
			t.Fatalf("id %q", id)
		}
		seen[id] = true
	}
}

func TestEntry_orderWithinAConversation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	var want []string
	for start := range 3 {
		j := open(t, Options{Path: path, Linger: time.Microsecond})
		for i := range 50 {
			body := fmt.Sprintf("%d.%d", start, i)
			want = append(want, body)
			add(t, j, "romeo@example.org", body)
			add(t, j, "juliet@example.org", body)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	j := open(t, Options{Path: path})
	c := conversationOf(component, message(t, "romeo@example.org", ""))
	var got []string
	for after := int64(0); ; {
		found, err := j.Load(t.Context(), c, after, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 {
			break
		}
		got = append(got, bodies(found)...)
		after = found[len(found)-1].Seq()
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// The window in which a crash loses a stanza is that from Add to the disk.
func TestEntry_isWrittenSoon(t *testing.T) {
	j := open(t, Options{})
	var took []time.Duration
	for range 20 {
		began := time.Now()
		e := add(t, j, "romeo@example.org", "x")
		for e.state.Load() != written {
			runtime.Gosched()
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("shortest %v, median %v, longest %v", took[0], took[10], took[19])
	if took[0] > 20*time.Millisecond { // the others depend on what else the machine does
		t.Errorf("no entry was written within %v", took[0])
	}
}

func TestEntry_concurrently(t *testing.T) {
	j := open(t, Options{Linger: 100 * time.Microsecond})
	var settled atomic.Int64
	var all sync.WaitGroup
	for w := range 16 {
		all.Go(func() {
			from := fmt.Sprintf("user%d@example.org", w)
			for i := range 100 {
				e := add(t, j, from, fmt.Sprint(i))
				switch i % 5 {
				case 0:
					wait(t, e)
				case 1:
					all.Go(func() { wait(t, e) })
				case 2:
					e.Attempted(Attempt{At: time.Now(), Error: "refused"}, time.Now())
				case 3:
					e.Bury("test")
					continue
				}
				if i%10 < 7 {
					e.Settle()
					settled.Add(1)
				}
			}
		})
	}
	all.Wait()
	flush(t, j)
	got := j.Stats()
	if got.Dead != 16*20 || got.Waiting != 16*80-settled.Load() || got.Held != 0 {
		t.Errorf("%+v after %d settled", got, settled.Load())
	}
	if n := j.queue.countLeaving(); n != 0 {
		t.Errorf("%d removals are not concluded", n)
	}
}

// faultyStore fails on demand.
type faultyStore struct {
	store
	fault  atomic.Pointer[error]
	late   atomic.Pointer[error] // of the commit
	during func()                // called by each write that fails, before it does; set before fault
}

func (s *faultyStore) write(fn func(changes) error) error {
	if err := s.fault.Load(); err != nil {
		if s.during != nil {
			s.during()
		}
		return *err
	}
	if err := s.late.Load(); err != nil {
		return s.store.write(func(c changes) error { return errors.Join(fn(c), *err) })
	}
	return s.store.write(fn)
}

// openFaulty opens a journal that can be made to fail.
func openFaulty(t *testing.T, o Options) (*Journal, *faultyStore) {
	t.Helper()
	o.Path = filepath.Join(t.TempDir(), "journal.db")
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	s, err := openSQLite(o.Path)
	if err != nil {
		t.Fatal(err)
	}
	f := &faultyStore{store: s}
	j, err := newJournal(o, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j, f
}

var errFault = errors.New("disk on fire")

func TestWriter_keepsWhatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logged := &strings.Builder{}
		j, s := openFaulty(t, Options{Logger: textLogger(logged), MaxHeld: 10 * (headerRoom + 20)})
		s.fault.Store(&errFault)
		entries := []*Entry{add(t, j, "romeo@example.org", "0")}
		time.Sleep(time.Second)
		if got := j.State(); !errors.Is(got.Err, errFault) || time.Since(got.Since) > time.Second {
			t.Errorf("state: %+v", got)
		}
		for i := 1; i < 10; i++ {
			entries = append(entries, add(t, j, "romeo@example.org", fmt.Sprint(i)))
		}
		if _, err := j.Add(component, entries[0].Stanza(), time.Now(), time.Time{}); !errors.Is(err, ErrFull) {
			t.Errorf("the eleventh: %v", err)
		}
		if _, err := j.Enqueue(t.Context(), component, "alerts", entries[0].Stanza(), time.Now()); !errors.Is(err, ErrUnwritable) || !errors.Is(err, errFault) {
			t.Errorf("enqueue: %v", err)
		}
		entries[3].Settle()
		entries[4].Attempted(Attempt{At: time.Now(), Error: "refused"}, time.Now())
		time.Sleep(time.Minute)
		s.fault.Store(nil)
		time.Sleep(longestWait)
		if err := <-entries[9].Written(); err != nil {
			t.Error(err)
		}
		if got := j.State(); got.Err != nil {
			t.Errorf("state: %+v", got)
		}
		want := []string{"0", "1", "2", "4", "5", "6", "7", "8", "9"}
		if got := bodies(load(t, j, entries[0].Conversation())); !slices.Equal(got, want) {
			t.Errorf("on disk: %q", got)
		}
		if n := strings.Count(logged.String(), "\n"); n != 2 {
			t.Errorf("%d lines in the log, want one for each change:\n%s", n, logged)
		}
	})
}

// What is settled while the disk takes nothing is not held until it does.
func TestWriter_forgetsWhatIsSettledWhileItFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, s := openFaulty(t, Options{})
		stored := add(t, j, "romeo@example.org", "on disk")
		flush(t, j)
		s.fault.Store(&errFault)
		waits := add(t, j, "romeo@example.org", "waits")
		const several = 3 * maxCommit
		for range several {
			e := add(t, j, "romeo@example.org", "settled")
			e.Attempted(Attempt{At: time.Now(), Error: "refused"}, time.Now())
			e.Settle()
		}
		stored.Settle()
		time.Sleep(longestWait + time.Second)
		j.queue.mu.Lock()
		ops := slices.Clone(j.queue.ops)
		j.queue.mu.Unlock()
		if len(ops) != 2 || ops[0].entry != waits || ops[1].kind != opRemove || ops[1].entry != nil {
			t.Errorf("%d wait for the disk, first %+v", len(ops), ops[0])
		}
		s.fault.Store(nil)
		time.Sleep(longestWait)
		if got := bodies(load(t, j, waits.Conversation())); !slices.Equal(got, []string{"waits"}) {
			t.Errorf("on disk: %q", got)
		}
		if got := j.metrics.skipped.Load(); got != several {
			t.Errorf("%d did not have to be written, want %d", got, several)
		}
	})
}

// The sums are those of the disk, not of a commit that fails.
func TestStats_afterAFailedCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, s := openFaulty(t, Options{})
		e := add(t, j, "romeo@example.org", "waits")
		flush(t, j)
		s.late.Store(&errFault)
		e.Settle()
		time.Sleep(time.Second)
		if got := j.Stats(); got.Waiting != 1 || j.State().Err == nil {
			t.Errorf("%+v, %+v", got, j.State())
		}
		s.late.Store(nil)
		time.Sleep(longestWait)
		if got := j.Stats(); got.Waiting != 0 || got.WaitingBytes != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// What happens during a commit that fails is written after what failed.
func TestWriter_keepsOrderOverFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, s := openFaulty(t, Options{})
		e := add(t, j, "romeo@example.org", "one")
		s.during = sync.OnceFunc(func() {
			e.Attempted(Attempt{At: time.Now(), Error: "refused"}, time.Now())
			e.Bury("test")
		})
		s.fault.Store(&errFault)
		time.Sleep(time.Second)
		s.fault.Store(nil)
		time.Sleep(longestWait)
		d, err := j.Show(t.Context(), e.ID())
		if err != nil || d.State != Dead || len(d.Trials) != 1 {
			t.Errorf("%+v, %v", d, err)
		}
	})
}

// A journal that nothing is added to finds out by itself that it can be written
// again.
func TestWriter_recoversWithoutWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, s := openFaulty(t, Options{})
		s.fault.Store(&errFault)
		if err := j.Flush(t.Context()); !errors.Is(err, ErrUnwritable) {
			t.Errorf("flush: %v", err)
		}
		s.fault.Store(nil)
		time.Sleep(longestWait)
		if err := j.Flush(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestClose_tellsWhatIsLost(t *testing.T) {
	j, s := openFaulty(t, Options{})
	s.fault.Store(&errFault)
	e := add(t, j, "romeo@example.org", "one")
	lost := e.Written()
	if err := j.Close(); !errors.Is(err, errFault) || !strings.Contains(err.Error(), "1 stanzas not written") {
		t.Errorf("close: %v", err)
	}
	if err := <-lost; !errors.Is(err, ErrClosed) {
		t.Errorf("written: %v", err)
	}
	_, err := j.Add(component, e.Stanza(), time.Now(), time.Now())
	for what, err := range map[string]error{
		"add": err, "flush": j.Flush(context.Background()),
		"has": func() error { _, err := j.Due(context.Background(), component, 1); return err }(),
	} {
		if !errors.Is(err, ErrClosed) && !errors.Is(err, ErrUnwritable) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
