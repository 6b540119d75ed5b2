package link

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/restanza/restanza/stanza"
	"github.com/restanza/restanza/stream"
)

// lend lends a stanza in the name of its id.
func (r *rig) lend(ctx context.Context, id string) <-chan error {
	r.t.Helper()
	return r.sendBy(ctx, func(ctx context.Context, st stanza.Stanza) (<-chan error, error) {
		return r.link.Lend(ctx, st, "owner of "+id)
	}, id)
}

// withdraw takes back what was lent, tells each sender with err, and returns the ids.
func (r *rig) withdraw(err error) (ids []string) {
	r.t.Helper()
	var all []func(error)
	r.link.Withdraw(func(st stanza.Stanza, owner string, tell func(error)) {
		if owner != "owner of "+st.ID() {
			r.t.Errorf("%s belongs to %q", st.ID(), owner)
		}
		ids = append(ids, st.ID())
		all = append(all, tell)
	})
	for _, tell := range all {
		tell(err)
	}
	return ids
}

func TestLend_writtenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		first := r.lend(t.Context(), "m1")
		p.pong(p.expect("m1", "ping"))
		synctest.Wait()
		wantConfirmed(t, first)
		if ids := r.withdraw(nil); len(ids) > 0 {
			t.Errorf("%q withdrawn while there is a connection", ids)
		}
		second := r.lend(t.Context(), "m2")
		p.expect("m2", "ping")
		p.Close()
		p = r.up()
		p.pong(p.expect("m2", "ping"))
		synctest.Wait()
		wantConfirmed(t, second)
	})
}

func TestWithdraw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *ComponentOptions) { o.Window = 3 })
		p := r.up()
		left, leave := context.WithCancel(t.Context())
		written := r.lend(t.Context(), "m1")
		r.lend(left, "gone")
		r.send(t.Context(), "sent")
		p.expect("m1", "ping", "gone", "sent")
		blocked := make(chan (<-chan error))
		go func() { blocked <- r.lend(t.Context(), "blocked") }()
		synctest.Wait()
		leave()
		p.fail(stream.Conflict) // the next attempt is slow
		last := <-blocked
		time.Sleep(DefaultConfirmTimeout + 2*time.Second)
		wantUndecided(t, written)
		wantUndecided(t, last)
		if ids := strings.Join(r.withdraw(errBusy), " "); ids != "m1 blocked" {
			t.Errorf("withdrawn: %s", ids)
		}
		for _, outcome := range []<-chan error{written, last} {
			if err := settledOutcome(t, outcome); !errors.Is(err, errBusy) {
				t.Errorf("got %v", err)
			}
		}
		if _, err := r.link.Lend(t.Context(), message("late"), "x"); err == nil {
			t.Error("lent although there is no connection")
		}
		if ids := r.withdraw(nil); len(ids) > 0 {
			t.Errorf("%q withdrawn twice", ids)
		}
		wait := r.up().serve()
		time.Sleep(time.Second)
		outcome := r.send(t.Context(), "next")
		time.Sleep(time.Second)
		wantConfirmed(t, outcome)
		r.cancel()
		if got := strings.Join(wait(), " "); got != "next" {
			t.Errorf("written: %s", got)
		}
	})
}

// What was lent and never taken back fails at the end.
func TestLend_end(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		outcome := r.lend(t.Context(), "m1")
		p.expect("m1", "ping")
		p.fail(stream.Conflict)
		synctest.Wait()
		r.cancel()
		synctest.Wait()
		wantUnavailable(t, settledOutcome(t, outcome))
	})
}

func TestAwaitDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		if err := r.link.AwaitDown(t.Context()); err != nil {
			t.Error(err)
		}
		p := r.up()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.link.AwaitDown(ctx); err == nil {
			t.Error("it is up")
		}
		down := make(chan error, 1)
		go func() { down <- r.link.AwaitDown(t.Context()) }()
		synctest.Wait()
		p.Close()
		if err := <-down; err != nil || r.link.Up() {
			t.Errorf("%v", err)
		}
	})
}
