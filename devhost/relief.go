package devhost

import (
	"time"

	"github.com/restanza/restanza/stream"
)

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
	o.mu.Lock()
	before := o.written
	o.mu.Unlock()
	for {
		o.mu.Lock()
		if o.ended || o.size() <= o.writers.soft {
			o.mu.Unlock()
			return
		}
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

// relieve wakes who waits for room.
func (o *outbox) relieve() {
	if o.relief != nil && (o.size() == 0 || o.size() <= o.writers.soft) {
		close(o.relief)
		o.relief = nil
	}
}
