package callback

import (
	"context"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"syscall"
	"time"
)

const dialTimeout = 10 * time.Second

// conn is a connection to a callback. It knows how much was written to it, so
// that a request of which nothing was can be made again without a risk: package
// net/http does so for a POST only in some cases.
type conn struct {
	net.Conn
	raw     syscall.RawConn // nil if the system has none
	written atomic.Int64    // bytes
}

// dial opens a conn.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	opened := &conn{Conn: c}
	if sc, ok := c.(syscall.Conn); ok {
		if opened.raw, err = sc.SyscallConn(); err != nil {
			opened.raw = nil
		}
	}
	return opened, nil
}

// Write counts.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// attempt watches one request on its way into a kept-alive connection.
type attempt struct {
	conn   *conn // nil: a new connection, or none
	before int64 // bytes that were written to it for other requests
}

func (a *attempt) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{GotConn: a.gotConn}
}

// gotConn notes the connection that a request is about to be written to. If the
// other side has ended it, it is closed before anything is written: servers
// close connections that are idle for some seconds, and the transport may not
// have read so yet.
func (a *attempt) gotConn(info httptrace.GotConnInfo) {
	a.conn = nil
	if !info.Reused {
		return
	}
	below := info.Conn
	for {
		tls, ok := below.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		below = tls.NetConn()
	}
	c, ok := below.(*conn)
	if !ok {
		return
	}
	a.conn, a.before = c, c.written.Load()
	if c.raw != nil && ended(c.raw) {
		c.Close()
	}
}

// untouched reports whether the request failed on a connection that had been
// used before, and not a byte of it was written.
func (a *attempt) untouched() bool {
	return a.conn != nil && a.conn.written.Load() == a.before
}
