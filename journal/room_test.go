package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// crowd adds messages of many conversations until the journal takes no more, and returns them.
func crowd(t *testing.T, j *Journal, limit int) (entries []*Entry) {
	t.Helper()
	st := message(t, "romeo@example.org", strings.Repeat("x", 1000))
	for len(entries) < limit {
		e, err := j.Add(component, st, j.o.Now(), time.Time{})
		if errors.Is(err, ErrFull) {
			flush(t, j)
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e)
		if len(entries)%10 == 0 {
			flush(t, j)
		}
	}
	t.Fatalf("%d were taken", limit)
	return nil
}

// When only what waits is left, nothing more is taken: no stanza, nothing for the outbox, no new key. What is there
// goes on, and when it is done with there is room again. The file has its limit.
func TestRoom_full(t *testing.T) {
	const limit = 1 << 20
	logged, registry := &lockedLog{}, prometheus.NewPedanticRegistry()
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, Options{Path: path, MaxBytes: limit, Logger: textLogger(logged), Metrics: registry})
	old := begin(t, j, "old", "f", Started)
	first := add(t, j, "romeo@example.org", "tried before")
	for range 3 {
		first.Attempted(Attempt{At: time.Now(), Status: 503, Answer: []byte("later"), Error: "503"}, time.Now())
	}
	entries := append([]*Entry{first}, crowd(t, j, 2000)...)
	if got := j.Stats(); got.Waiting != int64(len(entries)) || got.Used > limit || got.Used < limit*8/10 {
		t.Errorf("%d taken: %+v", len(entries), got)
	}
	if j.State().FullSince.IsZero() || gathered(t, registry, "restanza_journal_full") != 1 {
		t.Error("not said to be full")
	}
	if _, err := j.Enqueue(t.Context(), component, "alerts", entries[0].Stanza(), time.Time{}); !errors.Is(err, ErrFull) {
		t.Errorf("enqueue: %v", err)
	}
	if _, err := j.Begin(t.Context(), "alerts", "new", []byte("f")); !errors.Is(err, ErrFull) {
		t.Errorf("a new key: %v", err)
	}
	if err := old.Finish(t.Context(), Answer{Status: 202}); err != nil {
		t.Errorf("an old key: %v", err)
	}
	begin(t, j, "old", "f", Stored)
	for range 300 { // that goes on, too, and takes no more room than it has
		for _, e := range entries[:2] {
			e.Attempted(Attempt{At: time.Now(), Status: 504, Answer: make([]byte, MaxAnswer), Error: "504"}, time.Now())
		}
	}
	flush(t, j)
	for i, recorded := range []int{3, 0} {
		d, err := j.Show(t.Context(), entries[i].ID())
		if err != nil || d.Attempts != 300+recorded || len(d.Trials) != recorded || d.LastStatus != 504 {
			t.Errorf("%d attempts, %d of them recorded: %v", d.Attempts, len(d.Trials), err)
		}
	}
	for _, e := range entries[:len(entries)/2] {
		e.Settle()
	}
	flush(t, j)
	if !j.State().FullSince.IsZero() || gathered(t, registry, "restanza_journal_full") != 0 {
		t.Error("still said to be full")
	}
	add(t, j, "juliet@example.org", "there is room")
	flush(t, j)
	if _, err := j.Enqueue(t.Context(), component, "alerts", entries[0].Stanza(), time.Time{}); err != nil {
		t.Errorf("enqueue: %v", err)
	}
	begin(t, j, "new", "f", Started)
	if text := logged.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, "reached its size") || !strings.Contains(text, "room again") {
		t.Errorf("log:\n%s", text)
	}
	_ = j.Close()
	if info, err := os.Stat(path); err != nil || info.Size() > limit {
		t.Errorf("%v: %v", info, err)
	}
}

