package xmpptest

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

// TB is the part of testing.TB that this package needs.
type TB interface {
	Helper()
	Name() string
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Failed() bool
	Cleanup(f func())
	TempDir() string
}

// Run calls f with a TB for a program that is not a test, such as a load tool. Logf
// writes to standard error. The error has the texts of Errorf and Fatalf;
// cleanups have run when Run returns.
func Run(name string, f func(tb TB)) error {
	p := &program{name: name}
	defer p.finish()

	done := make(chan struct{})
	go func() { // Fatalf ends this goroutine, as in a test
		defer close(done)
		f(p)
	}()
	<-done
	p.finish()

	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(p.errs...)
}

// program is the TB of a program that is not a test.
type program struct {
	name string

	mu       sync.Mutex
	errs     []error
	cleanups []func()
}

// Helper implements [TB].
func (p *program) Helper() {}

// Name implements [TB].
func (p *program) Name() string { return p.name }

// Logf implements [TB].
func (p *program) Logf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// Errorf implements [TB].
func (p *program) Errorf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.errs = append(p.errs, fmt.Errorf(format, args...))
}

// Fatalf implements [TB].
func (p *program) Fatalf(format string, args ...any) {
	p.Errorf(format, args...)
	runtime.Goexit()
}

// Failed implements [TB].
func (p *program) Failed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.errs) > 0
}

// Cleanup implements [TB].
func (p *program) Cleanup(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cleanups = append(p.cleanups, f)
}

// TempDir implements [TB].
func (p *program) TempDir() string {
	dir, err := os.MkdirTemp("", "xmpptest-")
	if err != nil {
		p.Fatalf("making a directory: %v", err)
	}
	p.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			p.Errorf("removing %s: %v", dir, err)
		}
	})
	return dir
}

// finish runs the cleanups, the latest first.
func (p *program) finish() {
	for {
		p.mu.Lock()
		n := len(p.cleanups)
		if n == 0 {
			p.mu.Unlock()
			return
		}
		f := p.cleanups[n-1]
		p.cleanups = p.cleanups[:n-1]
		p.mu.Unlock()
		f()
	}
}

// poll calls ok about every 20 ms until it is true; it gives up after the
// time limit and says so with false.
func poll(limit time.Duration, ok func() bool) bool {
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			return false
		}
		<-tick.C
	}
	return true
}

// tail gives the last lines of a log, at most n.
func tail(log string, n int) string {
	lines := strings.Split(strings.TrimRight(log, "\n"), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}
