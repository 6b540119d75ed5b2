package httpd

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/restanza/restanza/stanza"
)

func newGet(target string) *http.Request { return httptest.NewRequest(http.MethodGet, target, nil) }

// answerAnything answers as a server might: iqs and some messages with errors.
func answerAnything(_ context.Context, st stanza.Stanza) (stanza.Stanza, error) {
	switch {
	case st.To().IsZero():
		return stanza.Stanza{}, &stanza.Refusal{Reason: stanza.ImproperAddressing, Text: "no addressee for " + st.ID()}
	case st.IsRequest():
		return st.Result(`<query xmlns="jabber:iq:version"/>`), nil
	case st.Type() == stanza.Groupchat:
		answer, _ := st.ErrorReply(&stanza.Error{Type: stanza.Modify, Condition: stanza.NotAcceptable, Text: st.ID()})
		return answer, nil
	default:
		return stanza.Stanza{}, nil
	}
}

// Whatever a caller sends: no panic, no 500, and a document that can be read.
func FuzzHandler(f *testing.F) {
	add := func(method, path, contentType, accept, prefer, body string) {
		f.Add(method, path, testSecret, contentType, accept, prefer, []byte(body), true)
	}
	add("POST", "/rest", "application/xmpp+xml", "*/*", "handling=strict", message)
	add("POST", "/rest/x", "application/xmpp+xml; charset=x", "application/xmpp+xml", "wait=1", ping)
	add("POST", "/rest", "application/xmpp+xml", "text/html", "handling=strict", `<message type="groupchat" id="a&#x9;" from="a@b/c" to="r@m"/>`)
	add("POST", "/rest", "application/xmpp+xml", "application/json", "", "<message>\xff</message>")
	add("POST", "/rest", "application/xmpp+xml", "application/xml;q=0.1", "", `<message to="@"/>`)
	add("POST", "/rest", "text/\x01plain", "text/plain", "", "")
	add("OPTIONS", "/rest", "", "", "", "")
	add("GET", "//readyz", "", "image/png", "", "")
	f.Add("POST", "/rest", "Bearer", "", "", "", []byte{}, false)

	c := newFake()
	c.submit = answerAnything
	s := newTestServer(f, c, nil)
	f.Fuzz(func(t *testing.T, method, path, authorization, contentType, accept, prefer string, body []byte, declared bool) {
		r := &http.Request{
			Method: method, URL: &url.URL{Path: path}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{
				"Authorization": {authorization}, "Content-Type": {contentType}, "Accept": {accept}, "Prefer": {prefer},
				"Prosody-Rest-Timeout": {prefer}, "Content-Encoding": {strings.Repeat(accept, len(prefer)%2)},
			},
			Body:          io.NopCloser(bytes.NewReader(body)),
			ContentLength: -1,
		}
		if declared {
			r.ContentLength = int64(len(body))
		}
		var log *syncBuffer
		s.log, log = logTo() // says what a 500 was about
		w := do(s, r)
		if w.Code == http.StatusInternalServerError {
			t.Fatalf("got %d %s\n%s", w.Code, w.Body, log)
		}
		if w.Code < 200 || w.Code > 599 || http.StatusText(w.Code) == "" {
			t.Errorf("status %d", w.Code)
		}
		if w.Code >= 400 && method != http.MethodHead && w.Body.Len() == 0 {
			t.Errorf("status %d without a document", w.Code)
		}
		checkDocument(t, mediaType(w.Header().Get("Content-Type")), w.Body.String())
		for name, values := range w.Header() {
			if strings.ContainsAny(strings.Join(values, ""), "\r\n\x00") {
				t.Errorf("header %s is %q", name, values)
			}
		}
	})
}
