package link

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLiveness_silentPeerIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		began := time.Now()
		p.expect("ping")
		if idle := time.Since(began); idle < idleBeforePing || idle > idleBeforePing+time.Second {
			t.Errorf("the link pinged after %s", idle)
		}
		for {
			if _, err := p.in.Next(); err != nil {
				break
			}
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it took %s to notice", took)
		}
		synctest.Wait()
		if got := r.link.State(); got.Up || !strings.Contains(got.LastError, "dead") {
			t.Errorf("the state is %+v", got)
		}
	})
}

func TestLiveness_silentPeerIsNoticedWhileSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		began := time.Now()
		done := make(chan []string)
		go func() {
			ids, _ := p.rest()
			done <- ids
		}()
		ctx, cancel := context.WithCancel(t.Context())
		var sending sync.WaitGroup
		sending.Go(func() {
			for ctx.Err() == nil {
				_, _ = r.link.Send(ctx, message("m"))
				time.Sleep(time.Second)
			}
		})
		<-done
		cancel()
		sending.Wait()
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it took %s to notice", took)
		}
	})
}

func TestLiveness_idleLinkStaysUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		wait := r.up().serve()
		time.Sleep(time.Hour)
		if !r.link.State().Up {
			t.Errorf("the state is %+v", r.link.State())
		}
		r.cancel()
		wait()
		if len(r.dialed) > 0 {
			t.Error("the link connected again")
		}
	})
}

func TestLiveness_peerThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		began := time.Now()
		outcome := r.send(t.Context(), "m1")
		go func() {
			for { // it lives, and does not read
				if _, err := io.WriteString(p, " "); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		again := r.up()
		if took := time.Since(began); took > writeTimeout+2*time.Second {
			t.Errorf("it took %s to notice", took)
		}
		again.pong(again.expect("m1", "ping"))
		synctest.Wait()
		wantConfirmed(t, outcome)
		if !strings.Contains(r.log.String(), "has not read") {
			t.Error("the log does not say why")
		}
	})
}

func TestShutdown_drains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		first := r.send(t.Context(), "m1")
		ping := p.expect("m1", "ping")
		second := r.send(t.Context(), "m2")
		r.cancel()
		synctest.Wait()
		_, err := r.link.Send(t.Context(), message("late"))
		wantUnavailable(t, err)
		p.expect("m2")
		p.pong(ping)
		p.pong(p.expect("ping"))
		if ids, err := p.rest(); len(ids) > 0 || !errors.Is(err, io.EOF) {
			t.Errorf("after that came %q, error %v; want the end of the stream", ids, err)
		}
		p.write("<message id='last'/></stream:stream>")
		if err := <-r.ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		r.ended <- nil
		wantConfirmed(t, first)
		wantConfirmed(t, second)
		if got := r.stanzas(); len(got) != 1 || got[0].ID() != "last" {
			t.Errorf("received %s, want what came before the server's end tag", got)
		}
		wantUnavailable(t, r.link.Reply(message("late")))
	})
}

func TestShutdown_isBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		outcome := r.send(t.Context(), "m1")
		began := time.Now()
		go p.drain() // no pong, no end tag
		r.cancel()
		if err := <-r.ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		r.ended <- nil
		if took := time.Since(began); took > DefaultDrainTimeout+closeTimeout {
			t.Errorf("the shutdown took %s", took)
		}
		wantUnavailable(t, settledOutcome(t, outcome))
	})
}

func TestShutdown_peerThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.up()
		var outcomes []<-chan error
		for range 10 {
			outcomes = append(outcomes, r.send(t.Context(), "m1"))
		}
		began := time.Now()
		r.cancel()
		r.ended <- <-r.ended
		if took := time.Since(began); took > DefaultDrainTimeout+closeTimeout {
			t.Errorf("the shutdown took %s", took)
		}
		for _, outcome := range outcomes {
			wantUnavailable(t, settledOutcome(t, outcome))
		}
	})
}

func TestShutdown_whileDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		outcome := r.send(t.Context(), "m1")
		p.expect("m1")
		p.Close()
		synctest.Wait()
		r.cancel()
		r.ended <- <-r.ended
		wantUnavailable(t, settledOutcome(t, outcome))
		if err := r.link.Run(t.Context()); err == nil {
			t.Error("Run can be called twice")
		}
	})
}

func TestFifo(t *testing.T) {
	var q fifo
	next, want := uint64(0), uint64(0)
	for range 5000 {
		for range 3 {
			q.push(&entry{number: next})
			next++
		}
		for range 2 {
			if got := q.pop().number; got != want {
				t.Fatalf("popped %d, want %d", got, want)
			}
			want++
		}
	}
	q.keep(func(e *entry) bool { return e.number%2 == 0 })
	var got []uint64
	for q.len() > 0 && len(got) < 3 {
		got = append(got, q.pop().number)
	}
	if diff := cmp.Diff([]uint64{10_000, 10_002, 10_004}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if cap(q.items) > 16<<10 {
		t.Errorf("the queue holds on to %d places", cap(q.items))
	}
}
