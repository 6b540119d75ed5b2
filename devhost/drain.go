package devhost

import (
	"net"
	"time"
)

// drain writes until nothing is left.
func (o *outbox) drain() {
	defer o.writers.wg.Done()
	for {
		nc, b := o.take()
		if b == nil {
			return
		}
		o.wrote(b, o.writeAll(nc, *b))
	}
}

// take returns what is to be written next, nil if there is nothing.
func (o *outbox) take() (net.Conn, *[]byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.pending
	if b != nil && len(*b) > 0 {
		o.pending, o.flight = nil, len(*b)
		return o.net, b
	}
	o.writing = false
	o.relieve()
	if o.ended {
		o.finish()
	}
	return nil, nil
}

func (o *outbox) writeAll(nc net.Conn, b []byte) error {
	for len(b) > 0 {
		n := min(len(b), writeChunk)
		o.mu.Lock()
		if !o.ended { // otherwise the deadline is set already, and nearer
			nc.SetWriteDeadline(time.Now().Add(writeTimeout))
		}
		o.mu.Unlock()
		n, err := nc.Write(b[:n])
		o.mu.Lock()
		o.written += uint64(n)
		o.mu.Unlock()
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// wrote takes notice of the end of a write call. After an error the connection
// is of no more use.
func (o *outbox) wrote(b *[]byte, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writers.queued.Add(-int64(len(*b)))
	o.flight = 0
	if cap(*b) <= keptBuffer {
		*b = (*b)[:0]
		o.writers.pool.Put(b)
	}
	if err != nil {
		o.ended = true
		if o.pending != nil {
			o.writers.queued.Add(-int64(len(*o.pending)))
			o.pending = nil
		}
		o.net.Close()
	}
	if o.size() <= o.writers.soft {
		o.relieve()
	}
}

// finish wakes the reader, which finds that the stream has ended.
func (o *outbox) finish() {
	select {
	case <-o.done:
	default:
		o.net.SetReadDeadline(time.Unix(1, 0))
		close(o.done)
	}
}
