package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

func TestDue(t *testing.T) {
	now := time.Now().Truncate(time.Millisecond)
	var later atomic.Int64
	j := open(t, Options{Now: func() time.Time { return now.Add(time.Duration(later.Load())) }})
	var entries []*Entry
	for i := range 5 {
		e, err := j.Add(component, message(t, fmt.Sprintf("user%d@example.org", i), "x"), now.Add(time.Duration(i-10)*time.Second), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e)
	}
	flush(t, j)
	due := func(limit int) (users string) {
		found, err := j.Due(t.Context(), component, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range found {
			if c.Component != component || c.To != mustJID("bot@bot.example.net") {
				t.Errorf("found %+v", c)
			}
			users += strings.TrimPrefix(c.From.Local(), "user")
		}
		return users
	}
	if got := due(3); got != "012" {
		t.Errorf("due: %s", got)
	}
	entries[0].Attempted(Attempt{At: now, Error: "refused"}, now.Add(time.Minute))
	j.SetNotBefore(entries[1].Conversation(), now.Add(2*time.Minute))
	entries[2].Settle()
	flush(t, j)
	if got := due(9); got != "34" {
		t.Errorf("due: %s", got)
	}
	if at, err := j.NextDue(t.Context(), component); err != nil || !at.Equal(now.Add(-7*time.Second)) {
		t.Errorf("next: %v, %v", at, err)
	}
	entries[3].Settle()
	entries[4].Bury("test")
	flush(t, j)
	if at, err := j.NextDue(t.Context(), component); err != nil || !at.Equal(now.Add(time.Minute)) {
		t.Errorf("next: %v, %v", at, err)
	}
	if n, err := j.Retry(t.Context(), Filter{From: mustJID("user1@example.org")}); n != 1 || err != nil {
		t.Errorf("retried %d, %v", n, err)
	}
	if got := due(9); got != "1" {
		t.Errorf("due: %s", got)
	}
	later.Store(int64(time.Hour))
	if got := due(9); got != "10" {
		t.Errorf("due: %s", got)
	}
	if found, err := j.Due(t.Context(), mustJID("other.example.net"), 9); len(found) != 0 || err != nil {
		t.Errorf("at another component: %v, %v", found, err)
	}
	if at, err := j.NextDue(t.Context(), mustJID("other.example.net")); !at.IsZero() || err != nil {
		t.Errorf("at another component: %v, %v", at, err)
	}
}

func TestExpired(t *testing.T) {
	now := time.Now()
	j := open(t, Options{})
	for i, expires := range []time.Time{now.Add(-time.Minute), {}, now.Add(time.Hour), now.Add(-time.Hour)} {
		if _, err := j.Add(component, message(t, "romeo@example.org", fmt.Sprint(i)), now, expires); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, j)
	found, err := j.Expired(t.Context(), component, 9)
	if err != nil || !slices.Equal(bodies(found), []string{"3", "0"}) {
		t.Errorf("%q, %v", bodies(found), err)
	}
	found[0].Bury("too old")
	if found, err = j.Expired(t.Context(), component, 9); err != nil || !slices.Equal(bodies(found), []string{"0"}) {
		t.Errorf("%q, %v", bodies(found), err)
	}
}

// dead returns a journal with ten dead letters and ten deliveries that wait.
func dead(t *testing.T, o Options) *Journal {
	t.Helper()
	j := open(t, o)
	for i := range 10 {
		add(t, j, "romeo@example.org", fmt.Sprintf("waits %d", i))
		e := add(t, j, fmt.Sprintf("user%d@example.com", i%2), fmt.Sprintf("dies %d", i))
		e.Attempted(Attempt{At: time.Now(), Status: 500 + i, Error: fmt.Sprintf("Answered %d", 500+i)}, time.Now())
		e.Bury("too old")
	}
	flush(t, j)
	return j
}

// However many removals wait for a disk that fails, what comes after them is found.
func TestLoad_whileRemovalsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, s := openFaulty(t, Options{})
		var entries []*Entry
		for i := range 30 {
			entries = append(entries, add(t, j, "romeo@example.org", fmt.Sprint(i)))
		}
		flush(t, j)
		s.fault.Store(&errFault)
		for _, e := range entries[:10] {
			e.Settle()
		}
		for _, c := range []struct {
			after int64
			first string
			n     int
		}{{0, "10", 5}, {entries[4].Seq(), "10", 5}, {entries[9].Seq(), "10", 5}, {entries[19].Seq(), "20", 5}, {entries[26].Seq(), "27", 3}} {
			found, err := j.Load(t.Context(), entries[0].Conversation(), c.after, 5)
			if err != nil || len(found) != c.n || bodies(found)[0] != c.first {
				t.Errorf("after %d: %q, %v", c.after, bodies(found), err)
			}
		}
		s.fault.Store(nil)
		time.Sleep(longestWait)
	})
}