// The oldest dead letters make room for what comes, as many as it takes and no more.
func TestRoom_dead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 1 << 20
		logged, registry := &lockedLog{}, prometheus.NewPedanticRegistry()
		j := open(t, Options{MaxBytes: limit, Logger: textLogger(logged), Metrics: registry})
		for n := range 200 {
			add(t, j, "romeo@example.org", fmt.Sprint(n, strings.Repeat("x", 2000))).Bury("test")
		}
		flush(t, j)
		before := j.Stats()
		if before.Dead != 200 || !strings.Contains(fmt.Sprint(j.State()), "<nil>") {
			t.Fatalf("%+v, %v", before, j.State())
		}
		for range 300 {
			add(t, j, "juliet@example.org", strings.Repeat("x", 1000))
		}
		flush(t, j)
		got := j.Stats()
		left, err := j.List(t.Context(), Filter{State: Dead}, 0, 1000)
		if err != nil || got.Waiting != 300 || len(left) == 0 || len(left) > 190 || left[0].Seq-left[len(left)-1].Seq != int64(1-len(left)) {
			t.Errorf("%d left, %v: %+v", len(left), err, got)
		}
		if got.Used > limit {
			t.Errorf("%d bytes are in use", got.Used)
		}
		if n := gathered(t, registry, "restanza_journal_dropped_total"); int(n) != 200-len(left) {
			t.Errorf("%v counted, %d dropped", n, 200-len(left))
		}
		time.Sleep(sweepEvery * 3 / 2)
		flush(t, j) // the writer logs no more
		if want := fmt.Sprintf("dead_letters=%d", 200-len(left)); strings.Count(logged.String(), "\n") != 1 || !strings.Contains(logged.String(), want) {
			t.Errorf("not %s in the log:\n%s", want, logged.String())
		}
		crowd(t, j, 2000)
		if got := j.Stats(); got.Dead != 0 || got.Used > limit {
			t.Errorf("full, but %+v", got)
		}
	})
}

// A limit that was made smaller is reached by steps, and what is dead goes first.
func TestRoom_smaller(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, Options{Path: path})
	for range 3000 {
		add(t, j, "romeo@example.org", strings.Repeat("x", 1000)).Bury("test")
	}
	add(t, j, "romeo@example.org", "waits")
	flush(t, j)
	_ = j.Close()
	j = open(t, Options{Path: path, MaxBytes: 1 << 20})
	for range 10 {
		flush(t, j)
	}
	if got := j.Stats(); got.Waiting != 1 || got.Used > 1<<20 || got.Dead == 0 {
		t.Errorf("%+v", got)
	}
	add(t, j, "romeo@example.org", "there is room")
}

// Each attempt is recorded, and of the answers the first and the last few.
func TestRoom_attempts(t *testing.T) {
	j := open(t, Options{})
	e := add(t, j, "romeo@example.org", "x")
	for n := range 150 {
		e.Attempted(Attempt{At: time.Now(), Took: time.Second, Status: 503, Answer: fmt.Append(nil, "answer ", n), Error: fmt.Sprint("error ", n)}, time.Now())
	}
	flush(t, j)
	d, err := j.Show(t.Context(), e.ID())
	if err != nil || len(d.Trials) != 150 {
		t.Fatalf("%d attempts, %v", len(d.Trials), err)
	}
	for n, a := range d.Trials {
		want := ""
		if n == 0 || n >= 150-lastAnswers {
			want = fmt.Sprint("answer ", n)
		}
		if string(a.Answer) != want || a.Status != 503 || a.Took != time.Second || a.Error != fmt.Sprint("error ", n) {
			t.Errorf("attempt %d: %+v", n, a)
		}
	}
	if d.Attempts != 150 || d.LastError != "error 149" {
		t.Errorf("%+v", d.Delivery)
	}
}

// When stanzas need the room, answers are not kept.
func TestRoom_answers(t *testing.T) {
	j := open(t, Options{MaxBytes: 1 << 20})
	e := add(t, j, "romeo@example.org", strings.Repeat("x", 600_000))
	flush(t, j)
	e.Attempted(Attempt{At: time.Now(), Status: 503, Answer: []byte("later"), Error: "503"}, time.Now())
	flush(t, j)
	d, err := j.Show(t.Context(), e.ID())
	if err != nil || len(d.Trials) != 1 || len(d.Trials[0].Answer) != 0 || d.Trials[0].Error != "503" {
		t.Errorf("%+v, %v", d, err)
	}
}

// lockedLog is a log that the writer writes while a test reads it.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
