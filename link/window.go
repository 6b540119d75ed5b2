package link

import (
	"context"
	"errors"
	"sync"
	"time"
)

// window holds the stanzas that were accepted and not yet confirmed. It bounds
// them, decides what is written next, and knows what each pong confirms.
//
// An entry passes through three queues: blocked (there is no room yet), ready
// (to be written) and written (unconfirmed). Only blocked is unbounded by the
// window itself: each of its entries has a sender that waits, or is a reply, and
// replies are counted.
type window struct {
	limits  limits
	pings   pinger
	metrics *metrics
	wake    chan struct{} // holds a token when there may be something to write

	mu      sync.Mutex
	blocked fifo
	ready   fifo
	written fifo
	bytes   int           // of ready and written
	replies int           // in all queues
	number  uint64        // of the last entry written
	eager   uint64        // of the last entry written whose sender waits for its confirmation
	covered uint64        // of the last entry confirmed
	up      bool          // there is a connection to write to
	refusal error         // why nothing is accepted; nil for as long as something is
	ended   bool          // the link is gone for good
	drained chan struct{} // not nil once the link shuts down; closed when all queues are empty
}

// limits are the bounds of a window.
type limits struct {
	count, bytes int           // of ready and written entries together
	chunk        int           // bytes after which a write call gets no further stanza
	replies      int           // replies that are kept
	confirm      time.Duration // until a sender is told that it takes too long
	replyAge     time.Duration // until a reply is dropped
}

// errReplies says that Reply has no room.
var errReplies = errors.New("too many replies wait for the XMPP server")

func newWindow(l limits, p pinger, m *metrics) *window {
	return &window{limits: l, pings: p, metrics: m, wake: make(chan struct{}, 1), refusal: errNotStarted}
}

// add accepts a stanza. It blocks until there is room for it, unless it is a
// reply; the error is ctx's cause if that ends first.
func (w *window) add(ctx context.Context, e *entry) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	e.gone, e.queued = ctx.Done(), time.Now()
	e.expires = e.queued.Add(w.limits.confirm)
	if e.promise == reply {
		e.expires = e.queued.Add(w.limits.replyAge)
	} else {
		e.done = make(chan error, 1)
	}
	admitted, err := w.enqueue(e)
	if err != nil || admitted == nil {
		return err
	}
	select {
	case <-admitted:
		return nil
	case <-ctx.Done(): // the window drops the entry when it comes to it
		return context.Cause(ctx)
	}
}

// enqueue puts e into the queue it belongs in. The channel is not nil if the
// sender must wait until it is closed.
func (w *window) enqueue(e *entry) (<-chan struct{}, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.refusal != nil && (w.ended || e.promise != reply):
		return nil, w.refusal
	case e.promise != reply:
	case w.replies >= w.limits.replies:
		return nil, errReplies
	default:
		w.replies++
	}
	if w.up && w.blocked.len() == 0 && w.hasRoom(e) {
		w.accept(e)
		w.signal()
		return nil, nil
	}
	w.blocked.push(e)
	if e.promise == reply {
		return nil, nil
	}
	e.admitted = make(chan struct{})
	return e.admitted, nil
}

// hasRoom reports whether e may join those that are to be confirmed. One stanza
// may, whatever its size.
func (w *window) hasRoom(e *entry) bool {
	count := w.ready.len() + w.written.len()
	return count == 0 || count < w.limits.count && w.bytes+e.size <= w.limits.bytes
}

func (w *window) accept(e *entry) {
	w.ready.push(e)
	w.bytes += e.size
}

// admit moves blocked entries on while there is room.
func (w *window) admit() {
	for w.blocked.len() > 0 {
		e := w.blocked.front()
		if !e.abandoned() && !w.hasRoom(e) {
			return
		}
		w.blocked.pop()
		if e.abandoned() {
			w.forget(e)
			e.finish(context.Canceled)
			continue
		}
		w.accept(e)
		e.admit()
	}
}

// forget gives up what the window keeps count of, for an entry that has left
// the queues for good.
func (w *window) forget(e *entry) {
	if e.promise == reply {
		w.replies--
	}
}

// signal wakes the writer.
func (w *window) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take appends to dst what is to be written next, and to posts the entries
// whose senders wait for that write alone. A suspect is taken alone, and only
// when all before it is confirmed.
func (w *window) take(dst []byte, posts []*entry) ([]byte, []*entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.up && w.ready.len() > 0 && len(dst) < w.limits.chunk {
		e := w.ready.front()
		if e.suspect && w.written.len() > 0 || w.suspectOut() {
			break
		}
		w.ready.pop()
		if e.abandoned() {
			w.bytes -= e.size
			w.forget(e)
			e.finish(context.Canceled)
			w.admit()
			continue
		}
		if e.again {
			w.metrics.resent.Inc()
		}
		w.metrics.out[e.st.Kind()].Inc()
		dst = e.st.AppendXML(dst)
		w.number++
		e.number = w.number
		w.written.push(e)
		if !e.patient() {
			w.eager = e.number
		}
		if e.promise == post {
			posts = append(posts, e)
		}
	}
	w.checkDrained()
	return w.pings.append(dst, w.number, w.confirmationDue()), posts
}

// patientBatch is how many stanzas whose confirmation nobody waits for share a
// ping. Those that are left over get one within a second, see keepAlive. It
// bounds what may arrive twice when a connection breaks.
const patientBatch = 32

// confirmationDue reports whether what is written must be confirmed now.
func (w *window) confirmationDue() bool {
	return w.eager > w.covered || w.written.len() >= patientBatch ||
		w.written.len() > 0 && (w.drained != nil || w.bytes > w.limits.bytes/2)
}

// suspectOut reports whether a suspect is written and unconfirmed.
func (w *window) suspectOut() bool {
	return w.written.len() > 0 && w.written.front().suspect
}

// confirm takes a pong: everything written before its ping has arrived.
func (w *window) confirm(id uint64, now time.Time) {
	w.mu.Lock()
	covered, ok := w.pings.pong(id)
	if !ok {
		w.mu.Unlock()
		return
	}
	w.covered = covered
	var confirmed []*entry
	for w.written.len() > 0 && w.written.front().number <= covered {
		e := w.written.pop()
		w.bytes -= e.size
		w.forget(e)
		confirmed = append(confirmed, e)
	}
	w.admit()
	if w.ready.len() > 0 || w.written.len() > 0 {
		w.signal()
	}
	w.checkDrained()
	w.mu.Unlock()

	for _, e := range confirmed {
		e.finish(nil)
		if !e.patient() {
			w.metrics.confirmed(now.Sub(e.queued))
		}
	}
}

// unconfirmed returns how many stanzas are accepted and not confirmed.
func (w *window) unconfirmed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.blocked.len() + w.ready.len() + w.written.len()
}

// keepAlive returns since when the oldest ping has been waiting for its pong, the
// zero time if there is none. It lets the writer send another ping if again, if
// the youngest has waited for too long, or if something is unconfirmed and none
// is under way. It is called every second.
func (w *window) keepAlive(now time.Time, again bool) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pings.overdue(now) || w.pings.none() && (again || w.written.len() > 0) {
		w.pings.wanted = true
		w.signal()
	}
	return w.pings.oldest()
}
