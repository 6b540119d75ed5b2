package devhost

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/restanza/restanza/stanza"
	"github.com/restanza/restanza/stream"
)

// Limits of what waits to be written.
const (
	totalQueued  = 256 << 20        // bytes of all connections together, from which on each may have little
	fewQueued    = 64 << 10         // bytes that are little
	writeChunk   = 64 << 10         // bytes of one write call
	writeTimeout = 10 * time.Second // of one write call
	stallTimeout = 5 * time.Second  // see writers.stall
	partingWrite = 2 * time.Second  // of a write call once the stream is to end
	keptBuffer   = 64 << 10         // bytes up to which a written buffer is kept for others
)

var (
	errEnded = errors.New("the stream has ended") // it takes nothing more
	errFull  = errors.New("the queue is full")    // it takes nothing now
)

// writers is what all outboxes of a host share.
type writers struct {
	wg     *sync.WaitGroup
	queued atomic.Int64  // bytes in all outboxes
	hard   int           // bytes at which an outbox is too slow to be served
	soft   int           // bytes at which senders are slowed
	stall  time.Duration // that a sender waits for an addressee who reads nothing
	total  int64         // bytes in all outboxes from which on each may hold few
	later  later         // outboxes to be started soon
	pool   sync.Pool     // of *[]byte, empty
}

// outbox is the writing side of a stream: what is added is written in order by
// a goroutine that lives only while there is something to write. What comes
// while a write call is under way goes into the next one together.
//
// Its methods may be called concurrently, also with the host's lock held: none
// but flush and waitForRoom blocks.
type outbox struct {
	writers *writers
	lasting bool          // if it is full stanzas are refused, and its stream goes on
	run     func()        // drain, made once
	done    chan struct{} // closed when nothing will be written any more

	mu      sync.Mutex
	net     net.Conn
	header  stream.Open // what opens the stream, should it have to be closed before it is open
	opened  bool
	pending *[]byte // nil if nothing waits
	flight  int     // bytes of the write under way
	written uint64  // bytes so far
	writing bool    // drain runs
	ended   bool    // nothing more is taken
	relief  chan struct{}
	acks    acks
}

func newOutbox(w *writers, nc net.Conn, header stream.Open) *outbox {
	o := &outbox{writers: w, net: nc, header: header, done: make(chan struct{})}
	o.run = o.drain
	return o
}

// open begins a stream: with its header, and with rest behind it.
func (o *outbox) open(header stream.Open, rest string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return errEnded
	}
	o.header, o.opened = header, true
	b := o.buffer()
	*b = append(stream.AppendOpen(*b, header), rest...)
	return o.added()
}

// add queues a stanza. It never blocks. An outbox that is too full ends its
// stream, and errEnded is returned; a lasting one returns errFull.
func (o *outbox) add(st stanza.Stanza) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.ended:
		return errEnded
	case o.lasting && o.overfull(len(st.Content())):
		return errFull
	}
	b := o.buffer()
	*b = st.AppendXML(*b)
	o.acks.count(b)
	return o.added()
}

// addRaw queues a stanza that is written already, like add.
func (o *outbox) addRaw(xml []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return errEnded
	}
	b := o.buffer()
	*b = append(*b, xml...)
	o.acks.count(b)
	return o.added()
}

// addElement queues what is no stanza, like add.
func (o *outbox) addElement(xml string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return errEnded
	}
	b := o.buffer()
	*b = append(*b, xml...)
	return o.added()
}

// buffer returns what is to be written next, for appending.
func (o *outbox) buffer() *[]byte {
	if o.pending == nil {
		b, ok := o.writers.pool.Get().(*[]byte)
		if !ok {
			b = new([]byte)
		}
		o.pending = b
	}
	o.writers.queued.Add(-int64(len(*o.pending)))
	return o.pending
}

// added takes notice of what was appended to the buffer, and has it written.
func (o *outbox) added() error {
	if err := o.counted(); err != nil {
		return err
	}
	o.start()
	return nil
}

