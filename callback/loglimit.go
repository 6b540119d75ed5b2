package callback

import (
	"sync"
	"time"
)

// logEvery is the least time between two log entries of one sort that others
// can cause at will.
const logEvery = 10 * time.Second

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

// shorten returns the text of an error for the log. Errors of package net/http
// quote what they could not read, which may be long.
func shorten(err error) string {
	const most = 300
	text := err.Error()
	if len(text) > most {
		text = text[:most] + "…"
	}
	return text
}
