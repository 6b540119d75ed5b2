package journal

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Defaults of Options.
const (
	DefaultLinger      = 5 * time.Millisecond
	DefaultMaxHeld     = 64 << 20
	DefaultMaxBytes    = 1 << 30
	DefaultDeadAge     = 7 * 24 * time.Hour
	DefaultKeyAge      = 24 * time.Hour
	DefaultOutboxLimit = 10_000
	DefaultOutboxAge   = 24 * time.Hour
)

// Options of a Journal. Path is required; zero stands for a default.
type Options struct {
	// Path of the database file. Its folder must exist. Beside it stand, while the
	// journal is open, files of the same name that end in -wal, -shm and -lock.
	Path string

	Linger      time.Duration // how old an entry may be when it is on disk, unless commits take more than three quarters of that
	MaxHeld     int64         // bytes of stanzas that may be in memory because they are not yet written
	MaxBytes    int64         // of the file that may be in use, see the package documentation
	DeadAge     time.Duration // after which dead letters are dropped
	KeyAge      time.Duration // after which an idempotency key may be used anew
	OutboxLimit int           // queued stanzas
	OutboxAge   time.Duration // for which it is remembered what became of them

	// Notify is told what an operator did to deliveries that a callback may hold
	// in memory, after it is on disk, by the goroutine that did it. May be nil.
	Notify func(Change)

	Logger  *slog.Logger
	Metrics prometheus.Registerer // nil: no metrics
	Now     func() time.Time      // nil: time.Now
}

// Errors that callers tell apart, by errors.Is.
var (
	// ErrFull refuses what would go beyond a limit of Options.
	ErrFull = errors.New("the journal is full")
	// ErrClosed refuses everything after Close.
	ErrClosed = errors.New("the journal is closed")
	// ErrNotFound says that there is no row of that id, or not any more.
	ErrNotFound = errors.New("not in the journal")
	// ErrUnwritable says that the disk does not take what should be kept; what
	// caused it is wrapped too. See [Journal.State].
	ErrUnwritable = errors.New("the journal can't be written")
	// ErrInUse, ErrNewer and ErrDamaged are Open's; methods return ErrDamaged too.
	ErrInUse   = errors.New("the journal is in use")
	ErrNewer   = errors.New("the journal is of a newer version")
	ErrDamaged = errors.New("the journal is damaged")
)

// Journal keeps what must outlive the process. Its methods may be called
// concurrently. See the package documentation for the contract.
type Journal struct {
	o      Options
	log    *slog.Logger
	store  store
	epoch  string    // makes IDs unlike those of every other process
	opened time.Time // with its monotonic reading

	queue   queue
	health  health
	metrics metrics
	keys    runningKeys
	clock   clockwatch
	pace    pace // of the writer
	room    room

	waiting, waitingBytes atomic.Int64 // totals, as of the last commit
	dead, deadBytes       atomic.Int64
	queued                atomic.Int64

	removal sync.RWMutex // held by readers that must not see what is being removed, see leaving

	wake    chan struct{} // holds one value: the writer has something to do
	closing chan struct{} // closed by Close
	done    chan struct{} // closed when the writer has ended
	close   sync.Once
}

// Open opens the journal, makes a new one if there is no such file, and brings
// one of an older version up to date. It takes the same time whatever is in it.
//
// Errors name the file and say what to do: errors.Is tells ErrInUse (another
// process has it), ErrNewer and ErrDamaged. The file stays as it is then.
func Open(o Options) (*Journal, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	s, err := openSQLite(o.Path)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j, err := newJournal(o, s)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("journal: %w", err), s.close())
	}
	return j, nil
}

