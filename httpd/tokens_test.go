package httpd

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/access"
	"github.com/restanza/restanza/events"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
)

const otherDomain = "other.example.net"

// openJournal opens a journal for the time of a test.
func openJournal(t testing.TB, path string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(journal.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

// withTokens gives a test server tokens, for two components, and an operator.
func withTokens(c Component, store TokenStore, l *events.Log) func(*Options) {
	other := newFake()
	other.domain = jid.MustParse(otherDomain)
	return func(o *Options) {
		o.Credentials[0].Events = l
		o.Admin, o.Tokens = adminSecret, store
		o.Components = []Attachment{{Component: c, Events: l}, {Component: other}}
	}
}

// newTokenServer returns a server with tokens in a journal of its own.
func newTokenServer(t testing.TB) *Server {
	t.Helper()
	c := newFake()
	return newTestServer(t, c, withTokens(c, openJournal(t, filepath.Join(t.TempDir(), "journal.db")), nil))
}

func tokenRequest(method, target, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", adminSecret)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// makeToken makes a token of what is in a document beside its name and component.
func makeToken(t testing.TB, s http.Handler, members string) tokenDoc {
	t.Helper()
	w := do(s, tokenRequest(http.MethodPost, "/tokens", `{"name": "test", "component": "`+testDomain+`", `+members+`}`))
	var doc tokenDoc
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || w.Code != http.StatusCreated || w.Header().Get("Location") != "/tokens/"+doc.ID {
		t.Fatalf("%d %v %s", w.Code, err, w.Body)
	}
	return doc
}

// as returns a request with a token in its header.
func as(token, method, target, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/xmpp+xml")
	return r
}

// expect fails unless the answer has that status and, in its text, that.
func expect(t *testing.T, what string, w *httptest.ResponseRecorder, status int, text string) {
	t.Helper()
	if w.Code != status || !strings.Contains(w.Body.String(), text) {
		t.Errorf("%s: %d, want %d with %q: %s", what, w.Code, status, text, w.Body)
	}
}

// A token does what it is for and nothing else; what is refused is named.
func TestTokens_rights(t *testing.T) {
	s := newTokenServer(t)
	const presence = `<presence to="user@example.org"/>`
	const result = `<iq type="result" id="p1" to="example.net"/>`
	type request struct{ method, target, body string }
	requests := map[string]request{
		"message": {"POST", "/rest", message}, "presence": {"POST", "/rest", presence}, "iq": {"POST", "/rest", ping}, "result": {"POST", "/rest", result},
		"get": {"GET", "/rest/ping/example.net", ""}, "outbox": {"GET", "/rest/outbox/x", ""}, "events": {"GET", "/events?wait=0", ""},
		"of presence": {"GET", "/events?wait=0&kind=presence", ""}, "ack": {"POST", "/events/ack?consumer=x", "{}"},
		"tokens": {"GET", "/tokens", ""}, "deliveries": {"GET", "/deliveries", ""}, "echo": {"POST", "/rest/echo", message},
	}
	const noLog, noJournal, noItem = "keeps no log", "has no journal", "nothing that you have sent"
	lacks := func(r access.Right) string { return `lacks the right \"` + string(r) + `\"` }
	for members, want := range map[string]map[string]string{
		`"rights": ["send"]`: {
			"iq": lacks("iq"), "result": lacks("iq"), "get": lacks("iq"), "outbox": noItem, "events": lacks("receive"), "of presence": lacks("receive"), "ack": lacks("receive"),
			"tokens": lacks("admin"), "deliveries": lacks("admin"),
		},
		`"rights": ["receive"]`: {
			"message": lacks("send"), "presence": lacks("send"), "iq": lacks("iq"), "get": lacks("iq"), "outbox": lacks("send"), "events": noLog, "of presence": noLog, "ack": noLog,
			"tokens": lacks("admin"), "deliveries": lacks("admin"),
		},
		`"rights": ["iq"]`: {
			"message": lacks("send"), "presence": lacks("send"), "outbox": lacks("send"), "events": lacks("receive"), "of presence": lacks("receive"), "ack": lacks("receive"),
			"tokens": lacks("admin"), "deliveries": lacks("admin"),
		},
		`"rights": ["admin"]`: {
			"message": lacks("send"), "presence": lacks("send"), "iq": lacks("iq"), "result": lacks("iq"), "get": lacks("iq"), "outbox": lacks("send"),
			"events": lacks("receive"), "of presence": lacks("receive"), "ack": lacks("receive"), "deliveries": noJournal,
		},
		`"rights": ["send", "receive", "iq"], "to": ["*.example.org", "example.net"]`: {
			"message": `may not send to \"user@example.org\"`, "presence": `may not send to \"user@example.org\"`, "outbox": noItem, "events": noLog, "of presence": noLog, "ack": noLog,
			"tokens": lacks("admin"), "deliveries": lacks("admin"),
		},
		`"rights": ["send", "receive"], "kinds": ["message"]`: {
			"presence": `of the kind \"presence\"`, "iq": lacks("iq"), "result": `of the kind \"iq\"`, "get": lacks("iq"), "outbox": noItem, "events": noLog, "of presence": noLog, "ack": noLog,
			"tokens": lacks("admin"), "deliveries": lacks("admin"),
		},
	} {
		token := makeToken(t, s, members).Token
		for name, r := range requests {
			w := do(s, as(token, r.method, r.target, r.body))
			switch refusal := want[name]; {
			case refusal == "" && w.Code >= 300:
				t.Errorf("%s, %s: %d %s", members, name, w.Code, w.Body)
			case refusal != "":
				status := http.StatusForbidden
				if refusal == noLog || refusal == noItem || refusal == noJournal {
					status = http.StatusNotFound
				}
				if refusal == noJournal {
					refusal = "nothing is kept"
				}
				expect(t, members+", "+name, w, status, refusal)
			}
			if w.Code == http.StatusForbidden && strings.Contains(w.Body.String(), "*.example.org") {
				t.Errorf("%s, %s: the refusal says more than it must: %s", members, name, w.Body)
			}
		}
	}
}

var tokenForm = regexp.MustCompile(`^rst_[0-9A-Za-z]{30}$`)

// The text of a token is told once, is nowhere on disk, and differs each time.
func TestTokens_textIsToldOnce(t *testing.T) {
	s := newTokenServer(t)
	one, two := makeToken(t, s, `"rights": ["send"]`), makeToken(t, s, `"rights": ["send"]`)
	if !tokenForm.MatchString(one.Token) || one.Token == two.Token || one.ID == two.ID || one.Name != two.Name {
		t.Errorf("two tokens of one name: %+v, %+v", one, two)
	}
	for _, target := range []string{"/tokens", "/tokens/" + one.ID} {
		w := do(s, tokenRequest(http.MethodGet, target, ""))
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), one.ID) || strings.Contains(w.Body.String(), one.Token) || strings.Contains(w.Body.String(), "hash") {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	for _, doc := range []tokenDoc{one, two} {
		expect(t, "send", do(s, as(doc.Token, "POST", "/rest", message)), http.StatusAccepted, "")
	}
	if w := do(s, tokenRequest(http.MethodDelete, "/tokens/"+one.ID, "")); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"state": "revoked"`) {
		t.Errorf("revoke: %d %s", w.Code, w.Body)
	}
	expect(t, "the revoked one", do(s, as(one.Token, "POST", "/rest", message)), http.StatusForbidden, "this token was revoked")
	expect(t, "the other one", do(s, as(two.Token, "POST", "/rest", message)), http.StatusAccepted, "")
	expect(t, "again", do(s, tokenRequest(http.MethodDelete, "/tokens/"+one.ID, "")), http.StatusOK, "revoked")
	expect(t, "none", do(s, tokenRequest(http.MethodDelete, "/tokens/none", "")), http.StatusNotFound, "no token of this id")
	for _, wrong := range []string{"rst_", "rst_" + strings.Repeat("x", 30), one.Token + "x", two.Token[:33], strings.ToUpper(two.Token)} {
		expect(t, wrong, do(s, as(wrong, "POST", "/rest", message)), http.StatusForbidden, "none that the gateway knows")
	}
	basic := as(two.Token, "POST", "/rest", message)
	basic.Header.Set("Authorization", "Basic "+two.Token)
	expect(t, "as Basic", do(s, basic), http.StatusForbidden, "none that the gateway knows")
	basic = as(two.Token, "POST", "/rest", message)
	basic.Header.Set("Authorization", "bEARER  "+two.Token)
	expect(t, "in other letters", do(s, basic), http.StatusAccepted, "")
}

func TestTokens_inQuery(t *testing.T) {
	s := newTokenServer(t)
	const target = "/rest/message/chat/user@example.org?body=hi&access_token="
	r := func(token string) *http.Request { return httptest.NewRequest(http.MethodGet, target+token, nil) }
	expect(t, "in the query", do(s, r(makeToken(t, s, `"rights": ["send"], "in_query": true`).Token)), http.StatusAccepted, "")
	expect(t, "not allowed there", do(s, r(makeToken(t, s, `"rights": ["send"]`).Token)), http.StatusForbidden, "have in_query set")
	expect(t, "operating", do(s, httptest.NewRequest(http.MethodGet, "/tokens?access_token="+makeToken(t, s, `"rights": ["admin"], "in_query": true`).Token, nil)), http.StatusUnauthorized, "")
}

// Each member that is wrong is named.
func TestTokens_refuses(t *testing.T) {
	s := newTokenServer(t)
	many := strings.TrimSuffix(strings.Repeat(`"x.example",`, 101), ",")
	for body, want := range map[string]string{
		``:                                     "no JSON object",
		`[]`:                                   "no JSON object",
		`null`:                                 "no JSON object",
		`{"name": "a", "name": "b"}`:           "each member stands once",
		`{"nam": "x"}`:                         `there is no member \"nam\"`,
		`{"rights": ["send"]}`:                 "name: it is missing",
		`{"name": "", "rights": ["send"]}`:     "name: it is empty",
		`{"name": 5}`:                          "name: a text is wanted",
		`{"name": null}`:                       "name: this is null",
		`{"name": "a\nb", "rights": ["send"]}`: "name: at most 120 printable",
		`{"name": "` + strings.Repeat("é", 121) + `", "rights": ["send"]}`: "name: at most 120 printable",
		`{"name": "x"}`:                                                                                         "rights: they are missing",
		`{"name": "x", "rights": "send"}`:                                                                       "rights: a list of texts is wanted",
		`{"name": "x", "rights": ["send", 5]}`:                                                                  "rights: a list of texts is wanted",
		`{"name": "x", "component": "rest.example.net", "rights": []}`:                                          "rights: the list is empty",
		`{"name": "x", "component": "rest.example.net", "rights": ["root"]}`:                                    `rights: \"root\" is none of`,
		`{"name": "x", "rights": ["send"]}`:                                                                     "component: it is missing; there are other.example.net, rest.example.net",
		`{"name": "x", "rights": ["send"], "component": "a.example"}`:                                           "component: there is no component a.example",
		`{"name": "x", "rights": ["send"], "component": "@"}`:                                                   "component: this is no XMPP address",
		`{"name": "x", "rights": ["send"], "identity": "bot@a.example"}`:                                        "identity: there is no component a.example",
		`{"name": "x", "rights": ["send"], "component": "rest.example.net", "identity": "x@other.example.net"}`: "identity: x@other.example.net is no address of",
		`{"name": "x", "rights": ["admin"], "identity": "bot@rest.example.net"}`:                                "identity: the right admin is for all",
		`{"name": "x", "rights": ["send"], "component": "rest.example.net", "to": ["*"]}`:                       "to: leave the list out",
		`{"name": "x", "rights": ["send"], "component": "rest.example.net", "to": [` + many + `]}`:              "to: there are 101 entries",
		`{"name": "x", "rights": ["send"], "component": "rest.example.net", "kinds": ["chat"]}`:                 "kinds: ",
		`{"name": "x", "rights": ["send"], "component": "rest.example.net", "networks": ["10.0.0.1/8"]}`:        "networks: ",
		`{"name": "x", "rights": ["send"], "component": "rest.example.net", "rate": "60"}`:                      "rate: ",
		`{"name": "x", "rights": ["send"], "component": "rest.example.net", "burst": 5}`:                        "burst: there is no rate",
		`{"name": "x", "rights": ["send"], "component": "rest.example.net", "rate": "1/s", "burst": 0}`:         "burst: a number from 1",
		`{"name": "x", "rights": ["send"], "component": "rest.example.net", "burst": 1.5}`:                      "burst: a whole number is wanted",
		`{"name": "x", "rights": ["send"], "component": "rest.example.net", "in_query": "yes"}`:                 "in_query: true or false is wanted",
		`{"name": "x", "rights": ["send"], "component": "rest.example.net", "expires": "soon"}`:                 "expires: this is neither",
		`{"name": "x", "rights": ["send"], "component": "rest.example.net", "expires": "0d"}`:                   "expires: a time from now on",
		`{"name": "x", "rights": ["send"], "component": "rest.example.net", "expires": "-5m"}`:                  "expires: a time from now on",
		`{"name": "x", "rights": ["send"], "component": "rest.example.net", "expires": "2001-01-01T00:00:00Z"}`: "expires: a time from now on",
		`{"name": "x", "rights": ["send"], "component": "rest.example.net", "expires": "3651d"}`:                "expires: a time from now on",
		`{"name": "x", "rights": ["send"], "component": "rest.example.net", "expires": "99999d"}`:               "expires: this is neither",
	} {
		r := tokenRequest(http.MethodPost, "/tokens", body)
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		expect(t, body, do(s, r), http.StatusBadRequest, want)
	}
	for target, want := range map[string]string{
		"/tokens?limit=0": "limit: ", "/tokens?limit=501": "limit: ", "/tokens?after=x": "after: ", "/tokens?component=@": "component: ", "/tokens?nam=x": "no parameter",
		"/tokens?name=": "name: it has no value", "/tokens?name=a&name=b": "name: it stands there twice", "/tokens?%zz": "can't be decoded", "/tokens/x?limit=1": "takes no parameters",
	} {
		expect(t, target, do(s, tokenRequest(http.MethodGet, target, "")), http.StatusBadRequest, want)
	}
	large := tokenRequest(http.MethodPost, "/tokens", `{"name": "`+strings.Repeat("x", maxTokenBody)+`"}`)
	expect(t, "a large body", do(s, large), http.StatusRequestEntityTooLarge, "limit")
	form := tokenRequest(http.MethodPost, "/tokens", "name=x")
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	expect(t, "a form", do(s, form), http.StatusUnsupportedMediaType, "application/json")
	expect(t, "a sender", do(s, as("x", "GET", "/tokens", "")), http.StatusForbidden, "none for operating")
	expect(t, "PUT", do(s, tokenRequest("PUT", "/tokens", "")), http.StatusMethodNotAllowed, "")
	expect(t, "deeper", do(s, tokenRequest("GET", "/tokens/a/b", "")), http.StatusNotFound, "")
}

// Thousands of tokens are listed page by page, survive a restart, and each is found.
func TestTokens_thousands(t *testing.T) {
	const n = 3 * loadedAtOnce
	path := filepath.Join(t.TempDir(), "journal.db")
	j := openJournal(t, path)
	texts := make([]string, n)
	c := newFake()
	s := newTestServer(t, c, withTokens(c, j, nil))
	for i := range texts {
		text, _, err := s.keys.tokens.create(t.Context(), journal.Token{Name: "n", Component: c.domain, Identity: c.domain, Rights: []string{"send"}})
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = text
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	s = newTestServer(t, c, withTokens(c, openJournal(t, path), nil))
	for _, text := range texts {
		if w := do(s, as(text, "POST", "/rest", message)); w.Code != http.StatusAccepted {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	seen := map[string]bool{}
	for target := "/tokens?limit=500"; ; {
		var page tokenPage
		w := do(s, tokenRequest(http.MethodGet, target, ""))
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil {
			t.Fatal(err)
		}
		for _, doc := range page.Tokens {
			seen[doc.ID] = true
		}
		if page.Next == "" {
			break
		}
		target = "/tokens?limit=500&after=" + page.Next
	}
	if len(seen) != n {
		t.Errorf("%d in the list", len(seen))
	}
	s.keys.tokens.limit = n
	expect(t, "one more", do(s, tokenRequest(http.MethodPost, "/tokens", `{"name": "x", "rights": ["send"], "component": "rest.example.net"}`)), http.StatusServiceUnavailable, "too many tokens")
}

// Whoever may operate a component sees and makes nothing of another one, nor another one like himself.
func TestTokens_adminOfOneComponent(t *testing.T) {
	s := newTokenServer(t)
	admin := makeToken(t, s, `"rights": ["admin"]`)
	w := do(s, tokenRequest(http.MethodPost, "/tokens", `{"name": "theirs", "component": "`+otherDomain+`", "rights": ["send"]}`))
	var theirs tokenDoc
	if err := json.Unmarshal(w.Body.Bytes(), &theirs); err != nil || theirs.ID == "" {
		t.Fatal(err, w.Body)
	}
	post := func(body string) *httptest.ResponseRecorder {
		r := as(admin.Token, "POST", "/tokens", body)
		r.Header.Set("Content-Type", "application/json")
		return do(s, r)
	}
	expect(t, "own", post(`{"name": "x", "rights": ["send"]}`), http.StatusCreated, testDomain)
	expect(t, "other", post(`{"name": "x", "rights": ["send"], "component": "`+otherDomain+`"}`), http.StatusBadRequest, "component: this credential is for another")
	expect(t, "admin", post(`{"name": "x", "rights": ["admin"]}`), http.StatusBadRequest, "rights: only the gateway's own")
	list := do(s, as(admin.Token, "GET", "/tokens", ""))
	if strings.Contains(list.Body.String(), theirs.ID) || !strings.Contains(list.Body.String(), admin.ID) {
		t.Errorf("list: %s", list.Body)
	}
	expect(t, "list of the other", do(s, as(admin.Token, "GET", "/tokens?component="+otherDomain, "")), http.StatusForbidden, "not for the component")
	expect(t, "show", do(s, as(admin.Token, "GET", "/tokens/"+theirs.ID, "")), http.StatusNotFound, "")
	expect(t, "revoke", do(s, as(admin.Token, "DELETE", "/tokens/"+theirs.ID, "")), http.StatusNotFound, "")
	expect(t, "theirs", do(s, as(theirs.Token, "POST", "/rest", message)), http.StatusAccepted, "")
}

// unwritable is a store whose disk takes nothing.
type unwritable struct{ TokenStore }

func (unwritable) RevokeToken(context.Context, string) error { return journal.ErrUnwritable }
func (unwritable) AddToken(context.Context, journal.Token) (journal.Token, error) {
	return journal.Token{}, journal.ErrUnwritable
}

// A token is refused as soon as it is revoked, even if that can't be written.
func TestTokens_diskFull(t *testing.T) {
	s := newTokenServer(t)
	doc := makeToken(t, s, `"rights": ["send"]`)
	s.keys.tokens.store = unwritable{s.keys.tokens.store}
	expect(t, "revoke", do(s, tokenRequest(http.MethodDelete, "/tokens/"+doc.ID, "")), http.StatusServiceUnavailable, "can't be written")
	expect(t, "use", do(s, as(doc.Token, "POST", "/rest", message)), http.StatusForbidden, "revoked")
	expect(t, "create", do(s, tokenRequest(http.MethodPost, "/tokens", `{"name": "x", "component": "rest.example.net", "rights": ["send"]}`)), http.StatusServiceUnavailable, "can't be written")
}

// The rate of a token bounds its requests, tells in each answer what is left, and refuses without
// using up an idempotency key.
func TestTokens_rate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTokenServer(t)
		token := makeToken(t, s, `"rights": ["send"], "rate": "60/m", "burst": 2`).Token
		for left := 1; left >= 0; left-- {
			w := do(s, as(token, "POST", "/rest", message))
			if got, want := w.Header().Get("RateLimit"), fmt.Sprintf(`"credential";r=%d;t=%d`, left, 2-left); w.Code != 202 || got != want || w.Header().Get("RateLimit-Policy") != `"credential";q=60;w=60` {
				t.Errorf("%d %v, want %s", w.Code, w.Header(), want)
			}
		}
		keyed := func() *httptest.ResponseRecorder {
			r := as(token, "POST", "/rest", message)
			r.Header.Set(keyField, `"k"`)
			return do(s, r)
		}
		w := keyed()
		expect(t, "too often", w, http.StatusTooManyRequests, `"violated-policies": [`)
		if w.Header().Get("Retry-After") != "1" || w.Header().Get("RateLimit") != `"credential";r=0;t=2` || !strings.Contains(w.Body.String(), quotaExceeded) {
			t.Errorf("%v %s", w.Header(), w.Body)
		}
		time.Sleep(time.Second)
		if w := keyed(); w.Code != 202 || w.Header().Get("RateLimit") != `"credential";r=0;t=2` {
			t.Errorf("a key that was refused before: %d %v", w.Code, w.Header())
		}
		expect(t, "too often again", do(s, as(token, "GET", "/rest/outbox/x", "")), http.StatusTooManyRequests, "")
	})
}

// Tokens don't get in each other's way with their idempotency keys, and what may not be sent uses up none.
func TestTokens_keys(t *testing.T) {
	s := newTokenServer(t)
	keyed := func(token, body string) *httptest.ResponseRecorder {
		r := as(token, "POST", "/rest", body)
		r.Header.Set(keyField, `"k"`)
		return do(s, r)
	}
	one, two := makeToken(t, s, `"rights": ["send"]`).Token, makeToken(t, s, `"rights": ["send"]`).Token
	expect(t, "not allowed", keyed(one, ping), http.StatusForbidden, "lacks the right")
	for _, token := range []string{one, two} {
		if w := keyed(token, message); w.Code != http.StatusAccepted || w.Header().Get(replayedField) != "" {
			t.Errorf("%d %v", w.Code, w.Header())
		}
		if w := keyed(token, message); w.Code != http.StatusAccepted || w.Header().Get(replayedField) == "" {
			t.Errorf("repeated: %d %v", w.Code, w.Header())
		}
	}
}

func TestTokens_networks(t *testing.T) {
	s := newTokenServer(t)
	token := makeToken(t, s, `"rights": ["send"], "networks": ["192.0.2.0/24"]`).Token
	for remote, want := range map[string]int{"192.0.2.7:1": 202, "[::ffff:192.0.2.7]:1": 202, "203.0.113.9:1": 403, "[2001:db8::1]:1": 403, "@": 403, "": 403} {
		r := as(token, "POST", "/rest", message)
		r.RemoteAddr = remote
		r.Header.Set("X-Forwarded-For", "192.0.2.7")
		w := do(s, r)
		if w.Code != want || want == 403 && !strings.Contains(w.Body.String(), "may not be used from") {
			t.Errorf("%s: %d %s", remote, w.Code, w.Body)
		}
	}
}

// The clock decides whether a token has expired, also when it is set.
func TestTokens_expireByTheClock(t *testing.T) {
	s := newTokenServer(t)
	doc := makeToken(t, s, `"rights": ["send"], "expires": "90d"`)
	if d := doc.Expires.Sub(doc.Created); d < 90*24*time.Hour-time.Minute || d > 90*24*time.Hour+time.Minute {
		t.Errorf("it lasts %s", d)
	}
	var jump atomic.Int64
	s.now = func() time.Time { return time.Now().Add(time.Duration(jump.Load())) }
	for _, at := range []struct {
		days   int
		status int
		state  string
	}{{0, 202, "active"}, {91, 403, "expired"}, {89, 202, "active"}, {100_000, 403, "expired"}, {-100_000, 202, "active"}} {
		jump.Store(0)
		when := time.Now().AddDate(0, 0, at.days)
		s.now = func() time.Time { return when }
		w := do(s, as(doc.Token, "POST", "/rest", message))
		if w.Code != at.status || at.status == 403 && !strings.Contains(w.Body.String(), "has expired") {
			t.Errorf("day %d: %d %s", at.days, w.Code, w.Body)
		}
		expect(t, "show", do(s, tokenRequest("GET", "/tokens/"+doc.ID, "")), 200, `"state": "`+at.state+`"`)
	}
}

// Streams end within a second of the end of their token, and say why; a poll is refused.
func TestTokens_streamsEnd(t *testing.T) {
	for form, open := range streams {
		for _, end := range []string{"revoked", "expired"} {
			t.Run(form+" "+end, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l, _ := withEvents(t, events.Options{MaxEvents: 1000})
					c := newFake()
					rs := serve(t, newTestServer(t, c, withTokens(c, openJournal(t, filepath.Join(t.TempDir(), "journal.db")), l)))
					doc := makeToken(t, rs, `"rights": ["receive"], "expires": "10s"`)
					target := "/events." + form
					if form == "ws" {
						target = "/events/ws"
					}
					other := open(t, rs, target)
					rs.authorization = "Bearer " + doc.Token
					f := open(t, rs, target)
					_, _ = f.object(), other.object()
					say(t, l, "a", "hello")
					if got := f.bodies(1); got[0] != "hello" {
						t.Errorf("%q", got)
					}
					began := time.Now()
					if end == "revoked" {
						expect(t, "revoke", do(rs, tokenRequest("DELETE", "/tokens/"+doc.ID, "")), 200, "revoked")
					} else {
						began = doc.Expires
						time.Sleep(time.Until(began))
					}
					o := f.object()
					if late := time.Since(began); o.Event != "end" || !strings.Contains(o.Text, end) || late > time.Second || form == "ws" && o.Status != 1008 {
						t.Errorf("after %s: %+v", late, o)
					}
					say(t, l, "a", "still there?")
					if got := other.bodies(2); got[1] != "still there?" {
						t.Errorf("the other stream: %q", got)
					}
					expect(t, "a new one", do(rs, as(doc.Token, "GET", "/events.json", "")), 403, end)
				})
			})
		}
	}
}

