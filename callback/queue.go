package callback

import (
	"sync"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// queue holds stanzas until workers take them, by conversation. A conversation
// has at most one worker, so its stanzas keep their order; those that have
// stanzas and no worker take turns, one stanza each. Conversations that have
// nothing left are forgotten.
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
}

// conversationKey names a conversation by its two bare addresses.
type conversationKey struct {
	from, to jid.JID
}

type conversation struct {
	key     conversationKey
	pending []delivery // not taken yet, oldest first
}

func newQueue(maxStanzas, maxBytes, maxWorkers int) *queue {
	return &queue{
		maxStanzas:    maxStanzas,
		maxBytes:      maxBytes,
		maxWorkers:    maxWorkers,
		conversations: map[conversationKey]*conversation{},
	}
}

// headerRoom is an estimate of what a stanza takes in memory beyond its content.
const headerRoom = 512

func sizeOf(st stanza.Stanza) int { return len(st.Content()) + headerRoom }

// put appends a stanza to its conversation, unless the queue is closed or full.
func (q *queue) put(d delivery) bool {
	st := d.stanza
	size := sizeOf(st)
	key := conversationKey{from: st.From().Bare(), to: st.To().Bare()}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.stanzas >= q.maxStanzas || q.bytes+size > q.maxBytes {
		return false
	}
	q.stanzas++
	q.bytes += size
	conv := q.conversations[key]
	if conv == nil {
		conv = &conversation{key: key}
		q.conversations[key] = conv
		q.ready = append(q.ready, conv)
		q.hire()
	}
	conv.pending = append(conv.pending, d)
	return true
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
	if q.spawn == nil || q.workers == q.maxWorkers {
		return
	}
	q.workers++
	q.spawn()
}

// next ends a worker's turn with one conversation, nil at first, and gives it a
// stanza of the next. A worker that gets none has to end.
func (q *queue) next(last *conversation) (conv *conversation, d delivery, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if last != nil {
		q.busy--
		if len(last.pending) > 0 {
			q.ready = append(q.ready, last)
		} else {
			delete(q.conversations, last.key)
		}
	}
	if len(q.ready) == 0 {
		q.workers--
		q.ready = nil // what the slice grew to in a burst
		return nil, delivery{}, false
	}
	conv = q.ready[0]
	q.ready[0] = nil
	q.ready = q.ready[1:]

	d = conv.pending[0]
	conv.pending[0] = delivery{}
	conv.pending = conv.pending[1:]
	q.stanzas--
	q.bytes -= sizeOf(d.stanza)
	q.busy++
	return conv, d, true
}

// close makes put refuse everything, and no worker is started any more.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}

// clear takes out what waits. It is in order within each conversation.
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
}

func (q *queue) load() load {
	q.mu.Lock()
	defer q.mu.Unlock()
	return load{waiting: q.stanzas, conversations: len(q.conversations), busy: q.busy}
}
