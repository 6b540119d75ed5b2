package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTracker_counts(t *testing.T) {
	tr := newTracker(7, 2, time.Now())
	for i, u := range []number{
		{cell: 7, sender: 0, n: 0},
		{cell: 7, sender: 0, n: 1},
		{cell: 7, sender: 0, n: 1}, // again
		{cell: 7, sender: 1, n: 130},
		{cell: 7, sender: 1, n: 128}, // late
		{cell: 7, sender: 1, n: 130}, // again
		{cell: 6, sender: 0, n: 5},   // of the measurement before
		{cell: 7, sender: 2, n: 0},   // of nobody
	} {
		tr.arrived(u, time.Duration(i)*time.Second)
	}
	got, last, times := tr.result()
	want := counts{Arrived: 4, Duplicates: 2, Reordered: 1, Strays: 2}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if last != 4*time.Second || len(times) != 4 {
		t.Errorf("the last came at %v, and there are %d times", last, len(times))
	}
}

func TestSender_lost(t *testing.T) {
	tr := newTracker(1, 1, time.Now())
	for _, n := range []int{0, 2, 5} {
		tr.arrived(number{cell: 1, n: n}, 0)
	}
	s := &sender{posted: 7, refused: map[int]string{3: "status 503", 5: "no response"}}
	if got := s.lost(tr); got != 3 { // 1, 4 and 6
		t.Errorf("%d lost, want 3", got)
	}
}
