package journal

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// Entry is a stanza on its way to a callback. It belongs to whoever is
// delivering it: Settle, Attempted and Bury are called by one goroutine at a time,
// everything else by any.
type Entry struct {
	j         *Journal
	seq       int64
	id        string // empty: made of seq
	component jid.JID
	st        stanza.Stanza
	came      time.Duration // when, since the journal was opened; whatever the clock did meanwhile
	received  int64
	expires   int64 // 0: never
	attempts  int64
	last      *Attempt
	over      bool // settled or buried

	state  atomic.Uint32
	waiter atomic.Pointer[waiter]
}

// The states of an entry. Whoever takes it from pending or taken to one of the
// others gives back the memory that is counted for it.
const (
	pending uint32 = iota // in memory only
	taken                 // the writer is writing it
	written               // on disk
	gone                  // settled
)

// MaxAnswer is how many bytes of a callback's answer an attempt keeps.
const MaxAnswer = 4 << 10

// Attempt is one request to a callback.
type Attempt struct {
	At     time.Time     // when it began, to the millisecond
	Took   time.Duration // to the microsecond
	Status int           // of HTTP; 0 if there was no answer
	Answer []byte        // its body, of which MaxAnswer bytes are kept
	Error  string        // why it did not count as accepted, in words
}

// Add takes a stanza for a component's callback. It does not wait: the entry is
// on disk after Options.Linger, unless it is settled
// before. With a zero expires it never expires. Entries get their numbers in the
// order of the calls.
//
// The error is ErrClosed, or ErrFull while so much waits to be written that
// Options.MaxHeld is reached, or while Options.MaxBytes are in use and no dead
// letter is left to drop: then nothing was taken.
func (j *Journal) Add(component jid.JID, st stanza.Stanza, received, expires time.Time) (*Entry, error) {
	e := &Entry{
		j: j, component: component, st: st,
		came: received.Sub(j.opened), received: received.UnixMilli(), expires: millis(expires),
	}
	size := e.size()
	if held := j.queue.held.Add(size); held > j.room.holdable.Load() {
		j.queue.held.Add(-size)
		if held > j.o.MaxHeld {
			return nil, fmt.Errorf("journal: %w: %d bytes wait to be written", ErrFull, j.o.MaxHeld)
		}
		return nil, j.noRoom()
	}
	if !j.queue.add(e) {
		j.queue.held.Add(-size)
		return nil, fmt.Errorf("journal: %w", ErrClosed)
	}
	return e, nil
}

// ID returns what names the stanza over all attempts, restarts and replays. It is
// unique, and consists of lower-case letters, digits and a hyphen; at most 32
// bytes. It allocates.
func (e *Entry) ID() string {
	if e.id != "" {
		return e.id
	}
	return e.j.newID(e.seq)
}

// Seq returns the entry's place in the order of all entries.
func (e *Entry) Seq() int64 { return e.seq }

// Component returns the domain of the component.
func (e *Entry) Component() jid.JID { return e.component }

// Stanza returns the stanza.
func (e *Entry) Stanza() stanza.Stanza { return e.st }

// Conversation returns the conversation that the stanza belongs to.
func (e *Entry) Conversation() Conversation { return conversationOf(e.component, e.st) }

// Received returns when the stanza came, to the millisecond.
func (e *Entry) Received() time.Time { return time.UnixMilli(e.received) }

// Expires returns when it is no longer to be delivered, the zero time if never.
func (e *Entry) Expires() time.Time { return timeOf(e.expires) }

// Attempts returns how many were made. It is for the entry's owner.
func (e *Entry) Attempts() int { return int(e.attempts) }

// Last returns the last attempt, if there was one; for an entry that was loaded,
// its time, status and error only. It is for the entry's owner.
func (e *Entry) Last() (a Attempt, ok bool) {
	if e.last == nil {
		return Attempt{}, false
	}
	return *e.last, true
}

// Settle says that the stanza needs to be kept no longer, because the callback
// has accepted it. Nobody waits for the disk. If the process dies before the next
// commit, the stanza is there again afterwards.
func (e *Entry) Settle() {
	if e.over {
		return
	}
	e.over = true
	switch before := e.state.Swap(gone); before {
	case pending:
		e.j.queue.held.Add(-e.size())
		e.j.metrics.accepted(e.j.uptime() - e.came)
	case taken, written:
		if before == taken {
			e.j.queue.held.Add(-e.size())
			e.j.metrics.accepted(e.j.uptime() - e.came)
		}
		e.j.push(op{kind: opRemove, seq: e.seq})
	}
	e.release(nil)
}

// Attempted records an attempt that did not settle the entry. Its conversation is
// not due again before next.
func (e *Entry) Attempted(a Attempt, next time.Time) {
	if e.over {
		return
	}
	if len(a.Answer) > MaxAnswer {
		a.Answer = bytes.Clone(a.Answer[:MaxAnswer])
	}
	if e.j.health.failing() { // these would be in memory for as long as it lasts
		a.Answer = nil
	}
	e.attempts++
	e.last = &a
	e.j.push(op{kind: opAttempt, entry: e, more: &more{attempt: a, at: next.UnixMilli()}})
}

// Bury makes the entry a dead letter, for a reason that an operator understands.
func (e *Entry) Bury(reason string) {
	if e.over {
		return
	}
	e.over = true
	e.j.push(op{kind: opBury, seq: e.seq, more: &more{text: reason, at: e.j.now()}})
}

// waiter is somebody who waits until an entry is written.
type waiter struct{ c chan error }

// released stands for all waiters of entries for which nobody has to wait.
var released = func() *waiter {
	w := &waiter{c: make(chan error)}
	close(w.c)
	return w
}()

// Written returns a channel that is closed when the entry is on disk or settled,
// so that it may be acknowledged. If the journal is closed before, the channel
// first yields ErrClosed. The writer does not wait for company then. The channel
// is the same at each call.
func (e *Entry) Written() <-chan error {
	w := &waiter{c: make(chan error, 1)}
	if !e.waiter.CompareAndSwap(nil, w) {
		return e.waiter.Load().c
	}
	if e.state.Load() >= written {
		e.release(nil)
	} else {
		e.j.hurry()
	}
	return w.c
}

// release lets go whoever waits.
func (e *Entry) release(err error) {
	w := e.waiter.Swap(released)
	if w == nil || w == released {
		return
	}
	if err != nil {
		w.c <- err
	}
	close(w.c)
}

// fail tells whoever waits that the entry will not be written.
func (e *Entry) fail(err error) { e.release(err) }

// onDisk is called by the writer after the commit, with when that was over.
func (e *Entry) onDisk(now time.Duration) {
	if e.state.CompareAndSwap(taken, written) {
		e.j.queue.held.Add(-e.size())
		e.j.metrics.synced(now - e.came)
	}
	e.release(nil)
}

// headerRoom is an estimate of what an entry takes in memory beyond the content of
// its stanza.
const headerRoom = 512

func (e *Entry) size() int64 { return int64(len(e.st.Content()) + headerRoom) }

// row returns the entry as it is stored.
func (e *Entry) row() deliveryRow {
	return deliveryRow{
		seq: e.seq, id: e.ID(), conversation: e.Conversation(), kind: string(e.st.Kind()),
		received: e.received, expires: e.expires, notBefore: e.received, stanza: e.st.XML(),
	}
}

// millis returns a time in the unit of the store, 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// timeOf is the inverse of millis.
func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
