package loglimit

import (
	"testing"
	"time"
)

func TestLimit(t *testing.T) {
	l := Limit{Every: 10 * time.Second}
	began := time.Now()
	tests := []struct {
		after   time.Duration
		ok      bool
		omitted int
	}{
		{0, true, 0},
		{time.Second, false, 0},
		{9 * time.Second, false, 0},
		{10 * time.Second, true, 2},
		{25 * time.Second, true, 0},
	}
	for _, tt := range tests {
		if omitted, ok := l.Allow(began.Add(tt.after)); ok != tt.ok || omitted != tt.omitted {
			t.Errorf("after %s: %v with %d omitted, want %v with %d", tt.after, ok, omitted, tt.ok, tt.omitted)
		}
	}
}

func TestLimit_zeroAllowsAll(t *testing.T) {
	var l Limit
	for range 3 {
		if _, ok := l.Allow(time.Now()); !ok {
			t.Error("not allowed")
		}
	}
}
