package httpd

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/restanza/restanza/format"
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

// Whatever the URL, the type and the body of a request are together: no panic, no 500, and
// what reaches the component can be read again, from XML as from JSON.
func FuzzRequest(f *testing.F) {
	add := func(method, target, contentType, body string) {
		path, query, _ := strings.Cut(target, "?")
		f.Add(method, path, query, contentType, "", []byte(body))
		f.Add(method, path, query, contentType, "gzip", gzipped(f, body))
	}
	add("POST", "/rest", xmlType, message)
	add("POST", "/rest", jsonType, `{"to":"a@b","type":"chat","body":"hi","oob":{"url":"x"}}`)
	add("POST", "/rest", cborType, "\xa2\x62to\x63a@b\x64body\x62hi")
	add("POST", "/rest?to=a@b&access_token=x", formType, "body=hi+you&subject=%41")
	add("POST", "/rest/message/chat/bob%40example.org%2Fh%C3%A4user%20%2F%2F%40x", formType, "hi")
	add("POST", "/rest/message/chat/a@b", textType, "hi\x01")
	add("POST", "//rest//presence/subscribe/a@b", "", "")
	add("POST", "/rest/iq/disco/a.b", jsonType, `{"node":"n"}`)
	add("POST", "/rest/iq/get/a.b", jsonType, `{"ping":true}`)
	add("POST", "/rest/echo", jsonType, `{"to":"A@B","x":[1,{"y":null}]}`)
	add("POST", "/rest/%65cho?auth=QmVhcmVyIHg", xmlType, ping)
	add("GET", "/rest/ping/example.org", "", "")
	add("GET", "/rest/archive/a@b?max=10&after=x&with=c@d", "", "")
	add("GET", "/rest/command/a.b?node=n&action=execute", "", "")
	add("GET", "/rest?to=a@b&body=a;b&kind=message", "", "")
	add("GET", "/rest/message/chat/%ff?body=%", "", "")

	c := newFake()
	s := newTestServer(f, c, func(o *Options) {
		o.Credentials = append(o.Credentials, Credential{Authorization: "Bearer x", Component: c, InQuery: true, BodyLimit: 4096})
	})
	f.Fuzz(func(t *testing.T, method, path, query, contentType, coding string, body []byte) {
		// Every path is below /rest: the others are FuzzHandler's.
		u, err := url.ParseRequestURI("/rest/" + strings.TrimPrefix(strings.TrimLeft(path, "/"), "rest/") + "?" + query)
		if err != nil {
			return // net/http refuses it with 400
		}
		if path == "/rest" {
			u.Path = path
		}
		c.submit = func(ctx context.Context, st stanza.Stanza) (stanza.Stanza, error) {
			checkSound(t, st)
			return answerAnything(ctx, st)
		}
		r := &http.Request{
			Method: method, URL: u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{"Authorization": {testSecret}, "Content-Type": {contentType}, "Content-Encoding": {coding}},
			Body:   io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		}
		if len(queryCredentials(query)) > 0 {
			delete(r.Header, "Authorization")
		}
		if contentType == "" {
			delete(r.Header, "Content-Type")
		}
		sent := len(c.calls())
		w := do(s, r)
		if w.Code == http.StatusInternalServerError || http.StatusText(w.Code) == "" {
			t.Fatalf("got %d %s", w.Code, w.Body)
		}
		refusedFirst := w.Code == 400 || w.Code == 401 || w.Code == 405 || w.Code == 413 || w.Code == 415
		if n := len(c.calls()) - sent; n > 1 || n == 1 && (refusedFirst || isEcho(u.Path)) {
			t.Errorf("%d stanzas were sent with status %d at %s", n, w.Code, u.Path)
		}
		c.forget()
	})
}

// checkSound checks that a stanza is one that a server would take, and that it comes back
// from its own XML and from JSON.
func checkSound(t *testing.T, st stanza.Stanza) {
	t.Helper()
	again, err := stanza.Parse(st.XML())
	if err != nil || again.String() != st.String() {
		t.Fatalf("%s can't be read again: %v, %s", st, err, again)
	}
	object := format.JSON.Append(nil, st)
	if !json.Valid(object) {
		t.Errorf("%s gives no JSON: %s", st, object)
	}
}
