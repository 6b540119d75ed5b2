package callback

import (
	"slices"
	"time"

	"github.com/restanza/restanza/journal"
)

const (
	// window is up to how many conversations are fetched from the journal, if there are no more than half as many here.
	window = 256
	// trickle is how many are fetched even so, once in trickleEvery: what comes in must not keep out for ever
	// what has waited.
	trickle      = 16
	trickleEvery = time.Second
	// batch is how many stanzas of a conversation are fetched at once, and fetchAtOnce of how many conversations.
	batch       = 16
	fetchAtOnce = 64
	// maxLeaving is how many stanzas that are done with may wait for their removal from the disk before more are fetched.
	maxLeaving = 4096
)

// backlog is what a queue knows about the stanzas that are in the journal, in memory or not.
type backlog struct {
	durable    bool                                // there is a journal
	has        func(conversationKey) (bool, error) // asks it whether a conversation has stanzas on disk
	news       chan struct{}                       // wakes the feeder; holds one value
	some       bool                                // the journal may have stanzas of conversations that are not here
	look       bool                                // somebody has changed the journal
	wanted     bool                                // the feeder waits for room
	maxHeld    int                                 // stanzas in the journal that are in memory too; the rest of the room is for those that are not
	maxBytes   int                                 // of those
	fetchHeld  int                                 // maxHeld beyond which none are fetched, so that there is room for what comes in
	fetchBytes int                                 // the same of maxBytes
	held       int
	heldBytes  int
	added      int64 // Seq of the last that was added
	onDisk     int64 // Seq up to which all are on disk
	drops      int   // how often somebody has dropped something from the journal
	hungry     []*conversation
	resting    []*conversation
}

// durably makes q the queue of a callback with a journal.
func (q *queue) durably(j *journal.Journal, has func(conversationKey) (bool, error), o *Options) {
	b := &q.backlog
	b.durable, b.has = true, has
	b.some = j.Stats().Waiting > 0
	b.maxHeld, b.maxBytes = (q.maxStanzas+1)/2, (q.maxBytes+1)/2
	b.fetchHeld, b.fetchBytes = (3*b.maxHeld+3)/4, (3*b.maxBytes+3)/4
	q.pace.adaptive = o.MaxAge > 0
	q.breaker.delay, q.breaker.least = o.delayAfter, o.RetryFirst
}

// stir wakes the feeder.
func (q *queue) stir() {
	select {
	case q.backlog.news <- struct{}{}:
	default:
	}
}

// room reports whether one more stanza that is in the journal may be in memory.
func (q *queue) room() bool {
	return q.backlog.held < q.backlog.maxHeld && q.backlog.heldBytes < q.backlog.maxBytes
}

// roomToFetch is room for a stanza that is not in memory yet.
func (q *queue) roomToFetch() bool {
	return q.backlog.held < q.backlog.fetchHeld && q.backlog.heldBytes < q.backlog.fetchBytes
}

// keep appends a stanza to its conversation, after add has put it into the journal. What does not fit into memory, and
// what comes after such, stays there alone. The error is that of add.
func (q *queue) keep(key conversationKey, add func() (delivery, error)) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	conv := q.conversations[key]
	behind := conv != nil && (conv.more || conv.place == resting || conv.place == loading)
	if conv == nil && q.backlog.some && !q.closed {
		found, err := q.backlog.has(key)
		behind = found || err != nil
	}
	d, err := add()
	if err != nil || q.closed {
		return err
	}
	seq := d.entry.Seq()
	q.backlog.added = seq
	if !behind && q.room() {
		q.append(conv, key, d)
		begun := q.conversations[key]
		begun.loaded, begun.added, begun.keeps = seq, seq, true
		if conv == nil && begun.place == gated {
			q.prefer(begun)
		}
		return nil
	}
	if conv == nil {
		conv = &conversation{key: key}
		q.conversations[key] = conv
		q.lay(conv)
	}
	conv.more, conv.spilled, conv.added, conv.keeps = true, seq, seq, true
	q.stir()
	return nil
}

