package link

import (
	"sync"
	"time"
)

// logEvery is the least time between two log entries of one sort that others
// can cause at will.
const logEvery = time.Second

// logLimit keeps a sort of log entry rare.
type logLimit struct {
	mu      sync.Mutex
	last    time.Time
	omitted int
}

// allow reports whether to log now, and how many entries were omitted since the
// last one.
func (l *logLimit) allow(now time.Time) (omitted int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.last.IsZero() && now.Sub(l.last) < logEvery {
		l.omitted++
		return 0, false
	}
	omitted, l.omitted, l.last = l.omitted, 0, now
	return omitted, true
}
