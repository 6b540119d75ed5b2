package httpd

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/events"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// withEvents gives the credential of a test server a log, which runs until the test ends.
func withEvents(t *testing.T, o events.Options) (*events.Log, func(*Options)) {
	t.Helper()
	o.Domain = jid.MustParse(testDomain)
	l, err := events.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := l.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return l, func(o *Options) { o.Credentials[0].Events = l }
}

// say adds a message to a log.
func say(t *testing.T, l *events.Log, user, text string) {
	t.Helper()
	st, err := stanza.Parse([]byte(`<message type="chat" id="m" from="` + user + `@example.org/x" to="bot@` + testDomain + `"><body>` + text + `</body></message>`))
	if err != nil {
		t.Fatal(err)
	}
	l.Add(events.In, events.Offered, st)
}

// object is what a stream or a poll yields.
type object struct {
	Event, ID, Direction, State, Text, Ref, Condition string
	Time                                              time.Time
	Status, Attempt                                   int
	Stanza                                            json.RawMessage
}

// body returns the text of the message in an object.
func (o object) body() string {
	var st struct{ Body string }
	_ = json.Unmarshal(o.Stanza, &st) // it may be XML
	return st.Body
}

// follower reads a stream.
type follower struct {
	t     *testing.T
	next  func() (object, error)
	send  func(text string)
	close func()
}

// object returns the next object that is no keepalive.
func (f *follower) object() object {
	f.t.Helper()
	for {
		o, err := f.next()
		if err != nil {
			f.t.Fatalf("the stream ended: %v", err)
		}
		if o.Event != "keepalive" {
			return o
		}
	}
}

// bodies returns the texts of the next stanzas.
func (f *follower) bodies(n int) (texts []string) {
	f.t.Helper()
	for range n {
		texts = append(texts, f.object().body())
	}
	return texts
}

// Who only looks on gets events, and the log knows of nobody who receives them.
func TestEvents_watch(t *testing.T) {
	eachStream(t, func(t *testing.T, _ *running, l *events.Log, follow func(query string) *follower) {
		t.Helper()
		st, err := stanza.Parse([]byte(`<message from="alice@example.org/x" to="bot@` + testDomain + `"><body>x</body></message>`))
		if err != nil {
			t.Fatal(err)
		}
		watching := follow("?watch=true")
		if l.Attended(st, false) {
			t.Error("who looks on counts as somebody who receives")
		}
		say(t, l, "alice", "hello")
		if o := watching.object(); o.Event != "stanza" {
			t.Errorf("got %+v", o)
		}
		follow("?watch=false")
		if !l.Attended(st, true) {
			t.Error("a reader does not count")
		}
	})
}

// The first object of a stream says whose events it has.
func TestNotice_open(t *testing.T) {
	n := notice{Event: eventOpen, ID: "1-0", Component: "bot.example.net"}
	if got, want := string(n.append(nil)), string(n.appendAll(nil)); got != want || !strings.Contains(got, `"component":"bot.example.net"`) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// streams are the forms that go on.
var streams = map[string]func(t *testing.T, rs *running, query string) *follower{
	"sse":    followLines,
	"ndjson": followLines,
	"ws":     followSocket,
}

// eachStream runs a test with each form.
func eachStream(t *testing.T, test func(t *testing.T, rs *running, l *events.Log, follow func(query string) *follower)) {
	t.Helper()
	for form, open := range streams {
		t.Run(form, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, change := withEvents(t, events.Options{MaxEvents: 1000})
				rs := serve(t, newTestServer(t, newFake(), change))
				test(t, rs, l, func(query string) *follower {
					path := "/events." + form
					if form == "ws" {
						path = "/events/ws"
					}
					f := open(t, rs, path+query)
					if o := f.object(); o.Event != "open" {
						t.Errorf("it begins with %+v", o)
					}
					return f
				})
			})
		})
	}
}

