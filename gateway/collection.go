package gateway

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/restanza/restanza/stanza"
)

const (
	// lingering is how long after the last result of an abandoned query the next
	// one is still known as one of its results.
	lingering = time.Minute
	// maxAbandoned is how many abandoned queries are kept in mind.
	maxAbandoned = 4096
)

// archiveKey names two parties of archive queries: the sender and the archive that
// he asks. Both are folded, as in waitKey.
type archiveKey struct{ own, archive string }

// collection is an archive query whose results are collected.
type collection struct {
	key     archiveKey
	id      string // of the iq
	queryID string // empty: the query has none
	results Collector
	wait    time.Duration
	silence *time.Timer // ends the query, and later the collection; each result sets it back
	cancel  context.CancelCauseFunc

	// What follows is guarded by archives.mu.
	got       int  // results that were taken
	full      bool // one was refused
	abandoned bool // nobody waits any more: results are dropped
}

func newCollection(st stanza.Stanza, wait time.Duration, results Collector, cancel context.CancelCauseFunc) *collection {
	return &collection{
		key:     archiveKey{own: st.From().FoldKey(), archive: st.To().FoldKey()},
		id:      st.ID(),
		queryID: st.PayloadAttr("queryid"),
		results: results,
		wait:    wait,
		silence: time.AfterFunc(wait, func() { cancel(errAnswerTimeout) }),
		cancel:  cancel,
	}
}

// archives is the table of archive queries that collect results. Its zero value is
// ready for use.
//
// A query that ends without its answer after it has taken results, or because its
// caller is gone, stays in the table for a while: the archive goes on sending, and the
// rest of an answer that nobody reads is not for the callback. A query that got
// nothing in time does not stay: what comes later is an ordinary stanza, as late
// answers are.
type archives struct {
	running atomic.Int32 // how many are in the table, for a glance without the lock
	counted func(dropped bool)

	mu        sync.Mutex
	table     map[archiveKey][]*collection // each list in the order of sending
	abandoned int
}

func (t *archives) add(col *collection) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.table == nil {
		t.table = make(map[archiveKey][]*collection)
	}
	t.table[col.key] = append(t.table[col.key], col)
	t.running.Add(1)
}

// leave ends the collecting: after it, the Collector is not called any more. gone says that
// the caller does not wait any longer. It returns how many results there were, and
// whether one was refused.
func (t *archives) leave(col *collection, gone bool) (got int, full bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.index(col)
	switch {
	case at < 0: // its answer has come
	case !gone && !col.full && col.got == 0, t.abandoned >= maxAbandoned:
		t.remove(col.key, at)
	default:
		col.abandoned = true
		t.abandoned++
		col.silence.Stop()
		col.silence = time.AfterFunc(lingering, func() { t.forget(col) })
	}
	return col.got, col.full
}

// forget removes an abandoned collection.
func (t *archives) forget(col *collection) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at := t.index(col); at >= 0 {
		t.remove(col.key, at)
	}
}

func (t *archives) index(col *collection) int {
	for i, other := range t.table[col.key] {
		if other == col {
			return i
		}
	}
	return -1
}

func (t *archives) remove(key archiveKey, at int) {
	list := t.table[key]
	if list[at].abandoned {
		t.abandoned--
		list[at].silence.Stop()
	}
	if len(list) == 1 {
		delete(t.table, key)
	} else {
		t.table[key] = append(append([]*collection(nil), list[:at]...), list[at+1:]...)
	}
	t.running.Add(-1)
}

// take hands a result to the query that it is for, and reports whether there was
// one. The answer to a query ends its collecting, and is not taken.
func (t *archives) take(st stanza.Stanza) bool {
	if t.running.Load() == 0 {
		return false
	}
	if st.IsAnswer() {
		t.answered(st)
		return false
	}
	if st.Kind() != stanza.Message || st.Type() == stanza.TypeError {
		return false
	}
	key := keyOf(st)
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.table[key]
	if len(list) == 0 {
		return false
	}
	queryID, found := st.ChildAttr(result, "queryid")
	if !found {
		return false
	}
	col := choose(list, queryID)
	if col == nil {
		return false
	}
	t.counted(!col.take(st))
	return true
}

// keyOf names the parties of what an archive sends.
func keyOf(st stanza.Stanza) archiveKey {
	return archiveKey{own: st.To().FoldKey(), archive: st.From().FoldKey()}
}

// answered ends the collecting of the query that st answers. It is called in the
// order of the stream, so that what comes afterwards is not taken for a result.
func (t *archives) answered(st stanza.Stanza) {
	key := keyOf(st)
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, col := range t.table[key] {
		if col.id == st.ID() {
			t.remove(key, i)
			return
		}
	}
}

// choose returns the query that a result with that queryid is for: the first with
// the same queryid, else the first without any; those whose callers wait before
// abandoned ones. nil: it is for none.
func choose(list []*collection, queryID string) *collection {
	var chosen *collection
	best := 0
	for _, col := range list {
		rank := 0
		switch {
		case col.queryID == "" && queryID != "":
			rank = 1
		case col.queryID == queryID:
			rank = 3
		}
		if rank > 0 && !col.abandoned {
			rank++
		}
		if rank > best {
			chosen, best = col, rank
		}
	}
	return chosen
}

// take hands a result to the caller, and reports whether he took it.
func (col *collection) take(st stanza.Stanza) bool {
	switch {
	case col.abandoned:
		col.silence.Reset(lingering)
		return false
	case col.full:
		return false
	case !col.results.Collect(st):
		col.full = true
		col.cancel(errTooSlow)
		return false
	}
	col.got++
	col.silence.Reset(col.wait)
	return true
}
