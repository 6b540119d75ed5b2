package journal

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// begin asks for a key and checks the outcome.
func begin(t *testing.T, j *Journal, key, fingerprint string, want Outcome) *Claim {
	t.Helper()
	c, err := j.Begin(t.Context(), "alerts", key, []byte(fingerprint))
	if err != nil {
		t.Fatal(err)
	}
	if c.Outcome != want {
		t.Fatalf("outcome %s, want %s", c.Outcome, want)
	}
	return c
}

func TestBegin(t *testing.T) {
	j := open(t, Options{})
	first := begin(t, j, "k", "f", Started)
	second := begin(t, j, "k", "f", Running)
	begin(t, j, "k", "g", Mismatch)
	begin(t, j, "l", "g", Started)

	answer := Answer{Status: 202, Header: map[string][]string{"Location": {"/rest/outbox/1"}}, Body: []byte("body")}
	if err := first.Finish(t.Context(), answer); err != nil {
		t.Fatal(err)
	}
	if err := second.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(answer, begin(t, j, "k", "f", Stored).Answer); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	begin(t, j, "k", "g", Mismatch)
	begin(t, j, "k", "f", Stored)
}

func TestBegin_abandoned(t *testing.T) {
	j := open(t, Options{})
	if err := begin(t, j, "k", "f", Started).Abandon(t.Context()); err != nil {
		t.Fatal(err)
	}
	begin(t, j, "k", "g", Started)
}

func TestBegin_afterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, Options{Path: path})
	begin(t, j, "lost", "f", Started)
	if err := begin(t, j, "done", "f", Started).Finish(t.Context(), Answer{Status: 200}); err != nil {
		t.Fatal(err)
	}
	_ = j.Close()
	j = open(t, Options{Path: path})
	begin(t, j, "lost", "g", Mismatch)
	c := begin(t, j, "lost", "f", Interrupted)
	begin(t, j, "lost", "f", Running)
	if err := c.Finish(t.Context(), Answer{Status: 202}); err != nil {
		t.Fatal(err)
	}
	if got := begin(t, j, "lost", "f", Stored).Answer.Status; got != 202 {
		t.Errorf("status %d", got)
	}
	begin(t, j, "done", "f", Stored)
}

func TestBegin_expires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := open(t, Options{KeyAge: time.Minute})
		if err := begin(t, j, "k", "f", Started).Finish(t.Context(), Answer{Status: 200}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		begin(t, j, "k", "g", Started)
	})
}

// hookedStore calls a function during each write.
type hookedStore struct {
	store
	during func()
}

func (s *hookedStore) write(fn func(changes) error) error {
	return s.store.write(func(c changes) error {
		s.during()
		return fn(c)
	})
}

// Who hangs up before he has the key has sent nothing: it is free.
func TestBegin_cancelled(t *testing.T) {
	j, s := openFaulty(t, Options{})
	ctx, cancel := context.WithCancelCause(t.Context())
	errHungUp := errors.New("hung up")
	s.store = &hookedStore{store: s.store, during: func() { cancel(errHungUp) }}
	if c, err := j.Begin(ctx, "alerts", "k", []byte("f")); !errors.Is(err, errHungUp) {
		t.Fatalf("%+v, %v", c, err)
	}
	flush(t, j)
	begin(t, j, "k", "g", Started)
}

// Of many requests with one key one runs, and all get its answer.
func TestBegin_concurrently(t *testing.T) {
	j := open(t, Options{})
	var mu sync.Mutex
	started := 0
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for {
				c, err := j.Begin(t.Context(), "alerts", "k", []byte("f"))
				if err != nil {
					t.Error(err)
					return
				}
				switch c.Outcome {
				case Started:
					mu.Lock()
					started++
					mu.Unlock()
					if err := c.Finish(t.Context(), Answer{Status: 201}); err != nil {
						t.Error(err)
					}
					return
				case Running:
					if err := c.Wait(t.Context()); err != nil {
						t.Error(err)
						return
					}
				case Stored:
					return
				case Interrupted, Mismatch:
					t.Errorf("outcome %s", c.Outcome)
					return
				}
			}
		})
	}
	all.Wait()
	if started != 1 {
		t.Errorf("%d ran", started)
	}
}
