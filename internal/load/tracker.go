package main

import (
	"sync"
	"time"
)

// tracker counts what arrives in one measurement. Its methods may be called
// concurrently.
type tracker struct {
	cell  int
	start time.Time

	mu      sync.Mutex
	senders []arrivals // by sender
	counts  counts
	last    time.Duration   // when the latest arrived, since start
	times   []time.Duration // from sending to arrival, of each
}

// arrivals are those of one sender.
type arrivals struct {
	seen    []uint64 // a bit for each number
	highest int      // the highest number, plus one
}

// counts are of stanzas.
type counts struct {
	Arrived    int `json:"arrived"` // different ones
	Duplicates int `json:"duplicates"`
	Reordered  int `json:"reordered"` // arrived after a later one of the same sender
	Strays     int `json:"strays"`    // of an earlier measurement
	Lost       int `json:"lost"`      // accepted, not arrived
}

func newTracker(cell, senders int, start time.Time) *tracker {
	return &tracker{cell: cell, start: start, senders: make([]arrivals, senders)}
}

// arrived counts a stanza that arrived at a time since start. It reports false for
// a duplicate and for a stranger.
func (t *tracker) arrived(u number, at time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u.cell != t.cell || u.sender >= len(t.senders) {
		t.counts.Strays++
		return false
	}
	s := &t.senders[u.sender]
	for u.n/64 >= len(s.seen) {
		s.seen = append(s.seen, 0)
	}
	bit := uint64(1) << (u.n % 64)
	if s.seen[u.n/64]&bit != 0 {
		t.counts.Duplicates++
		return false
	}
	s.seen[u.n/64] |= bit
	if u.n+1 < s.highest {
		t.counts.Reordered++
	}
	s.highest = max(s.highest, u.n+1)
	t.counts.Arrived++
	t.last = at
	t.times = append(t.times, at-u.sent)
	return true
}

// has reports whether a number has arrived.
func (t *tracker) has(sender, n int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	seen := t.senders[sender].seen
	return n/64 < len(seen) && seen[n/64]&(1<<(n%64)) != 0
}

// total returns how many different stanzas have arrived.
func (t *tracker) total() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts.Arrived
}

// result returns the counts, the time of the last arrival since start, and the
// times that stanzas took.
func (t *tracker) result() (c counts, last time.Duration, times []time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts, t.last, t.times
}
