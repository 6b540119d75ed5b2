package journal

import (
	"sync"
	"sync/atomic"
	"time"
)

// queue holds, in order, what the writer has not written yet.
type queue struct {
	held       atomic.Int64 // bytes of entries that are in state pending or taken
	heldEvents atomic.Int64 // bytes of events that are not on disk

	mu     sync.Mutex
	ops    []op
	oldest time.Duration // when the first entry among ops came, as Entry.came
	adds   int           // entries among ops
	spare  []op          // memory for the next ops
	seq    int64         // the last that was given
	urgent bool          // somebody waits
	press  bool          // there is more than lazy events
	closed bool

	// leaving are the entries on disk whose removal is in ops or being written.
	// Who loads deliveries must not see them.
	leaving map[int64]struct{}
}

// opKind is what an op does.
type opKind uint8

const (
	opVoid opKind = iota // nothing any more
	opAdd
	opRemove
	opAttempt
	opBury
	opNotBefore
	opRequest
	opEvent
)

// op is one change that waits to be written. It is small, because nearly all are
// of kind opAdd and skipped.
type op struct {
	kind  opKind
	seq   int64  // in opRemove and opBury: whatever waits for the disk must not hold the stanza
	entry *Entry // in opAdd and opAttempt
	more  *more
	event *eventOp
}

// more is what an op needs beyond its entry.
type more struct {
	attempt      Attempt
	at           int64
	text         string
	conversation Conversation
	request      *request
}

// request is something that the writer is to do.
type request struct {
	do      func(c changes, first int64) error
	numbers int64 // how many it needs for what it writes
	first   int64 // of those; they are in order with the numbers of entries
	done    chan error
}

// add numbers an entry and appends it, unless the queue is closed. The writer is
// woken by the first of many.
func (q *queue) add(e *Entry) bool {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return false
	}
	q.seq++
	e.seq = q.seq
	signal := q.pressing()
	if q.adds == 0 {
		q.oldest = e.came
	}
	q.adds++
	q.ops = append(q.ops, op{kind: opAdd, entry: e})
	q.mu.Unlock()
	if signal {
		e.j.signal()
	}
	return true
}

// pressing notes that something has come that is to be written soon, and reports whether the
// writer has to be woken for it. It is called with mu held, before that is appended.
func (q *queue) pressing() (signal bool) {
	signal = len(q.ops) == 0 || !q.press
	q.press = true
	return signal
}

// record numbers an event, and appends it if it is to be kept.
func (q *queue) record(j *Journal, e *eventOp, keep, lazy bool) (seq int64, kept bool) {
	q.mu.Lock()
	q.seq++
	e.Seq = q.seq
	if !keep || q.closed {
		q.mu.Unlock()
		return e.Seq, false
	}
	signal := len(q.ops) == 0
	if !lazy {
		signal = q.pressing()
	}
	q.ops = append(q.ops, op{kind: opEvent, event: e})
	q.mu.Unlock()
	if signal {
		j.signal()
	}
	return e.Seq, true
}

// push appends a change. What comes after Close is lost with the process: the
// entry is as it was.
func (j *Journal) push(o op) bool {
	q := &j.queue
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return false
	}
	signal := q.pressing()
	q.ops = append(q.ops, o)
	switch o.kind {
	case opRemove, opBury:
		q.leaving[o.seq] = struct{}{}
	case opRequest:
		r := o.more.request
		r.first = q.seq + 1
		q.seq += r.numbers
		signal = signal || !q.urgent
		q.urgent = true
	case opVoid, opAdd, opAttempt, opNotBefore, opEvent:
	}
	q.mu.Unlock()
	if signal {
		j.signal()
	}
	return true
}

// hurry makes the writer write without waiting for company.
func (j *Journal) hurry() {
	q := &j.queue
	q.mu.Lock()
	signal := !q.urgent
	q.urgent = true
	q.mu.Unlock()
	if signal {
		j.signal()
	}
}

// signal wakes the writer.
func (j *Journal) signal() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// waitingSince returns when the first of the entries came that wait, if there is one, as Entry.came.
func (q *queue) waitingSince() (since time.Duration, some bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.oldest, q.adds > 0
}

// isUrgent reports whether somebody waits.
func (q *queue) isUrgent() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.urgent
}

// isPressing reports whether there is more than lazy events.
func (q *queue) isPressing() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.press
}

// take returns what waits, up to the first entry that came after young, as Entry.came; everything if
// somebody waits or there is no more to come. It reports whether something is left.
func (q *queue) take(young time.Duration) (ops []op, left bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.ops)
	if !q.urgent && !q.closed {
		n = q.before(young)
	}
	ops = q.ops[:n]
	rest := q.ops[n:]
	q.ops, q.spare = append(q.spare[:0], rest...), nil
	q.urgent, q.press, q.adds = false, len(rest) > 0, 0
	for _, o := range rest {
		if o.kind != opAdd {
			continue
		}
		if q.adds == 0 {
			q.oldest = o.entry.came
		}
		q.adds++
	}
	clear(rest)
	return ops, len(rest) > 0
}

// before returns how many ops are before the first entry that came after young.
func (q *queue) before(young time.Duration) int {
	for i, o := range q.ops {
		if o.kind == opAdd && o.entry.came > young {
			return i
		}
	}
	return len(q.ops)
}

// keepMemory is how many ops the memory for them is kept for.
const keepMemory = 16 << 10

// recycle gives back the memory of ops that are done with.
func (q *queue) recycle(ops []op) {
	clear(ops)
	if cap(ops) > keepMemory {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.spare == nil {
		q.spare = ops[:0]
	}
}

// putBack puts ops that could not be written before those that came since.
func (q *queue) putBack(ops []op) {
	if len(ops) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ops = append(ops[:len(ops):len(ops)], q.ops...)
}

// left forgets removals that are on disk.
func (q *queue) left(seqs []int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, seq := range seqs {
		delete(q.leaving, seq)
	}
}

// isLeaving reports whether the removal of an entry is under way.
func (q *queue) isLeaving(seq int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, ok := q.leaving[seq]
	return ok
}

// Leaving returns how many deliveries are settled or buried and still on disk. Until that is
// written they take memory: who loads more of them than that keeps up with waits for
// [Journal.Flush].
func (j *Journal) Leaving() int { return j.queue.countLeaving() }

// countLeaving returns how many removals are under way.
func (q *queue) countLeaving() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.leaving)
}

// last returns the number that was given last.
func (q *queue) last() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.seq
}

// shut makes add and push refuse everything.
func (q *queue) shut() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}

// end returns the entries that are left in memory only, when the writer has
// ended.
func (q *queue) end() []*Entry {
	var left []*Entry
	ops, _ := q.take(0) // all, since the queue is closed
	for _, o := range ops {
		if o.kind == opAdd && o.entry.state.Load() == pending {
			left = append(left, o.entry)
		}
	}
	return left
}
