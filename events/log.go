package events

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// Defaults of Options.
const (
	DefaultMaxAge    = 24 * time.Hour
	DefaultMaxEvents = 100_000
	DefaultMemory    = 8 << 20
)

// Options of a Log. Domain is required; zero stands for a default.
type Options struct {
	Domain  jid.JID
	Journal *journal.Journal // where events are that are not in memory; nil: nowhere

	MaxAge    time.Duration // after which events are dropped
	MaxEvents int           // beyond which the oldest are dropped
	Memory    int64         // bytes of events in memory

	// Lazy says that the journal may take its time, because the stanzas are kept
	// elsewhere, too.
	Lazy bool

	Logger  *slog.Logger          // nil: no logging
	Metrics prometheus.Registerer // nil: no metrics
}

// Log is the log of one component. Its methods may be called concurrently.
type Log struct {
	o       Options
	news    chan struct{} // holds a token when the dispatcher has something to do
	metrics metrics

	mu     sync.RWMutex
	recent []*Event // the newest, in order
	bytes  int64    // of recent
	before Position // up to it events are not in recent
	gone   Position // up to it events are nowhere
	last   Position
	added  int // since the log was trimmed

	flushing sync.Mutex
	flushed  Position // up to it events are on disk

	readers   readers
	consumers consumers
}

// New returns a log with what the journal has of it. Errors are the journal's.
func New(ctx context.Context, o Options) (*Log, error) {
	if o.Domain.IsZero() {
		return nil, errors.New("events: no domain")
	}
	o.MaxAge = cmp.Or(o.MaxAge, DefaultMaxAge)
	o.MaxEvents = cmp.Or(o.MaxEvents, DefaultMaxEvents)
	o.Memory = cmp.Or(o.Memory, DefaultMemory)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	l := &Log{o: o, news: make(chan struct{}, 1)}
	l.readers.here = map[*Reader]struct{}{}
	if err := l.metrics.register(o.Metrics, l); err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	if err := l.loadConsumers(ctx); err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	if o.Journal == nil {
		l.last = firstPosition(time.Now())
		l.before, l.gone = l.last, l.last
		return l, nil
	}
	gone, err := o.Journal.EventsDropped(ctx, o.Domain)
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	l.gone, l.last = Position(gone), Position(o.Journal.LastNumber())
	l.before, l.flushed = l.last, l.last
	return l, nil
}

// firstPosition returns where to begin without a journal: beyond all that an earlier process
// can have used, which has had less than an event in each microsecond.
func firstPosition(now time.Time) Position { return Position(now.UnixMicro()) }

// Add appends a stanza to the log.
func (l *Log) Add(d Direction, state State, st stanza.Stanza) {
	e := &Event{At: time.Now().Truncate(time.Millisecond), Direction: d, State: state, Stanza: st}
	l.mu.Lock()
	l.number(e)
	l.recent = append(l.recent, e)
	l.bytes += e.size()
	l.last = e.Position
	l.added++
	l.letGo(time.Time{})
	l.mu.Unlock()
	l.metrics.added[d].Inc()
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// number gives an event its position, and to the journal, if that takes it.
func (l *Log) number(e *Event) {
	if l.o.Journal == nil {
		e.Position = l.last + 1
		return
	}
	seq, kept := l.o.Journal.Record(journal.Event{
		Component: l.o.Domain, At: e.At, Direction: e.Direction, State: string(e.State), Stanza: e.Stanza,
	}, l.o.Lazy)
	e.Position, e.kept = Position(seq), kept
}

// letGo drops from memory what is too much there, and what is older than a time. What the
// journal does not have is gone then, and so is all before it: a log has no holes.
func (l *Log) letGo(old time.Time) {
	for len(l.recent) > 0 && (l.bytes > l.o.Memory && len(l.recent) > 1 || len(l.recent) > l.o.MaxEvents || l.recent[0].At.Before(old)) {
		e := l.recent[0]
		l.recent[0] = nil // for the garbage collector
		l.recent = l.recent[1:]
		l.bytes -= e.size()
		l.before = e.Position
		if !e.kept {
			l.gone = e.Position
		}
	}
}

const trimEvery = time.Minute

// Run wakes readers and drops what is too old, until ctx ends. Then it ends all readers with
// ErrClosed, and returns nil.
func (l *Log) Run(ctx context.Context) error {
	defer l.readers.close()
	trim := time.NewTicker(trimEvery)
	defer trim.Stop()
	save := time.NewTicker(saveEvery)
	defer save.Stop()
	var seen Position
	for {
		select {
		case <-l.news:
			seen = l.wakeReaders(seen)
			if l.overdue() {
				l.trim(ctx)
			}
		case <-save.C:
			l.keepConsumers(ctx)
		case <-trim.C:
			l.sweepConsumers(ctx)
			l.trim(ctx)
		case <-ctx.Done():
			l.keepConsumers(context.WithoutCancel(ctx))
			return nil
		}
	}
}

// wakeReaders wakes those for whom there is something after a position, and returns up to where
// it has looked.
func (l *Log) wakeReaders(seen Position) Position {
	l.mu.RLock()
	news, missed := l.after(seen), seen < l.before
	list := slices.Clone(news) // recent may be changed meanwhile
	l.mu.RUnlock()
	l.readers.wake(list, missed)
	if len(list) == 0 {
		return seen
	}
	return list[len(list)-1].Position
}

// after returns what is in memory after a position. It is called with mu held.
func (l *Log) after(p Position) []*Event {
	if len(l.recent) == 0 || p >= l.last {
		return nil
	}
	i, found := slices.BinarySearchFunc(l.recent, p, func(e *Event, p Position) int { return cmp.Compare(e.Position, p) })
	if found {
		i++
	}
	return l.recent[i:]
}

// overdue reports whether so much was added that the log should be trimmed now.
func (l *Log) overdue() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.added > max(l.o.MaxEvents/20, 100)
}

