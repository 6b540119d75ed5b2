package journal

import (
	"log/slog"
	"sync"
	"time"
)

const (
	// trustAfter is for how long nothing expires and nothing is removed for its age
	// after the clock has jumped: a wrong clock is usually set right by then.
	trustAfter = time.Hour
	// maxDrift is by how much the clock may go wrong between two looks without being
	// said to jump.
	maxDrift = time.Minute
	// longestRest is by how much the clock may have gone on while nobody had the
	// journal open, without being said to have jumped.
	longestRest = 72 * time.Hour
	// lookGap is the least time between two looks from which trust grows.
	lookGap = 10 * time.Second
	// saveEvery is how often it is written that a clock is trusted. While it is not yet,
	// that is written at each sweep.
	saveEvery = time.Hour
)

// clockwatch finds out whether the clock can be trusted: whether it has gone steadily
// for trustAfter, over all starts. It may be used concurrently.
type clockwatch struct {
	mu      sync.Mutex
	wall    time.Time     // at the last look, without its monotonic reading
	since   time.Time     // then, with it
	trusted time.Duration // for how long the clock has gone as it should, at most trustAfter
	saved   time.Time     // when that was last written, with its monotonic reading
	back    bool          // it was set back since that was last asked for
}

// begin takes over what was written when the clock was last looked at: its time and
// for how long it had gone steadily, in milliseconds; 0: never. It returns by how
// much the clock has jumped since, 0 if it has not.
func (w *clockwatch) begin(wall time.Time, seen, steady int64) (jump time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wall, w.since = wall.Round(0), time.Now()
	if seen == 0 {
		w.trusted = trustAfter // nothing is here that could be too old
		return 0
	}
	gap := wall.Sub(time.UnixMilli(seen))
	if gap < -maxDrift || gap > longestRest {
		w.back = gap < 0
		return gap
	}
	w.trusted = min(trustAfter, time.Duration(steady)*time.Millisecond)
	return 0
}

// look notes the time. It reports whether ages may be believed, and by how much the
// clock has jumped since the last look, 0 if it has not.
func (w *clockwatch) look(wall time.Time) (trusted bool, jump time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	wall = wall.Round(0)
	passed := time.Since(w.since)
	drift := wall.Sub(w.wall) - passed
	switch {
	case drift.Abs() > maxDrift:
		w.trusted, w.saved, jump = 0, time.Time{}, drift
		w.back = w.back || drift < 0
	case passed < lookGap:
		return w.trusted == trustAfter, 0
	default:
		w.trusted = min(trustAfter, w.trusted+passed)
	}
	w.wall, w.since = wall, time.Now()
	return w.trusted == trustAfter, jump
}

// toSave returns what is to be written about the clock, if it is time to.
func (w *clockwatch) toSave() (seen, steady int64, due bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	due = w.trusted < trustAfter || w.saved.IsZero() || time.Since(w.saved) >= saveEvery
	return w.wall.UnixMilli(), w.trusted.Milliseconds(), due
}

// wasSaved notes that it was written.
func (w *clockwatch) wasSaved() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.saved = time.Now()
}

// wasSetBack reports, once, that the clock was set back.
func (w *clockwatch) wasSetBack() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	back := w.back
	w.back = false
	return back
}

// Over reports whether a time is over, by a clock that can be trusted: after a jump
// ahead nothing is over until the clock has gone steadily for an hour. The zero time
// is never over.
func (j *Journal) Over(t time.Time) bool { return !t.IsZero() && j.over(t.UnixMilli()) }

// over is Over for a time in the unit of the store.
func (j *Journal) over(at int64) bool { return at <= j.now() && j.trustsClock() }

// Expired reports whether the entry is no longer to be delivered, see [Journal.Over].
func (e *Entry) Expired() bool { return e.expires != 0 && e.j.over(e.expires) }

// trustsClock reports whether ages may be believed.
func (j *Journal) trustsClock() bool {
	trusted, jump := j.clock.look(j.o.Now())
	j.tellJump(jump)
	return trusted
}

// tellJump tells the operator that the clock has jumped.
func (j *Journal) tellJump(by time.Duration) {
	if by == 0 {
		return
	}
	amount := slog.Duration("by", by.Abs().Round(time.Second))
	if by < 0 {
		j.log.Warn("the clock was set back: nothing expires, and nothing is dropped for its age, until it has gone steadily for an hour", amount)
		return
	}
	j.log.Warn("the clock was set ahead: nothing expires, and nothing is dropped for its age, until it has gone steadily for an hour", amount)
}