func TestList_filters(t *testing.T) {
	j := dead(t, Options{})
	all, err := j.List(t.Context(), Filter{}, 0, 100)
	if err != nil || len(all) != 20 {
		t.Fatal(len(all), err)
	}
	for _, c := range []struct {
		name string
		f    Filter
		want int
	}{
		{"dead", Filter{State: Dead}, 10},
		{"waiting", Filter{State: Waiting}, 10},
		{"an id", Filter{ID: all[3].ID}, 1},
		{"an id, in another state", Filter{ID: all[3].ID, State: Waiting}, 0},
		{"a component", Filter{Component: component}, 20},
		{"another component", Filter{Component: mustJID("other.example.net")}, 0},
		{"from an address", Filter{State: Dead, From: mustJID("user1@example.com/resource")}, 5},
		{"from a domain", Filter{From: mustJID("example.com")}, 10},
		{"from the end of a domain", Filter{From: mustJID("com")}, 0},
		{"to", Filter{To: mustJID("bot@bot.example.net")}, 20},
		{"kind", Filter{Kind: stanza.Message}, 20},
		{"another kind", Filter{Kind: stanza.Presence}, 0},
		{"before now", Filter{Before: time.Now().Add(time.Second)}, 20},
		{"died before", Filter{State: Dead, Before: time.Now().Add(-time.Hour)}, 0},
		{"error", Filter{Error: "answered 503"}, 1},
		{"all at once", Filter{State: Dead, Component: component, From: mustJID("example.com"), Kind: stanza.Message, Error: "ANSWERED"}, 10},
	} {
		if got, err := j.List(t.Context(), c.f, 0, 100); err != nil || len(got) != c.want {
			t.Errorf("%s: %d, %v; want %d", c.name, len(got), err, c.want)
		}
	}
}

// However many operators look through a large journal, it can be read by those who deliver.
func TestList_holdsUpNobody(t *testing.T) {
	s, err := openSQLite(filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	hold := func(db *sql.DB, n int) (release func()) {
		var held []*sql.Conn
		for range n {
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, conn)
		}
		return func() {
			for _, conn := range held {
				_ = conn.Close()
			}
		}
	}
	release := hold(s.lists, listers)
	if _, err := s.has(t.Context(), Conversation{}); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.list(ctx, Filter{}, 0, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("one list too many: %v", err)
	}
	release()
	defer hold(s.reads, readers)()
	if _, err := s.list(t.Context(), Filter{}, 0, 1); err != nil {
		t.Error(err)
	}
}

