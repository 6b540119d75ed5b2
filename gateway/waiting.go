package gateway

import (
	"fmt"
	"sync"

	"github.com/restanza/restanza/stanza"
)

// waitKey names what somebody waits for: a stanza of that kind and id from that
// address. The address is compared folded, since a server may prepare it in
// another way than we do (jid.JID.FoldKey).
type waitKey struct {
	kind stanza.Kind
	id   string
	peer string
}

// waiter is one caller that waits.
type waiter struct {
	key    waitKey
	answer chan stanza.Stanza // of capacity 1; gets at most one stanza
	taken  bool               // answer has been sent; guarded by waiting.mu
	next   *waiter            // another message with the same key, sent later
}

func newWaiter(st stanza.Stanza) *waiter {
	return &waiter{
		key:    waitKey{kind: st.Kind(), id: st.ID(), peer: st.To().FoldKey()},
		answer: make(chan stanza.Stanza, 1),
	}
}

// waiting is the table of those who wait. Its zero value is ready for use.
type waiting struct {
	mu      sync.Mutex
	waiters map[waitKey]*waiter
	queries int
}

// addQuery registers a query, unless one with the same id is outstanding at the
// same address or there are limit queries already.
func (t *waiting) addQuery(w *waiter, limit int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiters[w.key] != nil {
		return &stanza.Refusal{
			Reason: stanza.IDConflict,
			Text:   fmt.Sprintf("a query with the id %.80q is outstanding at this address; choose another id, or none", w.key.id),
		}
	}
	if t.queries >= limit {
		return &stanza.Refusal{
			Reason: stanza.TooManyOutstanding,
			Text:   fmt.Sprintf("%d queries are waiting for their answers; try again later", limit),
		}
	}
	t.put(w)
	t.queries++
	return nil
}

// addBounce registers a message or presence whose error would go to its caller.
// Several with the same key are told apart by their order: a server returns
// errors in the order in which it got the stanzas.
func (t *waiting) addBounce(w *waiter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := t.waiters[w.key]
	if last == nil {
		t.put(w)
		return
	}
	for last.next != nil {
		last = last.next
	}
	last.next = w
}

func (t *waiting) put(w *waiter) {
	if t.waiters == nil {
		t.waiters = make(map[waitKey]*waiter)
	}
	t.waiters[w.key] = w
}

// remove forgets a waiter, answered or not.
func (t *waiting) remove(w *waiter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w.key.kind == stanza.IQ {
		t.queries--
	}
	first := t.waiters[w.key]
	if first == w {
		if w.next == nil {
			delete(t.waiters, w.key)
		} else {
			t.waiters[w.key] = w.next
		}
		return
	}
	for prev := first; prev != nil; prev = prev.next {
		if prev.next == w {
			prev.next = w.next
			return
		}
	}
}

// take hands st to the caller that waits for it and reports whether there was
// one.
func (t *waiting) take(st stanza.Stanza) bool {
	if !st.IsAnswer() && st.Type() != stanza.TypeError {
		return false
	}
	key := waitKey{kind: st.Kind(), id: st.ID(), peer: st.From().FoldKey()}
	t.mu.Lock()
	defer t.mu.Unlock()
	for w := t.waiters[key]; w != nil; w = w.next {
		if !w.taken {
			w.taken = true
			w.answer <- st
			return true
		}
	}
	return false
}

// outstanding returns the number of queries that wait for their answers.
func (t *waiting) outstanding() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.queries
}