// What a stream's credential is for bounds what its reader may send, and what he gets.
func TestTokens_socketSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := withEvents(t, events.Options{MaxEvents: 1000})
		c := newFake()
		rs := serve(t, newTestServer(t, c, withTokens(c, openJournal(t, filepath.Join(t.TempDir(), "journal.db")), l)))
		rs.authorization = "Bearer " + makeToken(t, rs, `"rights": ["receive", "send"], "kinds": ["message"], "to": ["user@example.org"], "rate": "1/m", "burst": 3`).Token
		f := followSocket(t, rs, "/events/ws")
		_ = f.object()
		for _, step := range []struct{ stanza, event, text string }{
			{`<message to='user@example.org'/>`, "accepted", ""},
			{`<message to='other@example.org'/>`, "refused", `may not send to "other@example.org"`},
			{`<presence to='user@example.org'/>`, "refused", `kind "presence"`},
			{`<message to='user@example.org'/>`, "accepted", ""},
			{`<message to='user@example.org'/>`, "refused", "used more often"},
		} {
			f.send(`{"stanza": "` + step.stanza + `"}`)
			if o := f.object(); o.Event != step.event || !strings.Contains(o.Text, step.text) || o.Event == "refused" && o.Status != 403 && o.Status != 429 {
				t.Errorf("%s: %+v", step.stanza, o)
			}
		}
		say(t, l, "a", "hello")
		if got := f.bodies(1); got[0] != "hello" {
			t.Errorf("%q", got)
		}
	})
}

