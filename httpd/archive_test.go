package httpd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	runtimemetrics "runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/gateway"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

const (
	archiveQuery = `<iq type="set" id="q1" to="room@muc.example.org"><query xmlns="urn:xmpp:mam:2" queryid="q"/></iq>`
	archiveFin   = `<iq type="result" id="q1" from="room@muc.example.org" to="rest.example.net"><fin xmlns="urn:xmpp:mam:2" complete="true"/></iq>`
	archiveError = `<iq type="error" id="q1" from="room@muc.example.org" to="rest.example.net"><error type="auth"><forbidden xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`
)

// archiveResult returns a result of about size bytes.
func archiveResult(i, size int) stanza.Stanza {
	st, err := stanza.Parse(fmt.Appendf(nil, `<message id="r%d" from="room@muc.example.org" to="rest.example.net"><result xmlns="urn:xmpp:mam:2" id="a%d" queryid="q">`+
		`<forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client"><body>%s</body></message></forwarded></result></message>`,
		i, i, strings.Repeat("x", max(0, size-250))))
	if err != nil {
		panic(err)
	}
	return st
}

func mustParse(doc string) stanza.Stanza {
	st, err := stanza.Parse([]byte(doc))
	if err != nil {
		panic(err)
	}
	return st
}

// archiveComponent stands for a component that asks an archive: it answers as the
// test says.
type archiveComponent func(ctx context.Context, st stanza.Stanza, results gateway.Collector) (stanza.Stanza, error)

func (archiveComponent) Domain() jid.JID { return jid.MustParse(testDomain) }

func (c archiveComponent) Complete(identity jid.JID, st stanza.Stanza) (stanza.Stanza, error) {
	h := st.Header()
	if h.From.IsZero() {
		h.From = identity
	}
	if h.ID == "" {
		h.ID = "generated"
	}
	return st.With(h), nil
}

func (archiveComponent) Submit(context.Context, jid.JID, stanza.Stanza, gateway.SubmitOptions) (stanza.Stanza, error) {
	return stanza.Stanza{}, errors.New("nobody collects")
}

func (archiveComponent) Outgoing(context.Context, jid.JID, string) (gateway.Outgoing, bool, error) {
	return gateway.Outgoing{}, false, nil
}

func (c archiveComponent) Search(ctx context.Context, _ jid.JID, st stanza.Stanza, _ time.Duration, results gateway.Collector) (stanza.Stanza, error) {
	return c(ctx, st, results)
}

// sending is an archive that sends n results of that size and ends with the answer
// or the error.
func sending(n, size int, answer string, err error) archiveComponent {
	return func(_ context.Context, _ stanza.Stanza, results gateway.Collector) (stanza.Stanza, error) {
		for i := range n {
			if !results.Collect(archiveResult(i, size)) {
				return stanza.Stanza{}, &stanza.Refusal{Reason: stanza.CallerTooSlow, Text: "too slow"}
			}
		}
		if err != nil {
			return stanza.Stanza{}, err
		}
		return mustParse(answer), nil
	}
}

func wrapped(n, size int, last string) string {
	var b strings.Builder
	b.WriteString("<xmpp>")
	for i := range n {
		b.Write(archiveResult(i, size).XML())
	}
	return b.String() + last + "</xmpp>"
}

