package prosodycfg

import (
	"errors"
	"fmt"
	"time"
)

// What one import may cost. Configurations of real servers take some thousand steps.
const (
	maxSteps = 200_000         // instructions of the virtual machine
	maxWork  = 50_000_000      // comparisons in pattern matching, estimated
	maxBytes = 4 << 20         // of strings made and places of arrays filled
	maxTime  = 2 * time.Second // from the first instruction on
	maxDepth = 100             // of calls, and of nesting in the text

	stepsPerLook = 16 // at the clock
)

// errTooMuch is what all errors of a meter are.
var errTooMuch = errors.New("the configuration does too much to be a configuration")

// meter bounds what a configuration costs. It is a context.Context, because the
// virtual machine asks its context before each instruction whether to go on; so the asking can be
// counted. A meter that has run out stays so. It serves one goroutine.
type meter struct {
	steps, work, bytes int
	deadline           time.Time // zero: nothing has run yet
	over               error     // why it has run out; nil: it has not
	done               chan struct{}
}

func newMeter() *meter {
	return &meter{steps: maxSteps, work: maxWork, bytes: maxBytes, done: make(chan struct{})}
}

// Deadline implements context.Context.
func (m *meter) Deadline() (time.Time, bool) { return m.deadline, !m.deadline.IsZero() }

// Done implements context.Context. Each call counts as a step.
func (m *meter) Done() <-chan struct{} {
	m.steps--
	if m.deadline.IsZero() {
		m.deadline = time.Now().Add(maxTime)
	}
	switch {
	case m.steps <= 0:
		m.end("more than %d instructions", maxSteps)
	case m.steps%stepsPerLook == 0 && time.Now().After(m.deadline):
		m.end("more than %v", maxTime)
	}
	return m.done
}

// Err implements context.Context.
func (m *meter) Err() error { return m.over }

// Value implements context.Context.
func (m *meter) Value(any) any { return nil }

// payBytes takes note that about n bytes are to be allocated. An error means: don't.
func (m *meter) payBytes(n int) error {
	if n < 0 || n > m.bytes {
		m.end("more than %d MiB of text and tables", maxBytes>>20)
		return m.over
	}
	m.bytes -= n
	return nil
}

// payWork takes note of n comparisons. An error means: don't.
func (m *meter) payWork(n int) error {
	if n < 0 || n > m.work {
		m.end("text patterns that take too long")
		return m.over
	}
	m.work -= n
	return nil
}

func (m *meter) end(format string, args ...any) {
	if m.over == nil {
		m.over = fmt.Errorf("%w: "+format, append([]any{errTooMuch}, args...)...)
		close(m.done)
	}
}
