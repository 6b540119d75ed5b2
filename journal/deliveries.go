package journal

import (
	"context"
	"fmt"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// DeliveryState says whether a delivery is still to be made.
type DeliveryState string

// The states of deliveries.
const (
	Waiting DeliveryState = "waiting" // for the callback
	Dead    DeliveryState = "dead"    // nobody tries any more
)

// Delivery is a stanza on disk that no callback has accepted, as an operator sees
// it.
type Delivery struct {
	ID           string
	Seq          int64 // its place in the order, and the cursor to what comes after it
	Conversation Conversation
	Kind         stanza.Kind
	Size         int // bytes of the stanza
	Received     time.Time
	Expires      time.Time // zero: never
	State        DeliveryState
	NotBefore    time.Time // of a waiting one: when its conversation is tried again
	Attempts     int
	LastStatus   int       // of HTTP, at the last attempt; 0 if there was no answer
	LastError    string    // of the last attempt
	Died         time.Time // of a dead one
	Reason       string    // why it died
}

// Detail is all that is known of a delivery.
type Detail struct {
	Delivery
	Stanza stanza.Stanza // zero if what is stored can't be read
	Trials []Attempt     // in order
}

// Filter chooses deliveries. The zero Filter chooses all.
type Filter struct {
	State     DeliveryState // empty: either
	ID        string
	Component jid.JID
	From, To  jid.JID // a domain stands for all its addresses; a resource does not count
	Kind      stanza.Kind
	Before    time.Time // when it was received, or died if State is Dead
	Error     string    // a part of the last error, in any case

	upTo int64 // the highest seq; 0: any
}

// ChangeKind is what an operator does to deliveries.
type ChangeKind string

// The kinds of change.
const (
	Dropped  ChangeKind = "dropped"
	Replayed ChangeKind = "replayed" // they wait again, at the end of their conversations
	Retried  ChangeKind = "retried"  // their conversations are due at once
)

// Change tells what an operator did, to at most a few hundred deliveries at a
// time. They are as they were before, but for the Seq of those replayed.
type Change struct {
	Kind       ChangeKind
	Deliveries []Delivery
}

// List returns the deliveries on disk that f chooses and that come after a Seq
// (0: from the beginning), in order, at most limit. What was added or settled
// within the last Linger may not show yet.
func (j *Journal) List(ctx context.Context, f Filter, after int64, limit int) ([]Delivery, error) {
	if err := j.read(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	rows, err := j.store.list(ctx, f, after, limit)
	if err != nil {
		return nil, wrap(err)
	}
	return deliveriesOf(rows), nil
}

// Show returns all that is known of a delivery. The error is ErrNotFound if there
// is none of that ID.
func (j *Journal) Show(ctx context.Context, id string) (Detail, error) {
	found, err := j.List(ctx, Filter{ID: id}, 0, 1)
	if err != nil {
		return Detail{}, err
	}
	if len(found) == 0 {
		return Detail{}, fmt.Errorf("journal: delivery %.40q: %w", id, ErrNotFound)
	}
	d := Detail{Delivery: found[0]}
	raw, err := j.store.stanza(ctx, d.Seq)
	if err != nil {
		return Detail{}, wrap(err)
	}
	d.Stanza, _ = stanza.ParseStored(raw)
	if d.Trials, err = j.store.attempts(ctx, d.Seq); err != nil {
		return Detail{}, wrap(err)
	}
	return d, nil
}

// Drop removes what f chooses, whether it waits or is dead, and returns how much
// that was. An error may leave a part of it done.
func (j *Journal) Drop(ctx context.Context, f Filter) (int, error) {
	return j.change(ctx, Dropped, f, func(c changes, r *deliveryRow, _ int64) error {
		return c.remove(r.seq)
	})
}

// Replay makes the dead letters that f chooses wait again, each at the end of its
// conversation and until expires says for its component (zero: for ever), and returns
// how many. They keep their IDs and attempts. An error may leave a part of it done.
func (j *Journal) Replay(ctx context.Context, f Filter, expires func(component jid.JID) time.Time) (int, error) {
	f.State = Dead
	return j.change(ctx, Replayed, f, func(c changes, r *deliveryRow, seq int64) error {
		old := r.seq
		r.seq = seq
		if err := c.replay(old, r.seq, millis(expires(r.conversation.Component))); err != nil {
			return err
		}
		return c.retry(r.seq, j.now())
	})
}

// Retry makes the conversations of what f chooses due at once, and returns how many
// waiting deliveries that were. An error may leave a part of it done.
func (j *Journal) Retry(ctx context.Context, f Filter) (int, error) {
	f.State = Waiting
	return j.change(ctx, Retried, f, func(c changes, r *deliveryRow, _ int64) error {
		return c.retry(r.seq, j.now())
	})
}

// maxChange is how many deliveries are changed in one transaction, so that entries
// do not have to wait long.
const maxChange = 200

// change applies a step to everything that f chooses and that was there when it
// began. For each delivery step gets a number that comes after all that are given.
func (j *Journal) change(ctx context.Context, kind ChangeKind, f Filter, step func(changes, *deliveryRow, int64) error) (n int, err error) {
	f.upTo = j.queue.last()
	for after := int64(0); ; {
		var rows []deliveryRow
		err := j.requestNumbers(ctx, maxChange, func(c changes, first int64) (err error) {
			if rows, err = c.match(f, after, maxChange); err != nil || len(rows) == 0 {
				return err
			}
			last := rows[len(rows)-1].seq
			for i := range rows {
				if err := step(c, &rows[i], first+int64(i)); err != nil {
					return err
				}
			}
			after = last
			return nil
		})
		if err != nil {
			return n, err
		}
		n += len(rows)
		if j.o.Notify != nil && len(rows) > 0 {
			j.o.Notify(Change{Kind: kind, Deliveries: deliveriesOf(rows)})
		}
		if len(rows) < maxChange {
			return n, nil
		}
	}
}

// deliveriesOf makes rows readable.
func deliveriesOf(rows []deliveryRow) []Delivery {
	found := make([]Delivery, len(rows))
	for i := range rows {
		r := &rows[i]
		d := &found[i]
		*d = Delivery{
			ID: r.id, Seq: r.seq, Conversation: r.conversation, Kind: stanza.Kind(r.kind), Size: int(r.size),
			Received: time.UnixMilli(r.received), Expires: timeOf(r.expires),
			State: Waiting, Attempts: int(r.attempts), LastStatus: int(r.lastStatus), LastError: r.lastError,
		}
		if r.died != 0 {
			d.State, d.Died, d.Reason = Dead, time.UnixMilli(r.died), r.reason
		} else {
			d.NotBefore = time.UnixMilli(r.notBefore)
		}
	}
	return found
}
