package link

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/stanza"
	"github.com/restanza/restanza/stream"
)

func TestReconnect_writesAgainWhatIsUnconfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		r.send(t.Context(), "confirmed")
		p.pong(p.expect("confirmed", "ping"))
		synctest.Wait()

		left, leave := context.WithCancel(t.Context())
		first := r.send(t.Context(), "m1")
		r.send(left, "caller left")
		only := r.sendBy(t.Context(), r.link.SendOnce, "once")
		if err := r.link.Reply(message("r1")); err != nil {
			t.Fatal(err)
		}
		last := r.send(t.Context(), "m2")
		go func() { _ = r.link.Post(t.Context(), message("post")) }()
		synctest.Wait()
		p.expect("m1", "ping", "caller left", "once", "r1", "m2", "post")
		synctest.Wait()
		leave()
		p.Close()
		synctest.Wait()
		wantUnavailable(t, settledOutcome(t, only))
		wantUndecided(t, first)

		p = r.up()
		third := r.send(t.Context(), "m3")
		ping := p.expect("m1", "r1", "m2", "ping")
		p.expect("m3")
		p.pong(ping)
		p.pong(p.expect("ping"))
		synctest.Wait()
		wantConfirmed(t, first)
		wantConfirmed(t, last)
		wantConfirmed(t, third)
		if got := count(t, r.link.metrics.resent); got != 3 {
			t.Errorf("%v stanzas counted as written again, want 3", got)
		}
		if got := count(t, r.link.metrics.reconnects); got != 1 {
			t.Errorf("%v reconnects counted, want 1", got)
		}
	})
}

func TestReconnect_unconfirmedFailInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		outcome := r.send(t.Context(), "m1")
		p.expect("m1", "ping")
		p.fail(stream.Conflict) // the next attempt is slow
		time.Sleep(DefaultConfirmTimeout + time.Second)
		wantUnavailable(t, settledOutcome(t, outcome))
		wait := r.up().serve()
		time.Sleep(time.Second)
		r.cancel()
		if got := wait(); len(got) > 0 {
			t.Errorf("%q came after it had failed", got)
		}
	})
}

func TestReply_keptWhileDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *ComponentOptions) { o.MaxReplies = 3 })
		r.accept().Close()
		synctest.Wait()
		for _, id := range []string{"r1", "r2", "r3"} {
			if err := r.link.Reply(message(id)); err != nil {
				t.Errorf("Reply %s: %v", id, err)
			}
		}
		if err := r.link.Reply(message("too many")); err == nil {
			t.Error("kept more replies than allowed")
		}
		if !strings.Contains(r.log.String(), `kind=message id="too many"`) || strings.Contains(r.log.String(), "hello") {
			t.Errorf("the log does not name the reply, or has its content:\n%s", r.log)
		}
		p := r.up()
		p.pong(p.expect("r1", "r2", "r3", "ping"))
		synctest.Wait()
		if got := r.link.window.unconfirmed(); got != 0 {
			t.Errorf("%d left", got)
		}
		if err := r.link.Reply(message("r4")); err != nil {
			t.Errorf("there is no room again: %v", err)
		}
		p.expect("r4")
		go p.drain()
	})
}

func TestReply_keptWhenTheLinkBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *ComponentOptions) { o.Window = 1 })
		p := r.up()
		r.send(t.Context(), "m1")
		for _, id := range []string{"r1", "r2"} {
			if err := r.link.Reply(message(id)); err != nil {
				t.Fatal(err)
			}
		}
		p.expect("m1", "ping")
		p.Close()
		p = r.up()
		for _, id := range []string{"m1", "r1", "r2"} {
			p.pong(p.expect(id, "ping"))
		}
	})
}

