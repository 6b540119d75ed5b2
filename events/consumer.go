package events

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
)

const (
	// DefaultAckWait is how long a reader of a consumer has for acknowledging an event.
	DefaultAckWait = 30 * time.Second
	// maxWindow is how many events of a consumer there may be from the first that is not
	// acknowledged on.
	maxWindow = 1000
)

// Errors of consumers.
var (
	// ErrOtherFilter says that a consumer of that name gets other events.
	ErrOtherFilter = errors.New("the consumer was made with other filters")
	// ErrNoConsumer says that there is none of that name.
	ErrNoConsumer = errors.New("there is no such consumer")
	// ErrTooManyConsumers says that no more can be made.
	ErrTooManyConsumers = errors.New("there are too many consumers")
	// ErrNotGiven says that what is to be acknowledged was never given to the consumer.
	ErrNotGiven = errors.New("the consumer was never given that event")
)

// consumerKey names a consumer: whose readers it has, and what they call it.
type consumerKey struct{ owner, name string }

// conversationKey names what goes between two bare addresses, in both directions.
type conversationKey struct{ own, peer jid.JID }

func conversationOf(e *Event) conversationKey {
	return conversationKey{e.Own().Bare(), e.Peer().Bare()}
}

// Consumer is a name under which readers share what comes: each event goes to one of them, and
// to another if it is not acknowledged in time. Events of one conversation go to one reader
// at a time, in order.
//
// What it holds is a window of the log: the events from the first that is not acknowledged up
// to where it has looked.
type Consumer struct {
	log    *Log
	key    consumerKey
	filter Filter
	text   string // of filter

	mu      sync.Mutex
	items   []*item // not acknowledged, in order
	done    map[Position]struct{}
	scanned Position // up to it the log was looked at
	members map[*Member]struct{}
	pollers map[string]*Member
	timer   *time.Timer // for the next event that is not acknowledged in time
	used    time.Time
	dirty   bool // the journal does not have it as it is
	dropped bool
}

// item is an event of the window.
type item struct {
	e        *Event
	conv     conversationKey
	holder   *Member // nil: nobody has it
	until    time.Time
	attempts int
}

// Given is an event that a reader of a consumer got.
type Given struct {
	*Event

	Attempt int // 1 for the first time that it is given to somebody
}

// Member is a reader of a consumer. One goroutine at a time uses it.
type Member struct {
	c      *Consumer
	reader *Reader // by which it is woken
	wait   time.Duration
	polled time.Time // when it last read, if it reads by polls
}

// newConsumer returns one that begins after a position.
func newConsumer(l *Log, key consumerKey, text string, f Filter, after Position) *Consumer {
	c := &Consumer{
		log: l, key: key, filter: f, text: text, scanned: after, used: time.Now(),
		done: map[Position]struct{}{}, members: map[*Member]struct{}{}, pollers: map[string]*Member{},
	}
	c.timer = time.AfterFunc(time.Hour, c.expire)
	c.timer.Stop()
	return c
}

// restored returns what a journal has of a consumer.
func restored(l *Log, r *journal.Consumer, f Filter) *Consumer {
	c := newConsumer(l, consumerKey{r.Owner, r.Name}, r.Filter, f, Position(r.Cursor))
	c.used = r.Used
	for _, seq := range r.Done {
		c.done[Position(seq)] = struct{}{}
	}
	return c
}

// state returns what the journal is to have. It is called with mu held.
func (c *Consumer) state() journal.Consumer {
	r := journal.Consumer{
		Component: c.log.o.Domain, Owner: c.key.owner, Name: c.key.name, Filter: c.text,
		Cursor: int64(c.cursor()), Done: []int64{}, Used: c.used,
	}
	for p := range c.done {
		r.Done = append(r.Done, int64(p))
	}
	slices.Sort(r.Done)
	return r
}

// cursor returns the position up to which all is acknowledged. It is called with mu held.
func (c *Consumer) cursor() Position {
	if len(c.items) > 0 {
		return c.items[0].e.Position - 1
	}
	return c.scanned
}

