package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

const (
	lineQueue = 1000                   // lines that wait for a slow terminal
	lastLines = 300 * time.Millisecond // that a terminal gets for what waits at the end
)

// lines writes to a terminal that may be slow, or stopped by Ctrl-S, and holds up
// nobody: what finds no room is left out, and the terminal is told how much. Its
// methods may be called concurrently, close once.
type lines struct {
	queue   chan string
	leftOut atomic.Int64
	stop    chan struct{}
	done    chan struct{}
}

// newLines starts to write to w what put is given, until close.
func newLines(w io.Writer) *lines {
	l := &lines{queue: make(chan string, lineQueue), stop: make(chan struct{}), done: make(chan struct{})}
	go l.write(w)
	return l
}

// put queues text, which ends with a line feed, or leaves it out.
func (l *lines) put(text string) {
	select {
	case l.queue <- text:
	default:
		l.leaveOut()
	}
}

// await queues text as soon as there is room.
func (l *lines) await(ctx context.Context, text string) error {
	select {
	case l.queue <- text:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// full reports whether put would leave a line out, so that nobody need make it.
func (l *lines) full() bool { return len(l.queue) == cap(l.queue) }

func (l *lines) leaveOut() { l.leftOut.Add(1) }

func (l *lines) write(w io.Writer) {
	defer close(l.done)
	for {
		select {
		case text := <-l.queue:
			l.show(w, text)
			continue
		default:
		}
		select {
		case text := <-l.queue:
			l.show(w, text)
		case <-l.stop:
			if len(l.queue) == 0 {
				return
			}
		}
	}
}

// show writes a text. If that fails there is nobody left to be told.
func (l *lines) show(w io.Writer, text string) {
	_, _ = io.WriteString(w, text)
	if n := l.leftOut.Swap(0); n > 0 {
		_, _ = fmt.Fprintf(w, "… %d lines left out: the terminal was too slow\n", n)
	}
}

// close waits until what was put is written, but not long for a terminal that
// does not take it.
func (l *lines) close() {
	close(l.stop)
	patience := time.NewTimer(lastLines)
	defer patience.Stop()
	select {
	case <-l.done:
	case <-patience.C: // the writer ends with the process, or with its write
	}
}
