package callback

import (
	"slices"
	"time"
)

// breakAfter is how many stanzas in a row without an answer make the callback count as down.
const breakAfter = 3

// breaker keeps from a callback that is down what can wait. It opens when stanzas get no answer, lets one stanza at a
// time through to see whether the callback is up again, and closes with the first answer.
type breaker struct {
	open     bool
	since    time.Time // when it opened or closed; zero: it never did
	failures int       // in a row, while it is closed
	probes   int       // how often in a row the next one was put off
	last     time.Time // when the last one was over
	next     time.Time // when the next one may be made
	probe    *conversation
	gated    []*conversation // in the order in which they came
	delay    func(failures int) time.Duration
	least    time.Duration // between two probes
}

// failed notes that a stanza got no answer, for the how manieth time, and reports whether what can wait waits for the
// callback now.
func (q *queue) failed(conv *conversation, attempts int, now time.Time) (down bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := &q.breaker
	switch {
	case b.open && b.probe == conv:
		b.probe = nil
		q.putOff(b.probes+1, now)
	case b.open:
	default:
		if b.failures++; b.failures >= breakAfter {
			q.open(min(attempts, b.failures), now)
		}
	}
	return b.open
}

// open opens the breaker.
func (q *queue) open(probes int, now time.Time) {
	q.breaker.open, q.breaker.since, q.breaker.probe = true, now, nil
	q.putOff(probes, now)
	waiting := q.ready
	q.ready = nil
	for _, conv := range waiting {
		q.settle(conv)
	}
}

// putOff sets the time of the next probe.
func (q *queue) putOff(probes int, now time.Time) {
	b := &q.breaker
	b.probes, b.last, b.next = probes, now, now.Add(b.delay(probes))
	q.stir()
}

// prefer makes a conversation that waits for the callback, and that has just begun, the next to be tried, at once if there was
// no probe just now: it may well be that only others get no answer.
func (q *queue) prefer(conv *conversation) {
	b := &q.breaker
	if i := slices.Index(b.gated, conv); i > 0 {
		b.gated = slices.Insert(slices.Delete(b.gated, i, i+1), 0, conv)
	}
	if soon := b.last.Add(b.least); soon.Before(b.next) {
		b.next = soon
	}
}

// answered notes that a stanza got an answer, which closes the breaker.
func (q *queue) answered() {
	b := &q.breaker
	b.failures = 0
	if !b.open {
		return
	}
	b.open, b.since, b.probe = false, time.Now(), nil
	waiting := b.gated
	b.gated = nil
	for _, conv := range waiting {
		q.settle(conv)
		q.hire()
	}
	q.stir()
}

// gate makes a conversation wait for the callback. What can't wait goes on beside it. One that got an answer the last time
// is tried before those that did not: it may well be that only they get none, and that they are many.
func (q *queue) gate(conv *conversation) {
	q.split(conv)
	conv.place = gated
	b := &q.breaker
	i := len(b.gated)
	if conv.answered {
		if j := slices.IndexFunc(b.gated, func(other *conversation) bool { return !other.answered }); j >= 0 {
			i = j
		}
	}
	b.gated = slices.Insert(b.gated, i, conv)
	q.stir()
}

// split moves what is in memory only out of a conversation, to beside it.
func (q *queue) split(conv *conversation) {
	var others []delivery
	conv.pending = slices.DeleteFunc(conv.pending, func(d delivery) bool {
		if d.entry == nil {
			others = append(others, d)
		}
		return d.entry == nil
	})
	key := conv.key
	key.beside = true
	for _, d := range others {
		q.count(d, -1)
		q.append(q.conversations[key], key, d)
	}
}

// tryOne lets one conversation through if it is time to, and returns when that is the case next; zero: not as long as
// nothing else happens.
func (q *queue) tryOne(now time.Time) (next time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := &q.breaker
	if !b.open || b.probe != nil || len(b.gated) == 0 {
		return time.Time{}
	}
	if now.Before(b.next) {
		return b.next
	}
	b.probe = b.gated[0]
	b.gated = slices.Delete(b.gated, 0, 1)
	b.probe.place = ready
	q.ready = append(q.ready, b.probe)
	q.hire()
	return time.Time{}
}

// tryNow makes the time to try one now.
func (q *queue) tryNow(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.breaker.next = now
	q.stir()
}
