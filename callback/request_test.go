package callback

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/stanza"
)

// What a callback sees of a stanza.
func TestRequest(t *testing.T) {
	type seen struct {
		line, body string
		header     http.Header
		length     int64
	}
	requests := make(chan seen, 1)
	srv := listen(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		requests <- seen{r.Method + " " + r.RequestURI + " " + r.Proto, string(body), r.Header, r.ContentLength}
		w.WriteHeader(http.StatusAccepted)
	})
	s := newServer()
	url := strings.Replace(srv.URL, "http://", "http://user:p%40ss@", 1)
	var l logs
	c, stop := begin(t, s, logging(&l), to(url+"/stanzas/{kind}/{type}/{to}?from={from}"))
	const doc = `<message from="user@example.com/a b" to="bot@rest.example.net" xml:lang="en"><body>Hello</body></message>`
	st := parse(t, doc)
	deliver(t, c, st)
	got := <-requests
	if want := "POST /stanzas/message/normal/bot%40rest.example.net?from=user%40example.com%2fa%20b HTTP/1.1"; got.line != want {
		t.Errorf("request line\n%s, want\n%s", got.line, want)
	}
	if got.body != st.String() || got.length != int64(len(got.body)) || strings.Contains(got.body, "xmlns") {
		t.Errorf("body %s", got.body)
	}
	got.header.Del("Content-Length")
	if id := got.header.Get("Webhook-Id"); !deliveryID.MatchString(id) {
		t.Errorf("the delivery has the id %q", id)
	}
	got.header.Del("Webhook-Id")
	want := http.Header{
		"Accept":           {format.Names()},
		"Authorization":    {"Basic dXNlcjpwQHNz"},
		"Content-Language": {"en"},
		"Content-Type":     {"application/xmpp+xml"},
		"User-Agent":       {"Restanza/1.2"},
	}
	if diff := cmp.Diff(want, got.header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	stop()
	if text := l.String(); strings.Contains(text, "p%40ss") || strings.Contains(text, "p@ss") || strings.Contains(text, "Basic") || strings.Contains(text, "/stanzas") {
		t.Errorf("the log shows what it must not:\n%s", text)
	}
}

// A language that is no token, which anyone can send, does not spoil the request.
func TestRequest_language(t *testing.T) {
	languages := make(chan []string, 1)
	srv := listen(t, func(w http.ResponseWriter, r *http.Request) {
		languages <- r.Header["Content-Language"]
		w.WriteHeader(http.StatusAccepted)
	})
	c, _ := begin(t, newServer(), to(srv.URL))
	for lang, want := range map[string][]string{"de-CH": {"de-CH"}, "": nil, "e\nn": nil, "é": nil, "en, de": nil} {
		st := parse(t, aMessage)
		h := st.Header()
		h.Lang = lang
		deliver(t, c, st.With(h))
		if got := <-languages; !cmp.Equal(got, want) {
			t.Errorf("language %q: header %q, want %q", lang, got, want)
		}
	}
}

// Connections are used again, also after answers whose body nobody needs.
func TestRequest_keepAlive(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"accepted": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) },
		"reply": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", textType)
			say(w, "Yes")
		},
		"chunked reply": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", textType)
			say(w, "Y")
			_ = http.NewResponseController(w).Flush()
			say(w, "es")
		},
		"error page": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, strings.Repeat("x", 30_000), http.StatusNotFound)
		},
		"ignored body": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			say(w, strings.Repeat("x", 30_000))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var connections atomic.Int32
			srv := httptest.NewUnstartedServer(answer)
			srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					connections.Add(1)
				}
			}
			srv.Start()
			defer srv.Close()
			c, stop := begin(t, newServer(), to(srv.URL))
			for range 200 {
				deliver(t, c, parse(t, aMessage))
			}
			stop()
			if n := connections.Load(); n > 10 { // the probe has one, and a busy machine may give one up
				t.Errorf("%d connections for 200 stanzas", n)
			}
		})
	}
}

// A server that closes idle connections, as all do, costs no stanza, and none
// is posted twice.
func TestRequest_staleConnection(t *testing.T) {
	var posts atomic.Int32
	closed := make(chan struct{}, 100)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			posts.Add(1)
		}
		w.Header().Set("Content-Type", textType)
		say(w, "Yes")
	}))
	srv.Config.IdleTimeout = time.Millisecond
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	srv.Start()
	defer srv.Close()
	s := newServer()
	c, _ := begin(t, s, to(srv.URL))
	<-closed // the probe's
	for i := range 30 {
		deliver(t, c, parse(t, aMessage))
		if st := s.next(t); st.Type() != stanza.Chat {
			t.Errorf("stanza %d: %s", i, st)
		}
		<-closed
	}
	if n := posts.Load(); n != 30 {
		t.Errorf("%d posts of 30 stanzas", n)
	}
}

