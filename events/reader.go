package events

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/restanza/restanza/stanza"
)

// ErrClosed ends readers when the log ends.
var ErrClosed = errors.New("the log of events is closed")

// Gone says that events which a reader has not had are gone. It is an error.
type Gone struct {
	Oldest Position // the first position at which a reader can begin: it gets what comes after it
}

// Error implements error.
func (g *Gone) Error() string {
	return fmt.Sprintf("there are no events any more as far back as that; the oldest come after %s", g.Oldest)
}

// chunk is how many events are looked through in one go.
const chunk = 256

// Reader reads a log. One goroutine at a time uses it.
type Reader struct {
	log      *Log
	filter   Filter
	position Position
	wake     chan struct{} // holds a token when there may be something
}

// Read returns a reader of what comes after a position and passes a filter. It has to be
// closed. The error is *Gone, or ErrClosed.
func (l *Log) Read(f Filter, after Position) (*Reader, error) {
	l.mu.RLock()
	gone := l.gone
	l.mu.RUnlock()
	if after < gone {
		return nil, &Gone{Oldest: gone}
	}
	r := &Reader{log: l, filter: f, position: after, wake: make(chan struct{}, 1)}
	if !l.readers.add(r) {
		return nil, ErrClosed
	}
	return r, nil
}

// Next returns the next events, at most limit, as soon as there are any, and none if there are
// none for as long as wait. The error is *Gone, ErrClosed, the cause of ctx's end, or the
// journal's.
func (r *Reader) Next(ctx context.Context, limit int, wait time.Duration) ([]*Event, error) {
	for began := time.Now(); ; {
		found, more, err := r.look(ctx, limit)
		if err != nil || len(found) > 0 {
			return found, err
		}
		if more {
			continue
		}
		if again, err := r.await(ctx, wait-time.Since(began)); !again {
			return nil, err
		}
	}
}

// await reports whether there may be something new within a time.
func (r *Reader) await(ctx context.Context, wait time.Duration) (bool, error) {
	if wait <= 0 {
		return false, nil
	}
	quiet := time.NewTimer(wait)
	defer quiet.Stop()
	select {
	case _, open := <-r.wake:
		if !open {
			return false, ErrClosed
		}
		return true, nil
	case <-quiet.C:
		return false, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// Position returns up to where the reader has looked.
func (r *Reader) Position() Position { return r.position }

// look returns the next events that are there, and whether there is more to look at.
func (r *Reader) look(ctx context.Context, limit int) (found []*Event, more bool, err error) {
	l := r.log
	l.mu.RLock()
	gone, before := l.gone, l.before
	if r.position >= gone && r.position >= before {
		found, more = r.pick(l.after(r.position), limit)
		l.mu.RUnlock()
		return found, more, nil
	}
	l.mu.RUnlock()
	if r.position < gone {
		return nil, false, &Gone{Oldest: gone}
	}
	list, upTo, err := l.older(ctx, r.position, chunk)
	if err != nil {
		return nil, false, err
	}
	found, more = r.pick(list, limit)
	if !more {
		r.position = upTo
	}
	return found, true, nil
}

// pick returns the events of a list that pass, at most limit, and whether it has not looked
// at all of the list.
func (r *Reader) pick(list []*Event, limit int) (found []*Event, more bool) {
	for i, e := range list {
		r.position = e.Position
		if !r.filter.Passes(e) {
			continue
		}
		found = append(found, e)
		if len(found) == limit {
			return found, i < len(list)-1
		}
	}
	return found, false
}

// poke wakes the reader. It is called with the readers' lock held: the channel is closed under it.
func (r *Reader) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// nudge wakes the reader, if it is still there.
func (r *Reader) nudge() {
	rs := &r.log.readers
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if _, here := rs.here[r]; here {
		r.poke()
	}
}

// Close ends the reader.
func (r *Reader) Close() { r.log.readers.remove(r) }

const (
	// missedFor is how long a reader that is gone still counts as somebody who receives: by then
	// it has come back, if it means to.
	missedFor = 2 * time.Minute
	// maxMissed is how many of them are remembered.
	maxMissed = 1000
)

// readers are all that read a log.
type readers struct {
	mu     sync.Mutex
	here   map[*Reader]struct{}
	missed []departed
	closed bool
}

// departed is a reader that is gone.
type departed struct {
	filter Filter
	at     time.Time
}

func (rs *readers) add(r *Reader) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.closed {
		return false
	}
	rs.here[r] = struct{}{}
	return true
}

func (rs *readers) remove(r *Reader) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if _, ok := rs.here[r]; !ok {
		return
	}
	delete(rs.here, r)
	if r.filter.Watch {
		return
	}
	if len(rs.missed) == maxMissed {
		rs.missed = rs.missed[1:]
	}
	rs.missed = append(rs.missed, departed{r.filter, time.Now()})
}

// wake wakes the readers whose filter lets one of the events through, or all of them.
func (rs *readers) wake(news []*Event, all bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for r := range rs.here {
		if all || r.filter.passesOne(news) {
			r.poke()
		}
	}
}

func (rs *readers) close() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.closed = true
	for r := range rs.here {
		close(r.wake)
	}
	clear(rs.here)
}

func (rs *readers) count() int {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return len(rs.here)
}

// soon is how long a reader that polls may be away between two polls.
const soon = 5 * time.Second

// Attended reports whether somebody reads what comes in like that stanza: a reader that is here, or
// was a moment ago, or a consumer whether it has readers or not. With now, which is for what must be
// answered soon, only a reader counts that is here or will be in a few seconds. Who only looks on does
// not count.
func (l *Log) Attended(st stanza.Stanza, now bool) bool {
	e := &Event{Direction: In, Stanza: st}
	within := missedFor
	if now {
		within = soon
	}
	return l.readers.attend(e, within) || !now && l.consumers.want(e)
}

// attend reports whether a reader for an event is here, or was within a time.
func (rs *readers) attend(e *Event, within time.Duration) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for r := range rs.here {
		if !r.filter.Watch && r.filter.Passes(e) {
			return true
		}
	}
	now := time.Now()
	for len(rs.missed) > 0 && now.Sub(rs.missed[0].at) > missedFor {
		rs.missed = rs.missed[1:]
	}
	return slices.ContainsFunc(rs.missed, func(d departed) bool { return now.Sub(d.at) <= within && d.filter.Passes(e) })
}