func TestArchive_whole(t *testing.T) {
	timeout := &stanza.Refusal{Reason: stanza.AnswerTimeout, Text: "nobody"}
	tests := []struct {
		name   string
		c      archiveComponent
		prefer string
		status int
		body   string // "" for a problem
	}{
		{"results", sending(3, 500, archiveFin, nil), "", 200, wrapped(3, 500, archiveFin)},
		{"one result", sending(1, 500, archiveFin, nil), "handling=strict", 200, wrapped(1, 500, archiveFin)},
		{"no results", sending(0, 0, archiveFin, nil), "", 200, archiveFin},
		{"an error", sending(0, 0, archiveError, nil), "", 200, archiveError},
		{"an error after results", sending(3, 500, archiveError, nil), "", 200, archiveError},
		{"an error, strictly", sending(3, 500, archiveError, nil), "handling=strict", 403, archiveError},
		{"no answer", sending(3, 500, "", timeout), "", 504, ""},
		{"as much as is held", sending(100, heldResults/100-500, archiveFin, nil), "", 200, wrapped(100, heldResults/100-500, archiveFin)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newTestServer(t, tt.c, nil)
			r := newPost(archiveQuery)
			if tt.prefer != "" {
				r.Header.Set("Prefer", tt.prefer)
			}
			w := do(s, r)
			if w.Code != tt.status {
				t.Fatalf("status %d, want %d: %.200s", w.Code, tt.status, w.Body)
			}
			if got := w.Header().Get("Preference-Applied"); got != tt.prefer {
				t.Errorf("Preference-Applied: %q", got)
			}
			if w.Flushed {
				t.Error("the answer was streamed")
			}
			if diff := cmp.Diff(tt.body, w.Body.String()); tt.body != "" && diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if n := s.resultBytes.Load(); n != 0 {
				t.Errorf("%d bytes of results are still counted", n)
			}
		})
	}
}

func TestArchive_formats(t *testing.T) {
	for _, f := range []*format.Format{format.XML, format.JSON, format.CBOR} {
		for _, n := range []int{2, 3 * heldResults / 500} {
			t.Run(fmt.Sprintf("%d results in %s", n, f.Name), func(t *testing.T) {
				r := newPost(archiveQuery)
				r.Header.Set("Accept", f.MediaType)
				w := do(newTestServer(t, sending(n, 500, archiveFin, nil), nil), r)
				if got := w.Header().Get("Content-Type"); w.Code != http.StatusOK || got != f.ContentType[0] {
					t.Fatalf("%d, %q", w.Code, got)
				}
				if streamed := n > 2; w.Flushed != streamed {
					t.Errorf("streamed: %v, want %v", w.Flushed, streamed)
				}
				got := unwrap(t, f, w.Body.Bytes())
				if len(got) != n+1 {
					t.Fatalf("%d stanzas, want %d", len(got), n+1)
				}
				for i, st := range got[:n] {
					if want := archiveResult(i, 500); st.String() != want.String() {
						t.Fatalf("stanza %d is\n%s, want\n%s", i, st, want)
					}
				}
				if got[n].String() != archiveFin {
					t.Errorf("the last one is %s", got[n])
				}
			})
		}
	}
}

// unwrap takes several stanzas in one body apart.
func unwrap(t *testing.T, f *format.Format, body []byte) []stanza.Stanza {
	t.Helper()
	var parts [][]byte
	switch f {
	case format.XML:
		var doc struct {
			XMLName xml.Name `xml:"xmpp"`
			Stanzas []struct {
				XMLName xml.Name
				Attrs   []xml.Attr `xml:",any,attr"`
				Content []byte     `xml:",innerxml"`
			} `xml:",any"`
		}
		if err := xml.Unmarshal(body, &doc); err != nil {
			t.Fatal(err)
		}
		for _, s := range doc.Stanzas {
			part := []byte("<" + s.XMLName.Local)
			for _, a := range s.Attrs {
				part = fmt.Appendf(part, " %s='%s'", a.Name.Local, a.Value)
			}
			parts = append(parts, fmt.Appendf(part, ">%s</%s>", s.Content, s.XMLName.Local))
		}
	case format.CBOR:
		var doc map[string][]cbor.RawMessage
		if err := cbor.Unmarshal(body, &doc); err != nil || len(doc) != 1 {
			t.Fatal(err, len(doc))
		}
		for _, s := range doc["xmpp"] {
			parts = append(parts, s)
		}
	default:
		var doc map[string][]json.RawMessage
		if err := json.Unmarshal(body, &doc); err != nil || len(doc) != 1 {
			t.Fatal(err, len(doc))
		}
		for _, s := range doc["xmpp"] {
			parts = append(parts, s)
		}
	}
	list := make([]stanza.Stanza, len(parts))
	for i, part := range parts {
		var err error
		if list[i], err = f.Parse(part, jsonmap.Envelope{}); err != nil {
			t.Fatalf("%s: %v", part, err)
		}
	}
	return list
}