func TestReply_droppedForItsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.accept()
		p.open("")
		p.fail(stream.HostUnknown)
		synctest.Wait()
		for range 3 {
			if err := r.link.Reply(message("r1")); err != nil {
				t.Fatal(err)
			}
		}
		go func() {
			for p := range r.dialed {
				p.Close()
			}
		}()
		time.Sleep(DefaultReplyAge + time.Second)
		synctest.Wait()
		if got := count(t, r.link.metrics.dropped); got != 3 {
			t.Errorf("%v replies dropped, want 3", got)
		}
		r.cancel()
		r.ended <- <-r.ended
		close(r.dialed)
		r.dialed = make(chan *peer)
	})
}

func TestPoison_isolated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		outcomes := map[string]<-chan error{}
		for _, id := range []string{"m1", "bad", "m2"} {
			outcomes[id] = r.send(t.Context(), id)
		}
		p.expect("m1", "ping", "bad", "m2")
		p.fail(stream.NotWellFormed)

		p = r.up() // now one by one
		ping := p.expect("m1", "ping")
		synctest.Wait()
		outcomes["m3"] = r.send(t.Context(), "m3") // must not overtake
		p.pong(ping)
		p.expect("bad", "ping")
		synctest.Wait()
		wantConfirmed(t, outcomes["m1"])
		p.fail(stream.NotWellFormed)
		synctest.Wait()
		err := settledOutcome(t, outcomes["bad"])
		wantReason(t, err, stanza.Poisonous)
		if want := "not-well-formed (because)"; !strings.Contains(err.Error(), want) {
			t.Errorf("the sender is told %q, want %q in it", err, want)
		}
		if wait := time.Until(r.link.State().NextAttempt); wait > time.Second {
			t.Errorf("the others wait for %s", wait)
		}

		p = r.up()
		p.pong(p.expect("m2", "ping"))
		p.pong(p.expect("m3", "ping"))
		synctest.Wait()
		wantConfirmed(t, outcomes["m2"])
		wantConfirmed(t, outcomes["m3"])
		if got := count(t, r.link.metrics.streamErrors[stream.NotWellFormed]); got != 2 {
			t.Errorf("%v stream errors counted, want 2", got)
		}
		if !strings.Contains(r.log.String(), "id=bad") {
			t.Error("the log does not name the stanza")
		}
	})
}

func TestPoison_replyAndOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		if err := r.link.Reply(message("bad")); err != nil {
			t.Fatal(err)
		}
		p.expect("bad", "ping")
		p.fail(stream.PolicyViolation)
		p = r.up()
		p.expect("bad", "ping")
		p.fail(stream.PolicyViolation)

		p = r.up()
		outcome := r.sendBy(t.Context(), r.link.SendOnce, "once")
		p.expect("once", "ping")
		p.fail(stream.PolicyViolation)
		synctest.Wait()
		wantReason(t, settledOutcome(t, outcome), stanza.Poisonous)
		if got := count(t, r.link.metrics.poisonous); got != 2 {
			t.Errorf("%v stanzas counted as poisonous, want 2", got)
		}
		if got := count(t, r.link.metrics.dropped); got != 1 {
			t.Errorf("%v replies counted as dropped, want 1", got)
		}
	})
}

// TestPoison_withoutAWord has a server that drops the connection without a
// stream error, as one does that dies of a stanza.
func TestPoison_withoutAWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		bad, good := r.send(t.Context(), "bad"), r.send(t.Context(), "good")
		connections := 1
		p.expect("bad", "ping", "good")
		p.Close()
		for {
			p = r.up()
			connections++
			st := p.next()
			if st.ID() == "good" {
				break
			}
			if connections > 10 {
				t.Fatal("the link does not give up")
			}
			p.Close()
		}
		p.pong(p.expect("ping"))
		synctest.Wait()
		wantReason(t, settledOutcome(t, bad), stanza.Poisonous)
		wantConfirmed(t, good)
		if connections != brokenToBlame+1 {
			t.Errorf("%d connections made", connections)
		}
	})
}

