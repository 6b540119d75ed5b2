package events

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
)

const (
	// maxConsumers is how many consumers a component may have.
	maxConsumers = 1000
	// maxConsumerName is how many bytes the name of a consumer has at most.
	maxConsumerName = 64
	// consumerAge is after which time a consumer that nobody uses is forgotten.
	consumerAge = 7 * 24 * time.Hour
	// saveEvery is how soon what a consumer has got is on disk, unless somebody waits for it.
	saveEvery = 100 * time.Millisecond
)

// consumers are those of a log.
type consumers struct {
	mu    sync.Mutex
	table map[consumerKey]*Consumer
}

// ConsumerOptions say which consumer a reader reads for, and how.
type ConsumerOptions struct {
	Owner   jid.JID       // the address that the reader stands for
	Name    string        // letters, digits, hyphens, dots and underscores; at most 64 bytes
	Filter  Filter        // that of the consumer: all its readers have the same
	After   Position      // where it begins, if it is new
	Wait    time.Duration // for which an event may be unacknowledged; 0: DefaultAckWait
	Poll    bool          // the reader comes again and again, and acknowledges by that what it got
	Polling string        // the name by which such a reader is known again
}

// ValidConsumer reports whether a consumer can have that name.
func ValidConsumer(name string) bool {
	odd := func(c rune) bool {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		return !letter && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_'
	}
	return name != "" && len(name) <= maxConsumerName && !strings.ContainsFunc(name, odd)
}

// Consume returns a reader of a consumer, which is made if there is none of that name. Unless
// it polls, it has to leave. The error is ErrOtherFilter, ErrTooManyConsumers, ErrClosed, or the
// journal's.
func (l *Log) Consume(ctx context.Context, o ConsumerOptions) (*Member, error) {
	if !ValidConsumer(o.Name) {
		return nil, fmt.Errorf("events: %q can't be the name of a consumer", o.Name)
	}
	if o.Wait == 0 {
		o.Wait = DefaultAckWait
	}
	c, made, err := l.consumer(o)
	if err != nil {
		return nil, err
	}
	if made {
		if err := l.saveConsumers(ctx, c); err != nil {
			return nil, err
		}
	}
	if o.Poll {
		return c.poller(o.Polling, o.Wait)
	}
	return c.join(o.Wait)
}

// consumer returns a consumer, and whether it is new.
func (l *Log) consumer(o ConsumerOptions) (c *Consumer, made bool, err error) {
	key, text := consumerKey{o.Owner.String(), o.Name}, o.Filter.text()
	cs := &l.consumers
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c = cs.table[key]
	switch {
	case c != nil && c.text != text:
		return nil, false, fmt.Errorf("%w: %s", ErrOtherFilter, c.text)
	case c != nil:
		return c, false, nil
	case len(cs.table) >= maxConsumers:
		return nil, false, ErrTooManyConsumers
	}
	c = newConsumer(l, key, text, o.Filter, o.After)
	c.dirty = true
	cs.table[key] = c
	return c, true, nil
}

// find returns a consumer.
func (cs *consumers) find(owner jid.JID, name string) (*Consumer, error) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.table[consumerKey{owner.String(), name}]
	if c == nil {
		return nil, ErrNoConsumer
	}
	return c, nil
}

// want reports whether an event is for a consumer.
func (cs *consumers) want(e *Event) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range cs.table {
		if c.filter.Passes(e) {
			return true
		}
	}
	return false
}

func (cs *consumers) list() []*Consumer {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	list := make([]*Consumer, 0, len(cs.table))
	for _, c := range cs.table {
		list = append(list, c)
	}
	return list
}

// ConsumerState is how a consumer stands.
type ConsumerState struct {
	Name    string
	Cursor  Position // up to which all is acknowledged
	Waiting int      // events after that which are with a reader, or seen to be next
	Readers int
	Used    time.Time
}

// Consumers returns those of an owner, in the order of their names.
func (l *Log) Consumers(owner jid.JID) []ConsumerState {
	states := []ConsumerState{}
	for _, c := range l.consumers.list() {
		if c.key.owner != owner.String() {
			continue
		}
		c.mu.Lock()
		states = append(states, ConsumerState{c.key.name, c.cursor(), len(c.items), len(c.members), c.used})
		c.mu.Unlock()
	}
	slices.SortFunc(states, func(a, b ConsumerState) int { return cmp.Compare(a.Name, b.Name) })
	return states
}