// join adds a reader.
func (c *Consumer) join(wait time.Duration) (*Member, error) {
	r, err := c.log.Read(c.filter, c.log.Last())
	if err != nil {
		return nil, err
	}
	m := &Member{c: c, reader: r, wait: wait}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members[m] = struct{}{}
	return m, nil
}

// poller returns the reader of a name that reads by polls, and acknowledges what it got by its last
// one.
func (c *Consumer) poller(name string, wait time.Duration) (*Member, error) {
	c.mu.Lock()
	m := c.pollers[name]
	full := m == nil && len(c.pollers) >= maxPollers
	c.mu.Unlock()
	if full {
		return nil, ErrTooManyConsumers
	}
	if m == nil {
		var err error
		if m, err = c.join(wait); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pollers[name] = m
	m.wait, m.polled = wait, time.Now()
	c.settle(func(it *item) bool { return it.holder == m })
	return m, nil
}

// maxPollers is how many names readers of a consumer may have that read by polls.
const maxPollers = 1000

// leaveIdle ends the readers that have not polled for a while.
func (c *Consumer) leaveIdle() {
	c.mu.Lock()
	var idle []*Member
	for name, m := range c.pollers {
		if time.Since(m.polled) > max(missedFor, 2*m.wait) {
			idle = append(idle, m)
			delete(c.pollers, name)
		}
	}
	c.mu.Unlock()
	for _, m := range idle {
		m.Leave()
	}
}

// Leave ends a reader. What it has not acknowledged goes to others at once.
func (m *Member) Leave() {
	m.reader.Close()
	c := m.c
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.members, m)
	c.release(func(it *item) bool { return it.holder == m })
}

// Next returns the next events for this reader, at most limit, as soon as there are any, and none if
// there are none for as long as wait. They are on disk. The error is *Gone once after events were
// dropped that nobody has read; ErrClosed, ErrNoConsumer, the cause of ctx's end, or the journal's.
func (m *Member) Next(ctx context.Context, limit int, wait time.Duration) ([]Given, error) {
	for began := time.Now(); ; {
		list, more, err := m.take(ctx, limit)
		if err != nil || len(list) > 0 {
			return list, err
		}
		if more {
			continue
		}
		if again, err := m.reader.await(ctx, wait-time.Since(began)); !again {
			return nil, err
		}
	}
}

// take gives events to a reader, and reports whether the log has more to look at.
func (m *Member) take(ctx context.Context, limit int) (list []Given, more bool, err error) {
	more, err = m.c.fill(ctx)
	if err != nil {
		return nil, false, err
	}
	if list = m.c.give(m, limit); len(list) == 0 {
		return nil, more, nil
	}
	if j := m.c.log.o.Journal; j != nil {
		if err := m.c.log.flush(ctx, list[len(list)-1].Position); err != nil {
			m.c.takeBack(m, list)
			return nil, false, err
		}
	}
	return list, false, nil
}

// fill looks at a part of the log, if there is room in the window, and reports whether there is
// more of it.
func (c *Consumer) fill(ctx context.Context) (more bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dropped {
		return false, ErrNoConsumer
	}
	room := maxWindow - len(c.items) - len(c.done)
	if room <= 0 {
		return false, nil
	}
	r := Reader{log: c.log, filter: c.filter, position: c.scanned}
	found, more, err := r.look(ctx, room)
	if gone, ok := errors.AsType[*Gone](err); ok {
		c.log.o.Logger.Warn("a consumer has not read events before they were dropped")
		c.scanned, c.dirty = gone.Oldest, true
		return false, err
	}
	if err != nil {
		return false, err
	}
	c.scanned = r.position
	for _, e := range found {
		if _, acked := c.done[e.Position]; !acked {
			c.items = append(c.items, &item{e: e, conv: conversationOf(e)})
		}
	}
	c.forget()
	return more, nil
}

