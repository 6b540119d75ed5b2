package journal

import (
	"testing"
	"testing/synctest"
	"time"
)

// What came just before others are written, and for which nobody waits, is not written with them:
// it may be settled before its own time. But its own time comes.
func TestAdd_youngWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := open(t, Options{Linger: 10 * time.Millisecond})
		add := func(text string) *Entry {
			e, err := j.Add(component, message(t, "bot@example.net", text), time.Now(), time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		old := add("old")
		time.Sleep(9 * time.Millisecond)
		settled := add("settled")
		young := add("young")
		time.Sleep(3 * time.Millisecond)
		if got := j.Stats().Waiting; got != 1 {
			t.Errorf("%d are on disk, want the old one", got)
		}
		settled.Settle()
		time.Sleep(9 * time.Millisecond)
		if got := j.Stats().Waiting; got != 2 {
			t.Errorf("%d are on disk, want the old and the young one", got)
		}
		if got := j.metrics.skipped.Load(); got != 1 {
			t.Errorf("%d were never written", got)
		}
		old.Settle()
		young.Settle()
	})
}
