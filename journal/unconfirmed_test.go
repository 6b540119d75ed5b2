package journal

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

func TestEnqueueSent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, Options{Path: path, OutboxLimit: 1})
	expires := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	if _, err := j.Enqueue(t.Context(), component, "alerts", message(t, "bot@example.net", "queued"), expires); err != nil {
		t.Fatal(err)
	}
	var list []Unconfirmed
	for i := range 3 {
		list = append(list, Unconfirmed{Credential: "alerts", Stanza: message(t, "bot@example.net", fmt.Sprint(i))})
	}
	ids, err := j.EnqueueSent(t.Context(), component, list, expires)
	if err != nil || len(ids) != len(list) {
		t.Fatalf("%q, %v", ids, err)
	}
	if none, err := j.EnqueueSent(t.Context(), component, nil, expires); err != nil || len(none) != 0 {
		t.Errorf("%q, %v", none, err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := j.EnqueueSent(cancelled, component, list, expires); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	_ = j.Close()
	if _, err := j.EnqueueSent(t.Context(), component, list, expires); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}

	j = open(t, Options{Path: path})
	if got := j.Stats().Queued; got != 1 {
		t.Errorf("%d queued", got)
	}
	found, err := j.Outbox(t.Context(), component, Sent, 0, len(list))
	if err != nil || len(found) != len(list) {
		t.Fatalf("%+v, %v", found, err)
	}
	for i, o := range found {
		if o.ID != ids[i] || o.Stanza.Body() != fmt.Sprint(i) || o.Credential != "alerts" || !o.Expires.Equal(expires) {
			t.Errorf("%d: %+v", i, o)
		}
	}
}
