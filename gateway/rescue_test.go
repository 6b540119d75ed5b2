package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// openRig is a rig in a bubble whose link is up, whose outbox is open, and whose server
// confirms nothing that has a body.
func openRig(t *testing.T, jo journal.Options) *outboxRig {
	t.Helper()
	r := newOutboxRig(t, jo)
	r.link.turn(true)
	for r.post("") != "" {
		time.Sleep(time.Millisecond)
	}
	r.confirm(func(stanza.Stanza) <-chan error { return nil })
	return r
}

// confirm sets what the server confirms from now on, as fakeLink.onSend.
func (r *outboxRig) confirm(onSend func(stanza.Stanza) <-chan error) {
	r.link.mu.Lock()
	defer r.link.mu.Unlock()
	r.link.onSend = onSend
}

// confirmAll makes the server confirm everything from now on.
func (r *outboxRig) confirmAll() { r.confirm(nil) }

// settle waits until a stanza is in a state, in a bubble.
func (r *outboxRig) settle(id string, want OutboxState) {
	r.t.Helper()
	for range 10_000 {
		if r.status(id).State == want {
			return
		}
		time.Sleep(time.Millisecond)
	}
	r.t.Fatalf("%s is %s, want %s", id, r.status(id).State, want)
}

// postLater posts in a goroutine, and returns what comes of it. It returns when the
// stanza is with the link, or where else it goes.
func (r *outboxRig) postLater(text string, o SubmitOptions) <-chan error {
	r.t.Helper()
	done := make(chan error, 1)
	st := parse(r.t, `<message to="a@b"><body>`+text+`</body></message>`)
	go func() {
		_, err := r.Submit(r.t.Context(), domain, st, o)
		done <- err
	}()
	synctest.Wait()
	return done
}

// queuedAs returns the ID under which a stanza is queued.
func queuedAs(t *testing.T, err error) string {
	t.Helper()
	q, ok := errors.AsType[*Queued](err)
	if !ok {
		t.Fatalf("not queued: %v", err)
	}
	return q.ID
}

// wantNothing fails the test if a caller has his answer.
func wantNothing(t *testing.T, done <-chan error) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-done:
		t.Fatalf("answered too early: %v", err)
	default:
	}
}

// Callers who wait for their confirmation when the link breaks are told that their stanzas
// are queued; these go, in their order, before what was posted while it was down.
func TestRescue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openRig(t, journal.Options{OutboxLimit: 2}) // does not count for what was sent
		defer r.stop()
		var waiting []<-chan error
		for i := range 5 {
			waiting = append(waiting, r.postLater(fmt.Sprint(i), SubmitOptions{}))
		}
		errorStanza := make(chan error, 1)
		st := parse(t, `<message type="error" to="a@b"><body>5</body></message>`)
		go func() {
			_, err := r.Submit(t.Context(), domain, st, SubmitOptions{})
			errorStanza <- err
		}()
		synctest.Wait()
		waiting = append(waiting, errorStanza)
		r.link.turn(false)
		ids := []string{r.post("6")}
		if len(ids[0]) == 0 {
			t.Fatal("the link is down")
		}
		time.Sleep(rescueGrace - time.Millisecond)
		for _, done := range waiting {
			wantNothing(t, done)
		}
		time.Sleep(time.Millisecond)
		for _, done := range waiting {
			id := queuedAs(t, <-done)
			if o := r.status(id); o.State != journal.Sent || o.Expires.Sub(o.Created) < 59*time.Minute {
				t.Errorf("got %+v", o)
			}
			ids = append(ids, id)
		}
		ids = append(ids, r.post("7"))
		before := len(r.link.bodies())
		r.confirmAll()
		r.link.turn(true)
		for _, id := range ids {
			r.settle(id, journal.Confirmed)
		}
		for r.post("8") != "" {
			time.Sleep(time.Millisecond)
		}
		if got := strings.TrimRight(strings.Join(r.link.bodies()[before:], ""), "8"); got != "01234567" {
			t.Errorf("sent %s", got)
		}
	})
}

// A link that is back soon writes again what it has, and nothing is queued.
func TestRescue_blip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openRig(t, journal.Options{})
		defer r.stop()
		for range 3 {
			done := r.postLater("x", SubmitOptions{})
			r.link.turn(false)
			time.Sleep(rescueGrace - time.Millisecond)
			wantNothing(t, done)
			r.link.turn(true)
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if n := r.journal.Stats().Queued; n != 0 {
			t.Errorf("%d are queued", n)
		}
		if got := strings.Join(r.link.bodies(), ""); got != "xxxxxx" {
			t.Errorf("written: %v", got)
		}
	})
}

// Whoever wants his stanza confirmed or refused goes on waiting.
func TestRescue_strict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openRig(t, journal.Options{})
		defer r.stop()
		late := make(chan error, 1)
		r.link.onSend = func(stanza.Stanza) <-chan error { return late }
		done := r.postLater("x", SubmitOptions{Strict: true})
		r.link.turn(false)
		time.Sleep(20 * time.Second)
		wantNothing(t, done)
		late <- errDown
		if err := <-done; !errors.Is(err, errDown) {
			t.Errorf("got %v", err)
		}
	})
}

