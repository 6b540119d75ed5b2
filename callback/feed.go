package callback

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

const (
	lookEvery  = time.Minute           // at the journal, which others may have changed
	flushTime  = 5 * time.Second       // for what is fetched or forgotten to be on disk
	againLater = time.Second           // after the journal could not be read or written
	afterGhost = 20 * time.Millisecond // for what was settled to be gone from the disk
)

// feeder keeps a queue supplied with what is in the journal: what did not fit into memory, what waits for its time, and
// what an earlier process has left.
type feeder struct {
	*Callback
	sweepAt time.Time // when to look for what is past its time
	lookAt  time.Time // when to ask whether there is something that nobody has told of
	scanAt  time.Time // before which there is nothing to fetch
	scanned time.Time
	place   journal.Place // up to which was scanned
	fetched int           // stanzas since the beginning of that pass
	claimed int           // conversations, likewise
	readAt  time.Time     // before which the journal is not read, because it could not be
	down    bool          // as was logged
}

// feed runs the feeder until ctx ends.
func (c *Callback) feed(ctx context.Context) {
	f := &feeder{Callback: c, sweepAt: time.Now(), lookAt: time.Now().Add(lookEvery)}
	for ctx.Err() == nil {
		next := time.Now().Add(againLater)
		c.guard(stanza.Stanza{}, func() { next = f.round(ctx) })
		timer := time.NewTimer(time.Until(next))
		select {
		case <-timer.C:
		case <-c.queue.backlog.news:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// round does what there is to do, and returns when there will be more at the latest.
func (f *feeder) round(ctx context.Context) (next time.Time) {
	now := time.Now()
	f.announce()
	if !now.Before(f.lookAt) {
		if f.o.Journal.Stats().Waiting > 0 {
			f.queue.look()
		}
		f.lookAt = now.Add(lookEvery)
	}
	if !now.Before(f.sweepAt) {
		f.sweep(ctx)
		f.sweepAt = now.Add(f.sweepEvery())
	}
	next = earlier(f.lookAt, f.sweepAt)
	for _, step := range []func(context.Context) time.Time{f.flush, f.refill, f.scan, f.try} {
		next = earlier(next, step(ctx))
	}
	return next
}

// earlier returns the earlier of two times, of which the zero one means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Changed tells what an operator has done to what waits in the journal. What he has dropped is not posted any
// more, unless it is under way; what he has retried is tried now, whatever the callback has answered lately.
func (c *Callback) Changed(change journal.Change) {
	if c.o.Journal == nil {
		return
	}
	ids := make(map[string]bool, len(change.Deliveries))
	for i := range change.Deliveries {
		d := &change.Deliveries[i]
		if d.Conversation.Component != c.o.Domain {
			continue
		}
		ids[d.ID] = true
		if change.Kind == journal.Replayed {
			c.queue.replayed(conversationKey{from: d.Conversation.From, to: d.Conversation.To}, d.Seq)
		}
	}
	if len(ids) == 0 {
		return
	}
	if change.Kind == journal.Dropped {
		c.queue.drop(ids)
	} else {
		c.queue.tryNow(time.Now())
	}
	c.queue.look()
}

// announce logs that the callback is down, or up again.
func (f *feeder) announce() {
	state := f.State()
	if state.Down == f.down {
		return
	}
	f.down = state.Down
	if f.down {
		f.log.Info("messages wait in the journal until the callback answers", slog.Time("next_attempt", state.NextAttempt))
	} else {
		f.log.Info("callback answers; what has waited in the journal is posted")
	}
}

// flush waits until the conversations at rest, and what is to be fetched, are on disk, and for a disk that does not keep up with
// the callback.
func (f *feeder) flush(ctx context.Context) (next time.Time) {
	seq, wanted := f.queue.unflushed()
	if !wanted && f.o.Journal.Leaving() < maxLeaving {
		return time.Time{}
	}
	within, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	if err := f.o.Journal.Flush(within); err != nil {
		now := time.Now()
		f.queue.unrest(now)
		return now.Add(againLater)
	}
	if at, some := f.queue.flushed(seq); some && at.Before(f.scanAt) {
		f.scanAt = at
	}
	return time.Time{}
}

// refill fetches the next stanzas of conversations that have more than was fetched.
func (f *feeder) refill(ctx context.Context) (next time.Time) {
	for time.Now().After(f.readAt) {
		if f.o.Journal.Leaving() >= maxLeaving {
			return time.Now().Add(afterGhost)
		}
		list := f.queue.someHungry()
		if len(list) == 0 {
			return time.Time{}
		}
		if _, err := f.fetch(ctx, list); err != nil {
			break
		}
	}
	return f.readAt
}

// fetch appends to conversations, which the feeder holds, what comes next in the journal, as far as there is room. Those for
// which there is none stay hungry.
func (f *feeder) fetch(ctx context.Context, list []claimed) (stanzas int, err error) {
	after, drops := f.queue.loadedUpTo(list)
	wants := make([]journal.Want, len(list))
	for i, conv := range list {
		wants[i] = journal.Want{Conversation: f.conversation(conv.key), After: after[i]}
	}
	each, bytes := f.queue.portion(len(list))
	portions, err := f.o.Journal.LoadMany(ctx, f.o.Domain, wants, each, bytes)
	if err != nil {
		f.unreadable(err)
	}
	for i, conv := range list {
		if i >= len(portions) {
			f.queue.fed(conv.conversation, nil, 0, false, 0, drops)
			continue
		}
		p := &portions[i]
		stanzas += len(p.Entries)
		f.queue.fed(conv.conversation, f.fresh(p.Entries), p.Last, p.All, conv.spilled, drops)
	}
	return stanzas, err
}

// fresh returns what is not past its time, and makes dead letters of the rest.
func (f *feeder) fresh(entries []*journal.Entry) []delivery {
	list := make([]delivery, 0, len(entries))
	for _, e := range entries {
		d := delivery{stanza: e.Stanza(), entry: e}
		if d.expired() {
			f.expire(d)
			continue
		}
		list = append(list, d)
	}
	return list
}

// unreadable notes that the journal could not be read, which is not tried again at once.
func (f *feeder) unreadable(err error) {
	f.readAt = time.Now().Add(againLater)
	if errors.Is(err, context.Canceled) || errors.Is(err, journal.ErrClosed) {
		return // the end
	}
	if omitted, ok := f.unkept.Allow(time.Now()); ok {
		f.log.Error("what waits for the callback can't be read from the journal; it is tried again",
			slog.String("error", shorten(err)), slog.Int("not_logged", omitted))
	}
}

// scan fetches conversations that are not here and whose time has come.
func (f *feeder) scan(ctx context.Context) (next time.Time) {
	now := time.Now()
	here, n, look := f.queue.hunger(now.Sub(f.scanned) >= trickleEvery)
	if look {
		f.scanAt = now
		f.beginPass()
	}
	switch {
	case here < 0:
		return time.Time{} // there is nothing
	case now.Before(f.scanAt):
		return f.scanAt
	case now.Before(f.readAt):
		return f.readAt
	case f.o.Journal.Leaving() >= maxLeaving:
		return now.Add(afterGhost)
	case n == 0 && now.Sub(f.scanned) >= trickleEvery:
		return time.Time{} // there is no room: whoever makes some wakes the feeder
	case n == 0:
		return f.scanned.Add(trickleEvery)
	}
	f.scanned = now
	found, end := 0, false
	for space := f.queue.space(); found < n && space > 0 && !end; space = f.queue.space() {
		list, last, err := f.claim(ctx, min(n-found, space))
		if err == nil && len(list) > 0 {
			found += len(list)
			var got int
			got, err = f.fetch(ctx, list)
			f.fetched += got
		}
		if err != nil {
			f.beginPass()
			return f.readAt
		}
		end = last
	}
	f.claimed += found
	more, ghosts := f.fetched > 0 || !end, f.claimed > 0
	if end {
		f.beginPass()
	}
	return f.scanAgain(ctx, now, more, ghosts)
}

// beginPass lets the next scan begin with what has been due for longest.
func (f *feeder) beginPass() { f.place, f.fetched, f.claimed = journal.Place{}, 0, 0 }

// claim takes at most n conversations that are due and not here, after the feeder's place. It reports whether there are
// no more.
func (f *feeder) claim(ctx context.Context, n int) (list []claimed, end bool, err error) {
	for len(list) == 0 && !end {
		limit := n + fetchAtOnce // some of them are here
		due, err := f.o.Journal.DueAfter(ctx, f.o.Domain, f.place, limit)
		if err != nil {
			f.unreadable(err)
			return nil, false, err
		}
		end = len(due) < limit
		for _, d := range due {
			if len(list) == n {
				return list, false, nil
			}
			f.place = d.Place
			if conv := f.queue.claim(conversationKey{from: d.Conversation.From, to: d.Conversation.To}); conv != nil {
				list = append(list, claimed{conv, 0})
			}
		}
	}
	return list, end, nil
}

// scanAgain returns when the next scan may find something, after a pass that has found some, or has not seen all; ghosts are
// conversations of which nothing was left.
func (f *feeder) scanAgain(ctx context.Context, now time.Time, more, ghosts bool) time.Time {
	switch {
	case more:
		f.scanAt = now
	case ghosts && f.o.Journal.State().Err == nil: // their last stanzas are about to be removed
		f.scanAt = now.Add(afterGhost)
	default:
		next, err := f.o.Journal.NextDueAfter(ctx, f.o.Domain, now)
		if err != nil {
			f.unreadable(err)
			next = f.readAt
		}
		f.scanAt = next
		if next.IsZero() {
			f.queue.fetchedAll()
			return time.Time{}
		}
	}
	return f.scanAt
}

// try lets one conversation through to a callback that is down.
func (f *feeder) try(context.Context) (next time.Time) { return f.queue.tryOne(time.Now()) }

// sweepEvery returns how often to look for what is past its time.
func (f *feeder) sweepEvery() time.Duration { return min(time.Minute, max(time.Second, f.o.MaxAge/60)) }

// sweep makes dead letters of what is past its time, here and on disk.
func (f *feeder) sweep(ctx context.Context) {
	for _, d := range f.queue.overdue() {
		f.expire(d)
	}
	if f.o.Journal.Stats().Waiting == 0 {
		return
	}
	const atOnce = 64
	for handled := 1; handled > 0 && ctx.Err() == nil; {
		handled = 0
		entries, err := f.o.Journal.Expired(ctx, f.o.Domain, atOnce)
		if err != nil {
			f.unreadable(err)
			return
		}
		for _, e := range entries {
			// A conversation that is here is looked through when its turn comes.
			conv := f.queue.claim(keyOf(e.Stanza()))
			if conv == nil {
				continue
			}
			f.expire(delivery{stanza: e.Stanza(), entry: e})
			f.queue.release(conv)
			handled++
		}
	}
}

// State is what is known about the callback.
type State struct {
	Down        bool      // it gives no answer: what can wait waits
	Since       time.Time // since when that is so, or not so any more; zero: it always was so
	NextAttempt time.Time // with one of the stanzas that wait, if it is down
}

// State returns whether the callback counts as down. Without a journal it never does.
func (c *Callback) State() State {
	c.queue.mu.Lock()
	defer c.queue.mu.Unlock()
	b := &c.queue.breaker
	s := State{Down: b.open, Since: b.since}
	if b.open {
		s.NextAttempt = b.next
	}
	return s
}
