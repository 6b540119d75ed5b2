package xmpptest

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// stanzaLimit is the fake server's limit for one element from a component: Prosody's default.
const stanzaLimit = 512 << 10

// fakeConn is a connection to the fake server. Fields without a remark belong to Fake.mu.
type fakeConn struct {
	fake   *Fake
	conn   net.Conn
	reader *elementReader // the serving goroutine's
	opened bool           // a stream header was sent
	paused chan struct{}  // closed when reading may go on; nil: it may

	domain string // of a component that has shaken hands

	name      string // of a client that has authenticated: its account
	jid       string // full, once bound
	available bool
	directed  map[string]bool // whom it has sent directed presence

	out outbox
}

// outbox is what waits to be written; it has no limit, like a real server's.
type outbox struct {
	mu     sync.Mutex
	wake   *sync.Cond
	data   []byte
	finish bool // close the connection when all is written
}

func newFakeConn(f *Fake, conn net.Conn) *fakeConn {
	c := &fakeConn{fake: f, conn: conn, reader: newElementReader(conn, stanzaLimit, true)}
	c.out.wake = sync.NewCond(&c.out.mu)
	return c
}

// send queues bytes. It never blocks.
func (c *fakeConn) send(raw string) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if !c.out.finish {
		c.out.data = append(c.out.data, raw...)
		c.out.wake.Signal()
	}
}

// finish has the connection closed when all that is queued is written.
func (c *fakeConn) finish() {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.finish = true
	c.out.wake.Signal()
}

// closing reports whether the stream has ended on our side.
func (c *fakeConn) closing() bool {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.out.finish
}

// write writes what is queued, until the connection ends.
func (c *fakeConn) write() {
	defer c.conn.Close()
	defer c.drain()
	for {
		c.out.mu.Lock()
		for len(c.out.data) == 0 && !c.out.finish {
			c.out.wake.Wait()
		}
		data := c.out.data
		c.out.data = nil
		c.out.mu.Unlock()
		if len(data) == 0 {
			return
		}
		if _, err := c.conn.Write(data); err != nil {
			c.finish()
			return
		}
	}
}

// drain reads on for a moment after our last byte: to close with bytes unread resets the connection, and
// the peer could lose the reason that we gave it.
func (c *fakeConn) drain() {
	if tcp, ok := c.conn.(*net.TCPConn); !ok || tcp.CloseWrite() != nil {
		return
	}
	if c.conn.SetReadDeadline(time.Now().Add(time.Second)) == nil {
		_, _ = io.Copy(io.Discard, c.conn) // until the peer closes, or time is up
	}
}

// streamError ends the stream with an error; f.mu is held.
func (c *fakeConn) streamError(condition, text string) {
	if !c.opened {
		c.sendHeader(nsComponent, "")
	}
	if text != "" {
		text = "<text xmlns='" + nsStreamErr + "'>" + escape(text) + "</text>"
	}
	c.send("<stream:error><" + condition + " xmlns='" + nsStreamErr + "'/>" + text + "</stream:error></stream:stream>")
	c.finish()
	c.release()
	c.fake.logf("%s: stream ended with %s", c.label(), condition)
}

// release lets the component's domain go, so that who has read of the stream's end can connect
// again at once; f.mu is held.
func (c *fakeConn) release() {
	if c.domain != "" && c.fake.attached[c.domain] == c {
		delete(c.fake.attached, c.domain)
		c.fake.wakeWaiters()
	}
}

// sendHeader opens our direction of the stream; f.mu is held.
func (c *fakeConn) sendHeader(space, id string) {
	c.opened = true
	c.send("<?xml version='1.0'?><stream:stream xmlns='" + space + "' xmlns:stream='" + nsStreams +
		"' from='" + escape(c.reader.header.Attr("to")) + "' id='" + id + "' version='1.0'>")
}

// ended does what the end of the inbound stream asks for.
func (c *fakeConn) ended(err error) {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	c.fake.logf("%s: %v", c.label(), err)
	var bad *notWellFormed
	switch {
	case errors.Is(err, io.EOF):
		c.send("</stream:stream>")
		c.finish()
	case errors.As(err, &bad), errors.Is(err, errTooBig):
		c.streamError("not-well-formed", "")
	case errors.Is(err, errNoStream):
		c.streamError("invalid-namespace", "")
	default:
		c.finish()
	}
}

// next reads a stanza, and holds it while reading is paused.
func (c *fakeConn) next() (Stanza, error) {
	s, err := c.reader.next()
	if err != nil {
		return s, err
	}
	c.fake.mu.Lock()
	paused := c.paused
	c.fake.mu.Unlock()
	if paused != nil {
		<-paused
	}
	return s, nil
}

// resume ends a pause; f.mu is held.
func (c *fakeConn) resume() {
	if c.paused != nil {
		close(c.paused)
		c.paused = nil
	}
}

// gone takes the connection out of the server's books, and has it closed once all is written.
func (c *fakeConn) gone() {
	f := c.fake
	f.mu.Lock()
	defer f.mu.Unlock()
	c.leave()
	c.release()
	delete(f.conns, c)
	c.finish()
	f.logf("%s: gone", c.label())
}

// label says who it is, in the log.
func (c *fakeConn) label() string {
	switch {
	case c.domain != "":
		return c.domain
	case c.jid != "":
		return c.jid
	}
	return c.conn.RemoteAddr().String()
}
