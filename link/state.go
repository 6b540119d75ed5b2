package link

import (
	"sync"
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
	mu    sync.Mutex
	state State
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
}

// down notes the end of a connection, or of an attempt to make one.
func (b *stateBox) down(why string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state.Up {
		b.state.Up, b.state.Since = false, time.Now()
	}
	b.state.LastError = why
}

// next notes when the next attempt is made; the zero time stands for now.
func (b *stateBox) next(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.NextAttempt = at
}
