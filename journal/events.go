package journal

import (
	"context"
	"fmt"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// Direction is which way a stanza went.
type Direction string

// The directions, as seen from the programs that use the gateway.
const (
	In  Direction = "in"  // from the XMPP server
	Out Direction = "out" // to the XMPP server
)

// Event is a stanza that came or went, in the log of its component.
type Event struct {
	Seq       int64 // its position; 0 before it is recorded
	Component jid.JID
	At        time.Time // to the millisecond
	Direction Direction
	State     string // what had become of it; a word of its writer's
	Stanza    stanza.Stanza
}

// Record numbers an event and appends it to the log of its component. It does not wait:
// the event is on disk within Options.Linger and the time of a commit, or, with lazy, within a
// tenth of a second. The numbers are in the order of the calls.
//
// ok is false if the event will not be kept, because the journal is closed, so much waits to be
// written that Options.MaxHeld is reached, or half of Options.MaxBytes is in use, since what must
// be kept needs the room more. It has its number then all the same.
func (j *Journal) Record(e Event, lazy bool) (seq int64, ok bool) {
	size := int64(len(e.Stanza.Content()) + headerRoom)
	keep := j.queue.heldEvents.Add(size) <= j.o.MaxHeld && j.records() == recordAll
	if !keep {
		j.queue.heldEvents.Add(-size)
	}
	seq, ok = j.queue.record(j, &eventOp{Event: e, size: size}, keep, lazy)
	if keep && !ok {
		j.queue.heldEvents.Add(-size)
	}
	return seq, ok
}

// eventOp is an event that waits to be written.
type eventOp struct {
	Event
	size int64
}

// row returns the event as it is stored.
func (e *eventOp) row() eventRow {
	return eventRow{
		seq: e.Seq, component: e.Component.String(), at: e.At.UnixMilli(),
		direction: e.Direction, state: e.State, stanza: e.Stanza.XML(),
	}
}

// Events returns events of a component that are on disk and come after a Seq (0: all), in
// order, at most limit.
func (j *Journal) Events(ctx context.Context, component jid.JID, after int64, limit int) ([]Event, error) {
	if err := j.read(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	rows, err := j.store.events(ctx, component.String(), after, limit)
	if err != nil {
		return nil, wrap(err)
	}
	found := make([]Event, 0, len(rows))
	for i := range rows {
		st, err := stanza.ParseStored(rows[i].stanza)
		if err != nil {
			return nil, fmt.Errorf("journal: event %d: what is stored is no stanza: %w", rows[i].seq, err)
		}
		found = append(found, Event{
			Seq: rows[i].seq, Component: component, At: time.UnixMilli(rows[i].at),
			Direction: rows[i].direction, State: rows[i].state, Stanza: st,
		})
	}
	return found, nil
}

// EventsSince returns the Seq after which a component's events of a time, and those after it,
// come. What is not on disk yet is later than all that is.
func (j *Journal) EventsSince(ctx context.Context, component jid.JID, t time.Time) (after int64, err error) {
	if err := j.read(ctx); err != nil {
		return 0, err
	}
	after, err = j.store.eventsSince(ctx, component.String(), t.UnixMilli())
	return after, wrap(err)
}

// EventsDropped returns the Seq up to which a component's events are gone for their age or
// number; 0: none is.
func (j *Journal) EventsDropped(ctx context.Context, component jid.JID) (upTo int64, err error) {
	if err := j.read(ctx); err != nil {
		return 0, err
	}
	upTo, err = j.store.eventsDropped(ctx, component.String())
	return upTo, wrap(err)
}

// TrimEvents drops the oldest events of a component: those that are older than an age, as soon as
// the clock can be trusted, and as many as there are more than most. It returns when that is
// on disk. Errors are those of Flush.
func (j *Journal) TrimEvents(ctx context.Context, component jid.JID, age time.Duration, most int) (dropped int, err error) {
	now := j.now() // before it is found out whether that can be believed
	trusted := j.trustsClock()
	for {
		n := 0
		err := j.request(ctx, func(c changes) (err error) {
			var before int64
			if trusted {
				before = now - age.Milliseconds()
			}
			n, err = c.trimEvents(component.String(), before, int64(most), maxTrim)
			return err
		})
		if err == nil {
			dropped += n
		}
		if err != nil || n < maxTrim {
			return dropped, err
		}
	}
}

// maxTrim is how many events one transaction drops.
const maxTrim = 1000

// LastNumber returns the number that was given last: no event has a higher one.
func (j *Journal) LastNumber() int64 { return j.queue.last() }
