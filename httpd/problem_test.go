package httpd

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/stanza"
)

// problemMembers is the default document.
type problemMembers struct {
	Type       string `json:"type"`
	Title      string `json:"title"`
	Status     int    `json:"status"`
	Detail     string `json:"detail"`
	Condition  string `json:"condition"`
	ErrorType  string `json:"error_type"`
	Text       string `json:"text"`
	InstanceID string `json:"instance_id"`
}

// readProblem reads the default document.
func readProblem(t *testing.T, w *httptest.ResponseRecorder) problemMembers {
	t.Helper()
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type is %q", got)
	}
	d := json.NewDecoder(w.Body)
	d.DisallowUnknownFields()
	var p problemMembers
	if err := d.Decode(&p); err != nil {
		t.Fatalf("the document can't be read: %v", err)
	}
	return p
}

func TestProblem_documents(t *testing.T) {
	const text = `line 1, column 9: <b> & "c" is no end tag`
	p := newProblem(http.StatusBadRequest, stanza.Modify, "not-well-formed", text)
	tests := []struct {
		accept, contentType, want string
	}{
		{"", "application/problem+json", `{
  "type": "about:blank",
  "title": "Bad Request",
  "status": 400,
  "detail": "line 1, column 9: <b> & \"c\" is no end tag",
  "condition": "not-well-formed",
  "error_type": "modify",
  "text": "line 1, column 9: <b> & \"c\" is no end tag"
}
`},
		{"application/json", "application/json", `{
  "type": "error",
  "code": 400,
  "error": {
    "type": "modify",
    "condition": "not-well-formed",
    "text": "line 1, column 9: <b> & \"c\" is no end tag",
    "code": 400
  }
}
`},
		{
			"application/xmpp+xml", "application/xmpp+xml",
			`<error xmlns="http://etherx.jabber.org/streams">` +
				`<not-well-formed xmlns="urn:ietf:params:xml:ns:xmpp-streams"/>` +
				`<text xmlns="urn:ietf:params:xml:ns:xmpp-streams">line 1, column 9: &lt;b&gt; &amp; &#34;c&#34; is no end tag</text></error>`,
		},
		{"text/plain", "text/plain; charset=utf-8", "400 Bad Request (not-well-formed)\n" + text + "\n"},
		{"text/html", "text/html; charset=utf-8", `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>400 Bad Request</title></head>
<body><h1>400 Bad Request</h1><p>line 1, column 9: &lt;b&gt; &amp; &#34;c&#34; is no end tag</p><p><code>not-well-formed</code></p></body>
</html>
`},
	}
	s := newTestServer(t, newFake(), nil)
	for _, tt := range tests {
		t.Run(tt.contentType, func(t *testing.T) {
			r := newPost("")
			if tt.accept != "" {
				r.Header.Set("Accept", tt.accept)
			}
			w := httptest.NewRecorder()
			s.refuse(w, r, p)
			if diff := cmp.Diff(tt.want, w.Body.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			want := http.Header{
				"Content-Type": {tt.contentType}, "X-Content-Type-Options": {"nosniff"}, "Cache-Control": {"no-store"},
			}
			if diff := cmp.Diff(want, w.Header()); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProblem_hostileText(t *testing.T) {
	p := newProblem(http.StatusBadRequest, stanza.Modify, "not-well-formed", "</text></p><script>\x1b[2J\r\n\x00\xff\u202e\uffff]]>")
	s := newTestServer(t, newFake(), nil)
	for _, accept := range documentTypes {
		r := newPost("")
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		s.refuse(w, r, p)
		body := w.Body.String()
		readable := body
		if accept == cborType {
			var e restError
			if err := cbor.Unmarshal([]byte(body), &e); err != nil {
				t.Fatal(err)
			}
			readable = e.Error.Text
		}
		if strings.ContainsAny(readable, "\x1b\r\x00\u202e\uffff") || !utf8.ValidString(readable) {
			t.Errorf("%s: control characters in %q", accept, body)
		}
		checkDocument(t, accept, body)
		if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") && strings.Contains(body, "<script") {
			t.Errorf("markup in %s", body)
		}
	}
}

// checkDocument checks that a document can be read by those it is for.
func checkDocument(tb testing.TB, mediaType, body string) {
	tb.Helper()
	switch {
	case strings.HasSuffix(mediaType, "json"):
		if !json.Valid([]byte(body)) {
			tb.Errorf("no JSON: %s", body)
		}
	case mediaType == cborType:
		if err := cbor.Wellformed([]byte(body)); err != nil {
			tb.Errorf("no CBOR: %v in %q", err, body)
		}
	case mediaType == formType:
		if _, err := url.ParseQuery(body); err != nil {
			tb.Errorf("no form: %v in %s", err, body)
		}
	case strings.HasSuffix(mediaType, "xml"):
		if err := xml.Unmarshal([]byte(body), new(struct{})); err != nil {
			tb.Errorf("no XML: %v in %s", err, body)
		}
	}
}

func TestProblem_keepsHeader(t *testing.T) {
	s := newTestServer(t, newFake(), nil)
	for _, accept := range documentTypes {
		r := newPost(message)
		r.Header.Del("Authorization")
		r.Header.Set("Accept", accept)
		w := do(s, r)
		if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" || !strings.HasPrefix(w.Header().Get("Content-Type"), accept) {
			t.Errorf("%s: got %d %v", accept, w.Code, w.Header())
		}
	}
}

// The place of a mistake stands in every form that has members.
func TestProblem_places(t *testing.T) {
	s := newTestServer(t, newFake(), nil)
	const doc = "{\n \"to\": \"a@b\",\n \"body\": 5}"
	get := func(accept string) string {
		r := newRequest("POST", "/rest", jsonType, doc)
		r.Header.Set("Accept", accept)
		w := do(s, r)
		if got := w.Header().Get("Content-Type"); got != accept || w.Code != http.StatusBadRequest {
			t.Errorf("Accept %s: got %d %s", accept, w.Code, got)
		}
		return w.Body.String()
	}
	var fromJSON, fromCBOR restError
	if err := json.Unmarshal([]byte(get(jsonType)), &fromJSON); err != nil {
		t.Fatal(err)
	}
	if err := cbor.Unmarshal([]byte(get(cborType)), &fromCBOR); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fromJSON, fromCBOR); diff != "" {
		t.Errorf("(-JSON +CBOR):\n%s", diff)
	}
	want := restPlace{Pointer: "#/body", Line: 3, Column: fromJSON.Error.Context.Column}
	if got := fromJSON.Error.Context; got != want || got.Column == 0 {
		t.Errorf("the place is %+v, want %+v", got, want)
	}
	form, err := url.ParseQuery(get(formType))
	if err != nil {
		t.Fatal(err)
	}
	wantForm := url.Values{
		"type": {"error"}, "code": {"400"}, "condition": {"not-well-formed"}, "error_type": {"modify"},
		"text": {fromJSON.Error.Text}, "pointer": {"#/body"}, "line": {"3"}, "column": {strconv.Itoa(want.Column)},
	}
	if diff := cmp.Diff(wantForm, form); diff != "" {
		t.Errorf("form (-want +got):\n%s", diff)
	}
}
