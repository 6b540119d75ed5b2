package callback

import (
	"slices"
	"sync"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// queue holds stanzas until workers take them, by conversation. A conversation
// has at most one worker, so its stanzas keep their order; those that have
// stanzas and no worker take turns, one stanza each. Conversations that have
// nothing left are forgotten.
//
// With a journal, a conversation that is not here may have stanzas on disk, see
// backlog. One that is here knows all about its own: no stanza of it on disk comes
// before those in pending, and what comes after them is told by more.
type queue struct {
	maxStanzas int
	maxBytes   int
	maxWorkers int

	mu            sync.Mutex
	spawn         func() // starts a worker; nil before start
	closed        bool
	conversations map[conversationKey]*conversation
	ready         []*conversation // with stanzas and without a worker, in turn
	stanzas       int             // that wait
	bytes         int             // of those
	workers       int
	busy          int // workers that hold a stanza

	pace    pace
	backlog backlog
	breaker breaker
}

// conversationKey names a conversation by its two bare addresses. What can't wait of a
// conversation that does is a conversation of its own, beside it.
type conversationKey struct {
	from, to jid.JID
	beside   bool
}

func keyOf(st stanza.Stanza) conversationKey {
	return conversationKey{from: st.From().Bare(), to: st.To().Bare()}
}

type conversation struct {
	key     conversationKey
	pending []delivery // not taken yet, oldest first
	place   place

	// What is in the journal and not in pending comes after it.
	more    bool
	loaded  int64     // Seq of the last that is, or was, in memory
	spilled int64     // Seq of the last that is not; 0: it was there before
	added   int64     // Seq of the last that this process has added
	until   time.Time // at rest: when the next attempt may be; zero: at once

	keeps bool // it has, or has had, stanzas that are kept

	flushing bool // at rest, since before the flush that is under way
	answered bool // at the last request for it, with whatever status

	posting *journal.Entry // of the stanza that is being posted; nil: it has none, or there is none
	dropped bool           // that was dropped from the journal meanwhile
}

// place is where a conversation is.
type place uint8

const (
	taken   place = iota // by a worker
	ready                // to be taken
	gated                // as long as the callback is down
	hungry               // its next stanzas are in the journal
	resting              // it is to be forgotten, as soon as all of it is on disk
	loading              // by the feeder
)

// newQueue returns a queue. Without a journal, has is never called.
func newQueue(maxStanzas, maxBytes, maxWorkers int) *queue {
	return &queue{
		maxStanzas:    maxStanzas,
		maxBytes:      maxBytes,
		maxWorkers:    maxWorkers,
		conversations: map[conversationKey]*conversation{},
		pace:          pace{limit: maxWorkers},
		backlog:       backlog{news: make(chan struct{}, 1)},
	}
}

// headerRoom is an estimate of what a stanza takes in memory beyond its content.
const headerRoom = 512

func sizeOf(st stanza.Stanza) int { return len(st.Content()) + headerRoom }

// put appends a stanza that is in memory only to its conversation, or beside it if that waits. It
// refuses if the queue is closed or full.
func (q *queue) put(d delivery) bool {
	key := keyOf(d.stanza)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.stanzas >= q.maxStanzas || q.bytes+sizeOf(d.stanza) > q.maxBytes {
		return false
	}
	conv := q.conversations[key]
	if q.waits(conv) {
		key.beside = true
		conv = q.conversations[key]
	}
	q.append(conv, key, d)
	return true
}

// putOnce is put for a stanza that should have been kept. It refuses if something that is kept may have to come before it.
func (q *queue) putOnce(d delivery) bool {
	key := keyOf(d.stanza)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.stanzas >= q.maxStanzas || q.bytes+sizeOf(d.stanza) > q.maxBytes {
		return false
	}
	conv := q.conversations[key]
	switch {
	case conv != nil && conv.keeps:
		return false
	case conv == nil && q.backlog.some:
		if found, err := q.backlog.has(key); found || err != nil {
			return false
		}
	}
	q.append(conv, key, d)
	return true
}

// waits reports whether a conversation, nil if it is not in memory, may have to wait for longer than
// for its turn.
func (q *queue) waits(conv *conversation) bool {
	if !q.backlog.durable {
		return false
	}
	if conv == nil {
		return q.backlog.some
	}
	return conv.more || q.breaker.open || conv.place != taken && conv.place != ready
}

// append appends a stanza to a conversation, nil if there is none of that key yet.
func (q *queue) append(conv *conversation, key conversationKey, d delivery) {
	q.count(d, 1)
	if conv != nil {
		conv.pending = append(conv.pending, d)
		return
	}
	conv = &conversation{key: key, pending: []delivery{d}}
	q.conversations[key] = conv
	q.settle(conv)
	q.hire()
}

// count counts a stanza in, or with -1 out.
func (q *queue) count(d delivery, sign int) {
	size := sign * sizeOf(d.stanza)
	q.stanzas += sign
	q.bytes += size
	if d.entry != nil {
		q.backlog.held += sign
		q.backlog.heldBytes += size
	}
}

// settle puts a conversation that nobody holds where it belongs.
func (q *queue) settle(conv *conversation) {
	if len(conv.pending) == 0 && q.breaker.probe == conv {
		q.breaker.probe = nil
		q.stir()
	}
	switch {
	case len(conv.pending) == 0 && conv.more:
		conv.place = hungry
		q.backlog.hungry = append(q.backlog.hungry, conv)
		q.stir()
	case len(conv.pending) == 0:
		delete(q.conversations, conv.key)
	case q.breaker.open && q.breaker.probe != conv && conv.pending[0].entry != nil:
		q.gate(conv)
	default:
		conv.place = ready
		q.ready = append(q.ready, conv)
	}
}

// start lets workers be started by spawn, from now on and for what waits.
func (q *queue) start(spawn func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spawn = spawn
	for range q.ready {
		q.hire()
	}
}

// hire starts a worker if there may be one more.
func (q *queue) hire() {
	if q.spawn == nil || q.workers >= q.pace.limit {
		return
	}
	q.workers++
	q.spawn()
}

// fate is what became of the stanza of a worker's turn.
type fate struct {
	answered bool      // by the callback, with whatever status
	busy     bool      // and it said that it has too much to do
	again    *delivery // it is to be tried again; nil: it is done with
	until    time.Time // not before this time; zero: when the callback is up
}

// next ends a worker's turn with one conversation, nil at first, and gives it a
// stanza of the next. A worker that gets none has to end.
func (q *queue) next(last *conversation, f fate) (conv *conversation, d delivery, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if last != nil {
		q.busy--
		q.turnOver(last, f)
	}
	if len(q.ready) == 0 || q.workers > q.pace.limit {
		q.workers--
		if len(q.ready) == 0 {
			q.ready = nil // what the slice grew to in a burst
		}
		return nil, delivery{}, false
	}
	conv = q.ready[0]
	q.ready[0] = nil
	q.ready = q.ready[1:]
	conv.place = taken

	d = conv.pending[0]
	conv.pending[0] = delivery{}
	conv.pending = conv.pending[1:]
	q.count(d, -1)
	q.busy++
	conv.posting = d.entry
	return conv, d, true
}

// turnOver takes back a conversation from its worker.
func (q *queue) turnOver(conv *conversation, f fate) {
	if q.breaker.probe == conv {
		q.breaker.probe = nil
		q.stir()
	}
	if conv.dropped {
		f.again = nil
	}
	conv.posting, conv.dropped = nil, false
	conv.answered = f.answered
	if f.again != nil {
		conv.pending = slices.Insert(conv.pending, 0, *f.again)
		q.count(*f.again, 1)
	}
	if f.answered && q.backlog.durable {
		q.answered()
	}
	if f.answered && q.pace.adaptive && q.pace.adapt(f.busy, q.maxWorkers) {
		q.hire()
	}
	switch {
	case q.closed:
		q.forsake(conv)
		q.settle(conv)
	case len(conv.pending) > 0 && !f.until.IsZero():
		q.rest(conv, f.until)
	default:
		q.settle(conv)
	}
	if q.backlog.wanted && q.roomToFetch() && (len(q.backlog.hungry) > 0 || q.appetite() > 0) {
		q.stir()
	}
}

// close makes put refuse everything, and no worker is started any more. What is in the journal stays there.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	if !q.backlog.durable {
		return
	}
	q.ready, q.breaker.gated, q.backlog.hungry, q.backlog.resting = nil, nil, nil, nil
	for _, conv := range q.conversations {
		q.forsake(conv)
		if conv.place != taken {
			q.settle(conv)
		}
	}
}

