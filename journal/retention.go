package journal

import (
	"log/slog"
)

// maxPrune is how many rows of each sort one transaction removes.
const maxPrune = 200

// swept is what a sweep removed.
type swept struct {
	old           int // dead letters
	outbox, keys  int
	tokens        int
	expiredOutbox int
	early         int // conversations whose time was too far away, because the clock was set back
}

// sweep removes what has had its time, a part in each transaction, and writes how the
// clock goes.
func (j *Journal) sweep() {
	now := j.now() // before it is found out whether that can be believed
	byAge := j.trustsClock()
	back := j.clock.wasSetBack()
	for j.sweepPart(now, byAge, back) {
		select {
		case <-j.closing:
			return
		default:
		}
	}
	j.reportRoom()
}

// sweepPart removes a part, with whatever else is to be written, and reports
// whether there is more.
func (j *Journal) sweepPart(now int64, byAge, back bool) bool {
	var s swept
	seen, steady, due := j.clock.toSave()
	j.push(op{kind: opRequest, more: &more{request: &request{done: make(chan error, 1), do: func(c changes, _ int64) (err error) {
		if due {
			if err := c.setClock(seen, steady); err != nil {
				return err
			}
		}
		s, err = j.prune(c, now, byAge, back)
		return err
	}}}})
	if j.writeAll() != nil {
		j.signal() // for work to try again
		return false
	}
	if due {
		j.clock.wasSaved()
	}
	j.report(s)
	return max(s.old, s.outbox, s.keys, s.tokens, s.early) >= maxPrune
}

// prune removes at most maxPrune rows of each sort.
func (j *Journal) prune(c changes, now int64, byAge, back bool) (s swept, err error) {
	if back {
		// What waits for a time that was near is due, or it would wait for as long as the clock was wrong. Not too
		// many of them at the same time, since due finds its place by that.
		if s.early, err = c.dueBy(j.now(), maxPrune); err != nil {
			return s, err
		}
	}
	if !byAge {
		return s, nil
	}
	if j.queued.Load() > 0 {
		if s.expiredOutbox, err = c.expireOutbox(now); err != nil {
			return s, err
		}
	}
	if s.outbox, err = c.pruneOutbox(now-j.o.OutboxAge.Milliseconds(), maxPrune); err != nil {
		return s, err
	}
	if s.keys, err = c.pruneKeys(now, maxPrune); err != nil {
		return s, err
	}
	if s.tokens, err = c.pruneTokens(now-tokenAge.Milliseconds(), maxPrune); err != nil {
		return s, err
	}
	s.old, err = c.pruneDead(now-j.o.DeadAge.Milliseconds(), maxPrune)
	return s, err
}

// report tells the operator what is lost.
func (j *Journal) report(s swept) {
	if s.old > 0 {
		j.metrics.dropped(droppedAge, s.old)
		j.log.Info("dead letters dropped for their age", slog.Int("dead_letters", s.old), slog.Duration("max_age", j.o.DeadAge))
	}
	if s.expiredOutbox > 0 {
		j.metrics.expired.Add(int64(s.expiredOutbox))
		j.log.Warn("queued stanzas expired before the link was back", slog.Int("stanzas", s.expiredOutbox))
	}
}
