package main

import (
	"context"
	"sync"
)

// receiver is the component on the far side of the server. What it does with a
// stanza is the current measurement's business.
type receiver struct {
	component *component

	mu      sync.Mutex
	handle  func(element, out []byte) []byte // appends to out what is to be written
	waiting []byte                           // what handle has given and is not yet written
}

// dialReceiver connects the receiver to a server.
func dialReceiver(ctx context.Context, server *server) (*receiver, error) {
	c, err := dialComponent(ctx, server.address, server.receiver, server.secret)
	if err != nil {
		return nil, err
	}
	return &receiver{component: c}, nil
}

// use says what is done with stanzas from now on; nil: nothing. When it returns the
// function before is no longer running.
func (r *receiver) use(handle func(element, out []byte) []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handle = handle
}

// run works off the stream until it ends.
func (r *receiver) run() error { return r.component.read(r.receive, r.flush) }

func (r *receiver) receive(element []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.handle != nil {
		r.waiting = r.handle(element, r.waiting)
	}
}

// flush writes what the stanzas of one read have given.
func (r *receiver) flush() {
	if len(r.waiting) == 0 {
		return
	}
	_ = r.component.out.write(r.waiting) // the stream's end will tell
	r.waiting = r.waiting[:0]
}