// followLines follows Server-Sent Events and lines.
func followLines(t *testing.T, rs *running, target string) *follower {
	t.Helper()
	client := rs.client()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://gateway"+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", rs.credential())
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{t: t, close: func() {
		_ = res.Body.Close()
		client.CloseIdleConnections()
	}}
	t.Cleanup(f.close)
	lines := bufio.NewReader(res.Body)
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(lines)
		t.Fatalf("%s: %s", res.Status, text)
	}
	if mediaType(res.Header.Get("Content-Type")) == "text/event-stream" {
		f.next = func() (object, error) { return readFrame(lines) }
		return f
	}
	f.next = func() (o object, err error) {
		line, err := lines.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &o)
		}
		return o, err
	}
	return f
}

// readFrame reads as EventSource does, and makes objects of what that does not show.
func readFrame(lines *bufio.Reader) (o object, err error) {
	var id, data, name string
	comment := false
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return o, err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case line == "\n" && data != "":
			err := json.Unmarshal([]byte(data), &o)
			if o.Event == "stanza" && (o.ID != id || name != "") || o.Event != "stanza" && o.Event != name {
				err = fmt.Errorf("id %s, event %s, data %s", id, name, data)
			}
			return o, err
		case line == "\n" && comment:
			return object{Event: "keepalive", ID: id}, nil
		case line == "\n":
			return object{Event: "open", ID: id}, nil
		case field == "id":
			id = value
		case field == "data":
			data = value
		case field == "event":
			name = value
		case field == "":
			comment = true
		case field != "retry":
			return o, fmt.Errorf("a line: %s", line)
		}
	}
}

func followSocket(t *testing.T, rs *running, target string) *follower {
	t.Helper()
	client := rs.client()
	conn, res, err := websocket.Dial(t.Context(), "ws://gateway"+target, &websocket.DialOptions{
		HTTPClient: client, HTTPHeader: http.Header{"Authorization": {rs.credential()}},
	})
	if err != nil {
		t.Fatalf("%v: %+v", err, res)
	}
	conn.SetReadLimit(1 << 20)
	f := &follower{t: t, close: func() {
		_ = conn.CloseNow()
		client.CloseIdleConnections()
	}}
	t.Cleanup(f.close)
	f.next = func() (o object, err error) {
		_, b, err := conn.Read(t.Context())
		if err == nil {
			err = json.Unmarshal(b, &o)
		}
		if code := websocket.CloseStatus(err); code != -1 {
			return object{Event: "end", Text: err.Error(), Status: int(code)}, nil
		}
		return o, err
	}
	f.send = func(text string) {
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Error(err)
		}
	}
	return f
}

// A stream has what comes, shows that it lives when nothing does, and is resumed where it was.
func TestEvents_stream(t *testing.T) {
	eachStream(t, func(t *testing.T, _ *running, l *events.Log, follow func(string) *follower) {
		t.Helper()
		f := follow("")
		say(t, l, "alice", "one")
		o := f.object()
		want := object{Event: "stanza", ID: l.Last().String(), Direction: "in", State: "offered", Time: o.Time, Stanza: o.Stanza}
		if diff := cmp.Diff(want, o); diff != "" || o.body() != "one" || time.Since(o.Time) > time.Second {
			t.Errorf("got (+) and want (-):\n%s", diff)
		}
		began := time.Now()
		if k, err := f.next(); err != nil || k.Event != "keepalive" || time.Since(began) != keepaliveEvery {
			t.Errorf("got %+v, %v after %v", k, err, time.Since(began))
		}
		f.close()
		say(t, l, "alice", "two")
		say(t, l, "alice", "three")
		g := follow("?since=" + o.ID)
		if got := g.bodies(2); !slices.Equal(got, []string{"two", "three"}) {
			t.Errorf("got %v", got)
		}
	})
}

// Stanzas can be had in XML.
func TestEvents_xml(t *testing.T) {
	eachStream(t, func(t *testing.T, _ *running, l *events.Log, follow func(string) *follower) {
		t.Helper()
		say(t, l, "alice", "one &amp; two")
		var text string
		if err := json.Unmarshal(follow("?format=xml&since=all").object().Stanza, &text); err != nil || !strings.Contains(text, "<body>one &amp; two</body>") {
			t.Errorf("got %s, %v", text, err)
		}
	})
}

