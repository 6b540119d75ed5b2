package callback

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
)

// operated runs f with a Callback that can be told what an operator does in its journal. At the end nothing must be left
// there.
func operated(t *testing.T, h *hook, f func(t *testing.T, c *Callback, j *journal.Journal, s *server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var c *Callback
		s := newServer()
		j := openLedger(t, journal.Options{Notify: func(change journal.Change) { c.Changed(change) }})
		c, stop := begin(t, s, over(h), kept(j))
		defer stop()
		f(t, c, j, s)
		if alive, dead := waiting(t, j); alive+dead != 0 {
			t.Errorf("%d wait, %d are dead", alive, dead)
		}
	})
}

// A dead letter that is replayed comes after what is being posted in its conversation, and before what comes later.
func TestChanged_replayedWhileOthersArePosted(t *testing.T) {
	h := newHook(nil)
	h.answer = func(r request) (*http.Response, error) {
		if r.stanza.ID() == "dies" && h.count("a") == 1 {
			resp := respond(http.StatusServiceUnavailable, "", "")
			resp.Header.Set("Retry-After", "999999")
			return resp, nil
		}
		time.Sleep(10 * time.Second)
		return respond(http.StatusAccepted, "", ""), nil
	}
	operated(t, h, func(t *testing.T, c *Callback, j *journal.Journal, s *server) {
		t.Helper()
		deliver(t, c, from(t, "a", "dies"))
		time.Sleep(25 * time.Hour)
		if _, dead := waiting(t, j); dead != 1 || s.next(t).Err() == nil {
			t.Fatal("it is not dead")
		}
		deliver(t, c, from(t, "a", "first"))
		time.Sleep(time.Second)
		if n, err := j.Replay(t.Context(), journal.Filter{}, func(jid.JID) time.Time { return time.Now().Add(time.Hour) }); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		deliver(t, c, from(t, "a", "last"))
		time.Sleep(31 * time.Second)
		if diff := cmp.Diff("adies afirst adies alast", h.ids()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// What is dropped while it is being posted is not posted again, and nobody gets an error. What comes after it is posted.
func TestChanged_droppedWhileItIsPosted(t *testing.T) {
	const users = 5
	var up atomic.Bool
	h := newHook(nil)
	h.answer = func(request) (*http.Response, error) {
		if up.Load() {
			return respond(http.StatusAccepted, "", ""), nil
		}
		time.Sleep(10 * time.Second)
		return nil, errReset
	}
	operated(t, h, func(t *testing.T, c *Callback, j *journal.Journal, s *server) {
		t.Helper()
		for i := range users {
			deliver(t, c, from(t, "u"+strconv.Itoa(i), "1"), from(t, "u"+strconv.Itoa(i), "2"))
		}
		time.Sleep(5 * time.Second)
		list, err := j.List(t.Context(), journal.Filter{}, 0, 2*users)
		if err != nil || len(list) != 2*users {
			t.Fatal(len(list), err)
		}
		for i := range users {
			if n, err := j.Drop(t.Context(), journal.Filter{ID: list[2*i].ID}); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
		time.Sleep(time.Minute)
		up.Store(true)
		time.Sleep(25 * time.Hour)
		for i, r := range h.requests() {
			if (r.stanza.ID() == "1") != (i < users) {
				t.Errorf("request %d is for %s", i, r)
			}
		}
		for i := range users {
			if got := h.requests(); got[len(got)-1-i].stanza.ID() != "2" {
				t.Errorf("request %d is for %s", len(got)-1-i, got[len(got)-1-i])
			}
		}
		s.nothing(t)
	})
}

// What is dropped after it was read from the journal, and before it is in the queue, is not posted.
func TestQueue_droppedWhileItIsFetched(t *testing.T) {
	j := newLedger(t)
	q := newQueue(10, 1<<20, 1)
	q.durably(j, nil, &Options{})
	e, err := j.Add(at(t, "rest.example.net"), from(t, "a", "1"), time.Now(), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	d := delivery{stanza: e.Stanza(), entry: e}
	conv := q.claim(keyOf(d.stanza))
	list := []claimed{{conversation: conv}}
	_, drops := q.loadedUpTo(list)
	q.drop(map[string]bool{e.ID(): true})
	q.fed(conv, []delivery{d}, e.Seq(), true, 0, drops)
	if after, _ := q.loadedUpTo(list); len(conv.pending) != 0 || conv.place != hungry || after[0] != 0 {
		t.Errorf("%+v", conv)
	}
	_, drops = q.loadedUpTo(list)
	q.fed(conv, []delivery{d}, e.Seq(), true, 0, drops)
	if len(conv.pending) != 1 || conv.place != ready {
		t.Errorf("without a drop: %+v", conv)
	}
}
