package httpd

import (
	"sync"
	"sync/atomic"

	"github.com/restanza/restanza/stanza"
)

const (
	// heldResults is how many bytes of results are kept for an answer that is sent
	// whole; with more it is sent as they come.
	heldResults = 256 << 10
	// waitingResults is how many bytes of results may wait for one caller to read
	// them, allResults how many for all callers together.
	waitingResults = 16 << 20
	allResults     = 128 << 20
	// stanzaOverhead is what a stanza in memory takes beside its texts, roughly.
	stanzaOverhead = 256
)

// results is the queue between an archive, which the gateway can't slow down, and a
// caller who reads at his own pace. It is a gateway.Collector.
type results struct {
	wake  chan struct{} // of capacity 1: something has come
	total *atomic.Int64 // bytes in all queues of the Server

	mu   sync.Mutex
	list []stanza.Stanza
	size int // bytes of list
}

func newResults(total *atomic.Int64) *results {
	return &results{wake: make(chan struct{}, 1), total: total}
}

// Collect implements gateway.Collector.
func (q *results) Collect(st stanza.Stanza) bool {
	size := sizeOf(st)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.size+size > waitingResults {
		return false
	}
	if q.total.Add(int64(size)) > allResults {
		q.total.Add(-int64(size))
		return false
	}
	q.list = append(q.list, st)
	q.size += size
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true
}

// waiting returns how many bytes of results wait.
func (q *results) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.size
}

// take moves the oldest results to dst, at most about as many bytes as it is told.
func (q *results) take(dst []stanza.Stanza, most int) []stanza.Stanza {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, 0
	for n < len(q.list) && size < most {
		size += sizeOf(q.list[n])
		n++
	}
	dst = append(dst, q.list[:n]...)
	clear(q.list[:n]) // what was taken is not kept by the array
	q.list = q.list[n:]
	if len(q.list) == 0 {
		q.list = nil
	}
	q.size -= size
	q.total.Add(-int64(size))
	return dst
}

// drop empties the queue. It is for its end.
func (q *results) drop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.total.Add(-int64(q.size))
	q.list, q.size = nil, 0
}

// sizeOf returns about how many bytes a stanza takes in memory.
func sizeOf(st stanza.Stanza) int {
	h := st.Header()
	return len(st.Content()) + len(h.Type) + len(h.ID) + len(h.Lang) + len(h.From.String()) + len(h.To.String()) + stanzaOverhead
}
