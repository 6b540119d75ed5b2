package journal

import (
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Restarts don't keep what is old from being dropped, however often they come.
func TestClock_restarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "journal.db")
		_ = dead(t, Options{Path: path}).Close()
		runSQL(t, path, "UPDATE journal SET steady = 0") // as after a jump
		for n := range 8 {
			time.Sleep(10 * time.Minute)
			j := open(t, Options{Path: path, DeadAge: 30 * time.Minute})
			time.Sleep(20 * time.Minute)
			got := j.Stats().Dead
			_ = j.Close()
			switch {
			case n < 2 && got != 10: // 20 minutes each
				t.Errorf("%d: %d dead letters", n, got)
			case n > 3 && got != 0:
				t.Errorf("%d: still %d dead letters", n, got)
			}
		}
	})
}

// A clock that goes on steadily while the gateway is off is trusted at once; one that is far from what it was is not.
func TestClock_start(t *testing.T) {
	for name, test := range map[string]struct {
		off     time.Duration
		trusted bool
	}{"a weekend": {60 * time.Hour, true}, "a year ahead": {365 * 24 * time.Hour, false}, "back": {-time.Hour, false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "journal.db")
				_ = dead(t, Options{Path: path}).Close()
				logged := &lockedLog{}
				now := func() time.Time { return time.Now().Add(test.off) }
				j := open(t, Options{Path: path, Now: now, Logger: textLogger(logged)})
				if got := j.Over(now()); got != test.trusted {
					t.Errorf("a time that is over: %t", got)
				}
				if told := strings.Contains(logged.String(), "the clock was set"); told == test.trusted {
					t.Errorf("log: %s", logged.String())
				}
				time.Sleep(trustAfter + sweepEvery*5/2)
				if !j.Over(now()) || j.Over(time.Time{}) || j.Over(now().Add(time.Second)) {
					t.Error("not trusted after an hour")
				}
			})
		})
	}
}

// Nothing expires because the clock jumps ahead, and it is said; when the clock goes on from there for an hour, it does.
func TestClock_ahead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var jump atomic.Int64
		logged := &lockedLog{}
		now := func() time.Time { return time.Now().Add(time.Duration(jump.Load())) }
		j := open(t, Options{Now: now, Logger: textLogger(logged), KeyAge: time.Hour})
		e, err := j.Add(component, message(t, "romeo@example.org", "x"), now(), now().Add(24*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		queued, err := j.Enqueue(t.Context(), component, "alerts", e.Stanza(), now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if err := begin(t, j, "key", "f", Started).Finish(t.Context(), Answer{Status: 202}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		expired := func() bool {
			found, err := j.Expired(t.Context(), component, 10)
			if err != nil || (len(found) == 1) != e.Expired() {
				t.Errorf("%d expired, %v; the entry: %t", len(found), err, e.Expired())
			}
			return e.Expired()
		}
		jump.Store(int64(48 * time.Hour))
		if expired() || strings.Count(logged.String(), "the clock was set ahead") != 1 {
			t.Errorf("expired by a jump; log: %s", logged.String())
		}
		time.Sleep(50 * time.Minute)
		if o, err := j.Outgoing(t.Context(), queued.ID); err != nil || o.State != Queued || expired() {
			t.Errorf("expired after 50 minutes: %+v, %v", o, err)
		}
		begin(t, j, "key", "f", Stored)
		time.Sleep(15 * time.Minute)
		if o, err := j.Outgoing(t.Context(), queued.ID); err != nil || o.State != Expired || !expired() {
			t.Errorf("not expired after an hour: %+v, %v", o, err)
		}
		begin(t, j, "key", "f", Started)
	})
}

// After the clock was set back, what was to be tried soon is due within a minute or two, not when the old time is reached.
func TestClock_back(t *testing.T) {
	for _, name := range []string{"while it runs", "while it does not"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var jump atomic.Int64
				path := filepath.Join(t.TempDir(), "journal.db")
				o := Options{Path: path, Now: func() time.Time { return time.Now().Add(time.Duration(jump.Load())) }}
				j := open(t, o)
				for _, user := range []string{"a@example.org", "b@example.org"} {
					add(t, j, user, "x").Attempted(Attempt{At: o.Now()}, o.Now().Add(10*time.Minute))
				}
				if _, err := j.Add(mustJID("other.example.net"), message(t, "c@example.org", "x"), o.Now().Add(time.Hour), time.Time{}); err != nil {
					t.Fatal(err)
				}
				flush(t, j)
				if name != "while it runs" {
					_ = j.Close()
				}
				jump.Store(-int64(365 * 24 * time.Hour))
				if name != "while it runs" {
					j = open(t, o)
				}
				time.Sleep(2 * sweepEvery)
				for domain, want := range map[string]int{component.String(): 2, "other.example.net": 1} {
					if found, err := j.Due(t.Context(), mustJID(domain), 10); err != nil || len(found) != want {
						t.Errorf("%s: %d due, %v", domain, len(found), err)
					}
				}
			})
		})
	}
}