// rest lets a conversation wait until a time. As soon as all of it is on disk it is forgotten here.
func (q *queue) rest(conv *conversation, until time.Time) {
	q.split(conv)
	conv.until = until
	q.lay(conv)
}

func (q *queue) lay(conv *conversation) {
	conv.place, conv.flushing = resting, false
	q.backlog.resting = append(q.backlog.resting, conv)
	q.stir()
}

// drop forgets stanzas of the journal. A request that is under way for one of them is the last.
func (q *queue) drop(ids map[string]bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.backlog.drops++
	for _, conv := range q.conversations {
		if conv.posting != nil && ids[conv.posting.ID()] {
			conv.dropped = true
		}
		before := len(conv.pending)
		conv.pending = slices.DeleteFunc(conv.pending, func(d delivery) bool {
			dropped := d.entry != nil && ids[d.entry.ID()]
			if dropped {
				q.count(d, -1)
			}
			return dropped
		})
		if len(conv.pending) > 0 || before == 0 || conv.place != ready && conv.place != gated {
			continue
		}
		isIt := func(other *conversation) bool { return other == conv }
		q.ready = slices.DeleteFunc(q.ready, isIt)
		q.breaker.gated = slices.DeleteFunc(q.breaker.gated, isIt)
		q.settle(conv)
	}
}

// replayed notes that the journal has a stanza again that comes after all others of its conversation.
func (q *queue) replayed(key conversationKey, seq int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	conv := q.conversations[key]
	if conv == nil {
		return
	}
	// A later one may have been added meanwhile. It is not fetched once more, since what is here is posted before that.
	conv.loaded = min(conv.loaded, seq-1)
	conv.more, conv.spilled = true, max(conv.spilled, seq)
	q.backlog.added = max(q.backlog.added, seq)
}

// look has the journal looked at anew.
func (q *queue) look() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.backlog.some, q.backlog.look = true, true
	q.stir()
}

// space returns of how many conversations something may be fetched at once; 0: there is no room.
func (q *queue) space() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || !q.roomToFetch() {
		return 0
	}
	return min(fetchAtOnce, q.backlog.fetchHeld-q.backlog.held)
}

// portion returns how many stanzas of each of some conversations may be fetched, and how many bytes they may have.
func (q *queue) portion(conversations int) (each, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := &q.backlog
	return max(1, min(batch, (b.fetchHeld-b.held)/conversations)), max(0, b.fetchBytes-b.heldBytes)
}

// loadedUpTo returns after which Seqs conversations are to be fetched, and how often something has been dropped so far.
func (q *queue) loadedUpTo(list []claimed) (seqs []int64, drops int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	seqs = make([]int64, len(list))
	for i, conv := range list {
		seqs[i] = conv.loaded
	}
	return seqs, q.backlog.drops
}

// unflushed returns the Seq of the last stanza that was added, and whether somebody waits for it to be on disk.
func (q *queue) unflushed() (seq int64, wanted bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := &q.backlog
	b.wanted = false
	wanted = len(b.resting) > 0
	for _, conv := range b.resting {
		conv.flushing = true
	}
	for _, conv := range b.hungry {
		wanted = wanted || conv.spilled > b.onDisk
	}
	return b.added, wanted
}

// flushed notes that everything up to seq is on disk, and forgets the conversations at rest that have no more than
// that. It returns when the first of them is to be tried again.
func (q *queue) flushed(seq int64) (next time.Time, some bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := &q.backlog
	b.onDisk = max(b.onDisk, seq)
	kept := b.resting[:0]
	for _, conv := range b.resting {
		if !conv.flushing || conv.added > seq {
			kept = append(kept, conv)
			continue
		}
		for _, d := range conv.pending {
			q.count(d, -1)
		}
		delete(q.conversations, conv.key)
		if !some || conv.until.Before(next) {
			next = conv.until
		}
		some = true
	}
	clear(b.resting[len(kept):])
	b.resting = kept
	b.some = b.some || some
	return next, some
}

