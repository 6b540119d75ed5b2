package xmpptest

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// inbox is a queue to look for things in. All that was ever put into it is its history.
type inbox[T any] struct {
	mu      sync.Mutex
	all     []T
	pending []int         // the indices in all of what nobody has taken
	changed chan struct{} // closed and replaced at each change
	err     error         // why nothing more will come
}

func newInbox[T any]() *inbox[T] { return &inbox[T]{changed: make(chan struct{})} }

// errTimeout says that nothing that matches came in time.
var errTimeout = errors.New("time is up")

func (b *inbox[T]) put(v T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending = append(b.pending, len(b.all))
	b.all = append(b.all, v)
	b.wake()
}

// end says that nothing more will come.
func (b *inbox[T]) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
		b.wake()
	}
}

func (b *inbox[T]) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// wait takes the first pending value that matches (nil matches any). What does not match stays.
// After the end it gives the reason of the end at once if nothing matches.
func (b *inbox[T]) wait(limit time.Duration, match func(T) bool) (v T, err error) {
	next := 0 // values before this index were looked at
	err = b.until(limit, func() (bool, error) {
		i, _ := slices.BinarySearch(b.pending, next)
		for ; i < len(b.pending); i++ {
			v = b.all[b.pending[i]]
			if match == nil || match(v) {
				b.remove(i)
				return true, nil
			}
		}
		next = len(b.all)
		return false, b.err
	})
	if err != nil {
		var none T
		return none, err
	}
	return v, nil
}

// ended waits for the end and gives its reason; errTimeout if it did not come.
func (b *inbox[T]) ended(limit time.Duration) error {
	var reason error
	err := b.until(limit, func() (bool, error) {
		reason = b.err
		return reason != nil, nil
	})
	if err != nil {
		return err
	}
	return reason
}

// until calls done, which may use all fields, after each change until it
// gives true or an error.
func (b *inbox[T]) until(limit time.Duration, done func() (bool, error)) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		b.mu.Lock()
		ok, err := done()
		changed := b.changed
		b.mu.Unlock()
		if ok || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-timer.C:
			return errTimeout
		}
	}
}

// remove takes the pending value i; mostly it is the first.
func (b *inbox[T]) remove(i int) {
	if i == 0 {
		b.pending = b.pending[1:]
		return
	}
	b.pending = slices.Delete(b.pending, i, i+1)
}

func (b *inbox[T]) history() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.all)
}

// unconsumed gives what nobody has taken.
func (b *inbox[T]) unconsumed() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	var left []T
	for _, i := range b.pending {
		left = append(left, b.all[i])
	}
	return left
}
