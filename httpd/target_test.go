package httpd

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/stanza"
)

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
	textType = "text/plain"
	xmlType  = "application/xmpp+xml"
	cborType = "application/cbor"
)

// newRequest returns a request with credentials. An empty content type is none.
func newRequest(method, target, contentType, body string) *http.Request {
	r := httptest.NewRequest(method, "http://gateway"+target, strings.NewReader(body))
	r.Header.Set("Authorization", testSecret)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

// Each request sends this stanza.
func TestRequest_stanza(t *testing.T) {
	const hi = `<message type="chat" to="bob@example.org"><body>hi</body></message>`
	tests := []struct{ name, method, target, contentType, body, want string }{
		// Formats.
		{"JSON", "POST", "/rest", jsonType, `{"to":"bob@example.org","type":"chat","body":"hi"}`, hi},
		{"JSON with parameters", "POST", "/rest", `Application/JSON; charset="UTF-8"`, `{"to":"bob@example.org","type":"chat","body":"hi"}`, hi},
		{"form", "POST", "/rest", formType, `to=bob%40example.org&type=chat&body=hi`, hi},
		{"CBOR", "POST", "/rest", cborType, "\xa3\x62to\x6fbob@example.org\x64type\x64chat\x64body\x62hi", hi},
		{"form's number", "POST", "/rest", formType, `kind=presence&to=a@b&priority=5`, `<presence to="a@b"><priority>5</priority></presence>`},

		// Paths.
		{"text", "POST", "/rest/message/chat/bob@example.org", textType, "hi", hi},
		{"what curl -d sends", "POST", "/rest/message/chat/bob@example.org", formType, "hi", hi},
		{"what curl -d sends, escaped", "POST", "/rest/message/chat/bob@example.org", formType, "h%69", hi},
		{"text with a percent sign", "POST", "/rest/message/chat/bob@example.org", formType, "100% sure", strings.Replace(hi, "hi", "100% sure", 1)},
		{"path goes before the body", "POST", "/rest/message/chat/bob@example.org", jsonType, `{"to":"x@y","type":"normal","kind":"iq","body":"hi"}`, hi},
		{"to of the body", "POST", "/rest/message/chat/", jsonType, `{"to":"bob@example.org","body":"hi"}`, hi},
		{"no body", "POST", "/rest/presence/subscribe/bob@example.org", "", "", `<presence type="subscribe" to="bob@example.org"/>`},
		{"presence by text", "POST", "/rest/presence/available/bob@example.org", textType, "away", `<presence to="bob@example.org"><show>away</show></presence>`},
		{"slashes in a resource", "POST", "/rest/message/chat/bob@example.org/a/b", textType, "hi", strings.Replace(hi, "example.org", "example.org/a/b", 1)},
		{"escaped", "POST", "/rest/message/chat/bob%40example.org%2Fh%C3%A4user%20%2F%2F%40x", textType, "hi", strings.Replace(hi, "example.org", "example.org/häuser //@x", 1)},
		{"doubled slashes", "POST", "//rest//message//chat//bob@example.org", textType, "hi", hi},
		{"XML ignores the path", "POST", "/rest/message/normal/x@y", xmlType, hi, hi},
		{"XML ignores a path that names no query", "POST", "/rest/iq/foo/x@y", xmlType, hi, hi},
		{"query in a path", "POST", "/rest/iq/disco/example.org", jsonType, `{"node":"n"}`, `<iq type="get" to="example.org"><query xmlns="http://jabber.org/protocol/disco#info" node="n"/></iq>`},
		{"query by form", "POST", "/rest/iq/disco/example.org", formType, `node=n`, `<iq type="get" to="example.org"><query xmlns="http://jabber.org/protocol/disco#info" node="n"/></iq>`},
		{"ping", "POST", "/rest/iq/ping/example.org", "", "", `<iq type="get" to="example.org"><ping xmlns="urn:xmpp:ping"/></iq>`},
		{"iq of a type", "POST", "/rest/iq/get/example.org", jsonType, `{"ping":true}`, `<iq type="get" to="example.org"><ping xmlns="urn:xmpp:ping"/></iq>`},

		// GET.
		{"GET ping", "GET", "/rest/ping/example.org", "", "", `<iq type="get" to="example.org"><ping xmlns="urn:xmpp:ping"/></iq>`},
		{"GET stats", "GET", "/rest/stats/example.org", "", "", `<iq type="get" to="example.org"><query xmlns="http://jabber.org/protocol/stats"/></iq>`},
		{"GET items", "GET", "/rest/items/example.org?node=x+y", "", "", `<iq type="get" to="example.org"><query xmlns="http://jabber.org/protocol/disco#items" node="x y"/></iq>`},
		{"GET roster", "GET", "/rest/roster/example.org", "", "", `<iq type="get" to="example.org"><query xmlns="jabber:iq:roster"/></iq>`},
		{"GET of what changes something", "GET", "/rest/unblock/example.org", "", "", `<iq type="get" to="example.org"><unblock xmlns="urn:xmpp:blocking"/></iq>`},
		{"POST of the same", "POST", "/rest/iq/unblock/example.org", "application/json", `["a@b"]`, `<iq type="set" to="example.org"><unblock xmlns="urn:xmpp:blocking"><item jid="a@b"/></unblock></iq>`},
		{"GET upload", "GET", "/rest/upload_request/example.org?filename=a&size=5", "", "", `<iq type="get" to="example.org"><request xmlns="urn:xmpp:http:upload:0" filename="a" size="5"/></iq>`},
		{
			"GET archive", "GET", "/rest/archive/room@example.org?max=10&after=x&with=a@b", "", "",
			`<iq type="set" from="rest.example.net" to="room@example.org"><query xmlns="urn:xmpp:mam:2"><x xmlns="jabber:x:data" type="submit"><field var="FORM_TYPE" type="hidden"><value>urn:xmpp:mam:2</value></field>` +
				`<field var="with"><value>a@b</value></field></x><set xmlns="http://jabber.org/protocol/rsm"><after>x</after><max>10</max></set></query></iq>`,
		},
		{"GET command", "GET", "/rest/command/example.org?node=n&action=execute", "", "", `<iq type="set" to="example.org"><command xmlns="http://jabber.org/protocol/commands" node="n" action="execute"/></iq>`},

		// Queries.
		{"stanza in the query", "GET", "/rest?to=bob@example.org&body=hi", "", "", hi},
		{"stanza in the query of a POST", "POST", "/rest?to=bob@example.org&body=hi", "", "", hi},
		{"of another type", "GET", "/rest?to=bob@example.org&body=hi&type=headline", "", "", strings.Replace(hi, "chat", "headline", 1)},
		{"message by GET", "GET", "/rest/message/chat/bob@example.org?body=hi", "", "", hi},
		{"query and text", "POST", "/rest?to=bob@example.org", textType, "hi", hi},
		{"query and what curl -d sends", "POST", "/rest?to=bob@example.org", formType, "hi", hi},
		{"query and form", "POST", "/rest?to=bob@example.org", formType, "body=hi&type=chat", hi},
		{"query with an empty body in JSON", "POST", "/rest?to=bob@example.org&body=hi", jsonType, "", hi},
		{"query with a semicolon", "GET", "/rest?to=bob@example.org&body=a;b", "", "", strings.Replace(hi, "hi", "a;b", 1)},
		{"message without a type in the query", "GET", "/rest?kind=message&to=bob@example.org&body=hi", "", "", hi},
		{"presence in the query", "GET", "/rest?kind=presence&to=bob@example.org&show=away", "", "", `<presence to="bob@example.org"><show>away</show></presence>`},
		{"a query that is for somebody else", "POST", "/rest?n=1", xmlType, hi, hi},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newFake()
			w := do(newTestServer(t, c, nil), newRequest(tt.method, tt.target, tt.contentType, tt.body))
			if w.Code != http.StatusAccepted {
				t.Fatalf("got %d %s", w.Code, w.Body)
			}
			if diff := cmp.Diff(tt.want, c.calls()[0].stanza.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What is wrong is refused with its place, and nothing is sent.
func TestRequest_refused(t *testing.T) {
	many := `{"to":"a@b"` + strings.Repeat(`,"x":1`, 10_000) + `}`
	tests := []struct {
		name, method, target, contentType, body string
		status                                  int
		says                                    string
	}{
		{"unknown path", "POST", "/rest/message", textType, "hi", 400, "/rest/KIND/TYPE/TO"},
		{"unknown kind", "POST", "/rest/massage/chat/a@b", textType, "hi", 400, "/rest/KIND/TYPE/TO"},
		{"type that is none", "POST", "/rest/message/a%01b/a@b", textType, "hi", 400, "/rest/KIND/TYPE/TO"},
		{"half of a path in JSON", "POST", "/rest/x", jsonType, `{"to":"a@b"}`, 400, "/rest/KIND/TYPE/TO"},
		{"empty type", "POST", "/rest/message//a@b", textType, "hi", 400, "/rest/KIND/TYPE/TO"},
		{"unknown field", "POST", "/rest/iq/foo/a.b", "", "", 422, "ping"},
		{"GET of nothing", "GET", "/rest", "", "", 400, "/rest/ping/example.org"},
		{"GET of nothing with a slash", "GET", "/rest/", "", "", 400, "/rest/ping/example.org"},
		{"GET of an unknown field", "GET", "/rest/foo/a.b", "", "", 422, "ping"},
		{"GET without an address", "GET", "/rest/ping", "", "", 400, "address"},
		{"GET with half an escape", "GET", "/rest?to=%4", "", "", 400, "percent"},
		{"GET without names", "GET", "/rest/disco/a.b?=x", "", "", 400, "name"},
		{"no UTF-8 in the path", "POST", "/rest/message/chat/%ff@b", textType, "hi", 400, "UTF-8"},
		{"malformed address in the path", "POST", "/rest/message/chat/a@@b", textType, "hi", 422, "improper-addressing"},
		{"malformed address in JSON", "POST", "/rest", jsonType, `{"to":"a@@b"}`, 422, `"pointer": "#/to"`},
		{"malformed sender in JSON", "POST", "/rest", jsonType, `{"to":"a@b","from":"@"}`, 422, `"pointer": "#/from"`},
		{"number for an address", "POST", "/rest", jsonType, `{"to":1}`, 400, `"pointer": "#/to"`},
		{"number for a text", "POST", "/rest", jsonType, "{\n  \"to\":\"a@b\",\n  \"body\": 5}", 400, `"line": 3`},
		{"object for a text", "POST", "/rest", jsonType, `{"to":"a@b","subject":{}}`, 400, `"pointer": "#/subject"`},
		{"unknown member", "POST", "/rest", jsonType, `{"to":"a@b","bdoy":"x"}`, 400, "did you mean body?"},
		{"member twice", "POST", "/rest", jsonType, `{"to":"a@b","body":"x","body":"y"}`, 400, "twice"},
		{"10,000 members", "POST", "/rest", jsonType, many, 400, "#/x"},
		{"control character", "POST", "/rest", jsonType, `{"to":"a@b","body":"\u0001"}`, 400, "not allowed in XML"},
		{"lone surrogate", "POST", "/rest", jsonType, `{"to":"a@b","body":"\ud800"}`, 400, "not-well-formed"},
		{"too large a number", "POST", "/rest", jsonType, `{"kind":"presence","to":"a@b","priority":1000}`, 400, "out of bounds"},
		{"fraction", "POST", "/rest", jsonType, `{"kind":"presence","to":"a@b","priority":1.5}`, 400, "whole number"},
		{"nested deeply", "POST", "/rest", jsonType, `{"to":"a@b","payload":{"data":` + strings.Repeat("[", 5000), 400, "levels"},
		{"array", "POST", "/rest", jsonType, `[]`, 400, "object"},
		{"empty object", "POST", "/rest", jsonType, `{}`, 400, "empty"},
		{"nothing", "POST", "/rest", jsonType, ``, 400, "empty"},
		{"JSON with more behind", "POST", "/rest", jsonType, `{"to":"a@b"} x`, 400, "line 1"},
		{"html that is none", "POST", "/rest", jsonType, `{"to":"a@b","html":"<p>"}`, 400, "#/html"},
		{"state that is none", "POST", "/rest", jsonType, `{"to":"a@b","state":"a b"}`, 400, "#/state"},
		{"CBOR cut off", "POST", "/rest", cborType, "\xa1\x62t", 400, "CBOR"},
		{"CBOR with bytes", "POST", "/rest", cborType, "\xa1\x62to\x41a", 400, "CBOR"},
		{"form with a bad escape", "POST", "/rest", formType, "to=a%4", 400, "percent"},
		{"form field twice", "POST", "/rest", formType, "to=a&to=b", 400, "twice"},
		{"a text that looks like a form", "POST", "/rest/message/chat/a@b", formType, "1+1=2", 400, "Content-Type: text/plain"},
		{"text that is no UTF-8", "POST", "/rest/message/chat/a@b", textType, "\xff", 400, "UTF-8"},
		{"text with a control character", "POST", "/rest/message/chat/a@b", textType, "a\x01", 400, "#/body"},
		{"text for an iq", "POST", "/rest/iq/get/a@b", textType, "a", 400, "can't be sent as a text"},
		{"charset", "POST", "/rest", "text/plain; charset=latin1", "hi", 415, "UTF-8"},
		{"given twice", "POST", "/rest?to=a@b&body=x", textType, "y", 400, "twice"},
		{"query with a semicolon beside JSON", "POST", "/rest?x=;&to=a@b", jsonType, `{"body":"y"}`, 400, "query"},
		{"member of a presence beside XML", "POST", "/rest?priority=5", xmlType, message, 400, "query"},
		{"a text beside a query that looks like a form", "POST", "/rest?to=a@b", formType, "1+1=2", 400, "Content-Type: text/plain"},
		{"null", "POST", "/rest", jsonType, `null`, 400, "object"},
		{"blank for an address", "POST", "/rest", jsonType, `{"to":" "}`, 422, "#/to"},
		{"object for a sender", "POST", "/rest", jsonType, `{"to":"a@b","from":{}}`, 400, "#/from"},
		{"number that has no end", "POST", "/rest", jsonType, `{"kind":"presence","to":"a@b","priority":1e999}`, 400, "#/priority"},
		{"control character in an attribute", "POST", "/rest", jsonType, `{"to":"a@b","id":"\u0002"}`, 400, "#/id"},
		{"no character", "POST", "/rest", jsonType, `{"to":"a@b","body":"\uffff"}`, 400, "not allowed in XML"},
		{"10,000 fields", "POST", "/rest", formType, "to=a@b" + strings.Repeat("&x=1", 10_000), 400, "twice"},
		{"CBOR nested deeply", "POST", "/rest", cborType, strings.Repeat("\x81", 100_000) + "\x01", 400, "CBOR"},
		{"CBOR with a key twice", "POST", "/rest", cborType, "\xa2\x62to\x63a@b\x62to\x63c@d", 400, "CBOR"},
		{"CBOR that promises too much", "POST", "/rest", cborType, "\xbb\x7f\xff\xff\xff\xff\xff\xff\xff", 400, "CBOR"},
		{"empty address, and none in the body", "POST", "/rest/message/chat/", jsonType, `{"to":"","body":"x"}`, 422, "#/to"},
		{"query beside JSON", "POST", "/rest?to=a@b", jsonType, `{"body":"y"}`, 400, "query"},
		{"query of a query beside JSON", "POST", "/rest/iq/archive/a.b?max=5", jsonType, `{"with":"a@b"}`, 400, `\"max\" can't be given in the query`},
		{"generic form in the query beside JSON", "POST", "/rest?xml=x", jsonType, `{"to":"a@b"}`, 400, "query"},
		{"to in the path and the query", "POST", "/rest/message/chat/a@b?to=c@d", textType, "hi", 400, `the path says \"to\" already`},
		{"type in the path and the query", "GET", "/rest/message/chat/a@b?type=normal&body=x", "", "", 400, `\"type\"`},
		{"kind in the path and the query", "POST", "/rest/message/chat/a@b?kind=presence", formType, "body=x", 400, `\"kind\"`},
		{"GET with a body", "GET", "/rest/disco/a.b", jsonType, `{"node":"x"}`, 400, "POST"},
		{"GET with iq in the path", "GET", "/rest/iq/ping/a.b", "", "", 422, "/rest/FIELD/TO"},
		{"message with nothing in it, by GET", "GET", "/rest/message/chat/a@b", "", "", 400, "the message is empty"},
		{"message with nothing in it, by POST", "POST", "/rest/message/chat/a@b", "", "", 400, "the message is empty"},
		{"message with nothing in it, in the query", "GET", "/rest?to=a@b", "", "", 400, "the message is empty"},
		{"unknown path and nothing else", "POST", "/rest/x", "", "", 400, "/rest/KIND/TYPE/TO"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newFake()
			w := do(newTestServer(t, c, nil), newRequest(tt.method, tt.target, tt.contentType, tt.body))
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("got %d %s\nwant %d and %q", w.Code, w.Body, tt.status, tt.says)
			}
			if len(c.calls()) != 0 {
				t.Errorf("%s was sent", c.calls()[0].stanza)
			}
		})
	}
}

// The hint for texts that are called forms stands where it may help.
func TestRequest_hintForTexts(t *testing.T) {
	for body, hinted := range map[string]bool{
		"1+1=2": true, "100%=all": true, "priority=500": false, "hi": false,
	} {
		w := do(newTestServer(t, newFake(), nil), newRequest("POST", "/rest/iq/version/a@b", formType, body))
		if body == "hi" && !strings.Contains(w.Body.String(), "can't be sent as a text") {
			t.Errorf("got %s", w.Body)
		}
		if got := strings.Contains(w.Body.String(), "Content-Type: text/plain"); got != hinted {
			t.Errorf("%s: %s", body, w.Body)
		}
	}
}

// Some callers number their requests in the query.
func TestRequest_otherNamesInTheQuery(t *testing.T) {
	for contentType, body := range map[string]string{
		textType: "hi", formType: "body=hi", jsonType: `{"body":"hi"}`, xmlType: `<message to="a@b"><body>hi</body></message>`,
	} {
		c := newFake()
		w := do(newTestServer(t, c, nil), newRequest("POST", "/rest/message/normal/a@b?_=1764064800&x", contentType, body))
		if w.Code != http.StatusAccepted || c.calls()[0].stanza.Body() != "hi" {
			t.Errorf("%s: %d %s", contentType, w.Code, w.Body)
		}
	}
}

// With mod_rest's own mapping unknown members do not count, wherever they stand.
func TestRequest_strict(t *testing.T) {
	for _, tt := range []struct{ method, target, contentType, body string }{
		{"POST", "/rest", formType, "to=a@b&body=hi&foo=1"},
		{"POST", "/rest?to=a@b&body=hi&foo=1", "", ""},
		{"GET", "/rest?to=a@b&body=hi&foo=1", "", ""},
		{"POST", "/rest", jsonType, `{"to":"a@b","body":"hi","foo":1}`},
		{"POST", "/rest", cborType, "\xa3\x62to\x63a@b\x64body\x62hi\x63foo\x01"},
	} {
		for strict, want := range map[bool]int{true: http.StatusAccepted, false: http.StatusBadRequest} {
			s := newTestServer(t, newFake(), func(o *Options) { o.StrictJSON = strict })
			if w := do(s, newRequest(tt.method, tt.target, tt.contentType, tt.body)); w.Code != want {
				t.Errorf("%s %s %s: %d %s, want %d", tt.method, tt.target, tt.body, w.Code, w.Body, want)
			}
		}
	}
}

// Large bodies take turns: while all turns are taken one more waits, and a small one does
// not.
func TestPost_largeBodiesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestServer(t, newFake(), nil)
		for range cap(s.turns) {
			if err := s.turns.take(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		small, large, hungUp := make(chan int, 1), make(chan int, 1), make(chan any, 1)
		text := strings.Repeat("x", largeBody+1)
		ctx, hangUp := context.WithCancel(t.Context())
		go func() { small <- do(s, newRequest("POST", "/rest/message/chat/a@b", textType, "hi")).Code }()
		go func() { large <- do(s, newRequest("POST", "/rest/message/chat/a@b", textType, text)).Code }()
		go func() {
			defer func() { hungUp <- recover() }()
			do(s, newRequest("POST", "/rest/message/chat/a@b", textType, text).WithContext(ctx))
		}()
		synctest.Wait()
		if len(small) != 1 || len(large) != 0 || len(hungUp) != 0 {
			t.Errorf("answered: the small one %d times, the large one %d, the third %d", len(small), len(large), len(hungUp))
		}
		hangUp()
		synctest.Wait()
		if len(hungUp) != 1 || len(large) != 0 || <-hungUp != http.ErrAbortHandler { //nolint:errorlint // net/http compares it
			t.Errorf("after one caller is gone: he is done with %d times, the large one answered %d times", len(hungUp), len(large))
		}
		s.turns.giveBack()
		if got := <-large; got != http.StatusAccepted {
			t.Errorf("got %d", got)
		}
	})
}

func TestEcho(t *testing.T) {
	const want = `{"kind":"message","type":"chat","from":"rest.example.net","to":"a@b","body":"hi"}`
	for _, target := range []string{
		"/rest/echo", "//rest//echo", "/rest/echo/", "/rest/%65cho", "/rest%2Fecho", "/rest/%2Fecho", "/rest/echo/message/chat/a@b",
	} {
		c := newFake()
		w := do(newTestServer(t, c, nil), newRequest("POST", target, jsonType, `{"to":"A@B","type":"chat","body":"hi"}`))
		if w.Code != http.StatusOK || w.Body.String() != want || len(c.calls()) != 0 {
			t.Errorf("%s: got %d %s, and %d stanzas were sent", target, w.Code, w.Body, len(c.calls()))
		}
		if w := do(newTestServer(t, c, nil), newRequest("POST", target, xmlType, message)); w.Code != http.StatusOK || len(c.calls()) != 0 {
			t.Errorf("%s in XML: got %d %s, and %d stanzas were sent", target, w.Code, w.Body, len(c.calls()))
		}
	}
}

func TestAnswer_format(t *testing.T) {
	const answer = `<message type="error" id="1" from="a@b"><body>hi</body></message>`
	const asXML, asJSON = answer, `{"kind":"message","type":"error","id":"1","from":"a@b","body":"hi"}`
	const asForm = "kind=message&type=error&id=1&from=a%40b&body=hi"
	tests := []struct{ accept, contentType, want, wantType string }{
		{"", xmlType, asXML, xmlType},
		{"", jsonType, asJSON, jsonType},
		{"", formType, asForm, formType},
		{"", textType, asXML, xmlType},
		{"*/*", jsonType, asJSON, jsonType},
		{"image/png", jsonType, asJSON, jsonType},
		{jsonType, xmlType, asJSON, jsonType},
		{jsonType + ";q=0.5, " + xmlType + ";q=0.4", textType, asJSON, jsonType},
		{jsonType + ";q=0.4, " + xmlType + ";q=0.5", textType, asXML, xmlType},
		{jsonType + ";q=0, */*", jsonType, asXML, xmlType},
		{"text/plain", xmlType, "hi", "text/plain; charset=utf-8"},
		{"text/*", xmlType, asXML, xmlType},
		{formType, xmlType, asForm, formType},
		{jsonType + `; profile="strict-mod_rest"`, xmlType, asJSON, jsonType},
	}
	for _, tt := range tests {
		c := newFake()
		c.answerWith(t, answer)
		body := map[string]string{xmlType: message, jsonType: `{"to":"a@b"}`, formType: "to=a@b", textType: "x"}[tt.contentType]
		r := newRequest("POST", "/rest", tt.contentType, body)
		if tt.accept != "" {
			r.Header.Set("Accept", tt.accept)
		}
		w := do(newTestServer(t, c, nil), r)
		if w.Code != 200 || w.Body.String() != tt.want || w.Header().Get("Content-Type") != tt.wantType {
			t.Errorf("Accept %q for %s: got %d %s %s", tt.accept, tt.contentType, w.Code, w.Header().Get("Content-Type"), w.Body)
		}
	}
}

// The strict profile leaves out what mod_rest's mapping does not have, by request or by
// the Server's options.
func TestAnswer_strict(t *testing.T) {
	for _, byOption := range []bool{false, true} {
		c := newFake()
		c.answerWith(t, `<message id="1"><unknown xmlns="urn:x"/></message>`)
		s := newTestServer(t, c, func(o *Options) { o.StrictJSON = byOption })
		r := newRequest("POST", "/rest", jsonType, `{"to":"a@b"}`)
		if !byOption {
			r.Header.Set("Accept", `application/json; profile="strict-mod_rest"`)
		}
		if w := do(s, r); w.Body.String() != `{"kind":"message","id":"1"}` {
			t.Errorf("got %s", w.Body)
		}
	}
}

func gzipped(t testing.TB, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPost_compressedBody(t *testing.T) {
	whole := string(gzipped(t, message))
	tests := []struct {
		coding, body string
		want         int
	}{
		{"gzip", whole, 202},
		{"X-GZIP", whole, 202},
		{"identity", message, 202},
		{"gzip", message, 400},
		{"gzip", whole[:len(whole)-3], 400},
		{"gzip", string(gzipped(t, strings.Repeat(" ", DefaultBodyLimit+1))), 413},
		{"br", whole, 415},
		{"gzip, gzip", whole, 415},
	}
	for _, tt := range tests {
		c := newFake()
		r := newPost(tt.body)
		r.Header.Set("Content-Encoding", tt.coding)
		w := do(newTestServer(t, c, nil), r)
		if w.Code != tt.want {
			t.Errorf("%s: got %d %s, want %d", tt.coding, w.Code, w.Body, tt.want)
		}
		if tt.want == 415 && w.Header().Get("Accept-Encoding") != "gzip, identity" {
			t.Errorf("%s: header is %v, want Accept-Encoding", tt.coding, w.Header())
		}
	}
}

// What a body would become does not matter for the memory that it takes.
func TestPost_bombIsBounded(t *testing.T) {
	bomb := gzipped(t, strings.Repeat(" ", 100<<20))
	if len(bomb) > DefaultBodyLimit {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	s := newTestServer(t, newFake(), nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := newPost(string(bomb))
	r.Header.Set("Content-Encoding", "gzip")
	w := do(s, r)
	runtime.ReadMemStats(&after)
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d %s, want 413", w.Code, w.Body)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 16*DefaultBodyLimit {
		t.Errorf("%d bytes were allocated in all", took)
	}
}

func TestCORS(t *testing.T) {
	const origin = "https://app.example.org"
	tests := []struct {
		origins []string
		origin  string
		want    string
	}{
		{nil, origin, ""},
		{[]string{origin}, origin, origin},
		{[]string{origin}, "https://other.example.org", ""},
		{[]string{origin}, "", ""},
		{[]string{"*"}, origin, "*"},
	}
	for _, tt := range tests {
		s := newTestServer(t, newFake(), func(o *Options) { o.CORSOrigins = tt.origins })
		for _, method := range []string{http.MethodOptions, http.MethodPost, http.MethodDelete} {
			r := newRequest(method, "/rest", xmlType, message)
			if tt.origin != "" {
				r.Header.Set("Origin", tt.origin)
			}
			h := do(s, r).Header()
			if got := h.Get("Access-Control-Allow-Origin"); got != tt.want {
				t.Errorf("%v, %s from %q: got %q, want %q", tt.origins, method, tt.origin, got, tt.want)
			}
			if got := strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization"); got != (tt.want != "" && method == http.MethodOptions) {
				t.Errorf("%v, %s: Allow-Headers is %q", tt.origins, method, h.Get("Access-Control-Allow-Headers"))
			}
		}
	}
}

// A query by GET is answered in the format that is asked for.
func TestGet_answer(t *testing.T) {
	c := newFake()
	c.answerWith(t, `<iq type="result" id="1" from="example.org"/>`)
	r := newRequest("GET", "/rest/ping/example.org", "", "")
	r.Header.Set("Accept", jsonType)
	w := do(newTestServer(t, c, nil), r)
	if w.Code != 200 || w.Body.String() != `{"kind":"iq","type":"result","id":"1","from":"example.org"}` {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if got := c.calls()[0].stanza.Payload(); got != (stanza.Name{Space: "urn:xmpp:ping", Local: "ping"}) {
		t.Errorf("asked %v", got)
	}
}