// trim drops what is too old and what is too much.
func (l *Log) trim(ctx context.Context) {
	l.mu.Lock()
	l.added = 0
	if l.o.Journal == nil {
		l.letGo(time.Now().Add(-l.o.MaxAge))
	}
	l.mu.Unlock()
	if l.o.Journal == nil {
		return
	}
	_, err := l.o.Journal.TrimEvents(ctx, l.o.Domain, l.o.MaxAge, l.o.MaxEvents)
	var gone int64
	if err == nil {
		gone, err = l.o.Journal.EventsDropped(ctx, l.o.Domain)
	}
	switch {
	case err == nil:
		l.mu.Lock()
		l.gone = max(l.gone, Position(gone))
		l.mu.Unlock()
	case ctx.Err() == nil && !errors.Is(err, journal.ErrUnwritable): // of which the journal tells
		l.o.Logger.Error("old events can't be dropped", slog.Any("error", err))
	}
}

// Last returns the position of the newest event, or of where it would be.
func (l *Log) Last() Position {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.last
}

// First returns the position after which all events come that there are.
func (l *Log) First() Position {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.gone
}

// Since returns the position after which the events of a time, and all later ones, come.
// Errors are the journal's.
func (l *Log) Since(ctx context.Context, t time.Time) (Position, error) {
	l.mu.RLock()
	before, first := l.before, l.gone
	var inMemory bool
	at := l.last
	if len(l.recent) > 0 {
		inMemory = l.recent[0].At.Before(t)
		for i := len(l.recent) - 1; i >= 0 && !l.recent[i].At.Before(t); i-- {
			at = l.recent[i].Position - 1
		}
	}
	l.mu.RUnlock()
	if inMemory || l.o.Journal == nil || first >= before {
		return max(at, first), nil
	}
	seq, err := l.o.Journal.EventsSince(ctx, l.o.Domain, t)
	if err != nil {
		return 0, err
	}
	return max(min(Position(seq), at), first), nil
}

// older returns what the journal has after a position, up to the first in memory, and the
// position up to which that is all. It is called for positions that are not in memory.
func (l *Log) older(ctx context.Context, p Position, limit int) (found []*Event, upTo Position, err error) {
	l.mu.RLock()
	before := l.before
	l.mu.RUnlock()
	if err := l.flush(ctx, before); err != nil {
		return nil, p, err
	}
	rows, err := l.o.Journal.Events(ctx, l.o.Domain, int64(p), limit)
	if err != nil {
		return nil, p, err
	}
	for _, r := range rows {
		if Position(r.Seq) > before {
			break
		}
		found = append(found, &Event{
			Position: Position(r.Seq), At: r.At, Direction: r.Direction, State: State(r.State), Stanza: r.Stanza, kept: true,
		})
	}
	if len(found) < limit {
		return found, before, nil
	}
	return found, found[len(found)-1].Position, nil
}

// flush returns when everything up to a position is on disk.
func (l *Log) flush(ctx context.Context, p Position) error {
	l.flushing.Lock()
	defer l.flushing.Unlock()
	if p <= l.flushed {
		return nil
	}
	if err := l.o.Journal.Flush(ctx); err != nil {
		return err
	}
	l.flushed = p
	return nil
}