// newJournal starts the engine on a store.
func newJournal(o Options, s store) (*Journal, error) {
	j := &Journal{
		o:       o,
		log:     o.Logger.With(slog.String("journal", o.Path)),
		store:   s,
		opened:  time.Now(),
		wake:    make(chan struct{}, 1),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
	}
	j.queue.leaving = map[int64]struct{}{}
	j.keys.running = map[keyName]*run{}
	j.health.set(nil, o.Now())
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	j.epoch = fmt.Sprintf("%016x", binary.BigEndian.Uint64(random[:]))

	var held filling
	err := s.write(func(c changes) error {
		number, err := c.start()
		if err != nil {
			return err
		}
		j.queue.seq = number << seqBits
		if err := j.startClock(c); err != nil {
			return err
		}
		held, err = j.makeRoom(c)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := j.metrics.register(o.Metrics, j); err != nil {
		return nil, err
	}
	j.noteRoom(held)
	go j.work()
	return j, nil
}

// startClock takes over what is written about the clock.
func (j *Journal) startClock(c changes) error {
	seen, steady, err := c.clock()
	if err != nil {
		return err
	}
	j.tellJump(j.clock.begin(j.o.Now(), seen, steady))
	seen, steady, _ = j.clock.toSave()
	return c.setClock(seen, steady)
}

// seqBits are the bits of a Seq that count within a process; those above count
// processes. That is enough for 500,000 starts with 17·10¹² stanzas each.
const seqBits = 44

// complete checks the options and fills in the defaults.
func (o *Options) complete() error {
	if o.Path == "" {
		return errors.New("no path")
	}
	if min(o.Linger, o.DeadAge, o.KeyAge, o.OutboxAge) < 0 || min(o.MaxHeld, o.MaxBytes, int64(o.OutboxLimit)) < 0 {
		return errors.New("a limit is negative")
	}
	o.Linger = cmp.Or(o.Linger, DefaultLinger)
	o.MaxHeld = cmp.Or(o.MaxHeld, DefaultMaxHeld)
	o.MaxBytes = cmp.Or(o.MaxBytes, DefaultMaxBytes)
	o.DeadAge = cmp.Or(o.DeadAge, DefaultDeadAge)
	o.KeyAge = cmp.Or(o.KeyAge, DefaultKeyAge)
	o.OutboxLimit = cmp.Or(o.OutboxLimit, DefaultOutboxLimit)
	o.OutboxAge = cmp.Or(o.OutboxAge, DefaultOutboxAge)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

// Close writes what waits to be written and closes the file. From its beginning
// on every method returns ErrClosed. An error says how many entries could not be
// written: they are lost with the process. Close may be called again.
func (j *Journal) Close() error {
	var err error
	j.close.Do(func() {
		close(j.closing)
		<-j.done
		left := j.queue.end()
		for _, e := range left {
			e.fail(ErrClosed)
		}
		if len(left) > 0 {
			err = fmt.Errorf("journal: %d stanzas not written: %w", len(left), j.health.err())
		}
		err = errors.Join(err, j.store.close())
	})
	return err
}

// Stats are sums, as of the last commit.
type Stats struct {
	Waiting      int64 // deliveries on disk that wait
	WaitingBytes int64 // of their stanzas
	Dead         int64 // dead letters
	DeadBytes    int64
	Queued       int64 // stanzas in the outbox that are queued
	Used         int64 // bytes of the file that are in use
	Held         int64 // bytes of memory for entries that are not on disk yet
}

// Stats returns what the journal holds. It costs next to nothing. As long as
// Waiting is 0, no conversation has anything on disk.
func (j *Journal) Stats() Stats {
	return Stats{
		Waiting: j.waiting.Load(), WaitingBytes: j.waitingBytes.Load(),
		Dead: j.dead.Load(), DeadBytes: j.deadBytes.Load(),
		Queued: j.queued.Load(), Used: j.room.used.Load(), Held: j.queue.held.Load(),
	}
}

// setTotals takes over the sums of a transaction that is on disk.
func (j *Journal) setTotals(t totals) {
	j.waiting.Store(t.waiting)
	j.waitingBytes.Store(t.waitingBytes)
	j.dead.Store(t.dead)
	j.deadBytes.Store(t.deadBytes)
	j.queued.Store(t.queued)
}

// newID returns the ID that belongs to a Seq of this process.
func (j *Journal) newID(seq int64) string {
	buf := make([]byte, 0, 32)
	buf = append(append(buf, j.epoch...), '-')
	return string(strconv.AppendInt(buf, seq&(1<<seqBits-1), 36))
}

// now returns the time in the unit of the store.
func (j *Journal) now() int64 { return j.o.Now().UnixMilli() }

// uptime returns for how long the journal has been open, whatever the clock did meanwhile.
func (j *Journal) uptime() time.Duration { return time.Since(j.opened) }

// read returns ctx's own error or ErrClosed where that is why a query can't be
// made.
func (j *Journal) read(ctx context.Context) error {
	select {
	case <-j.closing:
		return fmt.Errorf("journal: %w", ErrClosed)
	default:
		return ctx.Err()
	}
}
