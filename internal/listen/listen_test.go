package listen_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/restanza/restanza/internal/client"
	"github.com/restanza/restanza/internal/listen"
)

const long = 30 * time.Second

func TestTarget(t *testing.T) {
	for text, want := range map[string]string{
		"http://localhost:3000/hook":   "http://localhost:3000/hook",
		"https://u:p@h.example/{kind}": "https://u:p@h.example/{kind}",
		"localhost:3000":               "http://localhost:3000/",
		"app.test":                     "http://app.test/",
		"app.test:80/a/b?c":            "http://app.test:80/a/b?c",
		"[::1]:3000/x":                 "http://[::1]:3000/x",
		"3000":                         "http://localhost:3000/",
		":3000":                        "http://localhost:3000/",
		"3000/hook":                    "http://localhost:3000/hook",
		"3000?x=1":                     "http://localhost:3000/?x=1",
		"/hook":                        "http://localhost/hook",
	} {
		if got, err := listen.Target(text); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", " ", "0", "65536", "99999999999999999999", ":", "a b"} {
		if got, err := listen.Target(text); err == nil {
			t.Errorf("%q: %s", text, got)
		}
	}
}

// gateway is a gateway that does what a test says, one connection after the other.
type gateway struct {
	t       *testing.T
	client  *client.Client
	log     *strings.Builder
	mu      sync.Mutex
	streams []func(w http.ResponseWriter, r *http.Request)
	queries []url.Values
	posts   []*http.Request
	refuse  []int // statuses of posts
}

func newGateway(t *testing.T, streams ...func(http.ResponseWriter, *http.Request)) *gateway {
	t.Helper()
	g := &gateway{t: t, streams: streams, log: &strings.Builder{}}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	var err error
	g.client, err = client.New(client.Options{URL: server.URL, Credentials: "Bearer hunter2", KeepAlive: true})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	if r.Method == http.MethodPost {
		g.posts = append(g.posts, r)
		status := http.StatusAccepted
		if len(g.refuse) > 0 {
			status, g.refuse = g.refuse[0], g.refuse[1:]
		}
		g.mu.Unlock()
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		return
	}
	g.queries = append(g.queries, r.URL.Query())
	next := func(w http.ResponseWriter, _ *http.Request) { problem(w, 403, "forbidden", "enough") }
	if len(g.streams) > 0 {
		next, g.streams = g.streams[0], g.streams[1:]
	}
	g.mu.Unlock()
	next(w, r)
}

func problem(w http.ResponseWriter, status int, condition, text string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"condition": condition, "detail": text, "oldest": "5-0"})
}

// stream says some texts over a WebSocket, and ends it with a code; 0: it breaks.
func stream(code websocket.StatusCode, reason string, texts ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow() //nolint:errcheck // it may be closed
		for _, text := range texts {
			if conn.Write(r.Context(), websocket.MessageText, []byte(text)) != nil {
				return
			}
		}
		if code != 0 {
			_ = conn.Close(code, reason)
		}
	}
}

// opening and event are what a gateway says.
func opening(id string) string {
	return `{"event":"open","id":"` + id + `","component":"bot.example.net"}`
}

func event(id string) string {
	return `{"event":"stanza","id":"` + id + `","time":"2026-01-31T12:00:00.000Z","direction":"in","state":"offered","stanza":"<message from=\"alice@example.org/x\" to=\"bot@bot.example.net\" type=\"chat\" id=\"` + id + `\"><body>hello</body></message>"}`
}

func (g *gateway) open() (*listen.Feed, error) {
	return listen.Open(g.t.Context(), g.client, url.Values{"kind": {"message"}}, slog.New(slog.NewTextHandler(g.log, nil)))
}