// A request that was written and got no answer is not made again: the callback
// may have acted on it.
func TestRequest_notRepeated(t *testing.T) {
	var posts atomic.Int32
	srv := listen(t, func(w http.ResponseWriter, _ *http.Request) {
		if posts.Add(1)%2 == 0 {
			panic(http.ErrAbortHandler) // closes the connection, which has been used before
		}
		w.Header().Set("Content-Type", textType)
		say(w, "Yes")
	})
	s := newServer()
	c, _ := begin(t, s, to(srv.URL))
	for i := range 20 {
		deliver(t, c, parse(t, aMessage))
		st := s.next(t)
		if i%2 == 0 {
			if st.Type() != stanza.Chat {
				t.Errorf("stanza %d: %s", i, st)
			}
			continue
		}
		unavailableReply(t, st)
	}
	if n := posts.Load(); n != 20 {
		t.Errorf("%d posts of 20 stanzas", n)
	}
}

// Redirects are answers like others: nobody goes there.
func TestRequest_redirect(t *testing.T) {
	var elsewhere atomic.Int32
	srv := listen(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			elsewhere.Add(1)
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	s := newServer()
	c, _ := begin(t, s, to(srv.URL))
	deliver(t, c, parse(t, aMessage))
	if e := s.next(t).Err(); e == nil || e.Condition != stanza.UndefinedCondition || e.Text != "307 Temporary Redirect" {
		t.Errorf("error %+v", e)
	}
	if elsewhere.Load() != 0 {
		t.Error("the redirect was followed")
	}
}

// peer serves connections with a function that need not speak HTTP. It gets the
// connection after a whole POST was read; OPTIONS is answered.
func peer(t *testing.T, answer func(net.Conn)) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					if _, err := io.Copy(io.Discard, r.Body); err != nil {
						return
					}
					if r.Method == http.MethodPost {
						answer(conn)
						return
					}
					say(conn, "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
				}
			})
		}
	})
	return "http://" + listener.Addr().String()
}