// Acknowledge says that events need not be given to any reader of a consumer again. When it returns
// nil, that is on disk. The error is ErrNoConsumer, ErrNotGiven (nothing is acknowledged then), or the
// journal's.
func (l *Log) Acknowledge(ctx context.Context, owner jid.JID, name string, list ...Position) error {
	c, err := l.consumers.find(owner, name)
	if err != nil || len(list) == 0 {
		return err
	}
	if err := c.acknowledge(ctx, list); err != nil {
		return err
	}
	return l.saveConsumers(ctx, c)
}

// Acknowledge is that of the Log, but does not wait for the disk.
func (m *Member) Acknowledge(ctx context.Context, list ...Position) error {
	if len(list) == 0 {
		return nil
	}
	return m.c.acknowledge(ctx, list)
}

// DropConsumer forgets a consumer; its readers end with ErrNoConsumer. The error is ErrNoConsumer or
// the journal's.
func (l *Log) DropConsumer(ctx context.Context, owner jid.JID, name string) error {
	c, err := l.consumers.find(owner, name)
	if err != nil {
		return err
	}
	return l.dropConsumer(ctx, c)
}

func (l *Log) dropConsumer(ctx context.Context, c *Consumer) error {
	l.consumers.forget(c)
	if l.o.Journal == nil {
		return nil
	}
	return l.o.Journal.DropConsumer(ctx, l.o.Domain, c.key.owner, c.key.name)
}

// forget ends a consumer here.
func (cs *consumers) forget(c *Consumer) {
	cs.mu.Lock()
	if cs.table[c.key] == c {
		delete(cs.table, c.key)
	}
	cs.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped = true
	c.timer.Stop()
	c.wake()
}

// loadConsumers reads those of the journal.
func (l *Log) loadConsumers(ctx context.Context) error {
	l.consumers.table = map[consumerKey]*Consumer{}
	if l.o.Journal == nil {
		return nil
	}
	rows, err := l.o.Journal.Consumers(ctx, l.o.Domain)
	if err != nil {
		return err
	}
	for i := range rows {
		f, err := parseFilter(rows[i].Filter)
		if err != nil {
			return fmt.Errorf("consumer %q: %w", rows[i].Name, err)
		}
		c := restored(l, &rows[i], f)
		l.consumers.table[c.key] = c
	}
	return nil
}

// saveConsumers brings consumers to disk that have changed.
func (l *Log) saveConsumers(ctx context.Context, list ...*Consumer) error {
	if l.o.Journal == nil {
		return nil
	}
	var rows []journal.Consumer
	var changed []*Consumer
	for _, c := range list {
		c.mu.Lock()
		if c.dirty && !c.dropped {
			rows, changed = append(rows, c.state()), append(changed, c)
			c.dirty = false
		}
		c.mu.Unlock()
	}
	if len(rows) == 0 {
		return nil
	}
	err := l.o.Journal.PutConsumers(ctx, rows...)
	if err != nil {
		for _, c := range changed {
			c.mu.Lock()
			c.dirty = true
			c.mu.Unlock()
		}
	}
	return err
}

// keepConsumers brings to disk what readers have got, without anybody who waits for it.
func (l *Log) keepConsumers(ctx context.Context) {
	err := l.saveConsumers(ctx, l.consumers.list()...)
	if err != nil && ctx.Err() == nil && !errors.Is(err, journal.ErrUnwritable) { // of which the journal tells
		l.o.Logger.Error("places of consumers not kept", slog.Any("error", err))
	}
}

// sweepConsumers ends readers that do not come any more, and forgets consumers that nobody uses.
func (l *Log) sweepConsumers(ctx context.Context) {
	for _, c := range l.consumers.list() {
		c.leaveIdle()
		c.mu.Lock()
		unused := len(c.members) == 0 && time.Since(c.used) > consumerAge
		c.dirty = true // its place may have moved over events that are not for it
		c.mu.Unlock()
		if !unused {
			continue
		}
		l.o.Logger.Info("a consumer that nobody has used for a week is forgotten", slog.String("consumer", c.key.name))
		if err := l.dropConsumer(ctx, c); err != nil && ctx.Err() == nil {
			l.o.Logger.Error("a consumer could not be forgotten", slog.Any("error", err))
		}
	}
}
