package events

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

const domain = "bot.example.net"

// newLog starts a log, which ends with the test. With a path it is in a journal.
func newLog(t testing.TB, path string, o Options) *Log {
	t.Helper()
	o.Domain = jid.MustParse(domain)
	if path != "" {
		j, err := journal.Open(journal.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := j.Close(); err != nil {
				t.Error(err)
			}
		})
		o.Journal = j
	}
	l, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := l.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return l
}

// said is a message from a user to the bot.
func said(t testing.TB, user, to, text string) stanza.Stanza {
	t.Helper()
	st, err := stanza.Parse([]byte(`<message type="chat" from="` + user + `@example.org/phone" to="` + to + `"><body>` + text + `</body></message>`))
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// fill adds messages with numbers for their text.
func fill(t testing.TB, l *Log, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		l.Add(In, Posted, said(t, "alice", "bot@"+domain, fmt.Sprint(i)))
	}
}

// read returns the texts of the next n events of a reader.
func read(t testing.TB, r *Reader, n int) (texts []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for len(texts) < n {
		list, err := r.Next(ctx, n-len(texts), time.Minute)
		if err != nil {
			t.Fatalf("after %d of %d: %v", len(texts), n, err)
		}
		for _, e := range list {
			texts = append(texts, e.Stanza.Body())
		}
	}
	return texts
}

func numbers(from, to int) (texts []string) {
	for i := from; i < to; i++ {
		texts = append(texts, fmt.Sprint(i))
	}
	return texts
}

func reader(t testing.TB, l *Log, f Filter, after Position) *Reader {
	t.Helper()
	r, err := l.Read(f, after)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// places are where a log is kept.
func places(t *testing.T, test func(t *testing.T, path string)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) { test(t, "") })
	t.Run("journal", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "journal.db")) })
}

// Many readers get all events, once and in order, while they come.
func TestLog_readers(t *testing.T) {
	places(t, func(t *testing.T, path string) {
		t.Helper()
		const events = 2000
		l := newLog(t, path, Options{})
		var all sync.WaitGroup
		for range 20 {
			r := reader(t, l, Filter{}, l.Last())
			all.Go(func() {
				if got := read(t, r, events); !slices.Equal(got, numbers(0, events)) {
					t.Errorf("got %d events: %.100v", len(got), got)
				}
			})
		}
		fill(t, l, 0, events)
		all.Wait()
	})
}

// What is not in memory any more comes from the journal, and the seam does not show.
func TestLog_beyondMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	l := newLog(t, path, Options{Memory: 20 * 600})
	fill(t, l, 0, 1000)
	r := reader(t, l, Filter{}, l.First())
	if got := read(t, r, 900); !slices.Equal(got, numbers(0, 900)) {
		t.Errorf("got %v", got)
	}
	fill(t, l, 1000, 1500)
	if got := read(t, r, 600); !slices.Equal(got, numbers(900, 1500)) {
		t.Errorf("got %v", got)
	}
}

// A reader goes on after a restart where it was, and positions go up.
func TestLog_restart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	var at Position
	t.Run("before", func(t *testing.T) {
		l := newLog(t, path, Options{Lazy: true})
		fill(t, l, 0, 10)
		r := reader(t, l, Filter{}, l.First())
		read(t, r, 5)
		at = r.Position()
	})
	l := newLog(t, path, Options{})
	fill(t, l, 10, 20)
	if got := read(t, reader(t, l, Filter{}, at), 15); !slices.Equal(got, numbers(5, 20)) {
		t.Errorf("got %v", got)
	}
}

// What is too much is dropped from the front. Who has not had it is told, at the beginning and
// in the middle.
func TestLog_gone(t *testing.T) {
	places(t, func(t *testing.T, path string) {
		t.Helper()
		l := newLog(t, path, Options{MaxEvents: 100})
		begin := l.First()
		fill(t, l, 0, 10)
		slow := reader(t, l, Filter{}, begin)
		read(t, slow, 5)
		fill(t, l, 10, 500)
		l.trim(t.Context())

		var gone *Gone
		if _, err := l.Read(Filter{}, begin); !errors.As(err, &gone) {
			t.Fatalf("got %v", err)
		}
		if _, err := slow.Next(t.Context(), 1, time.Hour); !errors.As(err, &gone) || gone.Oldest != l.First() {
			t.Fatalf("got %v", err)
		}
		if got := read(t, reader(t, l, Filter{}, gone.Oldest), 100); !slices.Equal(got, numbers(400, 500)) {
			t.Errorf("got %v", got)
		}
	})
}

// Events before a time are left out.
func TestLog_since(t *testing.T) {
	for name, memory := range map[string]int64{"in memory": DefaultMemory, "on disk": 1} {
		t.Run(name, func(t *testing.T) {
			l := newLog(t, filepath.Join(t.TempDir(), "journal.db"), Options{Memory: memory})
			fill(t, l, 0, 5)
			time.Sleep(3 * time.Millisecond) // times are in milliseconds
			then := time.Now()
			time.Sleep(3 * time.Millisecond)
			fill(t, l, 5, 10)
			if err := l.o.Journal.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				at   time.Time
				from int
			}{{then, 5}, {then.Add(-time.Hour), 0}} {
				p, err := l.Since(t.Context(), c.at)
				if err != nil {
					t.Fatal(err)
				}
				if got := read(t, reader(t, l, Filter{}, p), 10-c.from); !slices.Equal(got, numbers(c.from, 10)) {
					t.Errorf("since %v: %v", c.at, got)
				}
			}
			if p, err := l.Since(t.Context(), then.Add(time.Hour)); err != nil || p != l.Last() {
				t.Errorf("since later: %v, %v; the last is %v", p, err, l.Last())
			}
		})
	}
}

