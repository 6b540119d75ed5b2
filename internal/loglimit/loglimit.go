// Package loglimit keeps log entries rare that others can cause at will: a
// remote user with stanzas that can't be read, a callback with answers that
// can't be used. One [Limit] stands for one sort of entry.
package loglimit

import (
	"sync"
	"time"
)

// Limit allows one entry in Every. Its zero value allows all of them. It may be
// used concurrently.
type Limit struct {
	Every time.Duration // the least time between two entries; not to be changed once in use

	mu      sync.Mutex
	last    time.Time
	omitted int
}

// Allow reports whether to log now, and how many entries were omitted since the
// last one.
func (l *Limit) Allow(now time.Time) (omitted int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.last.IsZero() && now.Sub(l.last) < l.Every {
		l.omitted++
		return 0, false
	}
	omitted, l.omitted, l.last = l.omitted, 0, now
	return omitted, true
}
