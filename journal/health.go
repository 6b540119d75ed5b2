package journal

import (
	"sync"
	"time"
)

// State says whether the journal can be written.
type State struct {
	Err   error     // why the last commit failed; nil if writing works
	Since time.Time // since when that is so

	// FullSince is since when nothing more is taken because Options.MaxBytes are in use
	// and no dead letter is left to drop; zero: there is room.
	FullSince time.Time
}

// State returns whether writing works and whether there is room, as the last commit
// has shown. As long as writing does not work, it is tried again every two seconds or
// more often.
func (j *Journal) State() State { return j.health.state() }

// health is what the last commit has shown.
type health struct {
	mu      sync.Mutex
	current State
}

// set notes the result of a commit and reports whether that changes anything
// between working and not working.
func (h *health) set(err error, now time.Time) (changed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed = (err == nil) != (h.current.Err == nil)
	if changed || h.current.Since.IsZero() {
		h.current.Since = now
	}
	h.current.Err = err
	return changed
}

func (h *health) state() State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.current
}

func (h *health) err() error { return h.state().Err }

func (h *health) failing() bool { return h.err() != nil }
