package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// DefaultOutboxAge is how long a stanza waits in the outbox unless OutboxOptions say
// otherwise.
const DefaultOutboxAge = time.Hour

// gateTime is for how long a stanza may wait for those that are still in the outbox.
// After that it goes there, too.
const gateTime = time.Second

// LinkState tells whether a Link is up.
type LinkState interface {
	// Up reports whether stanzas are accepted.
	Up() bool
	// AwaitUp waits until they are. The error is the cause of ctx's end.
	AwaitUp(ctx context.Context) error
	// AwaitDown waits until they are not. The error is that of AwaitUp.
	AwaitDown(ctx context.Context) error
}

// Lender is a Link from which stanzas can be taken back.
type Lender interface {
	// Lend is Link.Send for a stanza that Withdraw may take back.
	Lend(ctx context.Context, st stanza.Stanza, owner string) (<-chan error, error)
	// Withdraw takes back what was lent and is not confirmed, in order, if the link is
	// down: it will not write it any more. What is told is the outcome for the sender.
	Withdraw(take func(st stanza.Stanza, owner string, tell func(error)))
}

// OutboxOptions are the options of an outbox. Journal, State and Lender are required.
type OutboxOptions struct {
	Journal *journal.Journal
	State   LinkState
	Lender  Lender        // the component's link
	MaxAge  time.Duration // after which a stanza is not sent any more; 0: DefaultOutboxAge
}

// Queued is what becomes of a stanza that can't be sent now: it is on disk, to be sent
// when the link is back. It is an error, because the server does not have the stanza.
type Queued struct {
	ID string // for Component.Outgoing
}

// Error implements error.
func (q *Queued) Error() string { return "queued in the outbox as " + q.ID }

// OutboxState is how far a stanza of the outbox has come.
type OutboxState = journal.OutboxState

// OutboxStates returns the closed set.
func OutboxStates() []OutboxState {
	return []OutboxState{journal.Queued, journal.Sent, journal.Confirmed, journal.Bounced, journal.Expired}
}

// Outgoing is what is known of a stanza that was queued.
type Outgoing struct {
	ID      string
	State   OutboxState
	Created time.Time
	Expires time.Time
	Error   *stanza.Error // with which it bounced; nil if it did not
}

// Outgoing returns what became of a stanza that identity has submitted and that was
// queued, and whether there is one of that ID: that is remembered for a day. An error
// is internal, or the cause of ctx's end.
func (c *Component) Outgoing(ctx context.Context, identity jid.JID, id string) (Outgoing, bool, error) {
	if c.outbox == nil {
		return Outgoing{}, false, nil
	}
	row, err := c.outbox.o.Journal.Outgoing(ctx, id)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return Outgoing{}, false, nil
	case ctx.Err() != nil:
		return Outgoing{}, false, context.Cause(ctx)
	case err != nil:
		return Outgoing{}, false, err
	case row.Component != c.o.Domain || row.Credential != identity.String():
		return Outgoing{}, false, nil
	}
	found := Outgoing{ID: row.ID, State: row.State, Created: row.Created, Expires: row.Expires}
	waits := row.State == journal.Queued || row.State == journal.Sent && !c.outbox.o.State.Up()
	if waits && c.outbox.o.Journal.Over(row.Expires) {
		found.State = journal.Expired // the journal's row follows
	}
	if row.State == journal.Bounced {
		found.Error = bounceOf(row.Error)
	}
	return found, true, nil
}

// outbox keeps the messages and presence of a component while its link is down, and
// sends them in order when it is back. All that it knows of them is in the journal: what
// is queued, and what was written and is not confirmed (sent), which goes first.
//
// It is open when nothing is in it. Only then stanzas may go by. If the link breaks before
// they are confirmed, they come here after all, before everything else: see rescue.
type outbox struct {
	o         OutboxOptions
	component jid.JID
	link      Link
	log       *slog.Logger
	bounces   waiting       // for the errors of what is sent and not confirmed
	sending   atomic.Int32  // how many wait there, for a glance without the lock
	wake      chan struct{} // holds a token when something may have been queued
	kept      atomic.Int64  // how many have been queued since it was open
	lent      atomic.Int64  // stanzas that have gone by, and whose callers wait for the confirmation
	rescuing  sync.Mutex    // held while they are brought from the link into the journal

	open     atomic.Bool
	mu       sync.Mutex    // held to change open, and for what follows
	entering int           // stanzas on their way into the journal
	entered  bool          // some have been since the journal was last looked at
	gate     chan struct{} // where those that come wait while others are sent; nil: they do not
}

func newOutbox(o OutboxOptions, c Options) *outbox {
	if o.MaxAge == 0 {
		o.MaxAge = DefaultOutboxAge
	}
	return &outbox{o: o, component: c.Domain, link: c.Link, log: c.Logger, wake: make(chan struct{}, 1)}
}