// Where the caller's format has no wrapper another takes its place, but only for that.
func TestArchive_formatsWithoutWrapper(t *testing.T) {
	for _, tt := range []struct {
		accept      string
		strict      bool
		want, alone string
	}{
		{"application/x-www-form-urlencoded", false, "application/json", "application/x-www-form-urlencoded"},
		{"application/x-www-form-urlencoded", true, "application/json", "application/x-www-form-urlencoded"},
		{"text/plain", false, "application/xmpp+xml", "application/xmpp+xml"},
		{"", false, "application/xmpp+xml", "application/xmpp+xml"},
		{"application/cbor;q=0.5, application/json;q=0.7", false, "application/json", "application/json"},
		{`application/json; profile="strict-mod_rest"`, false, "application/json", "application/json"},
	} {
		for n, want := range map[int]string{1: tt.want, 0: tt.alone} {
			r := newPost(archiveQuery)
			if tt.accept != "" {
				r.Header.Set("Accept", tt.accept)
			}
			w := do(newTestServer(t, sending(n, 500, archiveFin, nil), func(o *Options) { o.StrictJSON = tt.strict }), r)
			if got := w.Header().Get("Content-Type"); w.Code != http.StatusOK || got != want {
				t.Errorf("Accept %q, %d results: %d, %q, want %q", tt.accept, n, w.Code, got, want)
			}
		}
	}
}

// mod_rest's shorthand, in a GET and in JSON.
func TestArchive_shorthand(t *testing.T) {
	const want = `<query xmlns="urn:xmpp:mam:2" queryid="p"><x xmlns="jabber:x:data" type="submit">` +
		`<field var="FORM_TYPE" type="hidden"><value>urn:xmpp:mam:2</value></field><field var="with"><value>a@b</value></field>` +
		`<field var="start"><value>2026-01-01T00:00:00Z</value></field></x>` +
		`<set xmlns="http://jabber.org/protocol/rsm"><after>a7</after><max>10</max></set></query>`
	var sent stanza.Stanza
	c := archiveComponent(func(ctx context.Context, st stanza.Stanza, results gateway.Collector) (stanza.Stanza, error) {
		sent = st
		return sending(2, 500, archiveFin, nil)(ctx, st, results)
	})
	s := newTestServer(t, c, nil)
	get := httptest.NewRequest(http.MethodGet, "/rest/archive/room@muc.example.org?max=10&after=a7&with=a@b&start=2026-01-01T00:00:00Z&queryid=p", nil)
	post := newPost(`{"to":"room@muc.example.org","archive":{"queryid":"p","with":"a@b","start":"2026-01-01T00:00:00Z","after":"a7","max":10}}`)
	for _, r := range []*http.Request{get, post} {
		r.Header.Set("Authorization", testSecret)
		r.Header.Set("Accept", "application/json")
		r.Header.Set("Content-Type", "application/json")
		w := do(s, r)
		if got := unwrap(t, format.JSON, w.Body.Bytes()); len(got) != 3 || sent.Content() != want {
			t.Errorf("%s: %d stanzas, sent was %s", r.Method, len(got), sent)
		}
	}
}