// When the gateway is told to stop, streams end at once, and say why.
func TestEvents_shutdown(t *testing.T) {
	eachStream(t, func(t *testing.T, rs *running, _ *events.Log, follow func(string) *follower) {
		t.Helper()
		f := follow("")
		began := time.Now()
		rs.stop()
		if o := f.object(); o.Event != "end" || !strings.Contains(o.Text, "shutting down") {
			t.Errorf("got %+v", o)
		}
		f.close()
		if err := rs.end(); err != nil || time.Since(began) > time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// A reader that does not read is cut off, and others don't notice.
func TestEvents_readerThatDoesNotRead(t *testing.T) {
	eachStream(t, func(t *testing.T, rs *running, l *events.Log, follow func(string) *follower) {
		t.Helper()
		follow("") // a pipe has no room: the first event is not taken
		f := follow("")
		for i := range 10 {
			say(t, l, "alice", fmt.Sprint(i))
		}
		f.bodies(10)
		pass(eventTime + 10*time.Second)
		synctest.Wait()
		rs.readings.mu.Lock()
		defer rs.readings.mu.Unlock()
		if n := len(rs.readings.list); n != 1 {
			t.Errorf("%d readers are left", n)
		}
	})
}

// What was dropped before a slow reader had it ends its stream, with the place where to go on.
func TestEvents_tooSlow(t *testing.T) {
	eachStream(t, func(t *testing.T, _ *running, l *events.Log, follow func(string) *follower) {
		t.Helper()
		f := follow("")
		for i := range 5000 {
			say(t, l, "alice", fmt.Sprint(i))
		}
		for {
			o := f.object()
			if o.Event == "end" {
				if !strings.Contains(o.Text, "too slowly") {
					t.Errorf("got %+v", o)
				}
				return
			}
		}
	})
}

// A WebSocket takes stanzas, and says what came of them.
func TestEvents_socketSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, change := withEvents(t, events.Options{})
		c := newFake()
		rs := serve(t, newTestServer(t, c, change))
		f := followSocket(t, rs, "/events/ws")
		f.object()
		for _, text := range []string{`{"to": "a@example.org", "type": "chat", "body": "hi"}`, `"<message to='a@example.org'><body>hi</body></message>"`} {
			f.send(`{"ref": "1", "stanza": ` + text + `}`)
			if o := f.object(); o.Event != "accepted" || o.Ref != "1" {
				t.Errorf("%s: %+v", text, o)
			}
		}
		if calls := c.calls(); len(calls) != 2 || calls[0].stanza.Body() != "hi" || calls[1].stanza.Body() != "hi" || calls[0].identity.String() != testDomain {
			t.Errorf("got %v", calls)
		}
		c.failWith(&stanza.Refusal{Reason: stanza.NotAsked, Text: "nobody asked"})
		f.send(`{"ref": "2", "stanza": {"kind": "iq", "type": "result", "id": "q", "to": "a@example.org"}}`)
		if o := f.object(); o.Event != "refused" || o.Ref != "2" || o.Status != http.StatusNotFound || o.Condition != "item-not-found" || o.Text != "nobody asked" {
			t.Errorf("got %+v", o)
		}
		f.send(`{"stanza": {"kind": "iq", "type": "get", "to": "a@example.org", "ping": true}}`)
		if o := f.object(); o.Event != "refused" || !strings.Contains(o.Text, "POST /rest") {
			t.Errorf("got %+v", o)
		}
		f.send(`{"ref": "3", "ack": "1-1"}`)
		if o := f.object(); o.Event != "refused" || o.Ref != "3" || !strings.Contains(o.Text, "consumer=NAME") {
			t.Errorf("got %+v", o)
		}
	})
}

