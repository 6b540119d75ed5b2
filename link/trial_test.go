package link

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
	"github.com/restanza/restanza/stream"
)

// trial makes a Trial with a peer that the script plays. What the script writes
// and reads is in memory, and time passes only when all wait.
func trial(ctx context.Context, t *testing.T, script func(*peer)) (*Trial, error) {
	t.Helper()
	client, server := net.Pipe()
	p := &peer{Conn: server, t: t, in: stream.NewReader(server, stream.ReaderOptions{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer p.Close()
		script(p)
	}()
	t.Cleanup(func() { <-done })
	return Try(ctx, ComponentOptions{
		Domain: jid.MustParse(domain), Address: "xmpp.example.net:5347", Secret: secret,
		Dial: func(context.Context, string) (net.Conn, error) { return client, nil },
	})
}

func TestTry_pingAndAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var declined stanza.Stanza
		tr, err := trial(t.Context(), t, func(p *peer) {
			p.handshake()
			ping := p.next()
			p.write(`<message from="you@example.net" to="me@` + domain + `" id="early"><body>hello</body></message>`)
			declined = p.next()
			time.Sleep(3 * time.Millisecond)
			p.pong(ping)
			question := p.next()
			p.write(`<presence from="you@example.net" to="` + domain + `"/>`)
			p.write(`<message type="groupchat" from="room@example.net/you" to="me@` + domain + `"><body>hello</body></message>`)
			p.write(question.Result("<time/>").String())
			if ids, err := p.rest(); len(ids) != 0 || err.Error() != "EOF" {
				t.Errorf("after the answer the server read %v, %v", ids, err)
			}
			p.write("</stream:stream>")
		})
		if err != nil {
			t.Fatal(err)
		}
		if took, err := tr.Ping(t.Context()); err != nil || took != 3*time.Millisecond {
			t.Errorf("Ping: %s, %v", took, err)
		}
		answer, err := tr.Ask(t.Context(), jid.MustParse("example.net"), "<question/>")
		if err != nil || answer.Payload().Local != "time" {
			t.Errorf("Ask: %s, %v", answer, err)
		}
		tr.End(t.Context())
		if declined.ID() != "early" || declined.Type() != stanza.TypeError || !strings.Contains(declined.String(), "recipient-unavailable") {
			t.Errorf("a message for the gateway got %s", declined)
		}
	})
}

// A server that routes pings elsewhere, as ejabberd does with a second
// connection.
func TestTry_noPong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, err := trial(t.Context(), t, func(p *peer) {
			p.handshake()
			p.drain()
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err = tr.Ping(ctx)
		if took := time.Since(began); took != time.Minute || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %s: %v", took, err)
		}
		if says := ExplainTrial(err, "h:1", jid.MustParse(domain)); !strings.Contains(says, "global_routes") {
			t.Errorf("it is explained as %q", says)
		}
		tr.End(t.Context())
	})
}

// A context that ends interrupts a silent peer, and the error can be explained.
func TestTry_interrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := trial(ctx, t, (*peer).drain)
		if took := time.Since(began); took != time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %s: %v", took, err)
		}
		if says := Explain(err, "h:1", jid.MustParse(domain)); !strings.Contains(says, "h:1 does not answer") {
			t.Errorf("it is explained as %q", says)
		}
	})
}

// A server that does not end the stream holds nobody up whose context ends.
func TestTry_endAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct{ limit, took time.Duration }{
			"before": {0, 0}, "meanwhile": {time.Second, time.Second}, "never": {time.Hour, closeTimeout},
		} {
			tr, err := trial(t.Context(), t, func(p *peer) {
				p.handshake()
				p.drain()
				time.Sleep(time.Hour)
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), c.limit)
			defer cancel()
			began := time.Now()
			tr.End(ctx)
			if took := time.Since(began); took != c.took {
				t.Errorf("%s: it took %s, want %s", name, took, c.took)
			}
		}
	})
}

func TestTry_refused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := trial(t.Context(), t, func(p *peer) {
			p.open("")
			p.fail(stream.HostUnknown)
		})
		if says := Explain(err, "h:1", jid.MustParse(domain)); !strings.Contains(says, "knows no component "+domain) {
			t.Errorf("%v is explained as %q", err, says)
		}
	})
}