// A streamed answer that does not end well says so in its last element.
func TestArchive_streamedEndings(t *testing.T) {
	const n = 2 * heldResults / 500
	made := func(errorType, condition, text string) string {
		return `<iq type="error" id="q1" from="room@muc.example.org" to="rest.example.net"><error type="` + errorType + `"><` + condition +
			` xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/><text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">` + text + `</text></error></iq>`
	}
	for _, tt := range []struct {
		name string
		c    archiveComponent
		last string
	}{
		{"answered", sending(n, 500, archiveFin, nil), archiveFin},
		{"an error", sending(n, 500, archiveError, nil), archiveError},
		{"no answer", sending(n, 500, "", &stanza.Refusal{Reason: stanza.AnswerTimeout, Text: "silence"}), made("wait", "remote-server-timeout", "silence")},
		{"link broken", sending(n, 500, "", &stanza.Refusal{Reason: stanza.LinkUnavailable, Text: "no <link>"}), made("wait", "service-unavailable", "no &lt;link&gt;")},
		{"too slow", sending(n, 500, "", &stanza.Refusal{Reason: stanza.CallerTooSlow, Text: "slow"}), made("wait", "resource-constraint", "slow")},
		{"shutting down", sending(n, 500, "", errStopping), made("wait", "service-unavailable", "the gateway is shutting down: try again in a moment")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var seen Exchange
			s := newTestServer(t, tt.c, func(o *Options) { o.Observe = func(x Exchange) { seen = x } })
			r := newPost(archiveQuery)
			r.Header.Set("Prefer", "handling=strict, wait=7")
			w := do(s, r)
			if w.Code != http.StatusOK || !w.Flushed {
				t.Fatalf("status %d, streamed: %v", w.Code, w.Flushed)
			}
			if got := w.Header().Get("Preference-Applied"); got != "wait=7" {
				t.Errorf("Preference-Applied: %q", got)
			}
			if want := wrapped(n, 500, tt.last); w.Body.String() != want {
				t.Errorf("the answer ends with %q,\nwant                %q", tail(w.Body.String()), tail(want))
			}
			if seen.Status != http.StatusOK || seen.Answer.String() != tt.last || (seen.Err != nil) != (tt.last != archiveFin && tt.last != archiveError) {
				t.Errorf("observed %d %s %v", seen.Status, seen.Answer, seen.Err)
			}
		})
	}
}

func tail(s string) string { return s[max(0, len(s)-400):] }

// Without an id and a sender in the request the made error has those of the query
// that was sent.
func TestArchive_completed(t *testing.T) {
	var sent stanza.Stanza
	c := archiveComponent(func(ctx context.Context, st stanza.Stanza, results gateway.Collector) (stanza.Stanza, error) {
		sent = st
		return sending(1000, 500, "", &stanza.Refusal{Reason: stanza.AnswerTimeout})(ctx, st, results)
	})
	w := do(newTestServer(t, c, nil), newPost(strings.Replace(archiveQuery, ` id="q1"`, "", 1)))
	want := fmt.Sprintf(`<iq type="error" id="%s" from="room@muc.example.org" to="rest.example.net">`, sent.ID())
	if sent.ID() != "generated" || sent.From().String() != testDomain || !strings.Contains(w.Body.String(), want) {
		t.Errorf("sent as %s, answered with %s", sent, tail(w.Body.String()))
	}
}

func TestArchive_panics(t *testing.T) {
	log, text := logTo()
	s := newTestServer(t, archiveComponent(func(context.Context, stanza.Stanza, gateway.Collector) (stanza.Stanza, error) {
		panic("oh")
	}), func(o *Options) { o.Logger = log })
	if w := do(s, newPost(archiveQuery)); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "oh") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(text.String(), "panic: oh") {
		t.Errorf("logged: %s", text)
	}

	s = newTestServer(t, sending(1000, 500, archiveFin, nil), nil)
	defer func() {
		if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // this very value, by net/http's contract
			t.Errorf("a streamed answer that fails ends with %v, want the end of the connection", v)
		}
	}()
	s.ServeHTTP(panickyWriter{httptest.NewRecorder()}, newPost(archiveQuery))
}

// panickyWriter is a ResponseWriter with a fault.
type panickyWriter struct{ http.ResponseWriter }

func (panickyWriter) Write([]byte) (int, error) { panic("oh") }

