package httpd

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/gateway"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

func newOutboxGet(id string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/rest/outbox/"+id, nil)
	r.Header.Set("Authorization", testSecret)
	return r
}

func TestPost_queued(t *testing.T) {
	c := newFake()
	c.failWith(&gateway.Queued{ID: "abc-1"})
	var seen []Exchange
	s := newTestServer(t, c, func(o *Options) { o.Observe = func(x Exchange) { seen = append(seen, x) } })
	r := newKeyed(message, testKey)
	r.Header.Set("Prefer", "respond-async")
	for _, replayed := range []string{"", "true"} {
		w := do(s, r.Clone(t.Context()))
		wantReplayed(t, w, http.StatusAccepted, replayed)
		if w.Header().Get("Location") != "/rest/outbox/abc-1" || w.Header().Get("Preference-Applied") != "respond-async" || w.Body.Len() > 0 {
			t.Errorf("got %v %s", w.Header(), w.Body)
		}
		r = newKeyed(message, testKey)
	}
	if len(seen) != 1 || seen[0].Err != nil || seen[0].Status != http.StatusAccepted {
		t.Errorf("seen: %+v", seen)
	}
	strict := newPost(message)
	strict.Header.Set("Prefer", "handling=strict")
	do(s, strict)
	if calls := c.calls(); !calls[len(calls)-1].options.Strict || calls[0].options.Strict {
		t.Errorf("got %+v", calls)
	}
}

func TestOutbox_status(t *testing.T) {
	created := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.FixedZone("", 3600))
	c := newFake()
	c.outgoing = func(identity jid.JID, id string) (gateway.Outgoing, bool, error) {
		o := gateway.Outgoing{ID: id, State: "bounced", Created: created, Expires: created.Add(time.Hour), Error: &stanza.Error{Type: stanza.Cancel, Condition: stanza.ItemNotFound, Text: "who?"}}
		return o, id == "abc-1" && identity.String() == testDomain, nil
	}
	s := newTestServer(t, c, nil)
	w := do(s, newOutboxGet("abc-1"))
	var got any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v: %s", w.Code, err, w.Body)
	}
	want := map[string]any{
		"id": "abc-1", "state": "bounced", "created": "2026-01-02T02:04:05.678Z", "expires": "2026-01-02T03:04:05.678Z",
		"error": map[string]any{"type": "cancel", "condition": "item-not-found", "text": "who?"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if w := do(s, newOutboxGet("other")); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "item-not-found") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	r := newOutboxGet("abc-1")
	r.Header.Del("Authorization")
	if w := do(s, r); w.Code != http.StatusUnauthorized {
		t.Errorf("without credentials: %d", w.Code)
	}
	c.outgoing = func(jid.JID, string) (gateway.Outgoing, bool, error) {
		return gateway.Outgoing{}, false, errors.New("inside")
	}
	if w := do(s, newOutboxGet("abc-1")); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "inside") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestOutbox_methods(t *testing.T) {
	s := newTestServer(t, newFake(), nil)
	for _, method := range []string{http.MethodPost, http.MethodDelete, http.MethodHead} {
		r := newOutboxGet("abc-1")
		r.Method = method
		if w := do(s, r); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, OPTIONS" {
			t.Errorf("%s: %d, %q", method, w.Code, w.Header().Get("Allow"))
		}
	}
	r := newOutboxGet("abc-1")
	r.Method = http.MethodOptions
	if w := do(s, r); w.Code != http.StatusOK || w.Header().Get("Allow") != "GET, OPTIONS" || w.Header().Get("Accept-Post") != "" {
		t.Errorf("OPTIONS: %d, %v", w.Code, w.Header())
	}
}

func TestOutbox_callerHungUp(t *testing.T) {
	c := newFake()
	c.outgoing = func(jid.JID, string) (gateway.Outgoing, bool, error) {
		return gateway.Outgoing{}, false, context.Canceled
	}
	s := newTestServer(t, c, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	defer func() {
		if recover() == nil {
			t.Error("who has hung up got an answer")
		}
	}()
	do(s, newOutboxGet("abc-1").WithContext(ctx))
}