// A feed goes on over connections that end in all ways, after what it has had.
func TestFeed(t *testing.T) {
	t.Parallel()
	g := newGateway(
		t,
		stream(0, "", opening("1-0"), event("1-1"), event("1-2")),
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such site", http.StatusNotFound) }, // a proxy's
		stream(websocket.StatusGoingAway, "shutting down", opening("1-2"), `{"event":"keepalive","id":"1-7"}`),
		stream(websocket.StatusNormalClosure, "", opening("1-7"), event("1-8"), `{"event":"stanza","id":"1-9","stanza":"<nonsense"}`, event("1-10")),
		func(w http.ResponseWriter, _ *http.Request) { problem(w, 410, "gone", "too late") },
		stream(0, "", opening("5-0"), event("5-1")),
	)
	feed, err := g.open()
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	if got := feed.Component().String(); got != "bot.example.net" {
		t.Errorf("component %s", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	var ids []string
	for err == nil {
		var e client.Event
		if e, err = feed.Next(ctx); err == nil {
			ids = append(ids, e.ID)
			if e.Stanza.ID() != e.ID || e.Direction != "in" || e.State != "offered" || e.Time.Hour() != 12 {
				t.Errorf("%+v", e)
			}
		}
	}
	if want := []string{"1-1", "1-2", "1-8", "5-1"}; !slices.Equal(ids, want) {
		t.Errorf("got %v, want %v", ids, want)
	}
	if e, ok := err.(*client.Error); !ok || e.Kind != client.Refused || !strings.Contains(err.Error(), "enough") { //nolint:errorlint // as it is
		t.Errorf("ended with %v", err)
	}
	var since []string
	for _, q := range g.queries {
		since = append(since, q.Get("since"))
		if q.Get("kind") != "message" {
			t.Errorf("asked for %v", q)
		}
	}
	if want := []string{"", "1-2", "1-2", "1-2", "1-7", "1-9", "5-0", "5-1"}; !slices.Equal(since, want) {
		t.Errorf("asked for events since %v, want %v", since, want)
	}
	for text, n := range map[string]int{"connection to the gateway lost": 4, "connected to the gateway again": 3, "shutting down": 1, "not as expected": 1, "has dropped events": 1} {
		if got := strings.Count(g.log.String(), text); got != n {
			t.Errorf("%q %d times, want %d:\n%s", text, got, n, g.log)
		}
	}
	if strings.Contains(g.log.String(), "hunter2") {
		t.Error(g.log)
	}
}

// What does not begin as it should is told at once.
func TestOpen_refusals(t *testing.T) {
	for name, test := range map[string]struct {
		stream func(http.ResponseWriter, *http.Request)
		kind   client.Kind
		text   string
	}{
		"credentials": {func(w http.ResponseWriter, _ *http.Request) { problem(w, 403, "not-authorized", "no") }, client.Refused, "may receive"},
		"too old":     {func(w http.ResponseWriter, _ *http.Request) { problem(w, 410, "gone", "since=5-0") }, client.Refused, "since=5-0"},
		"a page":      {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "welcome") }, client.Failed, "no WebSocket"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere.example/x?token=1", http.StatusFound)
		}, client.Failed, "http://elsewhere.example/x"},
		"a fault":         {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, client.Failed, "(HTTP 503)"},
		"another stream":  {stream(0, "", `{"hello":1}`), client.Failed, "not as expected"},
		"no JSON":         {stream(0, "", "hello"), client.Failed, "not as expected"},
		"no component":    {stream(0, "", `{"event":"open","id":"1-0"}`), client.Failed, "not as expected"},
		"nothing":         {stream(0, ""), client.Unreachable, "closed the connection"},
		"a reason":        {stream(websocket.StatusTryAgainLater, "too many\x1b[31m"), client.Unreachable, "too many\uFFFD[31m"},
		"larger than all": {stream(0, "", strings.Repeat(" ", 4<<20)+"{}"), client.Failed, "more than 4194304 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, test.stream)
			g.t = t
			_, err := g.open()
			e, ok := err.(*client.Error) //nolint:errorlint // as it is
			if !ok || e.Kind != test.kind || !strings.Contains(err.Error(), test.text) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%v", err)
			}
		})
	}
}

// A reply is sent until it is accepted or refused, with the same key, and no other has that key.
func TestListen_replyIsRepeated(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow() //nolint:errcheck // it may be closed
		for _, text := range []string{opening("1-0"), event("1-1"), event("1-2"), event("1-3")} {
			if conn.Write(r.Context(), websocket.MessageText, []byte(text)) != nil {
				return
			}
		}
		<-hold
	})
	g.refuse = []int{503, 500, 429, 202, 400, 202}
	feed, err := g.open()
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	seen := 0
	err = listen.Listen(ctx, feed, listen.Options{
		Client:  g.client,
		Command: func(_ context.Context, e client.Event, _ []byte) ([]byte, error) { return []byte("re: " + e.ID), nil },
		Observe: func(listen.Exchange) {
			if seen++; seen == 3 {
				cancel()
				close(hold)
			}
		},
	})
	if err != nil || seen != 3 {
		t.Fatalf("%d stanzas, %v", seen, err)
	}
	var keys []string
	for _, p := range g.posts {
		keys = append(keys, p.Header.Get("Idempotency-Key"))
	}
	if len(keys) != 6 || keys[0] == "" || len(slices.Compact(slices.Clone(keys[:4]))) != 1 || len(slices.Compact(slices.Clone(keys[3:]))) != 3 {
		t.Errorf("keys %v", keys)
	}
}

// A program that is slower than what comes holds it up, and nothing is lost.
func TestListen_full(t *testing.T) {
	const n = 1000
	texts := []string{opening("1-0")}
	for i := range n {
		texts = append(texts, strings.ReplaceAll(event(fmt.Sprint("1-", i+1)), "alice", fmt.Sprint("user", i)))
	}
	g := newGateway(t, stream(websocket.StatusNormalClosure, "", texts...))
	feed, err := g.open()
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	var mu sync.Mutex
	seen, running, most := map[string]int{}, 0, 0
	gate := make(chan struct{}, n)
	go func() {
		for range n {
			gate <- struct{}{}
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	err = listen.Listen(ctx, feed, listen.Options{
		Client: g.client, NoReply: true,
		Command: func(_ context.Context, e client.Event, _ []byte) ([]byte, error) {
			mu.Lock()
			seen[e.ID]++
			running++
			most = max(most, running)
			mu.Unlock()
			<-gate
			mu.Lock()
			running--
			mu.Unlock()
			return nil, nil
		},
	})
	if err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("ended with %v", err)
	}
	if len(seen) != n || most > 8 || len(g.posts) != 0 {
		t.Errorf("%d of %d, %d at once, %d replies", len(seen), n, most, len(g.posts))
	}
}