// What is no message of ours ends a WebSocket, with the reason.
func TestEvents_socketRefuses(t *testing.T) {
	for text, code := range map[string]websocket.StatusCode{
		"hello": websocket.StatusUnsupportedData, `{}`: websocket.StatusUnsupportedData, `[]`: websocket.StatusUnsupportedData,
		`{"ack": 1}`: websocket.StatusUnsupportedData, `{"ack": []}`: websocket.StatusUnsupportedData, `{"ack": "x"}`: websocket.StatusUnsupportedData,
		`{"ack": "1-1", "stanza": {}}`:                                          websocket.StatusUnsupportedData,
		`{"stanza": {}, "ref": "` + strings.Repeat("x", maxRef+1) + `"}`:        websocket.StatusUnsupportedData,
		`{"stanza": "` + strings.Repeat("x", DefaultBodyLimit+frameRoom) + `"}`: websocket.StatusMessageTooBig,
	} {
		synctest.Test(t, func(t *testing.T) {
			_, change := withEvents(t, events.Options{})
			rs := serve(t, newTestServer(t, newFake(), change))
			f := followSocket(t, rs, "/events/ws")
			f.object()
			f.send(text)
			if o := f.object(); o.Event != "end" || o.Status != int(code) {
				t.Errorf("%.50s: %+v", text, o)
			}
		})
	}
}

// A poll answers with what there is, and waits if there is nothing.
func TestEvents_poll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, change := withEvents(t, events.Options{})
		rs := serve(t, newTestServer(t, newFake(), change))
		client := rs.client()
		defer client.CloseIdleConnections()
		poll := func(query string) (p struct {
			Events []object
			Next   string
		}, took time.Duration,
		) {
			t.Helper()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://gateway/events"+query, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", testSecret)
			began := time.Now()
			res, text := send(t, client, r)
			if err := json.Unmarshal([]byte(text), &p); err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%s %v: %s", res.Status, err, text)
			}
			return p, time.Since(began)
		}
		for i := range 5 {
			say(t, l, "alice", fmt.Sprint(i))
		}
		if p, took := poll(""); p.Events == nil || len(p.Events) != 0 || p.Next != l.Last().String() || took != 0 {
			t.Errorf("got %+v after %v", p, took)
		}
		p, _ := poll("?since=all&limit=3")
		if len(p.Events) != 3 || p.Events[2].body() != "2" || p.Events[2].ID != p.Next {
			t.Errorf("got %+v", p)
		}
		p, took := poll("?wait=30&since=" + p.Next)
		if len(p.Events) != 2 || p.Events[1].body() != "4" || took != 0 {
			t.Errorf("got %+v", p)
		}
		if p, took := poll("?wait=30&since=" + p.Next); len(p.Events) != 0 || p.Next != l.Last().String() || took != 30*time.Second {
			t.Errorf("got %+v after %v", p, took)
		}
		go func() {
			pass(5 * time.Second)
			say(t, l, "alice", "late")
		}()
		if p, took := poll("?wait=30&since=" + p.Next); len(p.Events) != 1 || p.Events[0].body() != "late" || took != 5*time.Second {
			t.Errorf("got %+v after %v", p, took)
		}
	})
}

