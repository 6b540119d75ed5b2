package journal

import (
	"log/slog"
	"time"
)

const (
	// maxPrune is how many rows of each sort one transaction removes.
	maxPrune = 200
	// trustAfter is for how long nothing is removed for its age, after the start
	// and after a jump of the clock: a wrong clock is usually set right by then.
	trustAfter = time.Hour
	// maxDrift is by how much the clock may go wrong between two sweeps without
	// being said to jump.
	maxDrift = time.Minute
)

// clockwatch finds out whether the clock can be trusted. Only the writer uses it.
type clockwatch struct {
	wall    time.Time     // at the last sweep, without its monotonic reading
	since   time.Time     // then, with it
	trusted time.Duration // for how long the clock has gone as it should
}

// check notes the time and reports whether ages may be believed.
func (w *clockwatch) check(wall time.Time) bool {
	wall = wall.Round(0)
	passed := time.Since(w.since)
	drift := wall.Sub(w.wall) - passed
	switch {
	case w.since.IsZero():
	case drift.Abs() > maxDrift:
		w.trusted = 0
	default:
		w.trusted += passed
	}
	w.wall, w.since = wall, time.Now()
	return w.trusted >= trustAfter
}

// swept is what a sweep removed.
type swept struct {
	old, surplus  int // dead letters: by age, by size
	outbox, keys  int
	tokens        int
	expiredOutbox int
}

// sweep removes what has had its time, a part in each transaction.
func (j *Journal) sweep() {
	byAge := j.clock.check(j.o.Now())
	for j.sweepPart(byAge) {
		select {
		case <-j.closing:
			return
		default:
		}
	}
}

// sweepPart removes a part, with whatever else is to be written, and reports
// whether there is more.
func (j *Journal) sweepPart(byAge bool) bool {
	var s swept
	j.push(op{kind: opRequest, more: &more{request: &request{done: make(chan error, 1), do: func(c changes, _ int64) (err error) {
		s, err = j.prune(c, byAge)
		return err
	}}}})
	if j.writeAll() != nil {
		j.signal() // for work to try again
		return false
	}
	j.report(s)
	return max(s.old+s.surplus, s.outbox, s.keys, s.tokens) >= maxPrune
}

// prune removes at most maxPrune rows of each sort.
func (j *Journal) prune(c changes, byAge bool) (s swept, err error) {
	now := j.now()
	t, err := c.totals()
	if err == nil && t.queued > 0 {
		s.expiredOutbox, err = c.expireOutbox(now)
	}
	if err != nil {
		return s, err
	}
	var before int64
	if byAge {
		before = now - j.o.DeadAge.Milliseconds()
		if s.outbox, err = c.pruneOutbox(now-j.o.OutboxAge.Milliseconds(), maxPrune); err != nil {
			return s, err
		}
		if s.keys, err = c.pruneKeys(now, maxPrune); err != nil {
			return s, err
		}
		if s.tokens, err = c.pruneTokens(now-tokenAge.Milliseconds(), maxPrune); err != nil {
			return s, err
		}
	}
	s.old, s.surplus, err = c.prune(before, t.waitingBytes+t.deadBytes-j.o.MaxBytes, maxPrune)
	return s, err
}

// report tells the operator which dead letters are lost.
func (j *Journal) report(s swept) {
	if s.old > 0 {
		j.metrics.dropped(droppedAge, s.old)
		j.log.Info("dead letters dropped for their age", slog.Int("dead_letters", s.old), slog.Duration("max_age", j.o.DeadAge))
	}
	if s.surplus > 0 {
		j.metrics.dropped(droppedSize, s.surplus)
		j.log.Warn("oldest dead letters dropped, because the journal has reached its size",
			slog.Int("dead_letters", s.surplus), slog.Int64("max_bytes", j.o.MaxBytes))
	}
	if s.expiredOutbox > 0 {
		j.metrics.expired.Add(int64(s.expiredOutbox))
		j.log.Warn("queued stanzas expired before the link was back", slog.Int("stanzas", s.expiredOutbox))
	}
}