// The first results arrive long before the answer, each as soon as it is there; and
// the transfer may take as long as it likes, if only something comes.
func TestArchive_streamsWhileItComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many, hours = 1000, 3
		const gap = 4 * time.Minute // below LongestWait
		c := archiveComponent(func(ctx context.Context, st stanza.Stanza, results gateway.Collector) (stanza.Stanza, error) {
			for i := range hours * 60 / 4 { // few at first: what is held may take its time, too
				results.Collect(archiveResult(i, 500))
				pass(gap)
			}
			for i := range many {
				results.Collect(archiveResult(hours*15+i, 500))
			}
			for i := range hours * 60 / 4 {
				pass(gap)
				results.Collect(archiveResult(hours*15+many+i, 500))
			}
			pass(gap)
			return mustParse(archiveFin), nil
		})
		client := serve(t, newTestServer(t, c, nil)).client()
		defer client.CloseIdleConnections()
		began := time.Now()
		res, err := client.Do(newClientPost(t, strings.NewReader(archiveQuery)))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if took := time.Since(began); took != hours*time.Hour || res.StatusCode != http.StatusOK {
			t.Errorf("status %d after %s, want it when there is too much to hold", res.StatusCode, took)
		}
		d := xml.NewDecoder(res.Body)
		read := 0
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			start, ok := token.(xml.StartElement)
			if !ok || start.Name.Local == "xmpp" {
				continue
			}
			if err := d.Skip(); err != nil {
				t.Fatal(err)
			}
			if start.Name.Local == "iq" {
				continue
			}
			read++
			due := max(0, time.Duration(read-hours*15-many)*gap) + hours*time.Hour
			if at := time.Since(began); at != due {
				t.Fatalf("result %d came after %s, want %s", read, at, due)
			}
		}
		if read != 2*hours*15+many {
			t.Errorf("%d results", read)
		}
	})
}

// A caller that does not read is given up, and meanwhile only so much is kept for it.
func TestArchive_callerDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var most int64
		var s *Server
		c := archiveComponent(func(_ context.Context, _ stanza.Stanza, results gateway.Collector) (stanza.Stanza, error) {
			for i := range 1_000_000 {
				if !results.Collect(archiveResult(i, 5000)) {
					return stanza.Stanza{}, &stanza.Refusal{Reason: stanza.CallerTooSlow, Text: "too slow"}
				}
				most = max(most, s.resultBytes.Load())
			}
			return mustParse(archiveFin), nil
		})
		s = newTestServer(t, c, nil)
		rs := serve(t, s)
		conn, err := rs.ln.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		began := time.Now()
		_, err = fmt.Fprintf(conn, "POST /rest HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: application/xmpp+xml\r\nContent-Length: %d\r\n\r\n%s",
			testSecret, len(archiveQuery), archiveQuery)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		pass(writingTime + time.Second)
		synctest.Wait()
		if n := s.resultBytes.Load(); n != 0 {
			t.Errorf("%d bytes are kept for the caller %s later", n, time.Since(began))
		}
		if most > waitingResults || most < waitingResults/2 {
			t.Errorf("at most %d bytes were kept, want no more than %d", most, waitingResults)
		}
		rest, err := io.ReadAll(conn)
		if err != nil || strings.Contains(string(rest), "</xmpp>") {
			t.Errorf("the broken answer ends with %q, %v", tail(string(rest)), err)
		}
	})
}

// A caller that hangs up ends the query.
func TestArchive_callerGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		c := archiveComponent(func(ctx context.Context, st stanza.Stanza, results gateway.Collector) (stanza.Stanza, error) {
			for i := range 1000 {
				results.Collect(archiveResult(i, 500))
			}
			<-ctx.Done()
			ended <- ctx.Err()
			return stanza.Stanza{}, ctx.Err()
		})
		s := newTestServer(t, c, nil)
		client := serve(t, s).client()
		defer client.CloseIdleConnections()
		ctx, cancel := context.WithCancel(t.Context())
		res, err := client.Do(newClientPost(t, strings.NewReader(archiveQuery)).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		res.Body.Close()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		synctest.Wait()
		if n := s.resultBytes.Load(); n != 0 {
			t.Errorf("%d bytes are kept", n)
		}
	})
}

