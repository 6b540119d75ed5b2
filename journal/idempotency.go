package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Outcome says what is known of an idempotency key.
type Outcome string

// The outcomes of Begin. The caller owns the key with Started and Interrupted: he
// calls Finish or Abandon.
const (
	Started     Outcome = "started"     // nobody has used it: go on
	Interrupted Outcome = "interrupted" // a process began with it and died, or could not write its answer: whether it was sent is not known
	Running     Outcome = "running"     // another request of this process is at it: Wait
	Stored      Outcome = "stored"      // done: Answer is the answer
	Mismatch    Outcome = "mismatch"    // it was used for something else
)

// Answer is the HTTP answer that is given again.
type Answer struct {
	Status int // not 0
	Header map[string][]string
	Body   []byte
}

// Claim is the result of Begin. Its methods are called once, by one goroutine.
type Claim struct {
	Outcome Outcome
	Answer  Answer // if Outcome is Stored

	j    *Journal
	name keyName
	run  *run
}

type keyName struct{ scope, key string }

// run is the use of a key by a request of this process.
type run struct {
	fingerprint []byte
	done        chan struct{}
}

// runningKeys are the keys that requests of this process are at.
type runningKeys struct {
	mu      sync.Mutex
	running map[keyName]*run
}

// claim makes the caller the one who is at a key, unless somebody is.
func (k *runningKeys) claim(name keyName, fingerprint []byte) (r *run, mine bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r := k.running[name]; r != nil {
		return r, false
	}
	r = &run{fingerprint: bytes.Clone(fingerprint), done: make(chan struct{})}
	k.running[name] = r
	return r, true
}

// release ends the use of a key.
func (k *runningKeys) release(name keyName, r *run) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.running, name)
	close(r.done)
}

// Begin asks for the use of a key, which is one within its scope (the credential),
// for what has that fingerprint (a hash of the request). When the outcome is
// Started, that is on disk. Keys may be used anew after Options.KeyAge. Errors are
// those of Flush, ErrFull for a new key while Options.MaxBytes are in use, or that the
// journal can't be read. If ctx ends, Begin returns when the key is free again, within ten
// seconds.
func (j *Journal) Begin(ctx context.Context, scope, key string, fingerprint []byte) (*Claim, error) {
	if err := j.read(ctx); err != nil {
		return nil, err
	}
	c := &Claim{j: j, name: keyName{scope, key}}
	var mine bool
	if c.run, mine = j.keys.claim(c.name, fingerprint); !mine {
		c.Outcome = Running
		if !bytes.Equal(c.run.fingerprint, fingerprint) {
			c.Outcome = Mismatch
		}
		return c, nil
	}
	err := c.look(ctx)
	if err != nil || c.Outcome == Stored || c.Outcome == Mismatch {
		j.keys.release(c.name, c.run)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// look finds out what is stored under a key that is ours, and stores that it is if
// there is nothing.
func (c *Claim) look(ctx context.Context) error {
	row, found, err := c.j.store.key(ctx, c.name.scope, c.name.key)
	switch {
	case err != nil:
		return wrap(err)
	case !found || c.j.over(row.expires):
		if c.j.room.full.Load() {
			return c.j.noRoom()
		}
		c.Outcome = Started
		return c.store(ctx, c.j.now()+c.j.o.KeyAge.Milliseconds())
	case !bytes.Equal(row.fingerprint, c.run.fingerprint):
		c.Outcome = Mismatch
	case row.status == 0:
		c.Outcome = Interrupted
	default:
		c.Outcome = Stored
		c.Answer = Answer{Status: int(row.status), Body: row.body}
		if err := json.Unmarshal(row.header, &c.Answer.Header); err != nil {
			return fmt.Errorf("journal: the stored answer can't be read: %w", err)
		}
	}
	return nil
}

// storeTime bounds how long a key that nobody wants any more is looked after.
const storeTime = 10 * time.Second

// store stores that a key is ours. If ctx ends meanwhile, that is taken back: the key must
// not look like one of a request that may have been carried out.
func (c *Claim) store(ctx context.Context, expires int64) error {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	err := c.j.request(within, func(ch changes) error {
		return ch.beginKey(c.name.scope, c.name.key, c.run.fingerprint, expires)
	})
	if ctx.Err() == nil {
		return err
	}
	if err == nil {
		err = c.j.request(within, func(ch changes) error { return ch.deleteKey(c.name.scope, c.name.key) })
	}
	return errors.Join(context.Cause(ctx), err)
}

// Wait waits until the request that is at the key has ended. Then Begin says what
// came of it. The error is the cause of ctx's end.
func (c *Claim) Wait(ctx context.Context) error {
	select {
	case <-c.run.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Finish stores the answer, and returns when it is on disk: only then may it be
// given. Errors are those of Flush; after one the key is Interrupted.
func (c *Claim) Finish(ctx context.Context, a Answer) error {
	defer c.j.keys.release(c.name, c.run)
	header, err := json.Marshal(a.Header)
	if err != nil {
		return wrap(err)
	}
	return c.j.request(ctx, func(ch changes) error {
		return ch.finishKey(c.name.scope, c.name.key, keyRow{status: int64(a.Status), header: header, body: a.Body})
	})
}

// Abandon gives the key back, as if it had not been used, because nothing was sent.
// Errors are those of Flush; after one the key is Interrupted.
func (c *Claim) Abandon(ctx context.Context) error {
	defer c.j.keys.release(c.name, c.run)
	return c.j.request(ctx, func(ch changes) error {
		return ch.deleteKey(c.name.scope, c.name.key)
	})
}
