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

// addOwn is add for what the peer itself has caused, and nobody else: there is
// room for that in a lasting outbox when others have filled it.
func (o *outbox) addOwn(st stanza.Stanza) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.ended:
		return errEnded
	case o.lasting && o.size()+len(st.Content()) > 2*o.writers.hard:
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

// fits reports whether the outbox takes so many bytes without ending its stream.
func (o *outbox) fits(n int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.ended && !o.overfull(n+len(`<r xmlns="`+nsSM+`"/>`))
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