// A reader waits until there is something for it, and other events do not end that.
func TestReader_waits(t *testing.T) {
	l := newLog(t, "", Options{})
	r := reader(t, l, Filter{Identity: jid.MustParse("bot2@" + domain)}, l.Last())
	fill(t, l, 0, 10)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errors.New("enough"))
	defer cancel()
	if list, err := r.Next(ctx, 1, time.Minute); err == nil || err.Error() != "enough" {
		t.Errorf("got %v, %v", list, err)
	}
	for _, wait := range []time.Duration{0, time.Millisecond} {
		if list, err := r.Next(t.Context(), 1, wait); err != nil || len(list) > 0 {
			t.Errorf("waiting for %v: %v, %v", wait, list, err)
		}
	}
	for _, wait := range []time.Duration{0, time.Millisecond} {
		if list, err := r.Next(t.Context(), 1, wait); err != nil || len(list) > 0 {
			t.Errorf("waiting for %v: %v, %v", wait, list, err)
		}
	}
	l.Add(In, Posted, said(t, "alice", "bot2@"+domain+"/x", "for you"))
	if got := read(t, r, 1); got[0] != "for you" {
		t.Errorf("got %v", got)
	}
}

// Who only looks on gets everything, and is nobody who receives, there or gone.
func TestReader_watches(t *testing.T) {
	l := newLog(t, "", Options{})
	st := said(t, "alice", "bot@"+domain, "hello")
	r := reader(t, l, Filter{Watch: true}, l.Last())
	if l.Attended(st, false) {
		t.Error("who looks on counts as somebody who receives")
	}
	l.Add(In, Posted, st)
	if got := read(t, r, 1); got[0] != "hello" {
		t.Errorf("got %v", got)
	}
	r.Close()
	if l.Attended(st, false) {
		t.Error("who has looked on counts as somebody who will be back")
	}
	reader(t, l, Filter{}, l.Last())
	if !l.Attended(st, false) {
		t.Error("a reader does not count")
	}
}

// The end of a log ends its readers.
func TestReader_closed(t *testing.T) {
	l, err := New(t.Context(), Options{Domain: jid.MustParse(domain)})
	if err != nil {
		t.Fatal(err)
	}
	r := reader(t, l, Filter{}, l.Last())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(t.Context(), 1, time.Hour); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if _, err := l.Read(Filter{}, l.Last()); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestFilter_passes(t *testing.T) {
	parse := func(text string) stanza.Stanza {
		st, err := stanza.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	chat := parse(`<message type="chat" from="alice@example.org/phone" to="bot@bot.example.net/x"><body>a</body></message>`)
	plain := parse(`<message from="alice@example.org/phone" to="bot@bot.example.net"><body>a</body></message>`)
	here := parse(`<presence from="alice@example.org/phone" to="bot@bot.example.net"/>`)
	for _, c := range []struct {
		f    Filter
		d    Direction
		st   stanza.Stanza
		want bool
	}{
		{Filter{}, In, chat, true},
		{Filter{Direction: In}, In, chat, true},
		{Filter{Direction: Out}, In, chat, false},
		{Filter{Identity: jid.MustParse("bot@bot.example.net")}, In, chat, true},
		{Filter{Identity: jid.MustParse("bot@bot.example.net")}, Out, chat, false},
		{Filter{Identity: jid.MustParse("other@bot.example.net")}, In, chat, false},
		{Filter{Identity: jid.MustParse("bot@bot.example.net/y")}, In, chat, false},
		{Filter{Kinds: []stanza.Kind{stanza.Message, stanza.IQ}}, In, chat, true},
		{Filter{Kinds: []stanza.Kind{stanza.Presence}}, In, chat, false},
		{Filter{Types: []stanza.Type{stanza.Chat}}, In, chat, true},
		{Filter{Types: []stanza.Type{stanza.Chat}}, In, plain, false},
		{Filter{Types: []stanza.Type{stanza.Normal}}, In, plain, true},
		{Filter{Types: []stanza.Type{stanza.Normal}}, In, here, false},
		{Filter{Types: []stanza.Type{Available}}, In, here, true},
		{Filter{From: jid.MustParse("example.org")}, In, chat, true},
		{Filter{From: jid.MustParse("example.com")}, In, chat, false},
		{Filter{From: jid.MustParse("alice@example.org")}, In, chat, true},
		{Filter{From: jid.MustParse("alice@example.org/tablet")}, In, chat, false},
		{Filter{To: jid.MustParse("bot@bot.example.net/x")}, In, chat, true},
		{Filter{To: jid.MustParse("bot@bot.example.net/x")}, In, plain, false},
	} {
		if got := c.f.Passes(&Event{Direction: c.d, Stanza: c.st}); got != c.want {
			t.Errorf("%+v: %s %s: %v", c.f, c.d, c.st, got)
		}
	}
}

func TestPosition_text(t *testing.T) {
	for _, p := range []Position{0, 1, 35, 1 << 44, 3<<44 + 12345, 1<<63 - 1} {
		if got, err := ParsePosition(p.String()); err != nil || got != p {
			t.Errorf("%d: %s: %d, %v", p, p, got, err)
		}
	}
	for _, text := range []string{"", "-", "1", "1-", "-1", "1-1-1", "01-1", "1-01", "1-+1", "1--1", "A-1", "1-zzzzzzzzzz", "zzzzzzzz-1", " 1-1", strings.Repeat("1", 1000)} {
		if p, err := ParsePosition(text); err == nil {
			t.Errorf("%q: %v", text, p)
		}
	}
}
