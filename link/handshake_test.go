package link

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
	"github.com/restanza/restanza/stream"
)

func TestComponent_handshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		if r.link.State().Up {
			t.Error("up before the handshake")
		}
		p := r.up()
		state := r.link.State()
		if !state.Up || state.LastError != "" || state.Server != "xmpp.example.net:5347" || state.Since.IsZero() {
			t.Errorf("after the handshake the state is %+v", state)
		}
		wait := p.serve()
		r.cancel()
		wait()
	})
}

func TestComponent_refusedByTheServer(t *testing.T) {
	tests := []struct {
		name      string
		id        string
		condition stream.Condition
		handshake bool // the server waits for the handshake before it refuses
		says      []string
	}{
		{"wrong secret", streamID, stream.NotAuthorized, true, []string{"component_secret", "ejabberd", domain}},
		{"unknown domain, empty id", "", stream.HostUnknown, false, []string{"knows no component " + domain, "Component"}},
		{"conflict", streamID, stream.Conflict, true, []string{"another gateway"}},
		{"wrong port", streamID, stream.InvalidNamespace, true, []string{"component port"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				p := r.accept()
				p.open(tt.id)
				if tt.handshake {
					if _, err := p.in.Next(); err != nil {
						t.Fatal(err)
					}
				}
				p.fail(tt.condition)
				synctest.Wait()
				state := r.link.State()
				for _, want := range tt.says {
					if !strings.Contains(state.LastError, want) || !strings.Contains(r.log.String(), want) {
						t.Errorf("the state says %q, want %q in it and in the log", state.LastError, want)
					}
				}
				if wait := time.Until(state.NextAttempt); wait < slowDelay || wait > maxDelay {
					t.Errorf("the next attempt is in %s, want a slow one", wait)
				}
				_, err := r.link.Send(t.Context(), message("m"))
				wantUnavailable(t, err)
				if after := retryAfter(err); after < slowDelay {
					t.Errorf("senders are told to try again in %s", after)
				}
			})
		})
	}
}

func TestComponent_handshakeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.accept()
		began := time.Now()
		if _, err := p.in.Header(); err != nil {
			t.Fatal(err)
		}
		if _, err := p.in.Next(); err == nil { // until the link hangs up
			t.Fatal("the link went on")
		}
		if took := time.Since(began); took != handshakeTimeout {
			t.Errorf("the link gave up after %s, want %s", took, handshakeTimeout)
		}
		synctest.Wait()
		if got := r.link.State().LastError; !strings.Contains(got, "does not answer") {
			t.Errorf("the state says %q", got)
		}
	})
}

func TestComponent_notAComponentPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		p := r.accept()
		go func() { _, _ = p.in.Header() }()
		p.write("HTTP/1.1 400 Bad Request\r\n\r\n")
		p.Close()
		synctest.Wait()
		if got := r.link.State().LastError; !strings.Contains(got, "does not speak XMPP") {
			t.Errorf("the state says %q", got)
		}
	})
}

func TestComponent_shutdownDuringHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.accept() // and no answer
		synctest.Wait()
		began := time.Now()
		r.cancel()
		if err := <-r.ended; err != nil || time.Since(began) > 0 {
			t.Errorf("Run returned %v after %s", err, time.Since(began))
		}
		r.ended <- nil
	})
}

func TestExplain_dialing(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"refused", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, "nothing listens at h:1"},
		{"no such name", &net.OpError{Op: "dial", Err: &net.DNSError{Name: "h", IsNotFound: true}}, "name h is not known"},
		{"DNS trouble", &net.DNSError{Name: "h", Err: "server misbehaving"}, "could not be looked up"},
		{"timeout", context.DeadlineExceeded, "does not answer"},
		{"dialler's timeout", &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, "does not answer"},
		{"no route", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)}, "no route"},
		{"other", errors.New("odd"), "no connection: odd"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := explain(tt.err, "h:1", domain, false); !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q in it", got, tt.want)
			}
		})
	}
}

func TestNewComponent_options(t *testing.T) {
	good := ComponentOptions{
		Domain: jid.MustParse(domain), Address: "localhost:5347", Secret: "x",
		Receive: func(stanza.Stanza) {},
	}
	if _, err := NewComponent(good); err != nil {
		t.Errorf("good options: %v", err)
	}
	for name, change := range map[string]func(*ComponentOptions){
		"no domain":         func(o *ComponentOptions) { o.Domain = jid.JID{} },
		"user for a domain": func(o *ComponentOptions) { o.Domain = jid.MustParse("a@b") },
		"no secret":         func(o *ComponentOptions) { o.Secret = "" },
		"no port":           func(o *ComponentOptions) { o.Address = "localhost" },
		"no receiver":       func(o *ComponentOptions) { o.Receive = nil },
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			change(&o)
			if _, err := NewComponent(o); err == nil {
				t.Error("accepted")
			}
		})
	}
}
