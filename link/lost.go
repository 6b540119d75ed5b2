package link

import (
	"context"
	"time"

	"github.com/restanza/restanza/stanza"
)

// ending says how a connection ended, as far as its stanzas are concerned.
type ending int

const (
	byUs    ending = iota // we gave it up: the peer was silent, or we shut down
	abrupt                // the peer closed it without a reason
	blaming               // the peer gave a reason that lies in what we wrote
)

const (
	brokenToSuspect = 2 // connections that end abruptly before what was unconfirmed on them is isolated
	brokenToBlame   = 4 // and before a stanza that was isolated is blamed
)

// open lets stanzas flow over a new connection: those of the last one first.
func (w *window) open() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.up, w.refusal = true, nil
	w.pings.reset()
	w.admit()
	w.signal()
}

// refuse makes err the answer to whoever sends while the link is down.
func (w *window) refuse(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refusal = err
}

// outcome is what the end of a connection, or of their time, meant for stanzas.
type outcome struct {
	poison      *entry   // dropped, because the server ended the stream for it
	resend      int      // to be written again
	dropped     []*entry // replies that were given up
	unconfirmed int      // written, and given up for want of a pong, while the link is up
}

// lost takes the end of a connection, for which err is the reason. What may be
// written again is kept, in order; the rest fails.
func (w *window) lost(how ending, err error) outcome {
	w.mu.Lock()
	defer w.mu.Unlock()
	down := down(err, time.Time{})
	w.up, w.refusal = false, down
	w.pings.reset()
	w.covered = w.number

	var out outcome
	var again fifo
	alone := w.written.len() == 1
	for w.written.len() > 0 {
		e := w.written.pop()
		e.again = true
		if how != byUs {
			e.broken++
		}
		switch {
		case alone && guilty(e, how):
			out.poison = e
			w.forget(e)
			e.finish(poisonous(err))
		case e.promise == once || e.promise == post:
			w.forget(e)
			e.finish(errBroken)
		default:
			e.suspect = e.suspect || how == blaming || e.broken >= brokenToSuspect
			again.push(e)
			out.resend++
		}
	}
	for w.ready.len() > 0 {
		if e := w.ready.pop(); e.promise == once || e.promise == post {
			e.finish(down)
		} else {
			again.push(e)
		}
	}
	w.keepForNext(again, down)
	w.checkDrained()
	return out
}

// keepForNext makes again what is written first to the next connection. What is
// blocked fails with down, but for replies and what is lent.
func (w *window) keepForNext(again fifo, down error) {
	w.ready = again
	w.bytes = 0
	for _, e := range again.items {
		w.bytes += e.size
	}
	w.blocked.keep(func(e *entry) bool {
		switch e.promise {
		case reply:
			return true
		case lent:
			e.admit()
			return true
		case confirm, once, post:
		}
		e.finish(down)
		return false
	})
}

// withdraw gives back what is lent, in order, while there is no connection.
func (w *window) withdraw(take func(st stanza.Stanza, owner string, tell func(error))) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.up {
		return
	}
	for _, q := range []*fifo{&w.ready, &w.blocked} { // nothing is in written
		q.keep(func(e *entry) bool {
			if e.promise != lent {
				return true
			}
			if q == &w.ready {
				w.bytes -= e.size
			}
			if e.abandoned() {
				e.finish(context.Canceled)
			} else {
				take(e.st, e.owner, e.finish)
			}
			return false
		})
	}
	w.checkDrained()
}

// guilty reports whether e, the only stanza that was unconfirmed, is to blame
// for the end of the connection. A stanza that can be tried again has to end
// the stream a second time.
func guilty(e *entry, how ending) bool {
	switch how {
	case blaming:
		return e.suspect || e.promise == once
	case abrupt:
		return e.suspect && e.broken >= brokenToBlame
	case byUs:
	}
	return false
}

// expire gives up what has waited for too long: senders are told, replies are
// dropped. What is lent waits for Withdraw while there is no connection.
func (w *window) expire(now time.Time) outcome {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out outcome
	for _, q := range []*fifo{&w.written, &w.ready, &w.blocked} {
		q.keep(func(e *entry) bool {
			if now.Before(e.expires) || e.promise == lent && !w.up {
				return true
			}
			if q != &w.blocked {
				w.bytes -= e.size
			}
			if w.up && q == &w.written {
				out.unconfirmed++
			}
			w.forget(e)
			if e.number == 0 {
				e.finish(errBusy)
			}
			e.finish(errUnconfirmed)
			if e.promise == reply {
				out.dropped = append(out.dropped, e)
			}
			return false
		})
	}
	if w.up {
		w.admit()
		w.signal()
	}
	w.checkDrained()
	return out
}

// drain refuses new senders and returns a channel that is closed when nothing
// is left to be written or confirmed.
func (w *window) drain(refusal error) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refusal = refusal
	w.drained = make(chan struct{})
	drained := w.drained
	w.checkDrained()
	w.signal() // what nobody waited for is to be confirmed now
	return drained
}

// checkDrained tells who waits in drain that the queues are empty.
func (w *window) checkDrained() {
	if w.drained != nil && w.blocked.len()+w.ready.len()+w.written.len() == 0 {
		close(w.drained)
		w.drained = nil
	}
}

// end fails everything that is left, and everything that comes.
func (w *window) end(refusal error) outcome {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.up, w.ended, w.refusal = false, true, refusal
	var out outcome
	for _, q := range []*fifo{&w.written, &w.ready, &w.blocked} {
		q.keep(func(e *entry) bool {
			e.finish(refusal)
			if e.promise == reply {
				out.dropped = append(out.dropped, e)
			}
			return false
		})
	}
	w.bytes, w.replies = 0, 0
	return out
}
