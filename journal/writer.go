package journal

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"time"
)

const (
	maxCommit   = 1024                   // ops in one commit, so that none takes long
	lazyLinger  = 100 * time.Millisecond // for which events wait for company that nobody reads soon
	firstPause  = 100 * time.Millisecond // after a commit that failed; it doubles
	longestWait = 2 * time.Second
	sweepEvery  = time.Minute
)

// work is the writer: the only goroutine that changes the store.
func (j *Journal) work() {
	defer close(j.done)
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	for {
		select {
		case <-j.wake:
			j.gather()
			j.flush()
		case <-sweep.C:
			j.sweep()
		case <-j.closing:
			j.queue.shut()
			_ = j.writeAll() // Close counts what is left
			return
		}
	}
}

// pace is how long a commit is expected to take: as long as the last ones, of which the slow ones count for more.
type pace time.Duration

// note counts a commit in, with 0 for one that had nothing to write.
func (p *pace) note(took time.Duration) { *p = max(pace(took), *p-*p/4) }

// company returns for how long the writer may wait, so that an entry of that age is on disk when it is as old as
// linger. An entry gets a quarter of it in any case, or else those that a callback accepts at once would be written, too.
func (p *pace) company(linger, age time.Duration) time.Duration {
	begin := max(linger-time.Duration(*p), linger/4)
	return max(0, min(begin-age, linger))
}

// gather waits for company: until the first entry is as old as Linger allows, or somebody waits.
func (j *Journal) gather() {
	company, pressing := j.company()
	wait := time.NewTimer(company)
	defer wait.Stop()
	for !j.queue.isUrgent() {
		select {
		case <-j.wake:
			if !pressing && j.queue.isPressing() {
				company, pressing = j.company()
				wait.Reset(company)
			}
			continue
		case <-wait.C:
		case <-j.closing:
		}
		break
	}
	// Those who waited for the last commit come together: let them.
	runtime.Gosched()
}

// company returns for how long the writer may wait, and whether there is more than lazy events.
func (j *Journal) company() (wait time.Duration, pressing bool) {
	if !j.queue.isPressing() {
		return max(lazyLinger, j.o.Linger), false
	}
	var age time.Duration
	if since, some := j.queue.waitingSince(); some {
		age = j.uptime() - since
	}
	return j.pace.company(j.o.Linger, age), true
}

// flush writes what waits, and tries until it succeeds or the journal is closed.
func (j *Journal) flush() {
	pause := firstPause
	for j.writeAll() != nil {
		again := time.NewTimer(pause)
		select {
		case <-again.C:
		case <-j.closing:
			again.Stop()
			return
		}
		pause = min(2*pause, longestWait)
	}
}

// writeAll writes what waits, but for what came just now unless somebody waits for it, and that writing works again if it did not. After an
// error everything is where it was, but requests have been told.
func (j *Journal) writeAll() error {
	// What came just now can wait longer: most of it will be settled, and need not be written.
	ops, left := j.queue.take(j.uptime() - j.pace.company(j.o.Linger, 0)/2)
	defer j.queue.recycle(ops)
	if left {
		defer j.signal()
	}
	for rest := ops; len(rest) > 0 || j.health.failing() || len(ops) == 0 && j.room.crowded; {
		n := min(len(rest), maxCommit)
		if err := j.commit(rest[:n]); err != nil {
			j.failed(err)
			j.queue.putBack(j.refuseRequests(rest, err))
			return err
		}
		j.recovered()
		rest = rest[n:]
	}
	if j.room.crowded { // there is more to drop
		j.signal()
	}
	return nil
}

// commit writes ops in one transaction, if anything is to be written.
func (j *Journal) commit(ops []op) error {
	if j.claim(ops) == 0 && !j.health.failing() && !j.room.crowded {
		j.pace.note(0)
		return nil
	}
	began := time.Now()
	var holds filling
	err := j.store.write(func(c changes) (err error) {
		if j.health.failing() {
			if err := c.probe(j.now()); err != nil {
				return err
			}
		}
		for i := range ops {
			if err := ops[i].apply(c); err != nil {
				return err
			}
		}
		holds, err = j.makeRoom(c)
		return err
	})
	if err != nil {
		for _, o := range ops {
			if o.kind == opAdd {
				o.entry.state.CompareAndSwap(taken, pending)
			}
		}
		return err
	}
	took := time.Since(began)
	j.pace.note(took)
	j.metrics.committed(took)
	j.noteRoom(holds)
	j.conclude(ops)
	return nil
}

