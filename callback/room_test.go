package callback

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// While the journal is full, what comes is posted once: what the callback accepts goes on, and else its sender gets an
// error. What has to come after others that wait is refused.
func TestRoom_full(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		j := openLedger(t, journal.Options{MaxBytes: 1 << 20})
		var down atomic.Bool
		down.Store(true)
		h := newHook(func(request) (*http.Response, error) {
			if down.Load() {
				return nil, errReset
			}
			return respond(http.StatusAccepted, "", ""), nil
		})
		c, stop := begin(t, s, over(h), kept(j))
		large := func(user, id string) stanza.Stanza {
			return stanza.New(from(t, user, id).Header(), "<body>"+strings.Repeat("x", 5000)+"</body>")
		}
		n := 0
		for ; n < 1000 && c.Deliver(large("first", strconv.Itoa(n))); n++ {
			time.Sleep(20 * time.Millisecond)
		}
		if j.State().FullSince.IsZero() || n == 1000 {
			t.Fatalf("%d taken: %+v", n, j.State())
		}
		if _, err := j.Add(c.o.Domain, large("any", "1"), time.Now(), time.Time{}); !errors.Is(err, journal.ErrFull) {
			t.Fatal(err)
		}

		before := h.count("second")
		deliver(t, c, from(t, "second", "1"))
		if e := s.next(t); e.Type() != stanza.TypeError || e.To().Local() != "second" || h.count("second") != before+1 {
			t.Errorf("got %s after %d requests", e, h.count("second"))
		}
		if c.Deliver(from(t, "first", "after")) {
			t.Error("taken, though it can't be kept and others come before it")
		}
		down.Store(false)
		deliver(t, c, from(t, "third", "1"), from(t, "third", "2"))
		synctest.Wait()
		if got := h.count("third"); got != 2 {
			t.Errorf("%d requests", got)
		}
		time.Sleep(time.Hour)
		if alive, dead := waiting(t, j); alive+dead != 0 || h.count("first") < n || !j.State().FullSince.IsZero() {
			t.Errorf("%d wait, %d are dead, after %d requests for %d", alive, dead, h.count("first"), n)
		}
		deliver(t, c, from(t, "first", "after"))
		s.nothing(t)
		stop()
	})
}
