package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

func TestSend_confirmedByPong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		outcome := r.send(t.Context(), "m1")
		ping := p.expect("m1", "ping")
		synctest.Wait()
		wantUndecided(t, outcome)
		p.pong(ping)
		synctest.Wait()
		wantConfirmed(t, outcome)
		if got := r.stanzas(); len(got) > 0 {
			t.Errorf("the pong was passed on: %s", got)
		}
	})
}

func TestSend_onePingCoversMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		first := r.send(t.Context(), "m0")
		ping := p.expect("m0", "ping")

		var outcomes []<-chan error
		var ids []string
		for i := range 20 {
			ids = append(ids, fmt.Sprintf("m%d", i+1))
			outcomes = append(outcomes, r.send(t.Context(), ids[i]))
		}
		p.expect(ids...) // without a ping: one is under way
		synctest.Wait()
		if got := count(t, r.link.metrics.writes); got > 3 { // the first, the next, and those that waited for that
			t.Errorf("%v write calls made", got)
		}
		p.pong(ping)
		second := p.expect("ping")
		synctest.Wait()
		wantConfirmed(t, first)
		wantUndecided(t, outcomes[0])
		p.pong(second)
		synctest.Wait()
		for _, outcome := range outcomes {
			wantConfirmed(t, outcome)
		}
	})
}

func TestSend_bounceIsReceivedBeforeTheConfirmation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		outcome := r.send(t.Context(), "m1")
		early := false
		r.onReceive = func(stanza.Stanza) {
			early = early || len(outcome) > 0
		}
		ping := p.expect("m1", "ping")
		p.write(`<message type='error' id='m1' from='you@example.net' to='me@` + domain + `'><error type='cancel'/></message>` + ping.String())
		synctest.Wait()
		wantConfirmed(t, outcome)
		if got := r.stanzas(); len(got) != 1 || got[0].ID() != "m1" || early {
			t.Errorf("received %s, confirmed before: %t", got, early)
		}
	})
}

func TestSend_pongOfAServerThatAnswers(t *testing.T) {
	for _, kind := range []stanza.Type{stanza.Result, stanza.TypeError} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := jid.MustParse("example.net")
				r := newRig(t, func(o *ComponentOptions) { o.ConfirmTo = server })
				p := r.up()
				outcome := r.send(t.Context(), "m1")
				p.expect("m1")
				ping := p.next()
				if ping.To() != server {
					t.Fatalf("pinged %s", ping.To())
				}
				answer := ping.Header()
				answer.From, answer.To = answer.To, answer.From
				answer.Type = stanza.Result
				foreign := answer
				foreign.From = jid.MustParse("mallory@example.org")
				p.write(stanza.New(foreign, "").String())
				synctest.Wait()
				wantUndecided(t, outcome)
				answer.Type = kind
				p.write(stanza.New(answer, "").String())
				synctest.Wait()
				wantConfirmed(t, outcome)
				if got := r.stanzas(); len(got) != 1 || got[0].From() != foreign.From {
					t.Errorf("received %s, want the foreign one alone", got)
				}
			})
		})
	}
}

func TestSend_missingPongIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		first := r.send(t.Context(), "m1")
		p.expect("m1", "ping")
		began := time.Now()
		second := r.send(t.Context(), "m2")
		ping := p.expect("m2", "ping")
		if waited := time.Since(began); waited < pingAgain || waited > pingAgain+time.Second {
			t.Errorf("the next ping came after %s", waited)
		}
		p.pong(ping)
		synctest.Wait()
		wantConfirmed(t, first)
		wantConfirmed(t, second)
	})
}

func TestSend_confirmTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		outcome := r.send(t.Context(), "m1")
		go func() {
			for {
				if _, err := p.in.Next(); err != nil {
					return
				}
			}
		}()
		for range 31 { // the peer lives, but does not route the ping back
			p.write(" ")
			time.Sleep(time.Second)
		}
		wantUnavailable(t, settledOutcome(t, outcome))
		if !r.link.State().Up {
			t.Error("the link was given up")
		}
		if !strings.Contains(r.log.String(), "does not confirm") {
			t.Error("the log does not tell")
		}
		if got := r.link.window.unconfirmed(); got != 0 {
			t.Errorf("%d stanzas still take room", got)
		}
		p.Close()
	})
}

func TestPost_returnsOnceWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		posted := make(chan error, 1)
		go func() { posted <- r.link.Post(t.Context(), message("m1")) }()
		synctest.Wait()
		wantUndecided(t, posted) // the server has not read it
		p.expect("m1", "ping")
		synctest.Wait()
		wantConfirmed(t, posted)
	})
}

func TestSend_windowBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *ComponentOptions) { o.Window = 2 })
		p := r.up()
		r.send(t.Context(), "m1")
		ping := p.expect("m1", "ping")
		r.send(t.Context(), "m2")
		p.expect("m2")

		cause := errors.New("the caller left")
		ctx, cancel := context.WithCancelCause(t.Context())
		type result struct {
			outcome <-chan error
			err     error
		}
		blocked := make(chan result, 2)
		send := func(ctx context.Context, id string) {
			outcome, err := r.link.Send(ctx, message(id))
			blocked <- result{outcome, err}
		}
		go send(ctx, "m3")
		synctest.Wait()
		go send(t.Context(), "m4")
		synctest.Wait()
		if len(blocked) > 0 {
			t.Fatal("the window has let too many in")
		}
		cancel(cause)
		if got := <-blocked; !errors.Is(got.err, cause) {
			t.Errorf("error %v, want the cause", got.err)
		}
		if err := r.link.Reply(message("r1")); err != nil {
			t.Errorf("Reply: %v", err)
		}
		p.pong(ping) // m1 leaves, m4 enters
		ping = p.expect("m4", "ping")
		if got := <-blocked; got.err != nil {
			t.Errorf("m4: %v", got.err)
		}
		p.pong(ping)
		p.expect("r1", "ping")
	})
}

