package httpd

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/restanza/restanza/gateway"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

const testKey = `"8e03978e"`

// newKeyed is newPost with a key.
func newKeyed(body, key string) *http.Request {
	r := newPost(body)
	r.Header.Set("Idempotency-Key", key)
	return r
}

func wantReplayed(t *testing.T, w *httptest.ResponseRecorder, status int, replayed string) {
	t.Helper()
	if w.Code != status || w.Header().Get("Idempotency-Replayed") != replayed {
		t.Errorf("got %d, replayed %q; want %d, %q: %s", w.Code, w.Header().Get("Idempotency-Replayed"), status, replayed, w.Body)
	}
}

func TestIdempotency(t *testing.T) {
	c := newFake()
	s := newTestServer(t, c, nil)
	wantReplayed(t, do(s, newKeyed(message, testKey)), 202, "")
	wantReplayed(t, do(s, newKeyed(message, testKey)), 202, "true")
	wantReplayed(t, do(s, newKeyed(message, "8e03978e")), 202, "true") // the same without quotes
	if n := len(c.calls()); n != 1 {
		t.Errorf("%d stanzas were sent", n)
	}
	w := do(s, newKeyed(strings.Replace(message, "Hello", "Bye", 1), testKey))
	wantReplayed(t, w, 422, "")
	if !strings.Contains(w.Body.String(), `"conflict"`) {
		t.Errorf("got %s", w.Body)
	}
	r := newKeyed(message, testKey)
	r.Header.Set("Content-Type", "application/xmpp+xml; charset=utf-8")
	wantReplayed(t, do(s, r), 422, "")
	wantReplayed(t, do(s, newKeyed(message, `"other"; a=b`)), 202, "")
	wantReplayed(t, do(s, newKeyed(message, `"other"`)), 202, "true")
	if n := len(c.calls()); n != 2 {
		t.Errorf("%d stanzas were sent", n)
	}
}

// An answer with a body is given again as it was, in the format of the first.
func TestIdempotency_answer(t *testing.T) {
	c := newFake()
	c.answerWith(t, `<iq type="result" id="p1" from="example.net" to="rest.example.net"/>`)
	s := newTestServer(t, c, nil)
	r := newKeyed(ping, testKey)
	r.Header.Set("Prefer", "wait=5")
	first := do(s, r)
	again := do(s, newKeyed(ping, testKey))
	wantReplayed(t, first, 200, "")
	wantReplayed(t, again, 200, "true")
	if again.Body.String() != first.Body.String() || first.Body.Len() == 0 {
		t.Errorf("got %s, and at first %s", again.Body, first.Body)
	}
	for _, name := range []string{"Content-Type", "Preference-Applied"} {
		if got := again.Header().Get(name); got == "" || got != first.Header().Get(name) {
			t.Errorf("%s is %q", name, got)
		}
	}
}

// What came to nothing is tried again; what is refused before there is a stanza does not
// use the key.
func TestIdempotency_notKept(t *testing.T) {
	c := newFake()
	s := newTestServer(t, c, nil)
	c.failWith(&stanza.Refusal{Reason: stanza.LinkUnavailable, Text: "down"})
	wantReplayed(t, do(s, newKeyed(message, testKey)), 503, "")
	wantReplayed(t, do(s, newKeyed("<message", testKey)), 400, "")
	large := newKeyed("", testKey)
	large.ContentLength = DefaultBodyLimit + 1
	wantReplayed(t, do(s, large), 413, "")
	c.submit = nil
	wantReplayed(t, do(s, newKeyed(message, testKey)), 202, "")
	wantReplayed(t, do(s, newKeyed(message, testKey)), 202, "true")

	c.failWith(&stanza.Refusal{Reason: stanza.Poisonous, Text: "no"})
	wantReplayed(t, do(s, newKeyed(message, "poison")), 422, "")
	c.submit = nil
	wantReplayed(t, do(s, newKeyed(message, "poison")), 422, "true")

	c.submit = func(context.Context, stanza.Stanza) (stanza.Stanza, error) { panic("oh") }
	wantReplayed(t, do(s, newKeyed(message, "panic")), 500, "")
	c.submit = nil
	wantReplayed(t, do(s, newKeyed(message, "panic")), 202, "")
}

