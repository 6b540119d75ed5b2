package devhost

import (
	"sync"
	"time"

	"github.com/restanza/restanza/stanza"
)

// Presence for everybody is what costs when many clients come at once: each one
// is told to each other. With many clients it may wait a little, so that one
// write call takes the presence of all who came meanwhile. What else is sent to
// a client takes along what waits, so that the order stays.
const (
	manySessions = 50 // from which on presence may wait
	laterDelay   = 50 * time.Millisecond
)

// later is the outboxes in which something may wait a little.
type later struct {
	mu    sync.Mutex
	boxes []*outbox
	armed bool
}

// addLater is add for a stanza that may wait for laterDelay.
func (o *outbox) addLater(st stanza.Stanza) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return errEnded
	}
	idle := !o.writing && o.pending == nil
	b := o.buffer()
	*b = st.AppendXML(*b)
	o.acks.count(b)
	if err := o.counted(); err != nil {
		return err
	}
	if idle {
		o.writers.later.add(o)
	}
	return nil
}

// startPending has written what waits, unless that is under way.
func (o *outbox) startPending() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ended && o.pending != nil {
		o.start()
	}
}

// add has an outbox started soon.
func (l *later) add(o *outbox) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.boxes = append(l.boxes, o)
	if !l.armed {
		l.armed = true
		time.AfterFunc(laterDelay, l.start)
	}
}

// start starts all that were added.
func (l *later) start() {
	l.mu.Lock()
	boxes := l.boxes
	l.boxes, l.armed = nil, false
	l.mu.Unlock()
	for _, o := range boxes {
		o.startPending()
	}
}
