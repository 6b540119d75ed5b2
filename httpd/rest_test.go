package httpd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/gateway"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

func TestPost_accepted(t *testing.T) {
	c := newFake()
	w := do(newTestServer(t, c, nil), newPost(message))

	if w.Code != http.StatusAccepted || w.Body.Len() != 0 {
		t.Errorf("got %d with %q, want 202 without a body", w.Code, w.Body)
	}
	if len(w.Header()) != 0 {
		t.Errorf("header is %v, want none", w.Header())
	}
	calls := c.calls()
	if len(calls) != 1 {
		t.Fatalf("%d stanzas were submitted, want 1", len(calls))
	}
	if got := calls[0]; got.identity != c.domain || got.stanza.Kind() != stanza.Message || got.options != (gateway.SubmitOptions{Wait: -1}) {
		t.Errorf("submitted %v", got)
	}
}

func TestPost_answered(t *testing.T) {
	c := newFake()
	const result = `<iq type="result" id="p1" from="example.net" to="rest.example.net"/>`
	c.answerWith(t, result)
	w := do(newTestServer(t, c, nil), newPost(ping))

	if w.Code != http.StatusOK || w.Body.String() != result {
		t.Errorf("got %d with %q", w.Code, w.Body)
	}
	want := http.Header{"Content-Type": {"application/xmpp+xml"}, "X-Content-Type-Options": {"nosniff"}}
	if diff := cmp.Diff(want, w.Header()); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
}

func TestPost_longAnswerHasALength(t *testing.T) {
	c := newFake()
	c.answerWith(t, `<iq type="result" id="p1"><x xmlns="x">`+strings.Repeat("y", 300_000)+`</x></iq>`)
	w := do(newTestServer(t, c, nil), newPost(ping))
	if got := w.Header().Get("Content-Length"); got != fmt.Sprint(w.Body.Len()) || w.Body.Len() < 300_000 {
		t.Errorf("Content-Length is %q, the body has %d bytes", got, w.Body.Len())
	}
}

func TestPost_pathIsIgnored(t *testing.T) {
	for _, path := range []string{"/rest", "/rest/", "/rest/message/chat/a@b", "//rest", "//rest//x", "/rest?q=1"} {
		c := newFake()
		r := newPost(message)
		r.URL = httptest.NewRequest(http.MethodPost, "http://gateway"+path, nil).URL
		if w := do(newTestServer(t, c, nil), r); w.Code != http.StatusAccepted {
			t.Errorf("POST %s: got %d, want 202", path, w.Code)
		}
	}
}

// Each request has all the faults that stand after its own in the list, too.
func TestPost_orderOfChecks(t *testing.T) {
	tooLarge := strings.Repeat("x", DefaultBodyLimit+1)
	tests := []struct {
		name          string
		authorization string
		contentType   string
		body          string
		want          int
	}{
		{"no credentials", "", "image/png", tooLarge, http.StatusUnauthorized},
		{"wrong credentials", "Bearer x", "image/png", tooLarge, http.StatusForbidden},
		{"too large", testSecret, "image/png", tooLarge, http.StatusRequestEntityTooLarge},
		{"wrong media type", testSecret, "image/png", "<message", http.StatusUnsupportedMediaType},
		{"no media type", testSecret, "", "<message", http.StatusUnsupportedMediaType},
		{"not well-formed", testSecret, "application/xmpp+xml", "<message", http.StatusBadRequest},
		{"empty", testSecret, "application/xmpp+xml", "", http.StatusBadRequest},
		{"wrong root", testSecret, "application/xmpp+xml", "<success/>", http.StatusUnprocessableEntity},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newFake()
			r := newPost(tt.body)
			r.Header.Del("Authorization")
			r.Header.Del("Content-Type")
			if tt.authorization != "" {
				r.Header.Set("Authorization", tt.authorization)
			}
			if tt.contentType != "" {
				r.Header.Set("Content-Type", tt.contentType)
			}
			if w := do(newTestServer(t, c, nil), r); w.Code != tt.want {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, tt.want)
			}
			if len(c.calls()) != 0 {
				t.Error("a stanza was submitted")
			}
		})
	}
}

// The first example of mod_rest's first documentation, as it was printed.
func TestPost_saysWhereABodyIsWrong(t *testing.T) {
	w := do(newTestServer(t, newFake(), nil), newPost("<message type=\"chat\" to=\"user@example.org\">\n"+
		"            <body>Hello!</body>\n        </body>"))
	if w.Code != http.StatusBadRequest {
		t.Fatalf("got %d, want 400", w.Code)
	}
	for _, part := range []string{"line 3", "column", "</body>", "<message>", "not-well-formed"} {
		if !strings.Contains(w.Body.String(), part) {
			t.Errorf("the document does not say %q:\n%s", part, w.Body)
		}
	}
}

