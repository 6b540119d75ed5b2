package callback

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/restanza/restanza/stanza"
)

// notYet is a transport to a callback at which nothing listens until start.
func notYet(start time.Time, then http.RoundTripper) whole {
	return func(req *http.Request) (*http.Response, error) {
		if time.Now().Before(start) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		}
		return then.RoundTrip(req)
	}
}

func patient(d time.Duration) func(*Options) { return func(o *Options) { o.Patience = d } }

// A callback that is started a minute later gets the messages, in order, and one
// line says meanwhile what is missing.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := newServer(), &logs{}
		var got []string
		transport := notYet(time.Now().Add(time.Minute), fake(func(req *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(req.Body)
			if err != nil {
				return nil, err
			}
			got = append(got, string(body))
			return respond(http.StatusAccepted, "", ""), nil
		}))
		c, _ := begin(t, s, over(transport), patient(10*time.Minute), logging(l))
		deliver(t, c, chat(t, "user@example.com", "bot@rest.example.net", "m1"), chat(t, "user@example.com", "bot@rest.example.net", "m2"))
		time.Sleep(59 * time.Second)
		synctest.Wait()
		s.nothing(t)
		if n := l.count("level=WARN"); n != 1 || l.count("nothing listens at the callback yet") != 1 {
			t.Errorf("%d warnings:\n%s", n, l)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		s.nothing(t)
		if len(got) != 2 || !strings.Contains(got[0], "m1") || !strings.Contains(got[1], "m2") {
			t.Errorf("the callback got %q", got)
		}
	})
}

// What waited for too long, and what somebody waits for, gets the error.
func TestPatience_ends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		c, _ := begin(t, s, over(notYet(time.Now().Add(time.Hour), nil)), patient(time.Minute))
		deliver(t, c, ping(t, "now"))
		synctest.Wait()
		wantUnavailable(t, s, "now")

		deliver(t, c, chat(t, "user@example.com", "bot@rest.example.net", "later"))
		time.Sleep(59 * time.Second)
		synctest.Wait()
		s.nothing(t)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		wantUnavailable(t, s, "later")
	})
}

// Only a callback that can't be reached is waited for: one that breaks off may
// have taken the message.
func TestPatience_otherFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		asked := 0
		c, _ := begin(t, s, patient(time.Minute), over(fake(func(*http.Request) (*http.Response, error) {
			asked++
			return nil, errors.New("connection reset by peer")
		})))
		deliver(t, c, chat(t, "user@example.com", "bot@rest.example.net", "once"))
		synctest.Wait()
		wantUnavailable(t, s, "once")
		if asked != 1 {
			t.Errorf("posted %d times", asked)
		}
	})
}

// The end of the process ends the wait.
func TestPatience_shutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		c, stop := begin(t, s, over(notYet(time.Now().Add(time.Hour), nil)), patient(time.Hour), func(o *Options) { o.Grace = time.Second })
		deliver(t, c, chat(t, "user@example.com", "bot@rest.example.net", "m"))
		synctest.Wait()
		began := time.Now()
		stop()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it took %s", took)
		}
		wantUnavailable(t, s, "m")
	})
}

func wantUnavailable(t *testing.T, s *server, id string) {
	t.Helper()
	st := s.next(t)
	if e := st.Err(); st.ID() != id || e == nil || e.Condition != stanza.RecipientUnavailable {
		t.Errorf("sent: %s, want recipient-unavailable for %s", st, id)
	}
}

// A callback that is being started, and is there a moment later, is no news.
func TestPatience_aMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &logs{}
		begin(t, newServer(), patient(time.Minute), logging(l),
			over(notYet(time.Now().Add(100*time.Millisecond), always(http.StatusAccepted, "", ""))))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := l.count("level=WARN"); n != 0 {
			t.Errorf("%d warnings:\n%s", n, l)
		}
	})
}
