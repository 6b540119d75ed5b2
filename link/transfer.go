package link

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/restanza/restanza/stanza"
)

const (
	maxChunk  = 64 << 10  // bytes after which a write call gets no further stanza
	keptChunk = 256 << 10 // bytes of a buffer that the writer keeps
)

// write writes what the window gives out until stop is closed. An error means
// that the stream may have broken off within a stanza.
func (s *session) write() error {
	var chunk []byte
	var posts []*entry
	for {
		select {
		case <-s.c.window.wake:
		case <-s.stop:
			return nil
		}
		runtime.Gosched() // whoever is about to send joins this write call
		for {
			chunk, posts = s.c.window.take(chunk[:0], posts[:0])
			if len(chunk) == 0 || s.stopped() {
				break
			}
			if err := s.send(chunk); err != nil {
				return err
			}
			for _, e := range posts {
				e.finish(nil)
			}
			if cap(chunk) > keptChunk {
				chunk = nil
			}
		}
	}
}

// send makes one write call. It is watch that limits its time.
func (s *session) send(chunk []byte) error {
	s.writing.Store(max(1, int64(time.Since(s.read.began))))
	_, err := s.conn.Write(chunk)
	s.writing.Store(0)
	s.c.metrics.writes.Inc()
	return err
}

// stopped reports whether the writer is to end.
func (s *session) stopped() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// receive reads until the stream ends, and returns why it did.
func (s *session) receive() error {
	for {
		item, err := s.in.Next()
		switch {
		case err != nil:
			return err
		case item.Skipped != nil:
			s.skip("reason", item.Skipped.Error())
		case item.Element != nil:
			s.skip("name", string(item.Element.Local))
		case s.foreign(item.Stanza):
			s.skip("reason", "it is for another component; on ejabberd set global_routes: false for the listener",
				"domain", item.Stanza.To().Domain())
		default:
			s.handle(item.Stanza)
		}
	}
}

// foreign reports whether a stanza is for another domain than ours.
// COMPAT(ejabberd 23.01): by default a connection gets what is for any component
// of its listener, taking turns with the other connections.
func (s *session) foreign(st stanza.Stanza) bool {
	return !st.To().IsZero() && st.To().Domain() != s.c.o.Domain.Domain()
}

// handle takes one stanza. A pong confirms; anything else is for the receiver.
func (s *session) handle(st stanza.Stanza) {
	if id, ok := s.c.window.pings.recognise(st); ok {
		s.c.window.confirm(id, time.Now())
		return
	}
	s.c.metrics.in[st.Kind()].Inc()
	defer func() {
		if p := recover(); p != nil {
			s.c.metrics.panics.Inc()
			s.c.log.Error("handling an inbound stanza panicked", "kind", st.Kind(), "id", st.ID(),
				"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	s.c.o.Receive(st)
}

// skip counts and logs what came and is no stanza for us.
func (s *session) skip(why ...any) {
	s.c.metrics.skipped.Inc()
	if more, ok := s.c.skippedLog.Allow(time.Now()); ok {
		s.c.log.Warn("inbound element skipped", append(why, "not_logged", more)...)
	}
}