// claim decides which ops are to be written, and returns how many. Those of
// entries that never reach the disk become void.
func (j *Journal) claim(ops []op) int {
	n := 0
	for i := range ops {
		o := &ops[i]
		switch {
		case o.kind == opVoid:
			continue
		case o.kind == opAdd && !o.entry.state.CompareAndSwap(pending, taken):
			j.metrics.skipped.Add(1)
			*o = op{}
			continue
		case o.kind == opAttempt && o.entry.state.Load() == gone:
			*o = op{}
			continue
		}
		n++
	}
	return n
}

// apply makes the change.
func (o *op) apply(c changes) error {
	switch o.kind {
	case opVoid:
		return nil
	case opAdd:
		return c.add(o.entry.row())
	case opRemove:
		return c.remove(o.seq)
	case opAttempt:
		if err := c.attempt(o.entry.seq, o.more.attempt, o.entry.j.records()); err != nil {
			return err
		}
		return c.notBefore(o.entry.Conversation(), o.more.at)
	case opBury:
		return c.bury(o.seq, o.more.at, o.more.text)
	case opNotBefore:
		return c.notBefore(o.more.conversation, o.more.at)
	case opRequest:
		return o.more.request.do(c, o.more.request.first)
	case opEvent:
		return c.record(o.event.row())
	}
	return nil
}

// conclude tells everybody concerned that ops are on disk.
func (j *Journal) conclude(ops []op) {
	j.concludeRemovals(ops)
	now := j.uptime()
	for _, o := range ops {
		switch o.kind {
		case opAdd:
			j.metrics.written.Add(1)
			o.entry.onDisk(now)
		case opRequest:
			o.reply(nil)
		case opEvent:
			j.queue.heldEvents.Add(-o.event.size)
		case opVoid, opRemove, opBury, opAttempt, opNotBefore:
		}
	}
}

// concludeRemovals forgets the removals among ops, when nobody is reading who may
// have begun before they were on disk.
func (j *Journal) concludeRemovals(ops []op) {
	var removed []int64
	for _, o := range ops {
		if o.kind == opRemove || o.kind == opBury {
			removed = append(removed, o.seq)
		}
	}
	if len(removed) > 0 {
		j.removal.Lock()
		defer j.removal.Unlock()
		j.queue.left(removed)
	}
}

// refuseRequests tells those who wait that their changes are not made, and
// returns the other ops, without those of entries that are settled by now: as long as
// writing does not work, nothing else takes them out.
func (j *Journal) refuseRequests(ops []op, err error) []op {
	kept := ops[:0:0]
	for _, o := range ops {
		switch o.kind {
		case opVoid:
		case opRequest:
			o.reply(err)
		case opAdd, opAttempt:
			if o.entry.state.Load() != gone {
				kept = append(kept, o)
			} else if o.kind == opAdd {
				j.metrics.skipped.Add(1)
			}
		case opRemove, opBury, opNotBefore, opEvent:
			kept = append(kept, o)
		}
	}
	return kept
}

// reply tells who made a request what came of it.
func (o *op) reply(err error) { o.more.request.done <- err }

// request has the writer do something in the next transaction, and waits until
// that is on disk. What do finds out may be looked at only if the error is nil.
// While writing does not work, requests are refused at once.
func (j *Journal) request(ctx context.Context, do func(changes) error) error {
	return j.requestNumbers(ctx, 0, func(c changes, _ int64) error { return do(c) })
}

// requestNumbers is request for what writes rows that have an order: it may use n
// numbers, beginning with first.
func (j *Journal) requestNumbers(ctx context.Context, n int64, do func(c changes, first int64) error) error {
	if err := j.health.err(); err != nil {
		return fmt.Errorf("journal: %w: %w", ErrUnwritable, err)
	}
	r := &request{do: do, numbers: n, done: make(chan error, 1)}
	if !j.push(op{kind: opRequest, more: &more{request: r}}) {
		return fmt.Errorf("journal: %w", ErrClosed)
	}
	select {
	case err := <-r.done:
		if err != nil {
			return fmt.Errorf("journal: %w: %w", ErrUnwritable, err)
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Flush writes what was added before it, and waits until it is on disk. The error
// is ErrUnwritable, ErrClosed, or the cause of ctx's end.
func (j *Journal) Flush(ctx context.Context) error {
	return j.request(ctx, func(changes) error { return nil })
}

// failed notes that a commit failed.
func (j *Journal) failed(err error) {
	if j.health.set(err, j.o.Now()) {
		j.log.Error("the journal can't be written: what comes is kept in memory, and it is tried again until it works",
			slog.String("error", err.Error()), slog.Int64("held_bytes", j.queue.held.Load()))
	}
}

// recovered notes that a commit succeeded.
func (j *Journal) recovered() {
	failing := j.health.state()
	if failing.Err == nil {
		return
	}
	now := j.o.Now()
	j.health.set(nil, now)
	j.log.Info("the journal is written again", slog.Duration("after", now.Sub(failing.Since)))
}
