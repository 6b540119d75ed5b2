package callback

import (
	"slices"
	"testing"
)

// Where some conversations get no answer and others do, those that did are tried first: they show that the callback is up.
func TestBreaker_answeredFirst(t *testing.T) {
	q := newQueue(10, 1<<20, 1)
	silent, other := &conversation{}, &conversation{}
	first, second := &conversation{answered: true}, &conversation{answered: true}
	for _, conv := range []*conversation{silent, first, other, second} {
		q.gate(conv)
	}
	if want := []*conversation{first, second, silent, other}; !slices.Equal(q.breaker.gated, want) {
		t.Error("they are not in that order")
	}
}
