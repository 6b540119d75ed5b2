package main

import (
	"cmp"
	"slices"
	"time"
)

// percentile returns the value that p (0 to 1) of the values do not exceed; 0 for
// none. It sorts them.
func percentile(values []time.Duration, p float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(int(p*float64(len(values))), len(values)-1)]
}

// median returns the middle value, the lower one of two, or zero for none.
func median[T cmp.Ordered](values []T) T {
	if len(values) == 0 {
		var zero T
		return zero
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// spread is how a time is distributed over many events.
type spread struct {
	Median time.Duration `json:"median_ns"`
	P99    time.Duration `json:"p99_ns"`
}

func spreadOf(times []time.Duration) spread {
	return spread{Median: percentile(times, 0.5), P99: percentile(times, 0.99)}
}
