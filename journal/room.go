package journal

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// room is how much of Options.MaxBytes is left. What changes it is called by the
// writer only.
//
// A part of MaxBytes, the reserve, is for what must go on when nothing more is
// taken: attempts, answers to requests with a key, and the removal of what is done.
type room struct {
	used     atomic.Int64 // bytes of the file that are in use, as of the last commit
	holdable atomic.Int64 // bytes of entries that may be in memory because they are not yet written
	full     atomic.Bool
	crowded  bool // there are dead letters to drop
	dropped  int  // dead letters of which the log does not know yet
}

// reservePart is which part of Options.MaxBytes is kept free.
const reservePart = 16

// reserve returns what is kept free.
func (o *Options) reserve() int64 { return o.MaxBytes / reservePart }

// most returns how many bytes may be in use. Once that is exceeded and nothing could be
// dropped, it is less for a while, so that the journal is not full and not full in
// turns.
func (j *Journal) most() int64 {
	if j.room.full.Load() {
		return j.o.MaxBytes - 2*j.o.reserve()
	}
	return j.o.MaxBytes - j.o.reserve()
}

// makeRoom drops the oldest dead letters if too much of the file is in use, at most
// maxCommit of them.
func (j *Journal) makeRoom(c changes) (f filling, err error) {
	f.used, err = c.used()
	if err == nil && f.used > j.most() {
		f.dropped, f.used, err = c.dropDead(j.most(), maxCommit)
	}
	if err == nil {
		f.totals, err = c.totals()
	}
	return f, err
}

// filling is what a transaction leaves in the journal.
type filling struct {
	totals

	used    int64 // bytes of the file
	dropped int   // dead letters that went for room
}

// noteRoom notes, after a commit, what the journal has, and may still take.
func (j *Journal) noteRoom(f filling) {
	j.setTotals(f.totals)
	r := &j.room
	r.used.Store(f.used)
	if f.dropped > 0 {
		j.metrics.dropped(droppedSize, f.dropped)
		r.dropped += f.dropped
	}
	used, most := f.used, j.most()
	r.crowded = used > most && j.dead.Load() > 0
	if full := used > most && (j.dead.Load() == 0 || r.full.Load()); full != r.full.Load() {
		j.turnFull(full, used)
	}
	if r.full.Load() {
		r.holdable.Store(0)
		return
	}
	r.holdable.Store(min(j.o.MaxHeld, most+j.o.reserve()/2-used+j.deadBytes.Load()))
}

// turnFull notes that there is no room any more, or room again.
func (j *Journal) turnFull(full bool, used int64) {
	j.room.full.Store(full)
	since := j.health.turnFull(full, j.o.Now())
	if full {
		j.reportRoom()
		j.log.Error("the journal has reached its size, and there is no dead letter to drop: what would have to be kept is refused; "+
			"raise journal.max_bytes, or drop deliveries", slog.Int64("max_bytes", j.o.MaxBytes), slog.Int64("waiting", j.waiting.Load()))
		return
	}
	j.log.Info("the journal has room again", slog.Int64("used_bytes", used), slog.Duration("after", j.o.Now().Sub(since)))
}

// reportRoom tells the operator which dead letters were dropped for room.
func (j *Journal) reportRoom() {
	if n := j.room.dropped; n > 0 {
		j.log.Warn("oldest dead letters dropped, because the journal has reached its size",
			slog.Int("dead_letters", n), slog.Int64("max_bytes", j.o.MaxBytes))
	}
	j.room.dropped = 0
}

// noRoom returns why nothing more is taken.
func (j *Journal) noRoom() error {
	return fmt.Errorf("journal: %w: %d bytes of %d are in use", ErrFull, j.room.used.Load(), j.o.MaxBytes)
}

// record says how much of an attempt is recorded.
type record uint8

const (
	recordAll      record = iota
	recordNoAnswer        // since stanzas need the room more
	recordOver            // and only in the place of an older attempt
)

// records returns how much of an attempt is recorded now.
func (j *Journal) records() record {
	switch used := j.room.used.Load(); {
	case used > j.o.MaxBytes-j.o.reserve():
		return recordOver
	case used > j.o.MaxBytes/2:
		return recordNoAnswer
	}
	return recordAll
}

// turnFull notes that there is no room, or room again, and returns since when that had
// not been so.
func (h *health) turnFull(full bool, now time.Time) (since time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	since = h.current.FullSince
	h.current.FullSince = time.Time{}
	if full {
		h.current.FullSince = now
	}
	return since
}