func TestSend_noRoomInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *ComponentOptions) { o.Window = 1 })
		p := r.up()
		r.send(t.Context(), "m1")
		go p.drain()
		go func() {
			for {
				if _, err := io.WriteString(p, " "); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		began := time.Now()
		outcome, err := r.link.Send(t.Context(), message("m2"))
		if err == nil {
			err = <-outcome
		}
		wantUnavailable(t, err)
		if waited := time.Since(began); waited > 2*DefaultConfirmTimeout+2*time.Second {
			t.Errorf("it took %s", waited)
		}
		p.Close()
		time.Sleep(time.Second) // for the goroutine above
	})
}

func TestSend_windowCountsBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *ComponentOptions) { o.WindowBytes = 1000 })
		p := r.up()
		large := message("large").With(message("large").Header())
		large = stanza.New(large.Header(), "<body>"+strings.Repeat("x", 5000)+"</body>")
		if _, err := r.link.Send(t.Context(), large); err != nil { // alone it may go
			t.Fatal(err)
		}
		ping := p.expect("large", "ping")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.link.Send(ctx, message("m2")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the deadline", err)
		}
		p.pong(ping)
		r.send(t.Context(), "m3")
		p.expect("m3", "ping")
	})
}

func TestSend_nothingOvertakesWhatIsBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *ComponentOptions) { o.WindowBytes = 1000 })
		p := r.up()
		r.send(t.Context(), "m1")
		ping := p.expect("m1", "ping")
		go func() {
			large := stanza.New(message("large").Header(), "<body>"+strings.Repeat("x", 5000)+"</body>")
			if _, err := r.link.Send(t.Context(), large); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		for _, id := range []string{"r1", "r2"} { // there is room for them
			if err := r.link.Reply(message(id)); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		p.pong(ping)
		p.pong(p.expect("large", "ping"))
		p.expect("r1", "r2", "ping")
	})
}

func TestSend_refusesWhatServersEndTheStreamFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		h := message("m").Header()
		h.From = jid.MustParse("me@example.com")
		_, err := r.link.Send(t.Context(), message("m").With(h))
		wantReason(t, err, stanza.InvalidFrom)
		h = message("m").Header()
		h.To = jid.JID{}
		_, err = r.link.SendOnce(t.Context(), message("m").With(h))
		wantReason(t, err, stanza.ImproperAddressing)
		if err := r.link.Reply(stanza.Stanza{}); err == nil {
			t.Error("took the zero Stanza")
		}
		go p.drain()
	})
}

func TestComponent_inboundTroubleCostsOneStanza(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		r.onReceive = func(st stanza.Stanza) {
			if st.ID() == "bad" {
				panic("bad luck")
			}
		}
		p.write(`<message from='a@b' id='1'/><message id='2' p:x=''/><message id='bad'/><unknown/>` + "\n" +
			`<presence id='other' to='a@other.example.net'/><presence id='3' to='x@` + domain + `/y'/>`)
		synctest.Wait()
		var ids []string
		for _, st := range r.stanzas() {
			ids = append(ids, st.ID())
		}
		if diff := cmp.Diff([]string{"1", "bad", "3"}, ids); diff != "" {
			t.Errorf("received (-want +got):\n%s", diff)
		}
		for _, want := range []string{"skipped", "panicked", "bad luck"} {
			if !strings.Contains(r.log.String(), want) {
				t.Errorf("the log does not say %q", want)
			}
		}
		if !r.link.State().Up {
			t.Error("the link is down")
		}
		go p.drain()
	})
}

// Nobody waits for the confirmation of a query, whose answer says as much, or of a
// reply: they share pings, and get one within a second at the latest.
func TestSend_patientStanzasSharePings(t *testing.T) {
	query := func(id string) stanza.Stanza {
		return stanza.New(stanza.Header{
			Kind: stanza.IQ, Type: stanza.Get, ID: id, From: jid.MustParse(domain), To: jid.MustParse("you@example.net"),
		}, `<query xmlns="urn:x"/>`)
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.up()
		began := time.Now()
		outcome, err := r.link.Send(t.Context(), query("q"))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.link.Reply(message("r")); err != nil {
			t.Fatal(err)
		}
		ping := p.expect("q", "r", "ping")
		if waited := time.Since(began); waited == 0 || waited > time.Second {
			t.Errorf("the ping came after %s, want it to wait, but not for more than a second", waited)
		}
		p.pong(ping)
		synctest.Wait()
		wantConfirmed(t, outcome)

		began = time.Now()
		var ids []string
		for i := range patientBatch {
			ids = append(ids, fmt.Sprintf("q%d", i))
			if _, err := r.link.Send(t.Context(), query(ids[i])); err != nil {
				t.Fatal(err)
			}
		}
		ping = p.expect(append(ids, "ping")...)
		if waited := time.Since(began); waited > 0 {
			t.Errorf("the ping for a full batch came after %s", waited)
		}
		p.pong(ping)

		// A message that somebody waits for takes the others along.
		outcome, err = r.link.Send(t.Context(), query("last"))
		if err != nil {
			t.Fatal(err)
		}
		message := r.send(t.Context(), "m")
		p.pong(p.expect("last", "m", "ping"))
		synctest.Wait()
		wantConfirmed(t, outcome)
		wantConfirmed(t, message)
	})
}
