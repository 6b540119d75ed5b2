package xmpptest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

// patience is how long this package waits where a test names no time.
const patience = 20 * time.Second

// Stream is an open XML stream to a server, as a [User] and a [Component] have
// it. What comes in is queued: Wait and Next take stanzas out of the queue.
//
// The methods may be called concurrently. Those that fail the test (all but
// TrySend, History, Drop and Ended) must be called on the goroutine of the test
// that the stream was opened for; see With for subtests.
type Stream struct {
	tb   TB
	core *streamCore
}

// streamCore is what the copies of a Stream that belong to different tests share.
type streamCore struct {
	label   string // whose stream it is, for messages
	server  Server // nil if it is not known
	conn    net.Conn
	reader  *elementReader
	inbox   *inbox[Stanza]
	handler atomic.Pointer[func(Stanza)]
	ids     atomic.Int64
	done    chan struct{}
}

// dialStream connects to addr. The caller opens the stream and calls receive.
func dialStream(srv Server, addr, label string) (*streamCore, error) {
	conn, err := dial(addr, patience)
	if err != nil {
		return nil, err
	}
	c := &streamCore{
		label: label, server: srv, conn: conn,
		reader: newElementReader(conn, 0, false),
		inbox:  newInbox[Stanza](),
		done:   make(chan struct{}),
	}
	// Negotiation has one deadline; receive lifts it.
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// open sends a stream header and reads the server's.
func (c *streamCore) open(header string) error {
	if _, err := io.WriteString(c.conn, header); err != nil {
		return err
	}
	return c.reader.open()
}

// expect reads the next element; a stream error is an error.
func (c *streamCore) expect() (Stanza, error) {
	s, err := c.reader.next()
	if err != nil {
		return Stanza{}, err
	}
	return s, s.streamError()
}

// receive starts the reading of stanzas.
func (c *streamCore) receive(tb TB) error {
	if err := c.conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	go func() {
		defer close(c.done)
		for {
			s, err := c.expect()
			if err != nil {
				c.inbox.end(err)
				c.conn.Close()
				return
			}
			if handle := c.handler.Load(); handle != nil {
				(*handle)(s)
				continue
			}
			c.inbox.put(s)
		}
	}()
	tb.Cleanup(func() {
		c.conn.Close()
		<-c.done
	})
	return nil
}

// With gives the same stream for the use of a subtest.
func (s *Stream) With(tb TB) *Stream { return &Stream{tb: tb, core: s.core} }

// Send writes raw bytes, as a rule one or more stanzas.
func (s *Stream) Send(raw string) {
	s.tb.Helper()
	if err := s.TrySend(raw); err != nil {
		s.fail("sending", err)
	}
}

// TrySend is Send with an error.
func (s *Stream) TrySend(raw string) error {
	_, err := io.WriteString(s.core.conn, raw)
	return err
}

// SendMessage sends a message of type chat.
func (s *Stream) SendMessage(to, body string) {
	s.tb.Helper()
	s.Send(fmt.Sprintf("<message type='chat' to='%s' id='%s'><body>%s</body></message>",
		escape(to), s.NewID(), escape(body)))
}

// NewID makes an id that this stream has not used.
func (s *Stream) NewID() string { return fmt.Sprintf("xmpptest-%d", s.core.ids.Add(1)) }

// Wait takes the first stanza in the queue for which match is true, and waits
// for one as long as limit. What does not match stays in the queue. If none comes the test fails.
func (s *Stream) Wait(limit time.Duration, match func(Stanza) bool) Stanza {
	s.tb.Helper()
	stanza, err := s.core.inbox.wait(limit, match)
	if err != nil {
		s.fail(fmt.Sprintf("waiting %v for a stanza", limit), err)
	}
	return stanza
}

// Next takes the next stanza out of the queue.
func (s *Stream) Next(limit time.Duration) Stanza {
	s.tb.Helper()
	return s.Wait(limit, nil)
}

// WaitBody takes the next message with that body.
func (s *Stream) WaitBody(limit time.Duration, body string) Stanza {
	s.tb.Helper()
	return s.Wait(limit, func(s Stanza) bool { return s.Name == "message" && s.Body == body })
}

// Request sends an IQ of type get or set and waits for its result or error. from may be "" for a user.
func (s *Stream) Request(limit time.Duration, kind, from, to, payload string) Stanza {
	s.tb.Helper()
	id := s.NewID()
	addressing := fmt.Sprintf("to='%s'", escape(to))
	if from != "" {
		addressing += fmt.Sprintf(" from='%s'", escape(from))
	}
	s.Send(fmt.Sprintf("<iq type='%s' id='%s' %s>%s</iq>", kind, id, addressing, payload))
	return s.Wait(limit, func(s Stanza) bool {
		return s.Name == "iq" && s.ID == id && (s.Type == "result" || s.Type == "error")
	})
}

// History gives all stanzas received so far, also those taken by Wait; not those that went to Handle's function.
func (s *Stream) History() []Stanza { return s.core.inbox.history() }

// Handle has all further stanzas go to f, on the reading goroutine, instead of into the queue; nil ends that.
func (s *Stream) Handle(f func(Stanza)) {
	if f == nil {
		s.core.handler.Store(nil)
		return
	}
	s.core.handler.Store(&f)
}

// Ended waits until the server has ended the stream and gives the reason: a
// *[StreamError], io.EOF for a proper end, io.ErrUnexpectedEOF or another
// error of the connection for a broken one. If the stream lives on, the test fails.
func (s *Stream) Ended(limit time.Duration) error {
	s.tb.Helper()
	err := s.core.inbox.ended(limit)
	if errors.Is(err, errTimeout) {
		s.tb.Fatalf("%s: the stream has not ended within %v", s.core.label, limit)
	}
	return err
}

// Alive reports whether the stream has not ended.
func (s *Stream) Alive() bool { return errors.Is(s.core.inbox.ended(0), errTimeout) }

// Close ends the stream properly and waits for the server to do the same.
func (s *Stream) Close() {
	s.tb.Helper()
	if err := s.TrySend("</stream:stream>"); err != nil {
		s.fail("closing the stream", err)
	}
	if errors.Is(s.core.inbox.ended(patience), errTimeout) {
		s.fail("closing the stream", errTimeout)
	}
}

// Drop closes the connection without a word.
func (s *Stream) Drop() {
	s.core.conn.Close() // what it says about a connection that is already closed is of no interest
	<-s.core.done
}

// fail fails the test with all that helps to see why.
func (s *Stream) fail(doing string, err error) {
	s.tb.Helper()
	failStream(s.tb, s.core, doing, err)
}

func failStream(tb TB, c *streamCore, doing string, err error) {
	tb.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %v\n", c.label, doing, err)
	left := c.inbox.unconsumed()
	fmt.Fprintf(&b, "%d received stanzas were not waited for", len(left))
	for i, s := range left {
		if i == 10 {
			b.WriteString("\n  …")
			break
		}
		fmt.Fprintf(&b, "\n  %.400s", s.Raw)
	}
	if c.server != nil {
		fmt.Fprintf(&b, "\nthe end of %s's log:\n%s", c.server.Name(), tail(c.server.Log(), 20))
	}
	tb.Fatalf("%s", b.String())
}