func TestPost_mediaType(t *testing.T) {
	tests := map[string]int{
		"application/xmpp+xml":                          http.StatusAccepted,
		"application/xmpp+xml; charset=utf-8":           http.StatusAccepted,
		"application/xmpp+xml;charset=utf-8":            http.StatusAccepted,
		"Application/XMPP+XML":                          http.StatusAccepted,
		"application/xml":                               http.StatusUnsupportedMediaType,
		"application/xmpp+xmlx":                         http.StatusUnsupportedMediaType,
		"application/xmpp+xml; charset=latin1":          http.StatusUnsupportedMediaType,
		"image/png; x=application/xmpp+xml":             http.StatusUnsupportedMediaType,
		"multipart/form-data; boundary=\"a;b,c d\x7f\"": http.StatusUnsupportedMediaType,
	}
	s := newTestServer(t, newFake(), nil)
	for contentType, want := range tests {
		r := newPost(message)
		r.Header.Set("Content-Type", contentType)
		w := do(s, r)
		if w.Code != want {
			t.Errorf("%q: got %d, want %d", contentType, w.Code, want)
		}
		if got := w.Header().Get("Accept-Post"); want == http.StatusUnsupportedMediaType && got != format.Names() {
			t.Errorf("%q: Accept-Post is %q", contentType, got)
		}
	}
}

func TestPost_wait(t *testing.T) {
	tests := []struct {
		name    string
		timeout string // Prosody-Rest-Timeout
		prefer  string
		want    time.Duration
	}{
		{"neither", "", "", -1},
		{"seconds", "5", "", 5 * time.Second},
		{"fraction", "0.25", "", 250 * time.Millisecond},
		{"zero", "0", "", 0},
		{"negative", "-3", "", 0},
		{"endless", "1e300", "", 1<<63 - 1},
		{"no number", "soon", "", -1},
		{"not a number", "NaN", "", -1},
		{"prefer", "", "wait=7", 7 * time.Second},
		{"both", "5", "wait=7", 5 * time.Second},
		{"prefer beside no number", "soon", "wait=7", 7 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newFake()
			r := newPost(ping)
			if tt.timeout != "" {
				r.Header.Set("Prosody-Rest-Timeout", tt.timeout)
			}
			if tt.prefer != "" {
				r.Header.Set("Prefer", tt.prefer)
			}
			do(newTestServer(t, c, nil), r)
			if got := c.calls()[0].options.Wait; got != tt.want {
				t.Errorf("waits %v, want %v", got, tt.want)
			}
		})
	}
}

func TestPost_preferenceApplied(t *testing.T) {
	const result = `<iq type="result" id="p1"/>`
	tests := []struct {
		name, body, prefer, timeout, answer, want string
	}{
		{name: "none", body: message},
		{name: "async message", body: message, prefer: "respond-async", want: "respond-async"},
		{name: "async iq is answered all the same", body: ping, prefer: "respond-async", answer: result},
		{name: "wait for an iq", body: ping, prefer: "wait=10", answer: result, want: "wait=10"},
		{name: "wait says nothing for a message", body: message, prefer: "wait=10"},
		{name: "mod_rest's header went first", body: ping, prefer: "wait=10", timeout: "3", answer: result},
		{name: "all", body: ping, prefer: "wait=10, handling=strict, respond-async", answer: result, want: "handling=strict, wait=10"},
		{name: "unknown", body: message, prefer: "return=minimal, handling=lenient"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newFake()
			if tt.answer != "" {
				c.answerWith(t, tt.answer)
			}
			r := newPost(tt.body)
			r.Header.Set("Prefer", tt.prefer)
			if tt.timeout != "" {
				r.Header.Set("Prosody-Rest-Timeout", tt.timeout)
			}
			if got := do(newTestServer(t, c, nil), r).Header().Get("Preference-Applied"); got != tt.want {
				t.Errorf("Preference-Applied: %q, want %q", got, tt.want)
			}
			if got := c.calls()[0].options.Async; got != strings.Contains(tt.prefer, "respond-async") {
				t.Errorf("async is %v", got)
			}
		})
	}
}

func TestPost_stanzaErrors(t *testing.T) {
	const answer = `<iq type="error" id="p1"><error type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`
	c := newFake()
	c.answerWith(t, answer)
	s := newTestServer(t, c, nil)

	w := do(s, newPost(ping))
	if w.Code != http.StatusOK || w.Body.String() != answer {
		t.Errorf("without a preference: got %d %s, want 200 with the error", w.Code, w.Body)
	}
	r := newPost(ping)
	r.Header.Set("Prefer", "handling=strict")
	w = do(s, r)
	if w.Code != http.StatusNotFound || w.Body.String() != answer {
		t.Errorf("strict: got %d %s, want 404 with the error", w.Code, w.Body)
	}
	if got := w.Header().Get("Preference-Applied"); got != "handling=strict" {
		t.Errorf("Preference-Applied: %q", got)
	}
}