// byteByByte writes a text slowly until it ends or the other side hangs up.
func byteByByte(conn net.Conn, text string) {
	for i := range len(text) {
		if _, err := conn.Write([]byte{text[i]}); err != nil {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
}

// A callback that misbehaves costs its own stanza, in bounded time, and never a
// second answer; other conversations don't notice.
func TestRequest_misbehaving(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Type: application/xmpp+xml\r\n"
	for _, c := range []struct {
		name    string
		answer  func(net.Conn)
		outcome outcome
		want    stanza.Condition // of the error for a query
	}{
		{"hangs", func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }, outcomeTimeout, stanza.RecipientUnavailable},
		{"closes", func(net.Conn) {}, outcomeNoAnswer, stanza.RecipientUnavailable},
		{"resets", func(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0) }, outcomeNoAnswer, stanza.RecipientUnavailable},
		{"garbage", func(conn net.Conn) { say(conn, strings.Repeat("garbage\x00", 1000)) }, outcomeNoAnswer, stanza.RecipientUnavailable},
		{"endless header", func(conn net.Conn) {
			say(conn, "HTTP/1.1 200 OK\r\n")
			for {
				if _, err := fmt.Fprintf(conn, "X-Header: %01000d\r\n", 0); err != nil {
					return
				}
			}
		}, outcomeNoAnswer, stanza.RecipientUnavailable},
		{"half an answer", func(conn net.Conn) { say(conn, ok+"Content-Length: 100\r\n\r\n<iq>") }, outcomeNoAnswer, stanza.RecipientUnavailable},
		{"half a chunk", func(conn net.Conn) { say(conn, ok+"Transfer-Encoding: chunked\r\n\r\nff\r\n<iq/>") }, outcomeNoAnswer, stanza.RecipientUnavailable},
		{"header byte by byte", func(conn net.Conn) { byteByByte(conn, ok+strings.Repeat("X-Header: 0\r\n", 1000)) }, outcomeTimeout, stanza.RecipientUnavailable},
		{"body byte by byte", func(conn net.Conn) {
			say(conn, ok+"Content-Length: 5000\r\n\r\n")
			byteByByte(conn, "<iq>"+strings.Repeat(" ", 5000))
		}, outcomeTimeout, stanza.RecipientUnavailable},
		{"100 MB, announced", func(conn net.Conn) {
			say(conn, ok+"Content-Length: 100000000\r\n\r\n<iq>")
			flood(t, conn)
		}, outcomeBadAnswer, stanza.InternalServerError},
		{"100 MB, chunked", func(conn net.Conn) {
			say(conn, ok+"Transfer-Encoding: chunked\r\n\r\n5f5e100\r\n")
			flood(t, conn)
		}, outcomeBadAnswer, stanza.InternalServerError},
		{"100 MB, to the end", func(conn net.Conn) {
			say(conn, ok+"Connection: close\r\n\r\n")
			flood(t, conn)
		}, outcomeBadAnswer, stanza.InternalServerError},
		{"100 MB that nobody asked for", func(conn net.Conn) {
			say(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 100000000\r\n\r\n")
			flood(t, conn)
		}, outcomeErrorStatus, stanza.ItemNotFound},
		{"100 MB with an error status", func(conn net.Conn) {
			say(conn, "HTTP/1.1 404 Not Found\r\nContent-Type: application/xmpp+xml\r\nContent-Length: 100000000\r\n\r\n<iq>")
			flood(t, conn)
		}, outcomeErrorStatus, stanza.ItemNotFound},
		{"compressed", func(conn net.Conn) {
			say(conn, ok+"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00")
		}, outcomeBadAnswer, stanza.InternalServerError},
		{"switching protocols", func(conn net.Conn) {
			say(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
		}, outcomeErrorStatus, stanza.UndefinedCondition},
		{"switching protocols, and waiting", func(conn net.Conn) {
			say(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Type: application/xmpp+xml\r\n\r\n")
			_, _ = io.Copy(io.Discard, conn)
		}, outcomeErrorStatus, stanza.UndefinedCondition},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer()
			cb, stop := begin(t, s, to(peer(t, c.answer)), func(o *Options) { o.Timeout = 500 * time.Millisecond })
			deliver(t, cb, parse(t, aQuery), parse(t, aResult))
			st := s.next(t)
			if e := st.Err(); e == nil || e.Condition != c.want || st.ID() != "q1" {
				t.Errorf("%s, want the condition %s", st, c.want)
			}
			stop()
			s.nothing(t)
			if n := counted(t, cb, c.outcome); n < 1 {
				t.Errorf("not counted as %s", c.outcome)
			}
		})
	}
}

// flood writes 100 MB until the other side hangs up, and fails if it takes it all.
func flood(t *testing.T, conn net.Conn) {
	t.Helper()
	block := make([]byte, 64<<10)
	for sent := 0; sent < 100_000_000; sent += len(block) {
		if _, err := conn.Write(block); err != nil {
			return
		}
	}
	t.Error("all of it was read")
}

// Misbehaving connections hold up no other conversation.
func TestRequest_misbehavingElsewhere(t *testing.T) {
	srv := listen(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.RawQuery, "slow") {
			_, _ = io.Copy(io.Discard, r.Body) // or the server does not notice that the client is gone
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", textType)
		say(w, "Yes")
	})
	s := newServer()
	c, _ := begin(t, s, to(srv.URL+"/?{from}"), func(o *Options) { o.Timeout = long; o.Concurrency = 4; o.Grace = time.Millisecond })
	for i := range 3 {
		deliver(t, c, chat(t, fmt.Sprintf("slow%d@example.com", i), "bot@rest.example.net", ""))
	}
	for i := range 100 {
		deliver(t, c, chat(t, fmt.Sprintf("quick%d@example.com", i%10), "bot@rest.example.net", ""))
	}
	for range 100 {
		if st := s.next(t); st.Type() != stanza.Chat {
			t.Errorf("%s", st)
		}
	}
}

// Nobody listens.
func TestRequest_refused(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + listener.Addr().String()
	listener.Close()
	s := newServer()
	var l logs
	c, stop := begin(t, s, to(url), logging(&l))
	for _, doc := range []string{aMessage, aPresence, aQuery} {
		deliver(t, c, parse(t, doc), parse(t, anError), parse(t, aResult))
		unavailableReply(t, s.next(t))
	}
	stop()
	s.nothing(t)
	if n := l.count("level=WARN"); n > 1 {
		t.Errorf("%d warnings:\n%s", n, l.String())
	}
}