// unrest takes up the conversations whose time has come although they are not on disk, because that can't be written.
func (q *queue) unrest(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting := q.backlog.resting
	q.backlog.resting = nil
	for _, conv := range waiting {
		if len(conv.pending) == 0 || now.Before(conv.until) {
			q.backlog.resting = append(q.backlog.resting, conv)
			continue
		}
		conv.until = time.Time{}
		q.settle(conv)
		q.hire()
	}
}

// appetite returns how many conversations may be fetched from the journal, which is none until there are few here.
func (q *queue) appetite() int {
	if here := len(q.conversations); here <= window/2 && q.roomToFetch() {
		return window - here
	}
	return 0
}

// hunger returns how many conversations are here, negative if there are none elsewhere; how many may be fetched;
// and whether somebody has changed the journal.
func (q *queue) hunger(trickles bool) (here, n int, look bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := &q.backlog
	if !b.some || q.closed {
		return -1, 0, false
	}
	n = q.appetite()
	if n == 0 && trickles && q.roomToFetch() {
		n = trickle
	}
	b.wanted = b.wanted || n == 0
	look, b.look = b.look, false
	return len(q.conversations), n, look
}

// fetchedAll notes that all conversations are here that have something in the journal.
func (q *queue) fetchedAll() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.backlog.look {
		q.backlog.some = false
	}
}

// claimed is a conversation that the feeder holds, and the Seq spilled that it had then.
type claimed struct {
	*conversation
	spilled int64
}

// someHungry returns conversations whose next stanzas are to be fetched and are on disk; none if there is no room.
func (q *queue) someHungry() (list []claimed) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := &q.backlog
	if len(b.hungry) > 0 && !q.roomToFetch() {
		b.wanted = true
		return nil
	}
	most := min(fetchAtOnce, b.fetchHeld-b.held)
	b.hungry = slices.DeleteFunc(b.hungry, func(conv *conversation) bool {
		if conv.spilled > b.onDisk || len(list) == most {
			return false
		}
		conv.place = loading
		list = append(list, claimed{conv, conv.spilled})
		return true
	})
	return list
}

// claim takes one of the conversations that the journal has, to fetch its stanzas; nil if it is here already.
func (q *queue) claim(key conversationKey) *conversation {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.conversations[key] != nil {
		return nil
	}
	conv := &conversation{key: key, place: loading, more: true, keeps: true}
	q.conversations[key] = conv
	return conv
}

// release gives back a conversation that was claimed, of which nothing was fetched.
func (q *queue) release(conv *conversation) { q.fed(conv, nil, 0, true, 0, 0) }

// fed appends what was fetched. If that is all, nothing of the conversation up to spilled is in the journal alone any
// more. If something was dropped meanwhile, it may be among them, and they are fetched again.
func (q *queue) fed(conv *conversation, list []delivery, last int64, all bool, spilled int64, drops int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(list) > 0 && drops != q.backlog.drops {
		list, last, all = nil, 0, false
	}
	if q.closed {
		if q.conversations[conv.key] == conv {
			delete(q.conversations, conv.key)
		}
		return
	}
	for _, d := range list {
		q.count(d, 1)
	}
	conv.pending = append(conv.pending, list...)
	conv.loaded = max(conv.loaded, last)
	if all && conv.spilled == spilled {
		conv.more, conv.spilled = false, 0
	}
	q.settle(conv)
	q.hire()
}

// overdue takes out what is past its time.
func (q *queue) overdue() (list []delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	again := func(waiting []*conversation) {
		for _, conv := range waiting {
			before := len(conv.pending)
			fresh := conv.pending[:0:0]
			for _, d := range conv.pending {
				if d.expired() {
					q.count(d, -1)
					list = append(list, d)
				} else {
					fresh = append(fresh, d)
				}
			}
			if len(fresh) < before {
				conv.pending = fresh
			}
			q.settle(conv)
		}
	}
	waiting := q.ready
	q.ready = nil
	again(waiting)
	waiting = q.breaker.gated
	q.breaker.gated = nil
	again(waiting)
	return list
}
