package callback

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/restanza/restanza/internal/guard"
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

// dialer opens connections.
type dialer struct {
	guard    guard.Guard   // which addresses are none of a callback's
	resolver *net.Resolver // nil: the system's
}

// newDialer returns the dialer for a target: addresses that nobody has callbacks at are refused, unless
// the operator wrote one into the URL, or into the proxy settings that hold for it.
func newDialer(t *target, r *net.Resolver) *dialer {
	hosts := []string{t.host}
	if u, err := url.Parse(t.origin); err == nil {
		if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: u}); err == nil && proxy != nil {
			hosts = append(hosts, proxy.Hostname())
		}
	}
	return &dialer{guard: guard.New(hosts...), resolver: r}
}

// dial opens a conn. The address that a name leads to is judged when it is about to be connected to, so that it can't
// change in between.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	nd := net.Dialer{Timeout: dialTimeout, Resolver: d.resolver, ControlContext: d.guard.Control}
	c, err := nd.DialContext(ctx, network, address)
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