// tryLaterError is an error of the link, deep in a chain.
type tryLaterError struct{ after time.Duration }

func (tryLaterError) Error() string               { return "connection refused by 192.0.2.1" }
func (e tryLaterError) RetryAfter() time.Duration { return e.after }

func TestPost_refusals(t *testing.T) {
	later := fmt.Errorf("link: %w", tryLaterError{1500 * time.Millisecond})
	tests := []struct {
		reason     stanza.Reason
		err        error
		status     int
		condition  string
		errorType  string
		retryAfter string
	}{
		{stanza.TooLarge, nil, 413, "resource-constraint", "modify", ""},
		{stanza.ImproperAddressing, nil, 422, "improper-addressing", "modify", ""},
		{stanza.ForeignSender, nil, 403, "not-authorized", "auth", ""},
		{stanza.InvalidIQType, nil, 422, "invalid-xml", "modify", ""},
		{stanza.InvalidIQPayload, nil, 422, "bad-format", "modify", ""},
		{stanza.IDConflict, nil, 409, "conflict", "modify", ""},
		{stanza.AnswerTimeout, nil, 504, "remote-server-timeout", "wait", ""},
		{stanza.LinkUnavailable, nil, 503, "service-unavailable", "wait", "1"},
		{stanza.LinkUnavailable, later, 503, "service-unavailable", "wait", "2"},
		{stanza.LinkUnavailable, tryLaterError{time.Millisecond}, 503, "service-unavailable", "wait", "1"},
		{stanza.TooManyOutstanding, nil, 503, "resource-constraint", "wait", "1"},
		{stanza.CallerTooSlow, nil, 503, "resource-constraint", "wait", "1"},
		{stanza.Poisonous, nil, 422, "policy-violation", "modify", ""},
	}
	for _, tt := range tests {
		t.Run(string(tt.reason), func(t *testing.T) {
			c := newFake()
			c.failWith(fmt.Errorf("wrapped: %w", &stanza.Refusal{Reason: tt.reason, Text: "what is wrong", Err: tt.err}))
			w := do(newTestServer(t, c, nil), newPost(ping))
			got := readProblem(t, w)
			want := problemMembers{
				Type: "about:blank", Title: http.StatusText(tt.status), Status: tt.status,
				Detail: "what is wrong", Text: "what is wrong", Condition: tt.condition, ErrorType: tt.errorType,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("document (-want +got):\n%s", diff)
			}
			if w.Code != tt.status {
				t.Errorf("status %d, want %d", w.Code, tt.status)
			}
			if got := w.Header().Get("Retry-After"); got != tt.retryAfter {
				t.Errorf("Retry-After %q, want %q", got, tt.retryAfter)
			}
		})
	}
}

func TestPost_internalErrorsStayInside(t *testing.T) {
	for _, err := range []error{
		errors.New("dial 10.0.0.1: secret of the inside"),
		&stanza.Refusal{Reason: "unheard-of", Text: "secret of the inside"},
	} {
		c := newFake()
		c.failWith(err)
		logger, log := logTo()
		w := do(newTestServer(t, c, func(o *Options) { o.Logger = logger }), newPost(message))
		got := readProblem(t, w)
		if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "inside") {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
		if got.InstanceID == "" || !strings.Contains(got.Text, got.InstanceID) {
			t.Fatalf("the document has no id: %+v", got)
		}
		if !strings.Contains(log.String(), got.InstanceID) || !strings.Contains(log.String(), "secret of the inside") {
			t.Errorf("the log has no error under %s:\n%s", got.InstanceID, log)
		}
	}
}

func TestPost_callerHungUp(t *testing.T) {
	for _, err := range []error{context.Canceled, &stanza.Refusal{Reason: stanza.AnswerTimeout, Text: "too late"}} {
		ctx, hangUp := context.WithCancel(t.Context())
		c := newFake()
		c.submit = func(context.Context, stanza.Stanza) (stanza.Stanza, error) {
			hangUp()
			return stanza.Stanza{}, err
		}
		s, metric := newMeteredServer(t, c)
		w := httptest.NewRecorder()
		aborted := func() (v any) {
			defer func() { v = recover() }()
			s.ServeHTTP(w, newPost(ping).WithContext(ctx))
			return nil
		}()
		if err, _ := aborted.(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("the handler ended with %v, want http.ErrAbortHandler", aborted)
		}
		if w.Body.Len() != 0 {
			t.Errorf("the caller got %q", w.Body)
		}
		if got := metric(`restanza_http_requests_total{code="499",method="POST",route="rest"}`); got != 1 {
			t.Errorf("counted %v times, want once", got)
		}
	}
}

