package gateway

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

const (
	outboxBatch      = 128                    // stanzas that are sent and then confirmed together
	outboxFirstPause = 100 * time.Millisecond // after a batch that was not confirmed; doubled each time
	outboxLastPause  = 5 * time.Minute
	outboxGrace      = 2 * time.Second // for the last batch at the end
)

// Run sends what is in the outbox whenever the link is up, until ctx ends; then it waits
// for the confirmation of what is under way, a little, and returns nil. Without an
// outbox it returns at once. It may be called once.
func (c *Component) Run(ctx context.Context) error {
	if c.outbox != nil {
		c.outbox.run(ctx)
	}
	return nil
}

func (b *outbox) run(ctx context.Context) {
	defer b.release()
	var watching sync.WaitGroup
	watching.Go(func() { b.watch(ctx) })
	defer watching.Wait()
	pause, sent := outboxFirstPause, 0
	for b.o.State.AwaitUp(ctx) == nil {
		b.hold()
		b.calm(ctx)
		b.look()
		n, err := b.sendBatch(ctx)
		if err != nil || ctx.Err() != nil {
			b.release()
		}
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errLinkGone):
			if !sleep(ctx, outboxFirstPause) {
				return
			}
			continue
		case errors.Is(err, journal.ErrUnwritable): // it says so itself, and when that is over
			if !sleep(ctx, time.Second) {
				return
			}
			continue
		case err != nil:
			b.log.Warn("queued stanzas not confirmed: they will be sent again", slog.Any("error", err), slog.Duration("retry_in", pause))
			if !sleep(ctx, pause) {
				return
			}
			if b.o.State.Up() { // or it is not the server that does not confirm
				pause = min(2*pause, outboxLastPause)
			}
			continue
		case n > 0:
			sent += n
		default:
			if sent > 0 {
				b.log.Info("nothing is queued any more", slog.Int("stanzas", sent))
				sent = 0
			}
			b.tryOpen()
			select {
			case <-b.wake:
			case <-ctx.Done():
				return
			}
		}
		pause = outboxFirstPause
	}
}

// sleep reports whether ctx has not ended meanwhile.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// sendBatch sends the first stanzas of the outbox and waits for their confirmation. It
// returns how many there were. An error says that some of them are to be sent again.
func (b *outbox) sendBatch(ctx context.Context) (int, error) {
	ctx, done := lagging(ctx, outboxGrace)
	defer done()
	batch, err := b.next(ctx)
	if err != nil || len(batch) == 0 {
		return 0, err
	}
	n := len(batch)
	if batch, err = b.dropExpired(ctx, batch); err != nil || len(batch) == 0 {
		return n, err
	}
	if !b.o.State.Up() {
		return n, errLinkGone
	}
	fresh := batch[0].State == journal.Queued
	if fresh {
		if err := b.o.Journal.Mark(ctx, journal.Sent, "", ids(batch)...); err != nil {
			return n, err
		}
	}
	sending, cancel := context.WithCancel(ctx)
	defer cancel() // tells the link not to write what has failed
	flights := b.write(sending, batch)
	err = b.settle(ctx, cancel, flights)
	left := batch[len(flights):]
	if len(left) > 0 && err == nil {
		err = errLinkGone
	}
	if fresh {
		err = errors.Join(err, b.note(ctx, journal.Queued, "", ids(left)...))
	}
	return n, err
}

var errLinkGone = errors.New("the connection to the XMPP server is gone")

// lagging returns a context that ends d after ctx has ended.
func lagging(ctx context.Context, d time.Duration) (context.Context, func()) {
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		_ = sleep(later, d)
		cancel()
	})
	return later, func() {
		stop()
		cancel()
	}
}

// next returns the first stanzas of the outbox, all in the same state: those that were
// sent before, as the process or the link died, are before those that never were.
func (b *outbox) next(ctx context.Context) ([]journal.Outgoing, error) {
	for _, state := range []journal.OutboxState{journal.Sent, journal.Queued} {
		batch, err := b.o.Journal.Outbox(ctx, b.component, state, 0, outboxBatch)
		if err != nil || len(batch) > 0 {
			return batch, err
		}
	}
	return nil, nil
}

