package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/restanza/restanza/stream"
)

const (
	idleBeforePing = 25 * time.Second       // without input before the link pings
	pongTimeout    = 20 * time.Second       // without input after a ping before the peer counts as dead
	writeTimeout   = 20 * time.Second       // for a write call; a server that does not read is given up
	reasonTimeout  = time.Second            // for the server's reason after a write failed
	closeTimeout   = 2 * time.Second        // for the server's end tag after ours
	courtesy       = 250 * time.Millisecond // for our end tag on a stream that is broken anyway
)

var (
	errSilent  = fmt.Errorf("the server has sent nothing for %s, not even the answer to a ping: it, or the network, is dead", pongTimeout)
	errStalled = fmt.Errorf("the server has not read from the connection for %s", writeTimeout)
	errDrained = errors.New("shut down")
)

// session is one connection to the server. The goroutine that calls serve owns
// it; two others read and write.
type session struct {
	c    *Component
	conn net.Conn
	in   *stream.Reader
	read *activity
	stop chan struct{} // closed to end the writer

	writing atomic.Int64 // when the write call under way began, in nanoseconds after read.began; 0: none is
}

// activity is the reading side of a connection. It notes when bytes came.
type activity struct {
	conn  net.Conn
	ack   func() // see quickAck
	began time.Time
	last  atomic.Int64 // nanoseconds after began
}

func (a *activity) Read(p []byte) (int, error) {
	n, err := a.conn.Read(p)
	if n > 0 {
		a.last.Store(int64(time.Since(a.began)))
		a.ack()
	}
	return n, err
}

// idle returns for how long nothing has come.
func (a *activity) idle() time.Duration {
	return time.Since(a.began) - time.Duration(a.last.Load())
}

func newSession(c *Component, conn net.Conn) *session {
	read := &activity{conn: conn, ack: quickAck(conn), began: time.Now()}
	return &session{
		c:    c,
		conn: conn,
		in:   stream.NewReader(read, stream.ReaderOptions{MaxStanza: c.o.MaxStanza}),
		read: read,
		stop: make(chan struct{}),
	}
}

// serve lets stanzas flow until the connection ends, or until ctx ends and the
// last stanzas are confirmed. The error says why it ended.
func (s *session) serve(ctx context.Context) (ending, error) {
	reading, writing := make(chan error, 1), make(chan error, 1)
	var reader, writer sync.WaitGroup
	reader.Go(func() { reading <- s.receive() })
	writer.Go(func() { writing <- s.write() })

	err := s.watch(ctx, reading, writing)
	close(s.stop)
	drained := errors.Is(err, errDrained)
	if !drained {
		_ = s.conn.SetWriteDeadline(time.Now()) // ends a write that is under way; the connection is closed next
		writer.Wait()
		s.hangUp(err)
		reader.Wait()
		return endingOf(err), err
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(courtesy))
	if <-writing == nil { // else the stream broke off amid a stanza
		err = s.endStream(reading)
	}
	err = errors.Join(err, s.conn.Close())
	reader.Wait()
	return byUs, err
}

// watch waits for the end of the connection. Both channels keep a value that
// serve can receive.
func (s *session) watch(ctx context.Context, reading, writing chan error) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var drained <-chan struct{}
	var late <-chan time.Time
	shutdown := ctx.Done()
	for {
		select {
		case err := <-reading:
			reading <- err
			return err
		case err := <-writing:
			writing <- err
			return s.writeFailed(err, reading)
		case <-shutdown:
			shutdown = nil
			drained = s.c.window.drain(errShuttingDown)
			late = time.After(s.c.o.DrainTimeout)
		case <-drained:
			return errDrained
		case <-late:
			return errDrained
		case now := <-tick.C:
			if s.dead(now) {
				return errSilent
			}
			if s.stalled() {
				return errStalled
			}
		}
	}
}

// writeFailed returns why a write failed: if the server closed the connection
// its reason may still be on the way to the reader.
func (s *session) writeFailed(err error, reading chan error) error {
	select {
	case readErr := <-reading:
		reading <- readErr
		if conditionOf(readErr) != "" {
			return readErr
		}
	case <-time.After(reasonTimeout):
	}
	return err
}

// dead reports whether the peer is silent in spite of a ping, and has one sent
// when it is time to.
func (s *session) dead(now time.Time) bool {
	idle := s.read.idle()
	oldest := s.c.window.keepAlive(now, idle >= idleBeforePing)
	return idle >= pongTimeout && !oldest.IsZero() && now.Sub(oldest) >= pongTimeout
}

// stalled reports whether a write call has taken too long.
func (s *session) stalled() bool {
	began := time.Duration(s.writing.Load())
	return began != 0 && time.Since(s.read.began)-began >= writeTimeout
}

// endStream ends the stream as RFC 6120 §4.4 wants it: our end tag, then what
// the server still sends, and its end tag. It returns errDrained if all went
// well.
func (s *session) endStream(reading <-chan error) error {
	_ = s.conn.SetDeadline(time.Now().Add(closeTimeout))
	if _, err := s.conn.Write(stream.AppendClose(nil)); err != nil {
		return err
	}
	if err := <-reading; !ended(err) {
		return err
	}
	return errDrained
}

// ended reports whether a stream may come to this end once we have ended it.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrDeadlineExceeded)
}

// hangUp closes a connection that is of no more use, with a word to the peer if
// the stream allows it. Nothing depends on the peer's getting it.
func (s *session) hangUp(err error) {
	var last []byte
	if fault, ok := errors.AsType[*stream.Fault](err); ok {
		last = stream.AppendError(last, &stream.Error{Condition: fault.Condition, Text: fault.Err.Error()})
	}
	if last != nil || errors.Is(err, io.EOF) || conditionOf(err) != "" {
		_ = s.conn.SetWriteDeadline(time.Now().Add(courtesy))
		_, _ = s.conn.Write(stream.AppendClose(last))
	}
	_ = s.conn.Close()
}

// endingOf says what the end of a connection means for its stanzas.
func endingOf(err error) ending {
	if condition := conditionOf(err); condition != "" {
		if contentCauses(condition) {
			return blaming
		}
		return byUs
	}
	if errors.Is(err, errSilent) || errors.Is(err, errStalled) {
		return byUs
	}
	if _, ok := errors.AsType[*stream.Fault](err); ok {
		return byUs
	}
	return abrupt
}
