package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/restanza/restanza/stanza"
)

// BenchmarkAppend is what the disk allows: 64 conversations, each of which adds its
// next stanza when the last one is on disk.
func BenchmarkAppend(b *testing.B) {
	j := open(b, Options{})
	const conversations = 64
	stanzas := make([]stanza.Stanza, conversations)
	for i := range stanzas {
		stanzas[i] = message(b, fmt.Sprintf("user%d@example.org", i), "Art thou not Romeo, and a Montague?")
	}
	now := time.Now()
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var all sync.WaitGroup
	for _, st := range stanzas {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				e, err := j.Add(component, st, now, now.Add(time.Hour))
				if err == nil {
					err = <-e.Written()
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
}

// BenchmarkAddSettle is the healthy case: the callback accepts at once.
func BenchmarkAddSettle(b *testing.B) {
	for _, goroutines := range []int{1, 64} {
		b.Run(fmt.Sprint(goroutines), func(b *testing.B) {
			j := open(b, Options{})
			st := message(b, "romeo@example.org", "Art thou not Romeo, and a Montague?")
			now := time.Now()
			b.ReportAllocs()
			b.SetParallelism(max(1, goroutines/runtime.GOMAXPROCS(0)))
			if goroutines == 1 {
				for b.Loop() {
					if err := addSettle(j, st, now); err != nil {
						b.Fatal(err)
					}
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := addSettle(j, st, now); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func addSettle(j *Journal, st stanza.Stanza, now time.Time) error {
	e, err := j.Add(component, st, now, now)
	if err == nil {
		e.Settle()
	}
	return err
}

// BenchmarkOpen opens a journal with a million deliveries, each in a conversation
// of its own, and asks what is due.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "journal.db")
	fill(b, path, 1_000_000)
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/(1<<20), "file-MiB")
	for b.Loop() {
		before := resident(b)
		j := open(b, Options{Path: path})
		found, err := j.Due(b.Context(), component, 64)
		if err != nil || len(found) != 64 {
			b.Fatal(len(found), err)
		}
		b.ReportMetric(float64(resident(b)-before)/(1<<20), "rss-MiB")
		if err := j.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDrain loads and settles a backlog, as fast as it goes.
func BenchmarkDrain(b *testing.B) {
	path := filepath.Join(b.TempDir(), "journal.db")
	fill(b, path, 100_000)
	j := open(b, Options{Path: path})
	b.ResetTimer()
	for n := 0; n < b.N; {
		found, err := j.Due(b.Context(), component, 256)
		if err != nil {
			b.Fatal(err)
		}
		if len(found) == 0 {
			b.Fatalf("nothing left after %d of %d: run it with -benchtime 50000x", n, b.N)
		}
		for _, c := range found {
			entries, err := j.Load(b.Context(), c, 0, 16)
			if err != nil {
				b.Fatal(err)
			}
			for _, e := range entries {
				e.Settle()
				n++
			}
		}
		if err := j.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "settled/s")
}