func TestServeHTTP_panic(t *testing.T) {
	c := newFake()
	c.submit = func(context.Context, stanza.Stanza) (stanza.Stanza, error) { panic("something impossible") }
	logger, log := logTo()
	s, metric := newMeteredServer(t, c, func(o *Options) { o.Logger = logger })
	w := do(s, newPost(message))
	got := readProblem(t, w)
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "impossible") || got.InstanceID == "" {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	for _, part := range []string{"something impossible", "rest_test.go", got.InstanceID} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log does not have %q", part)
		}
	}
	if metric("restanza_http_panics_total") != 1 || metric("restanza_http_requests_in_flight") != 0 {
		t.Error("the panic is not counted, or the request counts as running")
	}
	if w := do(s, newPost("<message")); w.Code != http.StatusBadRequest {
		t.Errorf("the next request got %d", w.Code)
	}
}

func TestRest_otherMethods(t *testing.T) {
	s := newTestServer(t, newFake(), nil)
	for _, method := range []string{"HEAD", "PUT", "DELETE", "PATCH", "TRACE", "BREW"} {
		w := do(s, httptest.NewRequest(method, "/rest", nil))
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, OPTIONS, POST" {
			t.Errorf("%s: got %d, Allow %q", method, w.Code, w.Header().Get("Allow"))
		}
	}
}

// Nothing is sent by HEAD, whatever the path and the query say, nor can an echo be got.
func TestRest_noMethodOfThePath(t *testing.T) {
	for target, allow := range map[string]string{
		"HEAD /rest?to=a@b&body=hi": "GET, OPTIONS, POST", "HEAD /rest/ping/a.b": "GET, OPTIONS, POST",
		"GET /rest/echo?to=a@b": "OPTIONS, POST", "HEAD /rest/echo": "OPTIONS, POST",
	} {
		c := newFake()
		method, path, _ := strings.Cut(target, " ")
		w := do(newTestServer(t, c, nil), newRequest(method, path, "", ""))
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != allow || len(c.calls()) != 0 {
			t.Errorf("%s: got %d, Allow %q, and %d stanzas were sent", target, w.Code, w.Header().Get("Allow"), len(c.calls()))
		}
	}
	w := do(newTestServer(t, newFake(), nil), newRequest("OPTIONS", "/rest/echo", "", ""))
	if got := w.Header().Get("Allow"); got != "OPTIONS, POST" {
		t.Errorf("OPTIONS /rest/echo: Allow %q", got)
	}
}

func TestRest_options(t *testing.T) {
	s := newTestServer(t, newFake(), nil)
	for _, path := range []string{"/rest", "/rest/x"} {
		w := do(s, httptest.NewRequest(http.MethodOptions, path, nil))
		want := http.Header{"Allow": {"GET, OPTIONS, POST"}, "Accept-Post": {format.Names()}}
		if diff := cmp.Diff(want, w.Header()); w.Code != http.StatusOK || diff != "" || w.Body.Len() != 0 {
			t.Errorf("got %d %s, header (-want +got):\n%s", w.Code, w.Body, diff)
		}
	}
}

func TestServeHTTP_notFound(t *testing.T) {
	all := newTestServer(t, newFake(), nil)
	bare := newTestServer(t, newFake(), func(o *Options) { o.Health = false })
	for _, path := range []string{"/", "/restful", "/REST", "/metrics", "/livez/"} {
		w := do(all, httptest.NewRequest(http.MethodGet, path, nil))
		if got := readProblem(t, w); w.Code != http.StatusNotFound || !strings.Contains(got.Text, "POST /rest, GET /rest, GET /events, GET /livez, GET /readyz") {
			t.Errorf("%s: got %d %s", path, w.Code, w.Body)
		}
	}
	w := do(bare, httptest.NewRequest(http.MethodGet, "/livez", nil))
	if w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "livez") {
		t.Errorf("without health: got %d %s", w.Code, w.Body)
	}
}

func TestPost_identityAndLimitOfTheCredential(t *testing.T) {
	first, second := newFake(), newFake()
	second.domain = jid.MustParse("bots.example.net")
	bot := jid.MustParse("alerts@bots.example.net/cron")
	s := newTestServer(t, first, func(o *Options) {
		o.Credentials = append(o.Credentials,
			Credential{Authorization: "Basic YTpi", Component: second, Identity: bot, BodyLimit: len(message)})
	})
	r := newPost(message)
	r.Header.Set("Authorization", "Basic YTpi")
	if w := do(s, r); w.Code != http.StatusAccepted {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	if len(first.calls()) != 0 || len(second.calls()) != 1 || second.calls()[0].identity != bot {
		t.Errorf("submitted %v and %v", first.calls(), second.calls())
	}
	r = newPost(message + " ")
	r.Header.Set("Authorization", "Basic YTpi")
	if w := do(s, r); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("one byte more: got %d, want 413", w.Code)
	}
}
