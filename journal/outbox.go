package journal

import (
	"context"
	"fmt"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// OutboxState is how far a stanza for the XMPP server has come.
type OutboxState string

// The states of the outbox.
const (
	Queued    OutboxState = "queued"    // waits for the link
	Sent      OutboxState = "sent"      // written to the link, not confirmed
	Confirmed OutboxState = "confirmed" // the server has it
	Bounced   OutboxState = "bounced"   // the server returned an error
	Expired   OutboxState = "expired"   // the link was not back in time
)

// Outgoing is a stanza that was accepted for the XMPP server while the link was
// down.
type Outgoing struct {
	ID         string
	Seq        int64 // its place in the order, and the cursor to what comes after it
	Component  jid.JID
	Credential string // the name of the one that posted it
	Stanza     stanza.Stanza
	State      OutboxState
	Error      string // of a bounced one
	Created    time.Time
	Expires    time.Time // zero: never
	Updated    time.Time // when State changed last
}

// Enqueue keeps a stanza until it can be sent or expires (zero: never). When it returns without an error,
// the stanza is on disk. The error is ErrFull if Options.OutboxLimit stanzas are
// queued, or Options.MaxBytes in use and no dead letter is left to drop; ErrUnwritable, ErrClosed, or the cause of ctx's end: in that last case
// the stanza may be queued all the same.
func (j *Journal) Enqueue(ctx context.Context, component jid.JID, credential string, st stanza.Stanza, expires time.Time) (Outgoing, error) {
	now := j.now()
	row := outboxRow{
		component: component.String(), credential: credential, state: Queued,
		created: now, updated: now, expires: millis(expires), stanza: st.XML(),
	}
	full, tooLarge := false, false
	err := j.requestNumbers(ctx, 1, func(c changes, first int64) error {
		row.seq, row.id = first, j.newID(first)
		t, err := c.totals()
		if err != nil {
			return err
		}
		if full = t.queued >= int64(j.o.OutboxLimit); full {
			return nil
		}
		used, err := c.used()
		if err != nil {
			return err
		}
		if tooLarge = t.dead == 0 && used+int64(len(row.stanza)) > j.most()+j.o.reserve()/2; tooLarge {
			return nil
		}
		return c.enqueue(row)
	})
	switch {
	case err != nil:
		return Outgoing{}, err
	case tooLarge:
		return Outgoing{}, j.noRoom()
	case full:
		return Outgoing{}, fmt.Errorf("journal: %w: %d stanzas wait for the link", ErrFull, j.o.OutboxLimit)
	}
	return outgoingOf(&row)
}

// Outgoing returns a stanza of the outbox by its ID. The error is ErrNotFound if
// there is none, or not any more: what became of a stanza is remembered for
// Options.OutboxAge.
func (j *Journal) Outgoing(ctx context.Context, id string) (Outgoing, error) {
	if err := j.read(ctx); err != nil {
		return Outgoing{}, err
	}
	row, err := j.store.outgoing(ctx, id)
	if err != nil {
		return Outgoing{}, fmt.Errorf("journal: outbox %.40q: %w", id, err)
	}
	return outgoingOf(&row)
}

// Outbox returns a component's stanzas in a state that come after a Seq (0: all),
// in order, at most limit. Those that are past their time are not left out: what
// is queued becomes Expired within a minute or two.
func (j *Journal) Outbox(ctx context.Context, component jid.JID, state OutboxState, after int64, limit int) ([]Outgoing, error) {
	if err := j.read(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	rows, err := j.store.outbox(ctx, component.String(), state, after, limit)
	if err != nil {
		return nil, wrap(err)
	}
	found := make([]Outgoing, len(rows))
	for i := range rows {
		if found[i], err = outgoingOf(&rows[i]); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Mark sets how far stanzas of the outbox have come, with an error's text for those
// that bounced, and waits until that is on disk. IDs that are not there are left
// out. Errors are those of Flush.
func (j *Journal) Mark(ctx context.Context, state OutboxState, text string, ids ...string) error {
	now := j.now()
	err := j.request(ctx, func(c changes) error {
		for _, id := range ids {
			if err := c.mark(id, state, text, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && state == Expired {
		j.metrics.expired.Add(int64(len(ids)))
	}
	return err
}

// outgoingOf makes a row readable.
func outgoingOf(r *outboxRow) (Outgoing, error) {
	st, err := stanza.ParseStored(r.stanza)
	if err != nil {
		return Outgoing{}, fmt.Errorf("journal: outbox %q: what is stored is no stanza: %w", r.id, err)
	}
	component, err := jid.ParseRouted(r.component)
	if err != nil {
		return Outgoing{}, fmt.Errorf("journal: outbox %q: %w", r.id, err)
	}
	return Outgoing{
		ID: r.id, Seq: r.seq, Component: component, Credential: r.credential, Stanza: st, State: r.state, Error: r.text,
		Created: time.UnixMilli(r.created), Expires: timeOf(r.expires), Updated: time.UnixMilli(r.updated),
	}, nil
}