// Queries to archives, echo and GET have no use for a key.
func TestIdempotency_ignored(t *testing.T) {
	c := newFake()
	s := newTestServer(t, c, nil)
	query := `<iq type="set" id="p1" to="example.net"><query xmlns="urn:xmpp:mam:2"/></iq>`
	for range 2 {
		r := newKeyed(message, `"`)
		r.URL.Path = "/rest/echo"
		wantReplayed(t, do(s, r), 200, "")
		get := httptest.NewRequest(http.MethodGet, "/rest?to=user@example.org&body=x", nil)
		get.Header.Set("Authorization", testSecret)
		get.Header.Set("Idempotency-Key", testKey)
		wantReplayed(t, do(s, get), 202, "")
		wantReplayed(t, do(s, newKeyed(query, testKey)), 202, "")
	}
	if n := len(c.calls()); n != 4 {
		t.Errorf("%d stanzas were sent", n)
	}
	r := newKeyed(message, testKey)
	r.Header.Del("Authorization")
	wantReplayed(t, do(s, r), 401, "")
}

// Credentials don't get in each other's way, whether they stand for the same address or not.
func TestIdempotency_scope(t *testing.T) {
	c := newFake()
	s := newTestServer(t, c, func(o *Options) {
		o.Credentials = append(o.Credentials,
			Credential{Authorization: "Bearer other", Component: c, Identity: jid.MustParse("bot@" + testDomain)},
			Credential{Authorization: "Bearer second", Component: c})
	})
	wantReplayed(t, do(s, newKeyed(message, testKey)), 202, "")
	for _, authorization := range []string{"Bearer other", "Bearer second"} {
		r := newKeyed(ping, testKey)
		r.Header.Set("Authorization", authorization)
		wantReplayed(t, do(s, r), 202, "")
	}
	if n := len(c.calls()); n != 3 {
		t.Errorf("%d stanzas were sent", n)
	}
}

func TestParseKey_table(t *testing.T) {
	long := strings.Repeat("x", longestKey)
	for value, want := range map[string]string{
		`"a"`: "a", `  "a b"  `: "a b", `"a\"\\b"`: `a"\b`, `"a";p=1`: "a", `"a" ; p`: "a", "a": "a", "8e03978e-40d5_+/=:~": "8e03978e-40d5_+/=:~",
		`"` + long + `"`: long, long: long,
		`"a`: "", `""`: "", "": "", `"a"b`: "", `"\a"`: "", `"a\`: "", "a b": "", "a,b": "", `a"b`: "", `"é"`: "", "é": "", "\"a\tb\"": "", long + "x": "", `"` + long + `x"`: "",
	} {
		key, p := parseKey([]string{value})
		if key != want || (p == nil) != (want != "") {
			t.Errorf("%q: got %q, %v", value, key, p)
		}
		if p != nil && (p.status != 400 || !strings.Contains(p.text, `Idempotency-Key: "`)) {
			t.Errorf("%q: got %d %s", value, p.status, p.text)
		}
	}
	if _, p := parseKey([]string{`"a"`, `"b"`}); p == nil {
		t.Error("two fields were taken")
	}
}

