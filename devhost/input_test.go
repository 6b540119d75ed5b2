package devhost

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// chunkConn is a connection from which chunks are read, and which notes whether
// each was waited for with a deadline.
type chunkConn struct {
	net.Conn
	chunks   []string
	deadline time.Time
	set      int // how often a deadline was set
	limited  []bool
}

func (c *chunkConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (c *chunkConn) SetReadDeadline(t time.Time) error {
	c.deadline = t
	c.set++
	return nil
}

func (c *chunkConn) Read(p []byte) (int, error) {
	c.limited = append(c.limited, !c.deadline.IsZero())
	if len(c.chunks) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.chunks[0])
	c.chunks = c.chunks[1:]
	return n, nil
}

// Once somebody is logged in only the rest of an element is waited for with a
// deadline, and that is set once: not again for each byte.
func TestInput_deadlines(t *testing.T) {
	h := startHost(t, nil)
	raw := &chunkConn{chunks: []string{clientOpen, " ", "<presence/>\n", "\n", "<mess", "a", "ge", "/>", " ", "<presence/><iq", " type='get'/>", ""}}
	c := newConn(h.hosted, clientDoor, raw)
	if _, err := c.in.Header(); err != nil {
		t.Fatal(err)
	}
	if !raw.deadline.Equal(c.input.login) {
		t.Errorf("before the login the deadline is %v, want %v", raw.deadline, c.input.login)
	}
	c.input.done()
	raw.limited, raw.set = nil, 0
	for {
		if _, err := c.next(); err != nil {
			break
		}
	}
	want := []bool{false, false, false, false, true, true, true, false, false, true, false, false}
	if diff := cmp.Diff(want, raw.limited); diff != "" {
		t.Errorf("deadlines (-want +got):\n%s", diff)
	}
	if raw.set != 5 { // the login's removed, the message's, removed, the iq's, removed
		t.Errorf("%d deadlines were set, want 5", raw.set)
	}
}

// Before the login a client gets so many bytes and no more.
func TestInput_budget(t *testing.T) {
	h := startHost(t, nil)
	raw := &chunkConn{}
	c := newConn(h.hosted, clientDoor, raw)
	total := 0
	buf := make([]byte, 10_000)
	for {
		raw.chunks = []string{string(buf)}
		n, err := c.input.Read(buf)
		total += n
		if err != nil {
			break
		}
	}
	if total != handshakeBytes {
		t.Errorf("%d bytes were read before the login, want %d", total, handshakeBytes)
	}
}