// give finds events for a reader: those that nobody has, of conversations that nobody else has
// an event of.
func (c *Consumer) give(m *Member, limit int) (list []Given) {
	c.mu.Lock()
	defer c.mu.Unlock()
	held := map[conversationKey]*Member{}
	for _, it := range c.items {
		if it.holder != nil {
			held[it.conv] = it.holder
		}
	}
	now := time.Now()
	for _, it := range c.items {
		if len(list) == limit {
			break
		}
		if other := held[it.conv]; it.holder != nil || other != nil && other != m {
			continue
		}
		it.holder, it.until = m, now.Add(m.wait)
		it.attempts++
		held[it.conv] = m
		list = append(list, Given{Event: it.e, Attempt: it.attempts})
	}
	if len(list) > 0 {
		c.used = now
		c.setTimer()
	}
	return list
}

// takeBack undoes give.
func (c *Consumer) takeBack(m *Member, list []Given) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, it := range c.items {
		if it.holder == m && slices.ContainsFunc(list, func(g Given) bool { return g.Event == it.e }) {
			it.holder = nil
			it.attempts--
		}
	}
}

// acknowledge says that events need not be given to anybody again. What was acknowledged before
// is passed over. The error is ErrNotGiven: nothing is changed then.
func (c *Consumer) acknowledge(ctx context.Context, list []Position) error {
	last := slices.Max(list)
	for more := true; more; { // after a restart it may be that nobody has read up to there yet
		c.mu.Lock()
		known := c.scanned >= last
		c.mu.Unlock()
		var err error
		if more, err = c.fill(ctx); err != nil {
			return err
		}
		more = more && !known
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	cursor := c.cursor()
	for _, p := range list {
		_, acked := c.done[p]
		if p > cursor && !acked && !slices.ContainsFunc(c.items, func(it *item) bool { return it.e.Position == p }) {
			return ErrNotGiven
		}
	}
	c.settle(func(it *item) bool { return slices.Contains(list, it.e.Position) })
	return nil
}

// settle removes items that are acknowledged. It is called with mu held.
func (c *Consumer) settle(acked func(*item) bool) {
	before := len(c.items)
	c.items = slices.DeleteFunc(c.items, func(it *item) bool {
		if !acked(it) {
			return false
		}
		c.done[it.e.Position] = struct{}{}
		return true
	})
	c.used = time.Now()
	if len(c.items) == before {
		return
	}
	c.forget()
	c.dirty = true
	c.wake() // others may go on with the conversation
}

// forget drops from done what the cursor has passed. It is called with mu held.
func (c *Consumer) forget() {
	cursor := c.cursor()
	for p := range c.done {
		if p <= cursor {
			delete(c.done, p)
		}
	}
}

// release gives up what readers hold. It is called with mu held.
func (c *Consumer) release(which func(*item) bool) {
	n := 0
	for _, it := range c.items {
		if it.holder != nil && which(it) {
			it.holder = nil
			n++
		}
	}
	if n > 0 {
		c.wake()
	}
	c.setTimer()
}

// expire gives up what was not acknowledged in time. With an event go those of its conversation
// that come after it: they must not be acknowledged before it is given to another.
func (c *Consumer) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	late := map[conversationKey]bool{}
	for _, it := range c.items {
		if it.holder != nil && !now.Before(it.until) {
			late[it.conv] = true
		}
	}
	c.release(func(it *item) bool { return late[it.conv] })
}

// setTimer sets the timer for the next event that will not be acknowledged in time. It is called
// with mu held.
func (c *Consumer) setTimer() {
	var next time.Time
	for _, it := range c.items {
		if it.holder != nil && (next.IsZero() || it.until.Before(next)) {
			next = it.until
		}
	}
	c.timer.Stop()
	if !next.IsZero() {
		c.timer.Reset(time.Until(next))
	}
}

// wake wakes all readers. It is called with mu held.
func (c *Consumer) wake() {
	for m := range c.members {
		m.reader.nudge()
	}
}
