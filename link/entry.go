package link

import (
	"time"

	"github.com/restanza/restanza/stanza"
)

// promise is what the sender of a stanza was told.
type promise int

const (
	confirm promise = iota // written until confirmed or given up
	once                   // written at most once, and confirmed
	post                   // written; no word on confirmation
	reply                  // as confirm, but nobody waits for the outcome
	lent                   // as confirm, until Withdraw takes it back
)

// entry is a stanza on its way to the server. Once it is in a window its fields
// belong to the window's mutex.
type entry struct {
	st       stanza.Stanza
	size     int // estimate of its bytes on the wire
	promise  promise
	owner    string          // of what is lent
	gone     <-chan struct{} // closed when the sender no longer waits; nil: never
	done     chan error      // gets the outcome; holds one value; nil for a reply
	admitted chan struct{}   // closed when the sender need not wait for room; nil if it does not
	queued   time.Time
	expires  time.Time // when the sender is told that it takes too long
	number   uint64    // in the order of writing; 0: not written yet
	again    bool      // it was written to a connection that is gone
	broken   int       // connections that broke while it was written and unconfirmed
	suspect  bool      // to be written alone
}

// tagRoom estimates the bytes of a stanza's tags.
const tagRoom = 256

// newEntry returns one that is in no window yet.
func newEntry(st stanza.Stanza, p promise) *entry {
	return &entry{st: st, size: len(st.Content()) + tagRoom, promise: p}
}

// abandoned reports whether the sender has stopped waiting.
func (e *entry) abandoned() bool {
	select {
	case <-e.gone:
		return true
	default:
		return false
	}
}

// patient reports whether nobody waits for the confirmation of e at once: it is
// a post, a reply, or an iq, whose sender waits for the answer. A suspect must be
// confirmed before anything else is written.
func (e *entry) patient() bool {
	return !e.suspect && (e.promise == post || e.promise == reply || e.st.Kind() == stanza.IQ)
}

// finish tells the sender the outcome. Only the first call has an effect.
func (e *entry) finish(err error) {
	e.admit()
	select {
	case e.done <- err:
	default: // told already, or nobody to tell
	}
}

// admit lets go of a sender that waits for room.
func (e *entry) admit() {
	if e.admitted != nil {
		close(e.admitted)
		e.admitted = nil
	}
}

// fifo is a queue of entries.
type fifo struct {
	items []*entry
	head  int
}

func (q *fifo) len() int { return len(q.items) - q.head }

func (q *fifo) front() *entry { return q.items[q.head] }

func (q *fifo) push(e *entry) { q.items = append(q.items, e) }

func (q *fifo) pop() *entry {
	e := q.items[q.head]
	q.items[q.head] = nil
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	} else if q.head >= 1024 && q.head >= len(q.items)/2 {
		q.keep(func(*entry) bool { return true })
	}
	return e
}

// keep removes the entries for which the function returns false.
func (q *fifo) keep(wanted func(*entry) bool) {
	kept := q.items[:0]
	for _, e := range q.items[q.head:] {
		if wanted(e) {
			kept = append(kept, e)
		}
	}
	clear(q.items[len(kept):])
	q.items, q.head = kept, 0
}