// The caller has gone, so that nobody would know what became of his stanza.
func TestRescue_callerGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openRig(t, journal.Options{})
		defer r.stop()
		ctx, cancel := context.WithCancel(t.Context())
		st := parse(t, `<message to="a@b"><body>x</body></message>`)
		done := make(chan error, 1)
		go func() {
			_, err := r.Submit(ctx, domain, st, SubmitOptions{})
			done <- err
		}()
		synctest.Wait()
		stays := r.postLater("y", SubmitOptions{})
		r.link.turn(false)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		id := queuedAs(t, <-stays)
		r.confirmAll()
		r.link.turn(true)
		r.settle(id, journal.Confirmed)
		if got := strings.Join(r.link.bodies(), ""); got != "xyy" {
			t.Errorf("written: %v", got)
		}
	})
}

// What can't be kept is refused, and the caller told why.
func TestRescue_unwritable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openRig(t, journal.Options{})
		defer r.stop()
		done := r.postLater("x", SubmitOptions{})
		if err := r.journal.Close(); err != nil {
			t.Fatal(err)
		}
		r.link.turn(false)
		if err := <-done; reasonOf(err) != stanza.LinkUnavailable {
			t.Errorf("got %v", err)
		}
	})
}

// What waits there for the link expires, whether it was written before or not.
func TestRescue_expires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openRig(t, journal.Options{})
		defer r.stop()
		done := r.postLater("x", SubmitOptions{})
		r.link.turn(false)
		id := queuedAs(t, <-done)
		time.Sleep(DefaultOutboxAge)
		if o := r.status(id); o.State != journal.Expired {
			t.Errorf("it is %s", o.State)
		}
		r.confirmAll()
		r.link.turn(true)
		for r.post("y") != "" {
			time.Sleep(time.Millisecond)
		}
		if row, err := r.journal.Outgoing(t.Context(), id); err != nil || row.State != journal.Expired {
			t.Errorf("%+v, %v", row, err)
		}
	})
}

// A stanza whose sender does not wait for the confirmation, and that the link could not
// write, is queued; or refused, if he wants that.
func TestOutbox_asyncAsTheLinkBreaks(t *testing.T) {
	r := newOutboxRig(t, journal.Options{})
	r.link.turn(true)
	for r.post("x") != "" {
	}
	r.link.mu.Lock()
	r.link.down = errDown // and Up does not know it yet
	r.link.mu.Unlock()
	st := parse(t, `<message to="a@b"><body>y</body></message>`)
	if _, err := r.Submit(t.Context(), domain, st, SubmitOptions{Async: true, Strict: true}); !errors.Is(err, errDown) {
		t.Errorf("strictly: %v", err)
	}
	_, err := r.Submit(t.Context(), domain, st, SubmitOptions{Async: true})
	id := queuedAs(t, err)
	r.link.turn(false)
	r.link.turn(true)
	r.await(id, journal.Confirmed)
}

// The link breaks and comes back at odd times while many post, and the server confirms
// only now and then. Each sender's stanzas arrive first in the order in which he has got
// his answers, and all that were answered arrive.
func TestRescue_order(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openRig(t, journal.Options{})
		defer r.stop()
		var n int
		var nMu sync.Mutex
		r.confirm(func(stanza.Stanza) <-chan error {
			nMu.Lock()
			defer nMu.Unlock()
			if n++; n%3 == 0 {
				return outcome(nil)
			}
			return nil
		})
		stop := make(chan struct{})
		var flapping, senders sync.WaitGroup
		flapping.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					r.confirmAll()
					r.link.turn(false) // what is not confirmed is written again
					r.link.turn(true)
					return
				case <-time.After(50 * time.Millisecond):
				}
				r.link.turn(false)
				time.Sleep(time.Duration(i%4) * (rescueGrace / 2))
				r.link.turn(true)
			}
		})
		const each = 30
		for sender := range 4 {
			senders.Go(func() {
				for n := range each {
					st, err := stanza.Parse(fmt.Appendf(nil, `<message to="a@b"><body>%d %d</body></message>`, sender, n))
					if err != nil {
						t.Error(err)
					}
					_, err = r.Submit(t.Context(), domain, st, SubmitOptions{})
					if _, queued := errors.AsType[*Queued](err); err != nil && !queued {
						t.Errorf("%d %d: %v", sender, n, err)
					}
				}
			})
		}
		senders.Wait()
		close(stop)
		flapping.Wait()
		for r.post("end") != "" {
			r.link.again()
			time.Sleep(time.Millisecond)
		}
		first := map[int][]int{}
		for _, text := range r.link.bodies() {
			var sender, n int
			if _, err := fmt.Sscanf(text, "%d %d", &sender, &n); err == nil && !slices.Contains(first[sender], n) {
				first[sender] = append(first[sender], n)
			}
		}
		for sender := range 4 {
			if got := first[sender]; len(got) != each || !slices.IsSorted(got) {
				t.Errorf("sender %d: %d messages: %v", sender, len(got), got)
			}
		}
	})
}
