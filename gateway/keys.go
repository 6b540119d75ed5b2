package gateway

import (
	"context"
	"errors"

	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// KeyOutcome says what is known of an idempotency key.
type KeyOutcome = journal.Outcome

// The outcomes of Keys.Begin.
const (
	KeyStarted     = journal.Started     // nobody has used it: go on
	KeyInterrupted = journal.Interrupted // a process began with it and died: whether it was sent is not known
	KeyStored      = journal.Stored      // done: Claim.Answer is the answer
	KeyMismatch    = journal.Mismatch    // it was used for something else
)

// KeyAnswer is an answer that is given again.
type KeyAnswer = journal.Answer

// Keys remember the answers that were given under idempotency keys, for
// journal.DefaultKeyAge unless the journal has another age. Their methods may be
// called concurrently.
type Keys struct {
	journal *journal.Journal // nil: they are in memory
	memory  *memoryKeys
}

// NewKeys returns the keys of a journal, which outlive the process. Without a
// journal they are kept in memory: at most 10,000 of them, with 64 MiB of answers;
// the oldest go first.
func NewKeys(j *journal.Journal) *Keys {
	if j != nil {
		return &Keys{journal: j}
	}
	return &Keys{memory: newMemoryKeys(journal.DefaultKeyAge)}
}

// Claim is the result of Begin. With the outcomes KeyStarted and KeyInterrupted its
// owner calls Finish or Abandon, once.
type Claim struct {
	Outcome KeyOutcome
	Answer  KeyAnswer // if Outcome is KeyStored

	claim claim
}

// claim is the use of a key by one request.
type claim interface {
	Finish(ctx context.Context, a journal.Answer) error
	Abandon(ctx context.Context) error
}

// Begin asks for the use of a key within its scope, for what has that fingerprint.
// While another request is at it, Begin waits. Errors are *stanza.Refusal, if the
// key can't be kept, or the cause of ctx's end.
func (k *Keys) Begin(ctx context.Context, scope, key string, fingerprint []byte) (*Claim, error) {
	for {
		c, wait, err := k.begin(ctx, scope, key, fingerprint)
		if errors.Is(err, journal.ErrFull) {
			return nil, notKept(ctx, "the journal, where the Idempotency-Key would be kept, is full, so nothing was sent", &laterError{err})
		}
		if err != nil {
			return nil, notKept(ctx, "the Idempotency-Key can't be kept at the moment, so nothing was sent", err)
		}
		if c.Outcome != journal.Running {
			return c, nil
		}
		if err := wait(ctx); err != nil {
			return nil, err
		}
	}
}

func (k *Keys) begin(ctx context.Context, scope, key string, fingerprint []byte) (*Claim, func(context.Context) error, error) {
	if k.journal == nil {
		c := k.memory.begin(keyName{scope, key}, fingerprint)
		return &Claim{Outcome: c.outcome, Answer: c.answer, claim: c}, c.wait, nil
	}
	c, err := k.journal.Begin(ctx, scope, key, fingerprint)
	if err != nil {
		return nil, nil, err
	}
	return &Claim{Outcome: c.Outcome, Answer: c.Answer, claim: c}, c.Wait, nil
}

// Finish keeps the answer. An error says that it may not be remembered.
func (c *Claim) Finish(ctx context.Context, a KeyAnswer) error { return c.claim.Finish(ctx, a) }

// Abandon gives the key back, as if it had not been used. An error says that the
// next request with it may find it interrupted.
func (c *Claim) Abandon(ctx context.Context) error { return c.claim.Abandon(ctx) }

// notKept turns an error of the journal into one for the caller.
func notKept(ctx context.Context, text string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, journal.ErrClosed) {
		return &stanza.Refusal{Reason: stanza.LinkUnavailable, Text: "the gateway is shutting down", Err: err}
	}
	return &stanza.Refusal{Reason: stanza.NotKept, Text: text, Err: err}
}
