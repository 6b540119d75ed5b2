package main

import (
	"net"
	"sync"
)

// outbox writes into a connection for many goroutines. What it is given goes out
// at once, in a write of its own: collecting was tried, and gained nothing that
// could be told from noise.
type outbox struct {
	mu   sync.Mutex
	conn net.Conn
}

func newOutbox(conn net.Conn) *outbox { return &outbox{conn: conn} }

// write returns when the kernel has taken p.
func (o *outbox) write(p []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, err := o.conn.Write(p)
	return err
}