// take returns nil if a stanza may go to the link. Otherwise it is kept, and the error is
// that of put. One that its caller does not want to have kept is refused, by the link if
// that is down.
func (b *outbox) take(ctx context.Context, identity jid.JID, st stanza.Stanza, strict bool) error {
	if b.isOpen() {
		return nil
	}
	if gate := b.waitingGate(); gate != nil {
		b.pass(ctx, gate)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case strict && !b.o.State.Up():
		return nil
	case strict && !b.isOpen():
		return &stanza.Refusal{Reason: stanza.LinkUnavailable, Text: "what was queued while there was no connection to the XMPP server is sent first; try again in a moment"}
	case !b.enter():
		return nil
	}
	return b.put(ctx, identity, st)
}

func (b *outbox) isOpen() bool { return b.open.Load() && b.o.State.Up() }

// waitingGate returns the gate if it is worth while to wait at it, else nil.
func (b *outbox) waitingGate() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gate == nil || !b.o.State.Up() {
		return nil
	}
	return b.gate
}

// pass waits at the gate, for a while.
func (b *outbox) pass(ctx context.Context, gate <-chan struct{}) {
	t := time.NewTimer(gateTime)
	defer t.Stop()
	select {
	case <-gate:
	case <-t.C:
	case <-ctx.Done():
	}
}

// enter reports whether a stanza has to go into the outbox; put is called next then.
func (b *outbox) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.isOpen() {
		return false
	}
	b.open.Store(false)
	b.entering++
	b.entered = true
	return true
}

// enterAnyway is enter for a stanza that the link has just refused.
func (b *outbox) enterAnyway() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open.Store(false)
	b.entering++
	b.entered = true
}

// put keeps a stanza. The error is *Queued, a refusal, or the cause of ctx's end.
func (b *outbox) put(ctx context.Context, identity jid.JID, st stanza.Stanza) error {
	defer b.leave()
	row, err := b.o.Journal.Enqueue(ctx, b.component, identity.String(), st, time.Now().Add(b.o.MaxAge))
	switch {
	case err == nil:
		if b.kept.Add(1) == 1 {
			b.log.Info("stanzas are queued until there is a connection to the XMPP server")
		}
		return &Queued{ID: row.ID}
	case errors.Is(err, journal.ErrFull):
		return &stanza.Refusal{
			Reason: stanza.NotKept,
			Text:   "the stanza can't be sent at the moment, and the outbox, where it would wait for the connection to the XMPP server, is full",
			Err:    &laterError{err},
		}
	}
	return notKept(ctx, "the stanza can't be sent at the moment, and the journal can't be written, so it was not queued", err)
}

// leave ends what enter began.
func (b *outbox) leave() {
	b.mu.Lock()
	b.entering--
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// look notes that the journal is about to be looked at.
func (b *outbox) look() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entered = false
}

// tryOpen lets stanzas go by if nothing has come since look, when nothing was there.
func (b *outbox) tryOpen() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.entering == 0 && !b.entered {
		b.open.Store(true)
		b.kept.Store(0)
		b.lift()
	}
}

// hold makes those that come wait at the gate while others are sent. Otherwise there
// would always be one more, as long as they come faster than the disk is.
func (b *outbox) hold() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gate == nil {
		b.gate = make(chan struct{})
	}
}

// release lets those at the gate go, into the outbox if it is not open.
func (b *outbox) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lift()
}

// lift opens the gate. It is called with mu held.
func (b *outbox) lift() {
	if b.gate != nil {
		close(b.gate)
		b.gate = nil
	}
}

// bounced takes note of an error that came for a stanza that the outbox has sent, and
// reports whether it was for one. Where it goes is not for the outbox to say.
func (b *outbox) bounced(st stanza.Stanza) bool {
	return b != nil && b.sending.Load() > 0 && b.bounces.take(st)
}

// laterError is why a stanza can't be kept now.
type laterError struct{ error }

// RetryAfter returns how long a sender should wait.
func (e *laterError) RetryAfter() time.Duration { return 10 * time.Second }

func (e *laterError) Unwrap() error { return e.error }

// storedError is how the journal has a stanza error.
type storedError struct {
	Type      stanza.ErrorType `json:"type"`
	Condition stanza.Condition `json:"condition"`
	Text      string           `json:"text,omitempty"`
}

func storeError(e *stanza.Error) string {
	text, err := json.Marshal(storedError{e.Type, e.Condition, e.Text})
	if err != nil {
		panic(fmt.Sprintf("gateway: %v", err)) // strings always have a JSON form
	}
	return string(text)
}

// bounceOf returns a stored stanza error.
func bounceOf(text string) *stanza.Error {
	var e storedError
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return &stanza.Error{Type: stanza.Cancel, Condition: stanza.UndefinedCondition}
	}
	return &stanza.Error{Type: e.Type, Condition: e.Condition, Text: e.Text}
}