func TestReconnect_refusedAtFirstAfterABreak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.up().Close()
		for i := range graceTries { // the server has not noticed yet
			p := r.accept()
			p.open(streamID)
			_, _ = p.in.Next()
			p.fail(stream.Conflict)
			synctest.Wait()
			if wait := time.Until(r.link.State().NextAttempt); wait > 10*time.Second {
				t.Fatalf("attempt %d is followed by one in %s", i, wait)
			}
		}
		p := r.accept()
		p.open(streamID)
		_, _ = p.in.Next()
		p.fail(stream.Conflict)
		synctest.Wait()
		if wait := time.Until(r.link.State().NextAttempt); wait < slowDelay {
			t.Errorf("after many attempts the next is in %s", wait)
		}
	})
}

func TestReconnect_delays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		last := r.accept()
		last.Close()
		for i := range 14 {
			p := r.accept()
			most := maxDelay
			if i < 10 {
				most = min(maxDelay, firstDelay<<i)
			}
			if delay := p.at.Sub(last.at); delay < most/2 || delay > most {
				t.Errorf("attempt %d came after %s, want %s to %s", i, delay, most/2, most)
			}
			last = p
			p.Close()
		}
		p := r.up()
		wait := p.serve()
		time.Sleep(settled) // the link works: start over
		p.Close()
		wait()
		ended := time.Now()
		if delay := r.accept().at.Sub(ended); delay > firstDelay {
			t.Errorf("after a working link the first attempt came after %s", delay)
		}
	})
}

func TestReconnect_unreadableStreamsAreRetriedSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.up().fail(stream.NotWellFormed)
		synctest.Wait()
		if wait := time.Until(r.link.State().NextAttempt); wait > time.Second {
			t.Errorf("the first time the next attempt is in %s", wait)
		}
		r.up().fail(stream.NotWellFormed)
		synctest.Wait()
		if wait := time.Until(r.link.State().NextAttempt); wait < slowDelay {
			t.Errorf("the second time the next attempt is in %s", wait)
		}
	})
}

func TestConditions_blamedOnContent(t *testing.T) {
	var harmless []stream.Condition
	for _, c := range stream.Conditions() {
		if !contentCauses(c) {
			harmless = append(harmless, c)
		}
	}
	want := []stream.Condition{
		stream.Conflict, stream.ConnectionTimeout, stream.HostGone, stream.HostUnknown, stream.NotAuthorized,
		stream.RemoteConnectionFailed, stream.Reset, stream.ResourceConstraint, stream.SeeOtherHost,
		stream.SystemShutdown, stream.UnsupportedFeature, stream.UnsupportedVersion,
	}
	if diff := cmp.Diff(want, harmless); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestPoison_many has callers send one poisonous stanza after the other: that
// must not slow down the attempts to connect for all.
func TestPoison_many(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		for range 20 {
			p := r.up()
			bad := r.send(t.Context(), "bad")
			p.expect("bad", "ping")
			p.fail(stream.InvalidXML)
			p = r.up()
			p.expect("bad", "ping")
			p.fail(stream.InvalidXML)
			synctest.Wait()
			wantReason(t, settledOutcome(t, bad), stanza.Poisonous)
			if wait := time.Until(r.link.State().NextAttempt); wait > blamedDelay {
				t.Fatalf("the next attempt is in %s", wait)
			}
		}
	})
}

func TestAwaitUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		if r.link.Up() {
			t.Error("up before it was connected")
		}
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error, 3)
		go func() { ended <- r.link.AwaitUp(ctx) }()
		synctest.Wait()
		cancel(why)
		if err := <-ended; !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
		var p *peer
		for range 2 {
			for range 2 {
				go func() { ended <- r.link.AwaitUp(t.Context()) }()
			}
			synctest.Wait()
			if len(ended) > 0 || r.link.Up() {
				t.Error("up while there is no connection")
			}
			p = r.up()
			for range 2 {
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
			if err := r.link.AwaitUp(t.Context()); err != nil || !r.link.Up() {
				t.Errorf("it is up: %v", err)
			}
			p.Close()
			synctest.Wait()
		}
	})
}