// dropExpired leaves out what has waited for too long.
func (b *outbox) dropExpired(ctx context.Context, batch []journal.Outgoing) ([]journal.Outgoing, error) {
	var kept, expired []journal.Outgoing
	for _, o := range batch {
		if !b.o.Journal.Over(o.Expires) {
			kept = append(kept, o)
		} else {
			expired = append(expired, o)
		}
	}
	if len(expired) == 0 {
		return kept, nil
	}
	b.log.Warn("queued stanzas expired before the link was back", slog.Int("stanzas", len(expired)), slog.Duration("max_age", b.o.MaxAge))
	return kept, b.o.Journal.Mark(ctx, journal.Expired, "", ids(expired)...)
}

func ids(list []journal.Outgoing) []string {
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	return ids
}

// flight is a stanza that was given to the link.
type flight struct {
	id        string
	w         *waiter // for its error; nil if there can't be one
	confirmed <-chan error
	err       error // why the link has not taken it
}

// write gives stanzas to the link, and returns those that it has taken: all that are
// before the first that can't be sent now.
func (b *outbox) write(ctx context.Context, batch []journal.Outgoing) []flight {
	flights := make([]flight, 0, len(batch))
	for _, o := range batch {
		f := flight{id: o.ID}
		if o.Stanza.Type() != stanza.TypeError {
			f.w = newWaiter(o.Stanza)
			b.expect(f.w)
		}
		if f.confirmed, f.err = b.link.Send(ctx, o.Stanza); f.err != nil && !isFinal(f.err) {
			b.forget(f.w)
			break
		}
		flights = append(flights, f)
	}
	return flights
}

// expect waits for the error of a stanza.
func (b *outbox) expect(w *waiter) {
	b.bounces.addBounce(w)
	b.sending.Add(1)
}

// forget ends what expect began. w may be nil.
func (b *outbox) forget(w *waiter) {
	if w != nil {
		b.bounces.remove(w)
		b.sending.Add(-1)
	}
}

// isFinal reports whether a stanza for which the link returned err is not to be sent
// again.
func isFinal(err error) bool {
	refusal, ok := errors.AsType[*stanza.Refusal](err)
	return ok && refusal.Reason != stanza.LinkUnavailable
}

// settle waits for what becomes of stanzas and notes it. When one fails, those that come
// after it must not overtake it: nothing more of them is written.
func (b *outbox) settle(ctx context.Context, cancel context.CancelFunc, flights []flight) error {
	var failed error
	var confirmed []string
	bounced := map[string]string{}
	for _, f := range flights {
		err := f.wait(ctx, failed != nil)
		if e := f.bounce(err); e != nil {
			bounced[f.id] = storeError(e)
		} else if err == nil {
			confirmed = append(confirmed, f.id)
		} else if failed == nil {
			failed = err
			cancel()
		}
		b.forget(f.w)
	}
	if err := b.note(ctx, journal.Confirmed, "", confirmed...); err != nil {
		return err
	}
	for id, text := range bounced {
		if err := b.note(ctx, journal.Bounced, text, id); err != nil {
			return err
		}
	}
	return failed
}

var errBehind = errors.New("behind a stanza that has to be sent again")

// wait returns nil once the server has confirmed a stanza, or why it has not. With
// behind it does not wait.
func (f *flight) wait(ctx context.Context, behind bool) error {
	if f.err != nil {
		return f.err
	}
	if behind {
		select {
		case err := <-f.confirmed:
			return err
		default:
			return errBehind
		}
	}
	select {
	case err := <-f.confirmed:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// bounce returns the error that came for a stanza, or that stands for the link's final
// one; nil if there is none.
func (f *flight) bounce(err error) *stanza.Error {
	if f.w != nil {
		select {
		case st := <-f.w.answer:
			if e := st.Err(); e != nil {
				return e
			}
			return &stanza.Error{Type: stanza.Cancel, Condition: stanza.UndefinedCondition}
		default:
		}
	}
	if err != nil && isFinal(err) {
		return &stanza.Error{Type: stanza.Modify, Condition: stanza.PolicyViolation, Text: err.Error()}
	}
	return nil
}

// note is Journal.Mark, again and again until the disk takes it: what was sent and is not
// known to be would be sent again.
func (b *outbox) note(ctx context.Context, state journal.OutboxState, text string, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	for {
		err := b.o.Journal.Mark(context.WithoutCancel(ctx), state, text, ids...)
		if !errors.Is(err, journal.ErrUnwritable) || !sleep(ctx, time.Second) {
			return err
		}
	}
}
