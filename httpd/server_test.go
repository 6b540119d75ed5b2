package httpd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/restanza/restanza/stanza"
)

// hold makes every Submit wait that long, or until its caller or the server
// ends it.
func (c *fakeComponent) hold(d time.Duration) {
	c.submit = func(ctx context.Context, _ stanza.Stanza) (stanza.Stanza, error) {
		select {
		case <-time.After(d):
			return stanza.Stanza{}, nil
		case <-ctx.Done():
			return stanza.Stanza{}, context.Cause(ctx)
		}
	}
}

// The time limit for reading a request ends with its body.
func TestServe_heldRequestOutlivesReadTimeout(t *testing.T) {
	for name, body := range map[string]io.Reader{"declared": strings.NewReader(ping), "chunked": io.MultiReader(strings.NewReader(ping))} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newFake()
				c.hold(DefaultLongestWait)
				rs := serve(t, newTestServer(t, c, nil))
				client := rs.client()
				began := time.Now()
				res, text := send(t, client, newClientPost(t, body))
				if res.StatusCode != http.StatusAccepted || time.Since(began) < DefaultLongestWait {
					t.Errorf("got %s %s after %v", res.Status, text, time.Since(began))
				}
				client.CloseIdleConnections()
			})
		})
	}
}

// rawConn is a caller who writes his requests by hand.
type rawConn struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func (rs *running) dialRaw(t *testing.T) *rawConn {
	t.Helper()
	conn, err := rs.ln.dial()
	if err != nil {
		t.Fatal(err)
	}
	return &rawConn{t, conn, bufio.NewReader(conn)}
}

func (c *rawConn) say(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

// answer reads one response to a POST.
func (c *rawConn) answer() (*http.Response, string) {
	c.t.Helper()
	res, err := http.ReadResponse(c.r, &http.Request{Method: http.MethodPost})
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res, string(body)
}

// expectEnd waits for the server to close the connection.
func (c *rawConn) expectEnd() {
	c.t.Helper()
	if b, err := c.r.ReadByte(); err == nil {
		c.t.Errorf("the connection is open, and brought %q", b)
	}
}

func postHead(authorization, length string) string {
	return "POST /rest HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/xmpp+xml\r\n" +
		"Authorization: " + authorization + "\r\n" + length + "\r\n\r\n"
}

func TestServe_slowBody(t *testing.T) {
	tests := []struct {
		name, authorization, length, begin string
		want                               int
		text                               string
	}{
		{"declared", testSecret, "Content-Length: 500", "<message", http.StatusRequestTimeout, "8 of 500 bytes"},
		{"nothing comes", testSecret, "Content-Length: 500", "", http.StatusRequestTimeout, "0 of 500 bytes"},
		{"chunked", testSecret, "Transfer-Encoding: chunked", "8\r\n<message\r\n", http.StatusRequestTimeout, "8 bytes came, without an end"},
		{"without credentials", "Bearer x", "Content-Length: 500", "<message", http.StatusForbidden, "not-authorized"},
		{"too large", testSecret, "Content-Length: 200000", "<message", http.StatusRequestEntityTooLarge, "200000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newFake()
				rs := serve(t, newTestServer(t, c, nil))
				conn := rs.dialRaw(t)
				defer conn.Close()
				began := time.Now()
				conn.say(postHead(tt.authorization, tt.length) + tt.begin)
				res, body := conn.answer()
				if res.StatusCode != tt.want || !strings.Contains(body, tt.text) {
					t.Errorf("got %s %s, want %d with %q", res.Status, body, tt.want, tt.text)
				}
				conn.expectEnd()
				if took := time.Since(began); took > DefaultReadTimeout {
					t.Errorf("the connection was held for %v", took)
				}
			})
		})
	}
}

// Byte by byte is not faster: the limit is for the whole of it.
func TestServe_dripDoesNotExtendTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs := serve(t, newTestServer(t, newFake(), nil))
		conn := rs.dialRaw(t)
		began := time.Now()
		conn.say(postHead(testSecret, "Content-Length: 500"))
		dripped := make(chan struct{})
		go func() {
			defer close(dripped)
			for {
				if _, err := conn.Write([]byte("x")); err != nil {
					return
				}
				pass(time.Second)
			}
		}()
		if res, _ := conn.answer(); res.StatusCode != http.StatusRequestTimeout || time.Since(began) > DefaultReadTimeout {
			t.Errorf("got %s after %v", res.Status, time.Since(began))
		}
		conn.Close()
		<-dripped
	})
}

func TestServe_tooLargeIsRefusedBeforeItIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs := serve(t, newTestServer(t, newFake(), nil))
		for _, length := range []string{"Content-Length: 1000000000", "Content-Length: 200000\r\nExpect: 100-continue"} {
			conn := rs.dialRaw(t)
			began := time.Now()
			conn.say(postHead(testSecret, length))
			if res, _ := conn.answer(); res.StatusCode != http.StatusRequestEntityTooLarge || time.Since(began) != 0 {
				t.Errorf("got %s after %v, want 413 at once", res.Status, time.Since(began))
			}
			conn.Close()
		}
	})
}