// Readers of a consumer acknowledge by WebSocket, by POST, and by the next poll.
func TestEvents_consumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, change := withEvents(t, events.Options{})
		rs := serve(t, newTestServer(t, newFake(), change))
		for i := range 6 {
			say(t, l, fmt.Sprint("u", i), fmt.Sprint(i))
		}
		const query = "?consumer=worker&since=all&ack_wait=60"
		f := followSocket(t, rs, "/events/ws"+query)
		if o := f.object(); o.Event != "open" || o.ID != "" {
			t.Errorf("got %+v", o)
		}
		var ids []string
		for range 6 {
			ids = append(ids, f.object().ID)
		}
		f.send(`{"ack": "` + ids[0] + `"}`)
		f.send(`{"ack": ["` + ids[1] + `", "` + ids[2] + `"], "ref": "x"}`)
		synctest.Wait()
		f.close()
		synctest.Wait()

		post := func(query, body string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(http.MethodPost, "/events/ack"+query, strings.NewReader(body))
			r.Header.Set("Authorization", testSecret)
			return do(rs, r)
		}
		if w := post("?consumer=worker", `{"ack": ["`+ids[3]+`"]}`); w.Code != http.StatusNoContent {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		get := func(method, target string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(method, target, nil)
			r.Header.Set("Authorization", testSecret)
			return do(rs, r)
		}
		var p struct{ Events []object }
		if err := json.Unmarshal(get(http.MethodGet, "/events"+query).Body.Bytes(), &p); err != nil || len(p.Events) != 2 || p.Events[0].ID != ids[4] || p.Events[0].Attempt != 2 {
			t.Errorf("got %+v, %v", p, err)
		}
		if w := get(http.MethodGet, "/events"+query); w.Body.String() != `{"events":[]}`+"\n" {
			t.Errorf("got %s", w.Body)
		}
		if w := get(http.MethodGet, "/events/consumers"); !strings.Contains(w.Body.String(), `"name": "worker"`) || !strings.Contains(w.Body.String(), `"waiting": 0`) {
			t.Errorf("got %s", w.Body)
		}

		for _, c := range []struct {
			query, body, text string
			status            int
		}{
			{"?consumer=worker", `{"ack": "zz-1"}`, "nothing was acknowledged", http.StatusForbidden},
			{"?consumer=worker", `{"ack": "x"}`, "no id of an event", http.StatusBadRequest},
			{"?consumer=worker", `{"ack": []}`, "from 1 to", http.StatusBadRequest},
			{"?consumer=worker", `[]`, "JSON object", http.StatusBadRequest},
			{"?consumer=worker", ``, "JSON object", http.StatusBadRequest},
			{"?consumer=worker", strings.Repeat(" ", maxAckBody+1), "too large", http.StatusRequestEntityTooLarge},
			{"?consumer=other", `{"ack": "1-1"}`, "no such consumer", http.StatusNotFound},
			{"", `{"ack": "1-1"}`, "consumer=NAME", http.StatusBadRequest},
		} {
			if w := post(c.query, c.body); w.Code != c.status || !strings.Contains(w.Body.String(), c.text) {
				t.Errorf("%s %.40s: %d %s", c.query, c.body, w.Code, w.Body)
			}
		}
		if w := get(http.MethodGet, "/events?consumer=worker&kind=iq"); w.Code != http.StatusConflict {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w := get(http.MethodDelete, "/events/consumers/worker"); w.Code != http.StatusNoContent {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w := get(http.MethodDelete, "/events/consumers/worker"); w.Code != http.StatusNotFound {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// A request that says something wrong, or something that is not there, is refused, and the answer names what.
func TestEvents_refuses(t *testing.T) {
	l, change := withEvents(t, events.Options{MaxEvents: 10})
	begin := l.First().String()
	for range 20 {
		say(t, l, "alice", "hi")
	}
	s := newTestServer(t, newFake(), change)
	for _, c := range []struct {
		target, header, text string
		status               int
	}{
		{"/events?kind=x", "", "kind: there are message", 400},
		{"/events?kind=iq,iq,iq,iq", "", "kind: one of them stands there twice", 400},
		{"/events?type=chat,", "", "type: types of stanzas", 400},
		{"/events?from=@", "", "from: this is no XMPP address", 400},
		{"/events?to=%ff", "", "to: this is no XMPP address", 400},
		{"/events?watch=maybe", "", "watch: there are true and false", 400},
		{"/events?consumer=a&watch=true", "", "watch: who reads for a consumer receives", 400},
		{"/events?direction=up", "", "direction: there are in, out and both", 400},
		{"/events?since=yesterday", "", "since: there are", 400},
		{"/events?since=-5m", "", "since: there are", 400},
		{"/events?since=", "", "since: it has no value", 400},
		{"/events?since=all&since=all", "", "since stands there twice", 400},
		{"/events?since=zz-1", "", "", 410},
		{"/events?since=" + begin, "", `"oldest": "` + l.First().String() + `"`, 410},
		{"/events?format=yaml", "", "format: there are", 400},
		{"/events?wait=301", "", "wait: a whole number from 0 to 300", 400},
		{"/events?limit=0", "", "limit: a whole number from 1 to 100", 400},
		{"/events?ack_wait=5", "", "for a consumer", 400},
		{"/events?consumer=a%20b", "", "consumer: a name has", 400},
		{"/events?colour=red", "", `no parameter`, 400},
		{"/events?%zz", "", "percent signs", 400},
		{"/events.sse?wait=5", "", "wait and limit are for polls", 400},
		{"/events.sse", "Last-Event-ID: x", "Last-Event-ID:", 400},
		{"/events.sse", "Last-Event-ID: " + begin, "410", 410},
		{"/events/ws", "", "WebSocket", 426},
		{"/events.xml", "", "GET /events", 404},
		{"/events/", "", "GET /events", 404},
	} {
		r := httptest.NewRequest(http.MethodGet, c.target, nil)
		r.Header.Set("Authorization", testSecret)
		if name, value, ok := strings.Cut(c.header, ": "); ok {
			r.Header.Set(name, value)
		}
		w := do(s, r)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) {
			t.Errorf("%s: %d %s", c.target, w.Code, w.Body)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodHead} {
		r := httptest.NewRequest(method, "/events", nil)
		r.Header.Set("Authorization", testSecret)
		if w := do(s, r); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, OPTIONS" {
			t.Errorf("%s: %d %v", method, w.Code, w.Header())
		}
	}
	if w := do(s, httptest.NewRequest(http.MethodGet, "/events", nil)); w.Code != http.StatusUnauthorized {
		t.Errorf("without credentials: %d", w.Code)
	}
	without := newTestServer(t, newFake(), nil)
	r := httptest.NewRequest(http.MethodGet, "/events", nil)
	r.Header.Set("Authorization", testSecret)
	if w := do(without, r); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "events.max_age") {
		t.Errorf("without a log: %d %s", w.Code, w.Body)
	}
}

// A page of another origin gets no WebSocket, unless the operator has named it.
func TestEvents_origins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, change := withEvents(t, events.Options{})
		rs := serve(t, newTestServer(t, newFake(), func(o *Options) {
			change(o)
			o.CORSOrigins = []string{"https://app.example.org"}
		}))
		client := rs.client()
		defer client.CloseIdleConnections()
		for origin, want := range map[string]int{"https://evil.example": http.StatusForbidden, "https://app.example.org": http.StatusSwitchingProtocols, "http://gateway": http.StatusSwitchingProtocols} {
			conn, res, err := websocket.Dial(t.Context(), "ws://gateway/events/ws", &websocket.DialOptions{
				HTTPClient: client, HTTPHeader: http.Header{"Authorization": {testSecret}, "Origin": {origin}},
			})
			if res == nil || res.StatusCode != want {
				t.Errorf("%s: %+v, %v", origin, res, err)
			}
			if conn != nil {
				_ = conn.CloseNow()
			}
		}
	})
}

// A reader gets what concerns the address that its credential stands for, and nothing else.
func TestEvents_identity(t *testing.T) {
	l, change := withEvents(t, events.Options{})
	s := newTestServer(t, newFake(), func(o *Options) {
		change(o)
		o.Credentials = append(o.Credentials, Credential{Authorization: "Bearer other", Component: o.Credentials[0].Component, Events: l, Identity: jid.MustParse("other@" + testDomain)})
	})
	say(t, l, "alice", "for the bot")
	for authorization, want := range map[string]bool{testSecret: true, "Bearer other": false} {
		r := httptest.NewRequest(http.MethodGet, "/events?since=all", nil)
		r.Header.Set("Authorization", authorization)
		if w := do(s, r); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "for the bot") != want {
			t.Errorf("%s: %d %s", authorization, w.Code, w.Body)
		}
	}
}
