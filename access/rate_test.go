package access_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/restanza/restanza/access"
)

func TestParseRate(t *testing.T) {
	for text, want := range map[string]access.Rate{
		"5/s":       {Count: 5, Per: time.Second, Burst: 5},
		"60/m":      {Count: 60, Per: time.Minute, Burst: 60},
		"1000000/h": {Count: 1_000_000, Per: time.Hour, Burst: 1_000_000},
	} {
		got, err := access.ParseRate(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "60", "/m", "60/", "0/m", "-1/m", "+1/m", "1.5/m", "60/d", "60/M", "60/m/m", " 60/m", "1000001/s", "99999999999999999999/s", "60/min"} {
		if got, err := access.ParseRate(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func newBucket(t *testing.T, rate string, burst int) *access.Bucket {
	t.Helper()
	scope, wrong := (&access.Spec{Rate: rate, Burst: burst}).Scope()
	if len(wrong) > 0 {
		t.Fatal(wrong[0])
	}
	return access.NewBucket(scope.Rate)
}

// A burst goes at once, and then one at a time as they come back.
func TestBucket_burstThenSteadily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(t, "60/m", 3)
		for left := 2; left >= 0; left-- {
			if l, ok := b.Take(); !ok || l.Left != left || l.Full != time.Duration(3-left)*time.Second {
				t.Errorf("%d left: %+v, %t", left, l, ok)
			}
		}
		l, ok := b.Take()
		if ok || l.Retry != time.Second || l.Left != 0 || l.Full != 3*time.Second {
			t.Errorf("an empty bucket: %+v, %t", l, ok)
		}
		time.Sleep(l.Retry - 1)
		if l, ok := b.Take(); ok || l.Retry != 1 {
			t.Errorf("a nanosecond before the time: %+v, %t", l, ok)
		}
		time.Sleep(time.Nanosecond)
		if l, ok := b.Take(); !ok || l.Left != 0 {
			t.Errorf("in time: %+v, %t", l, ok)
		}
		if _, ok := b.Take(); ok {
			t.Error("there was another one")
		}
		time.Sleep(time.Hour)
		if l, ok := b.Take(); !ok || l.Left != 2 {
			t.Errorf("after an hour, which fills it and no more: %+v, %t", l, ok)
		}
	})
}

// Refusals cost nothing: who asks again and again gets his share all the same.
func TestBucket_refusalsAreFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(t, "10/s", 1)
		taken := 0
		for range 1000 {
			if _, ok := b.Take(); ok {
				taken++
			}
			time.Sleep(10 * time.Millisecond)
		}
		if taken != 100 {
			t.Errorf("%d in ten seconds", taken)
		}
	})
}

// However many ask at once, no more than the burst get one.
func TestBucket_concurrently(t *testing.T) {
	b := newBucket(t, "1/h", 50)
	var taken atomic.Int64
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 100 {
				if _, ok := b.Take(); ok {
					taken.Add(1)
				}
			}
		})
	}
	wait.Wait()
	if taken.Load() != 50 {
		t.Errorf("%d got one", taken.Load())
	}
}

func TestLevel_header(t *testing.T) {
	rate, err := access.ParseRate("60/m")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := rate.Policy(), `"credential";q=60;w=60`; got != want {
		t.Errorf("policy %s, want %s", got, want)
	}
	l := access.Level{Left: 7, Full: 1500 * time.Millisecond}
	if got, want := l.Header(), `"credential";r=7;t=2`; got != want {
		t.Errorf("level %s, want %s", got, want)
	}
}

func TestBucket_extremes(t *testing.T) {
	for _, rate := range []string{"1000000/s", "1000000/h", "1/h", "3/s"} {
		burst := 8000
		b := newBucket(t, rate, burst)
		l, ok := b.Take()
		if !ok || l.Left < burst-1 {
			t.Errorf("%s: %+v, %t", rate, l, ok)
		}
	}
	_, wrong := (&access.Spec{Rate: "1/h", Burst: 1_000_000}).Scope()
	if len(wrong) != 1 || !strings.Contains(wrong[0].Error(), "burst: 1000000 would take more than a year") {
		t.Errorf("a burst for a century: %v", wrong)
	}
}

func BenchmarkBucket_take(b *testing.B) {
	bucket := access.NewBucket(access.Rate{Count: access.MaxRate, Per: time.Second, Burst: access.MaxRate})
	b.ReportAllocs()
	for b.Loop() {
		bucket.Take()
	}
}
