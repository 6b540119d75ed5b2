package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// errAnswerTimeout is the cause of the end of a query's context when its time
// is up.
var errAnswerTimeout = errors.New("no answer in time")

// deliver sends a message or presence in the way that its caller wants, or puts it into the
// outbox.
//
//go:noinline
func (c *Component) deliver(ctx context.Context, identity jid.JID, st stanza.Stanza, o SubmitOptions) (stanza.Stanza, error) { // see docs/decisions/0005-small-frames.md
	if c.outbox != nil {
		if err := c.outbox.take(ctx, identity, st, o.Strict); err != nil {
			return stanza.Stanza{}, err
		}
	}
	if o.Async {
		return stanza.Stanza{}, c.post(ctx, identity, st, o)
	}
	if o.Strict || c.outbox == nil {
		return c.send(ctx, st, "")
	}
	c.outbox.lent.Add(1)
	answer, err := c.send(ctx, st, identity.String())
	c.outbox.lent.Add(-1)
	if err != nil {
		err = c.queueUnsent(ctx, identity, st, err)
	}
	return answer, err
}

// post sends a message or presence without waiting for its confirmation.
//
//go:noinline
func (c *Component) post(ctx context.Context, identity jid.JID, st stanza.Stanza, o SubmitOptions) error {
	err := c.o.Link.Post(ctx, st)
	if err == nil || c.outbox == nil || o.Strict {
		return refuse(ctx, err)
	}
	return c.queueUnsent(ctx, identity, st, &unsent{refuse(ctx, err)})
}

// send sends a message or presence and waits for the server's confirmation, or
// for the server's error. With an owner it may end in the outbox.
func (c *Component) send(ctx context.Context, st stanza.Stanza, owner string) (stanza.Stanza, error) {
	if st.Type() == stanza.TypeError {
		return stanza.Stanza{}, c.confirmed(ctx, st, owner)
	}
	w := newWaiter(st)
	c.waiting.addBounce(w)
	defer c.waiting.remove(w)

	confirmed, err := c.handOver(ctx, st, owner)
	if err != nil {
		return stanza.Stanza{}, notTaken(ctx, err, owner)
	}
	select {
	case bounce := <-w.answer:
		return bounce, nil
	case err = <-confirmed:
	case <-ctx.Done():
		return stanza.Stanza{}, context.Cause(ctx)
	}
	// The link hands stanzas over in the order of the stream, so an error that
	// came before the confirmation is here by now.
	select {
	case bounce := <-w.answer:
		return bounce, nil
	default:
		return stanza.Stanza{}, refuse(ctx, err)
	}
}

// confirmed sends a stanza that nothing can come back for.
func (c *Component) confirmed(ctx context.Context, st stanza.Stanza, owner string) error {
	confirmed, err := c.handOver(ctx, st, owner)
	if err != nil {
		return notTaken(ctx, err, owner)
	}
	select {
	case err = <-confirmed:
		return refuse(ctx, err)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// handOver gives a stanza to the link, for good or, with an owner, until it is withdrawn.
func (c *Component) handOver(ctx context.Context, st stanza.Stanza, owner string) (<-chan error, error) {
	if owner == "" {
		return c.o.Link.Send(ctx, st)
	}
	return c.outbox.o.Lender.Lend(ctx, st, owner)
}

// unsent is why the link has not even taken a stanza that could go to the outbox.
type unsent struct{ error }

// notTaken returns the error for a stanza that the link has not taken. Without an owner
// it can't go to the outbox.
//
//go:noinline
func notTaken(ctx context.Context, err error, owner string) error {
	if err = refuse(ctx, err); owner == "" {
		return err
	}
	return &unsent{err}
}

// queueUnsent puts a message or presence into the outbox if the link broke just before
// or, of one that was posted, as it was sent. Otherwise it returns the error for its caller.
//
//go:noinline
func (c *Component) queueUnsent(ctx context.Context, identity jid.JID, st stanza.Stanza, err error) error {
	u, ok := err.(*unsent) //nolint:errorlint // it comes from send directly
	if !ok {
		return err
	}
	refusal, ok := errors.AsType[*stanza.Refusal](u.error)
	if !ok || refusal.Reason != stanza.LinkUnavailable {
		return u.error
	}
	c.outbox.enterAnyway()
	return c.outbox.put(ctx, identity, st)
}

// patience returns how long a query may wait, of which its caller has said wait: negative
// for nothing.
func (c *Component) patience(wait time.Duration) time.Duration {
	if wait < 0 {
		wait = c.o.IQTimeout
	}
	return min(wait, c.o.IQMaxTimeout)
}

// query sends an iq and waits for its answer.
func (c *Component) query(ctx context.Context, st stanza.Stanza, wait time.Duration) (stanza.Stanza, error) {
	wait = c.patience(wait)

	w := newWaiter(st)
	if err := c.waiting.addQuery(w, c.o.MaxOutstanding); err != nil {
		return stanza.Stanza{}, err
	}
	defer c.waiting.remove(w)

	began := time.Now()
	if wait == 0 {
		if err := c.o.Link.Post(ctx, st); err != nil {
			return stanza.Stanza{}, refuse(ctx, err)
		}
	}
	waitCtx, cancel := context.WithTimeoutCause(ctx, wait, errAnswerTimeout)
	defer cancel() // also tells the link not to write the query again
	answer, err := c.await(waitCtx, st, w, wait)
	c.metrics.queryEnded(answer, err, time.Since(began))
	return answer, err
}

// await sends the query and waits until it is answered, can't be confirmed, or
// ctx ends. A get is written again after a reconnect; a set is not, since
// carrying it out twice may not be the same as once, nor is a query to an archive,
// whose results would come twice.
func (c *Component) await(ctx context.Context, st stanza.Stanza, w *waiter, wait time.Duration) (stanza.Stanza, error) {
	var confirmed <-chan error
	if wait > 0 {
		var err error
		if st.Type() == stanza.Get && !IsArchiveQuery(st) {
			confirmed, err = c.o.Link.Send(ctx, st)
		} else {
			confirmed, err = c.o.Link.SendOnce(ctx, st)
		}
		if err != nil {
			return stanza.Stanza{}, c.unanswered(ctx, st, wait, err)
		}
	}
	for {
		var err error
		select {
		case answer := <-w.answer:
			return answer, nil
		case err = <-confirmed:
			if err == nil {
				confirmed = nil // the server has it: now for the answer
				continue
			}
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		select {
		case answer := <-w.answer: // in time after all
			return answer, nil
		default:
			return stanza.Stanza{}, c.unanswered(ctx, st, wait, err)
		}
	}
}

// unanswered turns the reason why a query ended without an answer into the
// error for its caller.
func (c *Component) unanswered(ctx context.Context, st stanza.Stanza, wait time.Duration, err error) error {
	if errors.Is(err, errAnswerTimeout) || errors.Is(context.Cause(ctx), errAnswerTimeout) {
		return &stanza.Refusal{
			Reason: stanza.AnswerTimeout,
			Text:   fmt.Sprintf("%s did not answer within %s", st.To(), wait),
			Err:    errAnswerTimeout,
		}
	}
	return refuse(ctx, err)
}

// refuse turns an error of the link into one for the caller. The link's own
// refusals are written for callers already, and so is what the outbox tells.
func refuse(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if q, ok := errors.AsType[*Queued](err); ok {
		return q
	}
	if _, ok := errors.AsType[*stanza.Refusal](err); ok {
		return err
	}
	return &stanza.Refusal{Reason: stanza.LinkUnavailable, Text: "the XMPP server can't be reached at the moment", Err: err}
}
