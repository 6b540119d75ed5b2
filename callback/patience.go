package callback

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/restanza/restanza/internal/guard"
	"github.com/restanza/restanza/stanza"
)

// againAfter is how long a stanza waits before it is tried again at a callback
// that can't be reached. Whoever starts the callback should not have to wait.
const againAfter = 500 * time.Millisecond

// exchange posts d and calls decide, once, as soon as it is known what the
// answer means. As long as nothing listens at the callback a message or
// presence is tried again, until Options.Patience is at its end.
func (c *Callback) exchange(ctx context.Context, d delivery, decide func(verdict)) {
	deadline := time.Now().Add(c.patience(d))
	for {
		last := !time.Now().Before(deadline)
		if c.attempt(ctx, d, last, decide) {
			return
		}
		_ = c.pause(ctx, againAfter, nil) // the end of ctx ends the next attempt
	}
}

// patience returns for how long d may wait here for a callback that can't be
// reached. Somebody waits for the answer to an IQ, a stanza error is of use
// only while its cause is fresh, and what is in the journal waits there.
func (c *Callback) patience(d delivery) time.Duration {
	if d.stanza.Kind() == stanza.IQ || d.stanza.Type() == stanza.TypeError || d.entry != nil {
		return 0
	}
	return c.o.Patience
}

// unreachable reports whether a request failed because there was no connection:
// nothing listens there, or the name is not known. What is refused here is another
// matter: waiting does not help.
func unreachable(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial" && !refused(err)
}

// refused reports whether a request failed because its address is not dialled.
func refused(err error) bool {
	_, ok := errors.AsType[*guard.Refusal](err)
	return ok
}
