package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestOutbox(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, Options{Path: path, OutboxLimit: 3})
	expires := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	var ids []string
	for i := range 3 {
		o, err := j.Enqueue(t.Context(), component, "alerts", message(t, "bot@example.net", fmt.Sprint(i)), expires)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, o.ID)
	}
	if _, err := j.Enqueue(t.Context(), component, "alerts", message(t, "bot@example.net", "3"), expires); !errors.Is(err, ErrFull) {
		t.Errorf("the fourth: %v", err)
	}
	_ = j.Close()

	j = open(t, Options{Path: path, OutboxLimit: 3})
	if got := j.Stats().Queued; got != 3 {
		t.Errorf("%d queued", got)
	}
	found, err := j.Outbox(t.Context(), component, Queued, 0, 2)
	if err != nil || len(found) != 2 || found[0].ID != ids[0] || found[1].Stanza.Body() != "1" {
		t.Fatalf("%+v, %v", found, err)
	}
	if found, err = j.Outbox(t.Context(), component, Queued, found[1].Seq, 2); err != nil || len(found) != 1 || found[0].ID != ids[2] {
		t.Errorf("%+v, %v", found, err)
	}
	if err := j.Mark(t.Context(), Sent, "", ids[0], ids[1]); err != nil {
		t.Fatal(err)
	}
	if err := j.Mark(t.Context(), Bounced, "item-not-found", ids[1], "nothing"); err != nil {
		t.Fatal(err)
	}
	o, err := j.Outgoing(t.Context(), ids[1])
	if err != nil || o.State != Bounced || o.Error != "item-not-found" || o.Credential != "alerts" || o.Component != component ||
		!o.Expires.Equal(expires) || o.Updated.Before(o.Created) {
		t.Errorf("%+v, %v", o, err)
	}
	if got := j.Stats().Queued; got != 1 {
		t.Errorf("%d queued", got)
	}
	if _, err := j.Outgoing(t.Context(), "nothing"); !errors.Is(err, ErrNotFound) {
		t.Errorf("what is not there: %v", err)
	}
}

func TestOutbox_ages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := open(t, Options{OutboxAge: 3 * time.Hour})
		o, err := j.Enqueue(t.Context(), component, "alerts", message(t, "bot@example.net", "x"), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.Enqueue(t.Context(), component, "alerts", o.Stanza, time.Time{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour + 2*sweepEvery)
		if o, err = j.Outgoing(t.Context(), o.ID); err != nil || o.State != Expired {
			t.Errorf("%+v, %v", o, err)
		}
		time.Sleep(4 * time.Hour)
		if _, err = j.Outgoing(t.Context(), o.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("later: %v", err)
		}
		if left, err := j.Outbox(t.Context(), component, Queued, 0, 9); err != nil || len(left) != 1 || !left[0].Expires.IsZero() {
			t.Errorf("what does not expire: %+v, %v", left, err)
		}
	})
}