// It is written down when a token was used, to the minute.
func TestTokens_lastUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFake()
		rs := serve(t, newTestServer(t, c, withTokens(c, openJournal(t, filepath.Join(t.TempDir(), "journal.db")), nil)))
		used, idle := makeToken(t, rs, `"rights": ["send"]`), makeToken(t, rs, `"rights": ["send"]`)
		expect(t, "send", do(rs, as(used.Token, "POST", "/rest", message)), 202, "")
		at := time.Now().UTC().Truncate(time.Minute)
		time.Sleep(2 * time.Minute)
		for id, want := range map[string]time.Time{used.ID: at, idle.ID: {}} {
			var doc tokenDoc
			w := do(rs, tokenRequest("GET", "/tokens/"+id, ""))
			if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || !doc.LastUsed.Equal(want) {
				t.Errorf("%s was last used at %s, want %s; %v", id, doc.LastUsed, want, err)
			}
		}
	})
}

// Without a credential in the configuration there can be tokens; without anybody to make them there
// is nothing.
func TestTokens_alone(t *testing.T) {
	c := newFake()
	o := Options{}
	if _, err := New(o); err == nil {
		t.Error("nobody could send")
	}
	o.Admin, o.Tokens, o.Components = adminSecret, openJournal(t, filepath.Join(t.TempDir(), "journal.db")), []Attachment{{Component: c}}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	token := makeToken(t, s, `"rights": ["send"]`).Token
	expect(t, "send", do(s, as(token, "POST", "/rest", message)), 202, "")
	w := do(s, httptest.NewRequest(http.MethodPost, "/rest", nil))
	if diff := cmp.Diff([]string{`Bearer realm="rest.example.net/rest"`}, w.Header()["Www-Authenticate"]); w.Code != 401 || diff != "" {
		t.Errorf("%d %s", w.Code, diff)
	}
	o.Admin, o.Credentials = "", []Credential{{Authorization: testSecret, Component: c}}
	o.Tokens = nil
	if s, err = New(o); err != nil {
		t.Fatal(err)
	}
	expect(t, "without an operator", do(s, tokenRequest("GET", "/tokens", "")), 404, "http.admin_authorization")
}

func BenchmarkTokens_authenticate(b *testing.B) {
	s := newTokenServer(b)
	r := newPost("")
	r.Header.Set("Authorization", "Bearer "+makeToken(b, s, `"rights": ["send"], "expires": "1h"`).Token)
	w := &reusedWriter{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		if _, p := s.authenticate(w, r); p != nil {
			b.Fatal(p)
		}
	}
}