// forsake leaves what a conversation has in the journal to the next process.
func (q *queue) forsake(conv *conversation) {
	conv.more = false
	conv.pending = slices.DeleteFunc(conv.pending, func(d delivery) bool {
		if d.entry != nil {
			q.count(d, -1)
		}
		return d.entry != nil
	})
}

// clear takes out what waits in memory only. It is in order within each conversation.
func (q *queue) clear() []delivery {
	q.mu.Lock()
	defer q.mu.Unlock()
	left := make([]delivery, 0, q.stanzas)
	for _, conv := range q.conversations {
		left = append(left, conv.pending...)
		conv.pending = nil
	}
	for _, conv := range q.ready {
		delete(q.conversations, conv.key)
	}
	q.ready, q.stanzas, q.bytes = nil, 0, 0
	return left
}

// load is how much a queue holds.
type load struct {
	waiting       int // stanzas that wait
	conversations int // with a stanza that waits or is being posted
	busy          int // stanzas that are being posted
	limit         int // of those
	down          bool
}

func (q *queue) load() load {
	q.mu.Lock()
	defer q.mu.Unlock()
	return load{waiting: q.stanzas, conversations: len(q.conversations), busy: q.busy, limit: q.pace.limit, down: q.breaker.open}
}

// pace is how many requests may be under way at once, which a callback can bring down.
type pace struct {
	adaptive  bool
	limit     int
	successes int // since it has changed
}

// adapt takes an answer into account, and reports whether one more request may be made.
func (p *pace) adapt(busy bool, limit int) (more bool) {
	if busy {
		p.limit, p.successes = max(1, p.limit/2), 0
		return false
	}
	if p.limit >= limit {
		return false
	}
	if p.successes++; p.successes < p.limit {
		return false
	}
	p.limit, p.successes = p.limit+1, 0
	return true
}