func TestList_pages(t *testing.T) {
	j := dead(t, Options{})
	var got []string
	for after := int64(0); ; {
		page, err := j.List(t.Context(), Filter{State: Dead}, after, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page {
			got = append(got, d.LastError)
		}
		if len(page) < 3 {
			break
		}
		after = page[2].Seq
	}
	if len(got) != 10 || !slices.IsSorted(got) {
		t.Errorf("got %q", got)
	}
}

func TestShow(t *testing.T) {
	j := dead(t, Options{})
	found, err := j.List(t.Context(), Filter{Error: "503"}, 0, 1)
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	d, err := j.Show(t.Context(), found[0].ID)
	if err != nil || d.State != Dead || d.Reason != "too old" || d.LastStatus != 503 || d.Attempts != 1 || len(d.Trials) != 1 ||
		d.Stanza.Body() != "dies 3" || d.Size != len(d.Stanza.XML()) || d.Kind != stanza.Message || d.Died.IsZero() {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := j.Show(t.Context(), "nothing"); !errors.Is(err, ErrNotFound) {
		t.Errorf("what is not there: %v", err)
	}
}

// until is an expiry that is the same for all components.
func until(at time.Time) func(jid.JID) time.Time { return func(jid.JID) time.Time { return at } }

func TestReplay(t *testing.T) {
	var told []Change
	j := dead(t, Options{Notify: func(c Change) { told = append(told, c) }})
	before, err := j.List(t.Context(), Filter{Error: "503"}, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	expires := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	add(t, j, "user1@example.com", "comes before")
	if n, err := j.Replay(t.Context(), Filter{ID: before[0].ID}, until(expires)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	add(t, j, "user1@example.com", "comes after")
	flush(t, j)
	found := load(t, j, before[0].Conversation)
	if got := bodies(found); !slices.Equal(got, []string{"comes before", "dies 3", "comes after"}) {
		t.Errorf("order: %q", got)
	}
	if e := found[1]; e.ID() != before[0].ID || e.Attempts() != 1 || !e.Expires().Equal(expires) {
		t.Errorf("replayed: %+v", e)
	}
	if d, err := j.Show(t.Context(), before[0].ID); err != nil || len(d.Trials) != 1 || d.State != Waiting || d.Reason != "" {
		t.Errorf("replayed: %+v, %v", d, err)
	}
	if len(told) != 1 || told[0].Kind != Replayed || told[0].Deliveries[0].Seq != found[1].Seq() {
		t.Errorf("told: %+v", told)
	}
	if n, err := j.Replay(t.Context(), Filter{}, until(time.Time{})); n != 9 || err != nil {
		t.Errorf("the rest: %d, %v", n, err)
	}
	if got := j.Stats(); got.Dead != 0 || got.DeadBytes != 0 || got.Waiting != 22 {
		t.Errorf("%+v", got)
	}
}

func TestDrop(t *testing.T) {
	n := 0
	j := open(t, Options{Notify: func(c Change) {
		if c.Kind == Dropped {
			n += len(c.Deliveries)
		}
	}})
	for i := range 3*maxChange + 7 {
		add(t, j, fmt.Sprintf("user%d@example.org", i), "x").Bury("test")
	}
	add(t, j, "romeo@example.org", "stays")
	if dropped, err := j.Drop(t.Context(), Filter{State: Dead}); dropped != 3*maxChange+7 || err != nil || n != dropped {
		t.Errorf("dropped %d, told of %d, %v", dropped, n, err)
	}
	if got := j.Stats(); got.Dead != 0 || got.Waiting != 1 {
		t.Errorf("%+v", got)
	}
}

func TestRetention_age(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logged := &strings.Builder{}
		registry := prometheus.NewPedanticRegistry()
		j := dead(t, Options{DeadAge: 3 * time.Hour, KeyAge: time.Hour, Logger: textLogger(logged), Metrics: registry})
		if _, err := j.Begin(t.Context(), "alerts", "key", nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		if got := j.Stats(); got.Dead != 10 {
			t.Errorf("after two hours: %+v", got)
		}
		time.Sleep(2 * time.Hour)
		if got := j.Stats(); got.Dead != 0 || got.Waiting != 10 {
			t.Errorf("after four hours: %+v", got)
		}
		if !strings.Contains(logged.String(), "dead letters dropped for their age") || !strings.Contains(logged.String(), "dead_letters=10") {
			t.Errorf("log: %s", logged)
		}
		if _, found, err := j.store.key(t.Context(), "alerts", "key"); found || err != nil {
			t.Errorf("key: %v, %v", found, err)
		}
		if got := gathered(t, registry, "restanza_journal_dropped_total"); got != 10 {
			t.Errorf("counted %v", got)
		}
	})
}

// A clock that jumps ahead does not make dead letters old.
func TestRetention_clockJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var jump atomic.Int64
		j := dead(t, Options{Now: func() time.Time { return time.Now().Add(time.Duration(jump.Load())) }})
		time.Sleep(2 * time.Hour)
		flush(t, j)
		jump.Store(int64(30 * 24 * time.Hour))
		time.Sleep(50 * time.Minute)
		flush(t, j)
		jump.Store(0)
		time.Sleep(3 * time.Hour)
		if got := j.Stats(); got.Dead != 10 {
			t.Errorf("%+v", got)
		}
	})
}