func TestServe_idleAndSilentConnectionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs := serve(t, newTestServer(t, newFake(), nil))

		began := time.Now()
		silent := rs.dialRaw(t)
		silent.expectEnd()
		if took := time.Since(began); took != DefaultReadTimeout {
			t.Errorf("silent: open for %v, want %v", took, DefaultReadTimeout)
		}
		began = time.Now()
		half := rs.dialRaw(t)
		half.say("POST /rest HTTP/1.1\r\nHost: gate")
		half.expectEnd()
		if took := time.Since(began); took != DefaultReadTimeout {
			t.Errorf("half a header: open for %v, want %v", took, DefaultReadTimeout)
		}
		began = time.Now()
		idle := rs.dialRaw(t)
		idle.say(postHead(testSecret, fmt.Sprintf("Content-Length: %d", len(message))) + message)
		if res, body := idle.answer(); res.StatusCode != http.StatusAccepted {
			t.Errorf("got %s %s", res.Status, body)
		}
		idle.expectEnd()
		if took := time.Since(began); took != DefaultIdleTimeout {
			t.Errorf("idle: open for %v, want %v", took, DefaultIdleTimeout)
		}
	})
}

func TestServe_largeHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs := serve(t, newTestServer(t, newFake(), nil))
		conn := rs.dialRaw(t)
		defer conn.Close()
		go func() {
			_, _ = io.WriteString(conn, "POST /rest HTTP/1.1\r\nHost: gateway\r\nX: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
		}()
		if res, _ := conn.answer(); res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("got %s, want 431", res.Status)
		}
	})
}

// A caller who hangs up frees his place, and is answered nothing.
func TestServe_hangUpEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFake()
		ended := make(chan time.Time, 1)
		c.submit = func(ctx context.Context, _ stanza.Stanza) (stanza.Stanza, error) {
			<-ctx.Done()
			ended <- time.Now()
			return stanza.Stanza{}, context.Cause(ctx)
		}
		s, metric := newMeteredServer(t, c)
		rs := serve(t, s)
		conn := rs.dialRaw(t)
		conn.say(postHead(testSecret, fmt.Sprintf("Content-Length: %d", len(ping))) + ping)
		pass(time.Second)
		hungUp := time.Now()
		conn.Close()
		if at := <-ended; !at.Equal(hungUp) {
			t.Errorf("the wait ended %v after the call", at.Sub(hungUp))
		}
		synctest.Wait()
		if got := metric(`restanza_http_requests_total{code="499",method="POST",route="rest"}`); got != 1 {
			t.Errorf("counted %v times", got)
		}
	})
}

func TestServe_shutdown(t *testing.T) {
	tests := []struct {
		name string
		hold time.Duration
		took time.Duration
		want int
	}{
		{"nothing runs", 0, 0, http.StatusAccepted},
		{"ends within the grace", 15 * time.Second, 10 * time.Second, http.StatusAccepted},
		{"ends after the grace", time.Minute, DefaultGrace, http.StatusServiceUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newFake()
				c.hold(tt.hold)
				rs := serve(t, newTestServer(t, c, nil))
				client := rs.client()
				defer client.CloseIdleConnections()
				done := make(chan *http.Response, 1)
				go func() {
					res, _ := send(t, client, newClientPost(t, strings.NewReader(ping)))
					done <- res
				}()
				pass(5 * time.Second)
				began := time.Now()
				rs.stop()
				res := <-done
				if err := rs.end(); err != nil {
					t.Errorf("Serve: %v", err)
				}
				if res.StatusCode != tt.want {
					t.Errorf("got %s, want %d", res.Status, tt.want)
				}
				if retry := res.Header.Get("Retry-After"); (retry != "") != (tt.want == http.StatusServiceUnavailable) {
					t.Errorf("Retry-After is %q", retry)
				}
				// Shutdown looks at its connections twice a second at worst.
				if took := time.Since(began); took < tt.took || took > tt.took+time.Second {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				if _, err := rs.ln.dial(); err == nil {
					t.Error("connections are still taken")
				}
			})
		})
	}
}

// A component that does not heed its context can't keep the door open.
func TestServe_shutdownCutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c := newFake()
		c.submit = func(context.Context, stanza.Stanza) (stanza.Stanza, error) {
			<-release
			return stanza.Stanza{}, nil
		}
		logger, log := logTo()
		rs := serve(t, newTestServer(t, c, func(o *Options) { o.Logger = logger }))
		conn := rs.dialRaw(t)
		conn.say(postHead(testSecret, fmt.Sprintf("Content-Length: %d", len(ping))) + ping)
		synctest.Wait()
		began := time.Now()
		rs.stop()
		if err := rs.end(); err != nil || time.Since(began) > DefaultGrace+cutOffTime {
			t.Errorf("Serve ended with %v after %v", err, time.Since(began))
		}
		if !strings.Contains(log.String(), "cut off") {
			t.Error("the log says nothing about it")
		}
		conn.expectEnd()
		close(release)
	})
}

func TestServe_readyzWhileShuttingDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFake()
		c.hold(5 * time.Second)
		rs := serve(t, newTestServer(t, c, nil))
		conn := rs.dialRaw(t)
		conn.say(postHead(testSecret, fmt.Sprintf("Content-Length: %d", len(ping))) + ping)
		synctest.Wait()
		rs.stop()
		synctest.Wait()
		if w := do(rs.Server, newGet("/readyz?verbose")); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "shutting down") {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
		if w := do(rs.Server, newGet("/livez")); w.Code != http.StatusOK {
			t.Errorf("livez: got %d", w.Code)
		}
		if res, body := conn.answer(); res.StatusCode != http.StatusAccepted {
			t.Errorf("got %s %s", res.Status, body)
		}
		<-rs.served
	})
}

// brokenListener fails at once.
type brokenListener struct{ pipeListener }

var errBroken = errors.New("too many open files")

func (*brokenListener) Accept() (net.Conn, error) { return nil, errBroken }

func TestServe_listenerFails(t *testing.T) {
	s := newTestServer(t, newFake(), nil)
	ln := &brokenListener{*newPipeListener()}
	if err := s.Serve(t.Context(), ln); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}