// While the first request runs, the second waits for its answer. It runs on when its
// caller hangs up, so that the next request gets what came of it.
func TestIdempotency_whileItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFake()
		c.submit = func(ctx context.Context, _ stanza.Stanza) (stanza.Stanza, error) {
			select {
			case <-time.After(10 * time.Second):
				return stanza.Stanza{}, nil
			case <-ctx.Done():
				return stanza.Stanza{}, context.Cause(ctx)
			}
		}
		s := newTestServer(t, c, nil)
		var all sync.WaitGroup
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second) // hangs up
			defer cancel()
			do(s, newKeyed(message, testKey).WithContext(ctx))
		})
		synctest.Wait()
		all.Go(func() { wantReplayed(t, do(s, newKeyed(message, testKey)), 202, "true") })
		all.Go(func() { wantReplayed(t, do(s, newKeyed(ping, testKey)), 422, "") })
		all.Go(func() {
			defer func() {
				if recover() == nil {
					t.Error("who hung up while he waited got an answer")
				}
			}()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			do(s, newKeyed(message, testKey).WithContext(ctx))
		})
		all.Wait()
		if n := len(c.calls()); n != 1 {
			t.Errorf("%d stanzas were sent", n)
		}
	})
}

// What is held at the end of the grace is cut off, with a key or without.
func TestIdempotency_shutdown(t *testing.T) {
	c := newFake()
	c.submit = func(ctx context.Context, _ stanza.Stanza) (stanza.Stanza, error) {
		<-ctx.Done()
		return stanza.Stanza{}, context.Cause(ctx)
	}
	s := newTestServer(t, c, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(time.Millisecond, func() { cancel(errStopping) })
	wantReplayed(t, do(s, newKeyed(message, testKey).WithContext(ctx)), 503, "")
}

// A process that died while it carried out a request leaves it open whether it did. A
// message is sent again; what a set does is not done twice.
func TestIdempotency_interrupted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := journal.Open(journal.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	set := `<iq type="set" id="p1" to="example.net"><x xmlns="urn:x"/></iq>`
	c := newFake()
	s := newTestServer(t, c, func(o *Options) { o.Keys = gateway.NewKeys(j) })
	wantReplayed(t, do(s, newKeyed(message, "sent")), 202, "")
	c.submit = func(context.Context, stanza.Stanza) (stanza.Stanza, error) { // the disk is gone meanwhile
		_ = j.Close()
		return stanza.Stanza{}, nil
	}
	begun := map[string]*http.Request{"message": newKeyed(message, "message"), "set": newKeyed(set, "set")}
	for name, r := range begun {
		body := map[string]string{"message": message, "set": set}[name]
		if _, err := j.Begin(t.Context(), scopeOf(jid.MustParse(testDomain), testSecret), name, fingerprint(r, []byte(body))); err != nil {
			t.Fatal(err)
		}
	}
	wantReplayed(t, do(s, newKeyed(message, "last")), 202, "")

	if j, err = journal.Open(journal.Options{Path: path}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	c = newFake()
	s = newTestServer(t, c, func(o *Options) { o.Keys = gateway.NewKeys(j) })
	wantReplayed(t, do(s, newKeyed(message, "sent")), 202, "true")
	wantReplayed(t, do(s, newKeyed(message, "message")), 202, "")
	wantReplayed(t, do(s, newKeyed(message, "message")), 202, "true")
	wantReplayed(t, do(s, newKeyed(set, "set")), 409, "")
	wantReplayed(t, do(s, newKeyed(set, "set")), 409, "true")
	wantReplayed(t, do(s, newKeyed(message, "last")), 202, "")
	if n := len(c.calls()); n != 2 {
		t.Errorf("%d stanzas were sent", n)
	}
}

// Nothing is observed when nothing is sent.
func TestIdempotency_observed(t *testing.T) {
	var seen []Exchange
	s := newTestServer(t, newFake(), func(o *Options) { o.Observe = func(x Exchange) { seen = append(seen, x) } })
	do(s, newKeyed(message, testKey))
	do(s, newKeyed(message, testKey))
	do(s, newKeyed(ping, testKey))
	if len(seen) != 2 || seen[0].Status != 202 || seen[1].Status != 422 || seen[1].Err == nil || seen[1].Stanza.Kind() != stanza.IQ {
		t.Errorf("got %+v", seen)
	}
}