// A hundred thousand results go through the gateway and the door without being kept.
func TestArchive_hundredThousand(t *testing.T) {
	const n, ahead, most = 100_000, 10_000, 64 << 20
	one, filling := archiveResult(0, 0), strings.Repeat("x", 250) // with the XML around it 500 bytes
	read := make(chan struct{}, ahead)                            // gives the archive the pace of the caller, which it has not by itself
	link := &archiveLink{send: func(query stanza.Stanza, receive func(stanza.Stanza)) {
		for i := range n {
			if i >= ahead {
				<-read
			}
			h := one.Header()
			h.ID = fmt.Sprintf("r%d-%s", i, filling)
			receive(one.With(h))
		}
		receive(mustParse(archiveFin))
	}}
	component, err := gateway.New(gateway.Options{Domain: jid.MustParse(testDomain), Link: link})
	if err != nil {
		t.Fatal(err)
	}
	link.receive = component.Receive
	server := httptest.NewServer(newTestServer(t, component, nil))
	defer server.Close()
	r := newClientPost(t, strings.NewReader(archiveQuery))
	r.URL.Host = server.Listener.Addr().String()

	before := heapBytes()
	res, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	const end = "</message></forwarded></result></message>"
	in := bufio.NewScanner(res.Body)
	in.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		if i := bytes.Index(data, []byte(end)); i >= 0 {
			return i + len(end), data[:i], nil
		}
		if atEOF && len(data) > 0 {
			return len(data), data, nil
		}
		return 0, nil, nil
	})
	highest, count := before, 0
	for ; in.Scan(); count++ {
		if count == n {
			if in.Text() != archiveFin+"</xmpp>" {
				t.Errorf("the answer ends with %q", in.Text())
			}
			continue
		}
		if !bytes.Contains(in.Bytes(), fmt.Appendf(nil, ` id="r%d-`, count)) {
			t.Fatalf("result %d is %q", count, in.Text())
		}
		if count < n-ahead {
			read <- struct{}{}
		}
		if count%1000 == 0 {
			highest = max(highest, heapBytes())
		}
	}
	if in.Err() != nil || count != n+1 {
		t.Errorf("%d stanzas, want %d; %v", count, n+1, in.Err())
	}
	if highest-before > most {
		t.Errorf("the heap has grown by %d MB", (highest-before)>>20)
	}
	t.Logf("the heap has grown by %d MB", (highest-before)>>20)
}

// heapBytes returns the bytes of what is in the heap, garbage included.
func heapBytes() int64 {
	sample := []runtimemetrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	runtimemetrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// archiveLink is a link to an archive, which answers each query in its own way.
type archiveLink struct {
	send    func(query stanza.Stanza, receive func(stanza.Stanza))
	receive func(stanza.Stanza)
}

func (l *archiveLink) SendOnce(_ context.Context, st stanza.Stanza) (<-chan error, error) {
	confirmed := make(chan error, 1)
	confirmed <- nil
	go l.send(st, l.receive)
	return confirmed, nil
}

func (l *archiveLink) Send(ctx context.Context, st stanza.Stanza) (<-chan error, error) {
	return l.SendOnce(ctx, st)
}
func (*archiveLink) Post(context.Context, stanza.Stanza) error { return nil }
func (*archiveLink) Reply(stanza.Stanza) error                 { return nil }

// All callers together have a limit, too.
func TestResults_limitOfAll(t *testing.T) {
	var total atomic.Int64
	big := archiveResult(0, 1<<20)
	queues := make([]*results, 0, 20)
	taken := 0
	for range cap(queues) {
		q := newResults(&total)
		queues = append(queues, q)
		for q.Collect(big) {
			taken++
		}
	}
	if got := int64(taken * sizeOf(big)); got != total.Load() || got > allResults || got < allResults-16<<20 {
		t.Errorf("%d bytes were taken, %d counted, the limit is %d", got, total.Load(), allResults)
	}
	if n := len(queues[0].take(nil, 1)); n != 1 {
		t.Errorf("%d taken, want 1", n)
	}
	for _, q := range queues {
		q.drop()
	}
	if n := total.Load(); n != 0 {
		t.Errorf("%d bytes are left", n)
	}
}
