package httpd

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/restanza/restanza/events"
	"github.com/restanza/restanza/jid"
)

// Whatever a reader asks of events by a request that ends: no panic, no 500, and an answer that can be read.
func FuzzEvents(f *testing.F) {
	for _, query := range []string{
		"", "since=all&limit=3", "since=10m&kind=message,iq&type=chat,normal&from=example.org&to=bot@rest.example.net&direction=both", "since=2026-01-31T12:00:00Z",
		"since=3-1k9", "consumer=a&reader=b&ack_wait=5&since=all", "watch=true&format=xml", "wait=301", "%zz", "consumer=a%00",
	} {
		f.Add(query, `{"ack": "3-1k9"}`)
	}
	f.Add("consumer=a", `{"ack": ["3-1k9", "zz-1"]}`)
	f.Add("consumer=a", `{"ack": [[]]}`)
	log, err := events.New(f.Context(), events.Options{Domain: jid.MustParse(testDomain)})
	if err != nil {
		f.Fatal(err)
	}
	s := newTestServer(f, newFake(), func(o *Options) { o.Credentials[0].Events = log })
	f.Fuzz(func(t *testing.T, query, body string) {
		values, err := url.ParseQuery(query)
		if err == nil && values.Has("wait") {
			values.Set("wait", "0") // nobody has the time
			query = values.Encode()
		}
		for _, r := range []*http.Request{
			{Method: http.MethodGet, URL: &url.URL{Path: "/events.json", RawQuery: query}, Body: http.NoBody},
			{Method: http.MethodPost, URL: &url.URL{Path: "/events/ack", RawQuery: query}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))},
			{Method: http.MethodDelete, URL: &url.URL{Path: "/events/consumers/" + query}, Body: http.NoBody},
		} {
			r.Header = http.Header{"Authorization": {testSecret}}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r.WithContext(t.Context()))
			if w.Code >= 500 && w.Code != http.StatusServiceUnavailable {
				t.Errorf("%s %s %q: %d %s", r.Method, query, body, w.Code, w.Body)
			}
			if w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) {
				t.Errorf("%s %s: %s", r.Method, query, w.Body)
			}
		}
	})
}

// Whatever a WebSocket gets is one of ours, or not: no panic.
func FuzzFrame(f *testing.F) {
	f.Add([]byte(`{"ref": "1", "stanza": {"to": "a@example.org", "body": "hi"}}`))
	f.Add([]byte(`{"stanza": "<message to='a@example.org'/>"}`))
	f.Add([]byte(`{"ack": ["3-1k9"]}`))
	f.Add([]byte(`{"stanza": {"kind": "iq", "type": "result", "id": "q", "to": "a@example.org"}}`))
	s := newTestServer(f, newFake(), nil)
	var g *grant
	for _, g = range s.keys.grants {
		break // there is one
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m frame
		if json.Unmarshal(b, &m) != nil || m.Stanza == nil {
			return
		}
		n := (&feed{s: s, grant: g}).submit(t.Context(), &m)
		if n.Event != eventAccepted && n.Event != eventRefused || n.Status >= 500 && n.Status != http.StatusServiceUnavailable || !json.Valid(n.append(nil)) {
			t.Errorf("%s: %+v", b, n)
		}
	})
}
