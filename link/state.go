package link

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// State is how a link is at one moment.
type State struct {
	Up          bool
	Since       time.Time // when it came up or went down; before the first connection, when Run began
	Server      string    // the server's address
	LastError   string    // why it is down, or was the last time, in words for an operator; may be empty
	NextAttempt time.Time // when it tries to connect next; zero while it is up or trying
}

// stateBox holds a State for many readers.
type stateBox struct {
	isUp atomic.Bool // state.Up, for a glance without the lock

	mu      sync.Mutex
	state   State
	waiters chan struct{} // closed when the link comes up; nil: nobody waits
	leaving chan struct{} // closed when it goes down; nil: nobody waits
}

// Up reports whether there is a connection. Stanzas are accepted then, unless it
// breaks just now.
func (c *Component) Up() bool { return c.state.isUp.Load() }

// AwaitUp waits until there is a connection. The error is the cause of ctx's end.
func (c *Component) AwaitUp(ctx context.Context) error {
	up := c.state.await()
	if up == nil {
		return nil
	}
	select {
	case <-up:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// AwaitDown waits until there is no connection. The error is the cause of ctx's end.
func (c *Component) AwaitDown(ctx context.Context) error {
	down := c.state.awaitDown()
	if down == nil {
		return nil
	}
	select {
	case <-down:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// await returns a channel that is closed when the link comes up, nil if it is up.
func (b *stateBox) await() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state.Up {
		return nil
	}
	if b.waiters == nil {
		b.waiters = make(chan struct{})
	}
	return b.waiters
}

// awaitDown returns a channel that is closed when the link goes down, nil if it is down.
func (b *stateBox) awaitDown() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.state.Up {
		return nil
	}
	if b.leaving == nil {
		b.leaving = make(chan struct{})
	}
	return b.leaving
}

func (b *stateBox) load() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

func (b *stateBox) start(server string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state = State{Since: time.Now(), Server: server}
}

func (b *stateBox) up() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.Up, b.state.Since, b.state.NextAttempt = true, time.Now(), time.Time{}
	b.isUp.Store(true)
	if b.waiters != nil {
		close(b.waiters)
		b.waiters = nil
	}
}

// down notes the end of a connection, or of an attempt to make one.
func (b *stateBox) down(why string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state.Up {
		b.state.Up, b.state.Since = false, time.Now()
		b.isUp.Store(false)
		if b.leaving != nil {
			close(b.leaving)
			b.leaving = nil
		}
	}
	b.state.LastError = why
}

// next notes when the next attempt is made; the zero time stands for now.
func (b *stateBox) next(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.NextAttempt = at
}
