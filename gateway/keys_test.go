package gateway

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// openJournal opens a journal that is closed when the test ends.
func openJournal(t testing.TB, path string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(journal.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

// allKeys returns keys in a journal, and in memory.
func allKeys(t *testing.T) map[string]*Keys {
	t.Helper()
	return map[string]*Keys{
		"journal": NewKeys(openJournal(t, filepath.Join(t.TempDir(), "journal.db"))),
		"memory":  NewKeys(nil),
	}
}

func begin(t testing.TB, k *Keys, scope, key, fingerprint string) *Claim {
	t.Helper()
	c, err := k.Begin(t.Context(), scope, key, []byte(fingerprint))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestKeys(t *testing.T) {
	for name, k := range allKeys(t) {
		t.Run(name, func(t *testing.T) {
			c := begin(t, k, "a", "k", "1")
			if c.Outcome != KeyStarted {
				t.Fatalf("the first is %s", c.Outcome)
			}
			if c := begin(t, k, "a", "k", "2"); c.Outcome != KeyMismatch {
				t.Errorf("another payload while the first runs is %s", c.Outcome)
			}
			other := begin(t, k, "b", "k", "2")
			if other.Outcome != KeyStarted {
				t.Errorf("another scope is %s", other.Outcome)
			}
			if err := other.Abandon(t.Context()); err != nil {
				t.Error(err)
			}
			second := make(chan *Claim, 1)
			go func() {
				c, err := k.Begin(context.WithoutCancel(t.Context()), "a", "k", []byte("1"))
				if err != nil {
					t.Error(err)
				}
				second <- c
			}()
			answer := KeyAnswer{Status: 202, Header: map[string][]string{"Location": {"/x"}}, Body: []byte("text")}
			if err := c.Finish(t.Context(), answer); err != nil {
				t.Fatal(err)
			}
			for _, c := range []*Claim{<-second, begin(t, k, "a", "k", "1")} {
				if c.Outcome != KeyStored || c.Answer.Status != 202 || c.Answer.Header["Location"][0] != "/x" || string(c.Answer.Body) != "text" {
					t.Errorf("a repetition is %+v", c)
				}
			}
			if c := begin(t, k, "a", "k", "2"); c.Outcome != KeyMismatch {
				t.Errorf("another payload is %s", c.Outcome)
			}
			if c := begin(t, k, "b", "k", "3"); c.Outcome != KeyStarted {
				t.Errorf("after it was abandoned it is %s", c.Outcome)
			}
		})
	}
}

func TestKeys_waitEndsWithTheContext(t *testing.T) {
	for name, k := range allKeys(t) {
		t.Run(name, func(t *testing.T) {
			begin(t, k, "a", "k", "1")
			why := errors.New("enough")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Millisecond, func() { cancel(why) })
			if c, err := k.Begin(ctx, "a", "k", []byte("1")); !errors.Is(err, why) {
				t.Errorf("got %v and %v", c, err)
			}
		})
	}
}

func TestKeys_closedJournal(t *testing.T) {
	j := openJournal(t, filepath.Join(t.TempDir(), "journal.db"))
	_ = j.Close()
	_, err := NewKeys(j).Begin(t.Context(), "a", "k", []byte("1"))
	if reasonOf(err) != stanza.LinkUnavailable {
		t.Errorf("got %v", err)
	}
}

func TestMemoryKeys_age(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := NewKeys(nil)
		_ = begin(t, k, "a", "k", "1").Finish(t.Context(), KeyAnswer{Status: 202})
		time.Sleep(24*time.Hour - time.Second)
		if c := begin(t, k, "a", "k", "1"); c.Outcome != KeyStored {
			t.Errorf("within a day it is %s", c.Outcome)
		}
		time.Sleep(time.Second)
		if c := begin(t, k, "a", "k", "2"); c.Outcome != KeyStarted {
			t.Errorf("after a day it is %s", c.Outcome)
		}
	})
}

// The number of keys and the bytes of their answers are bounded; the oldest go.
func TestMemoryKeys_bounded(t *testing.T) {
	k := NewKeys(nil)
	held := begin(t, k, "a", "held", "1")
	finish := func(key, body string) {
		if err := begin(t, k, "a", key, "1").Finish(t.Context(), KeyAnswer{Status: 200, Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range maxMemoryKeys + 5 {
		finish(fmt.Sprint(i), "")
	}
	if n := len(k.memory.keys); n != maxMemoryKeys || k.memory.order.Len() != n {
		t.Errorf("%d keys", n)
	}
	if c := begin(t, k, "a", "3", "2"); c.Outcome != KeyStarted {
		t.Errorf("the oldest is %s", c.Outcome)
	}
	if c := begin(t, k, "a", "held", "2"); c.Outcome != KeyMismatch {
		t.Errorf("the one that a request is at is %s", c.Outcome)
	}
	if err := held.Finish(t.Context(), KeyAnswer{Status: 202}); err != nil {
		t.Error(err)
	}
	large := strings.Repeat("x", maxMemoryAnswers/4)
	for i := range 6 {
		finish(fmt.Sprint("large", i), large)
	}
	if k.memory.bytes > maxMemoryAnswers {
		t.Errorf("%d bytes", k.memory.bytes)
	}
	if c := begin(t, k, "a", "large5", "1"); c.Outcome != KeyStored {
		t.Errorf("the newest is %s", c.Outcome)
	}
}