// counted takes notice of what was appended to the buffer.
func (o *outbox) counted() error {
	o.writers.queued.Add(int64(len(*o.pending)))
	if o.overfull(0) && !o.lasting {
		o.shut(&stream.Error{Condition: stream.ResourceConstraint, Text: "too much waits for you to read it"}, true)
		return errEnded
	}
	return nil
}

// overfull reports whether the outbox holds too much, or would with further
// bytes.
func (o *outbox) overfull(more int) bool {
	size := o.size() + more
	return size > o.writers.hard || size > fewQueued && o.writers.queued.Load() > o.writers.total
}

// size returns how many bytes wait, with those that are being written.
func (o *outbox) size() int {
	n := o.flight
	if o.pending != nil {
		n += len(*o.pending)
	}
	return n
}

// start makes sure that what is pending gets written.
func (o *outbox) start() {
	if !o.writing {
		o.writing = true
		o.writers.wg.Add(1)
		go o.run()
	}
}

// close ends the stream, with an error if e is not nil, after what is queued.
// Then the connection's reader is woken. Only the first call has an effect.
func (o *outbox) close(e *stream.Error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ended {
		o.shut(e, false)
	}
}

// shut is close, for who holds the lock. What is queued may be dropped for a
// peer that does not read anyway.
func (o *outbox) shut(e *stream.Error, drop bool) {
	b := o.buffer()
	if drop {
		*b = (*b)[:0]
	}
	if !o.opened && e != nil {
		*b = stream.AppendOpen(*b, o.header)
		o.opened = true
	}
	if e != nil {
		*b = stream.AppendError(*b, e)
	}
	if o.opened {
		*b = stream.AppendClose(*b)
	}
	o.writers.queued.Add(int64(len(*b)))
	o.ended = true
	o.net.SetWriteDeadline(time.Now().Add(partingWrite))
	o.start()
}

// isEnded reports whether nothing more is taken.
func (o *outbox) isEnded() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ended
}

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

// relieve wakes who waits for room.
func (o *outbox) relieve() {
	if o.relief != nil && (o.size() == 0 || o.size() <= o.writers.soft) {
		close(o.relief)
		o.relief = nil
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

// flush waits until all is written.
func (o *outbox) flush() error {
	for {
		o.mu.Lock()
		if o.ended || o.size() == 0 {
			defer o.mu.Unlock()
			if o.ended {
				return errEnded
			}
			return nil
		}
		relief := o.awaitRelief()
		o.mu.Unlock()
		<-relief // each write has its deadline
	}
}

func (o *outbox) awaitRelief() <-chan struct{} {
	if o.relief == nil {
		o.relief = make(chan struct{})
	}
	return o.relief
}

// use makes the outbox write to another connection, over the same socket. All
// must be written.
func (o *outbox) use(nc net.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.net, o.opened = nc, false
	if o.ended {
		nc.SetReadDeadline(time.Unix(1, 0))
	}
}

// isCrowded reports whether senders ought to wait.
func (o *outbox) isCrowded() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.ended && o.size() > o.writers.soft
}

// waitForRoom waits until the outbox holds less than senders are slowed at, or
// has ended, or stop is closed, or writers.stall has passed. A peer that reads nothing meanwhile is
// cut off.
func (o *outbox) waitForRoom(stop <-chan struct{}) {
	timer := time.NewTimer(o.writers.stall)
	defer timer.Stop()
	for {
		o.mu.Lock()
		if o.ended || o.size() <= o.writers.soft {
			o.mu.Unlock()
			return
		}
		before := o.written
		relief := o.awaitRelief()
		o.mu.Unlock()
		select {
		case <-relief:
		case <-stop:
			return
		case <-timer.C:
			o.mu.Lock()
			if !o.ended && o.written == before {
				o.shut(&stream.Error{Condition: stream.ResourceConstraint, Text: "you read nothing"}, true)
			}
			o.mu.Unlock()
			return
		}
	}
}
