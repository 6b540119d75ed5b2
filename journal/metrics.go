package journal

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// dropReason is why the journal dropped a dead letter. The set is closed.
type dropReason string

const (
	droppedAge  dropReason = "age"
	droppedSize dropReason = "size"
)

// safety is what makes a stanza safe from the end of the process. The set is closed.
type safety string

const (
	safeAccepted safety = "accepted" // the callback has it
	safeWritten  safety = "written"  // it is on disk
)

// metrics counts what a Journal does.
type metrics struct {
	written atomic.Int64 // entries that went to disk
	skipped atomic.Int64 // entries that did not have to
	expired atomic.Int64 // stanzas of the outbox
	seconds prometheus.Histogram
	window  map[safety]prometheus.Observer
	drops   map[dropReason]prometheus.Counter
}

// register makes the metrics, and registers them unless the registerer is nil.
func (m *metrics) register(registerer prometheus.Registerer, j *Journal) error {
	m.seconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "restanza_journal_commit_seconds",
		Help:    "Time of a commit, until it is on disk. Their number is that of commits.",
		Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 2.5},
	})
	window := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "restanza_journal_window_seconds",
		Help: "Time from when a stanza for a callback came until it was safe from the end of the process: accepted by the callback, or on disk.",
		Buckets: []float64{
			.0005, .001, .002, .003, .004, .005, .006, .007, .008, .009, .01, .011, .012, .013, .014, .015, .016, .018, .02,
			.025, .03, .04, .05, .075, .1, .25, 1,
		},
	}, []string{"by"})
	m.window = map[safety]prometheus.Observer{}
	for _, by := range []safety{safeAccepted, safeWritten} {
		m.window[by] = window.WithLabelValues(string(by))
	}
	drops := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "restanza_journal_dropped_total",
		Help: "Dead letters that the journal dropped, by the limit that they had reached.",
	}, []string{"reason"})
	m.drops = map[dropReason]prometheus.Counter{}
	for _, r := range []dropReason{droppedAge, droppedSize} {
		m.drops[r] = drops.WithLabelValues(string(r))
	}
	if registerer == nil {
		return nil
	}
	for _, c := range append([]prometheus.Collector{m.seconds, window, drops}, m.collectors(j)...) {
		if err := registerer.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// collectors returns what is read when it is asked for.
func (m *metrics) collectors(j *Journal) []prometheus.Collector {
	gauge := func(name, help string, value func(Stats) int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "restanza_journal_" + name, Help: help},
			func() float64 { return float64(value(j.Stats())) })
	}
	counter := func(name, help string, value *atomic.Int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "restanza_journal_" + name, Help: help},
			func() float64 { return float64(value.Load()) })
	}
	return []prometheus.Collector{
		gauge("waiting", "Stanzas on disk that wait for a callback.", func(s Stats) int64 { return s.Waiting }),
		gauge("dead", "Dead letters.", func(s Stats) int64 { return s.Dead }),
		gauge("bytes", "Bytes of stanzas on disk, waiting and dead.", func(s Stats) int64 { return s.WaitingBytes + s.DeadBytes }),
		gauge("used_bytes", "Bytes of the file that are in use.", func(s Stats) int64 { return s.Used }),
		gauge("full", "1 while nothing more is taken, because journal.max_bytes are in use and there is no dead letter to drop, else 0.", func(Stats) int64 {
			if j.room.full.Load() {
				return 1
			}
			return 0
		}),
		gauge("queued", "Stanzas on disk that wait for the link.", func(s Stats) int64 { return s.Queued }),
		gauge("held_bytes", "Bytes of stanzas in memory that are not on disk yet.", func(s Stats) int64 { return s.Held }),
		gauge("writable", "0 while the disk does not take what should be kept, else 1.", func(Stats) int64 {
			if j.health.failing() {
				return 0
			}
			return 1
		}),
		counter("written_total", "Stanzas that were written.", &m.written),
		counter("outbox_expired_total", "Stanzas that were too old when the link was back, or before.", &m.expired),
		counter("skipped_total", "Stanzas that were accepted before they had to be written.", &m.skipped),
	}
}

// committed counts a commit.
func (m *metrics) committed(took time.Duration) { m.seconds.Observe(took.Seconds()) }

// accepted notes how old an entry was that did not have to be written. It costs about 0.1 µs.
func (m *metrics) accepted(age time.Duration) { m.window[safeAccepted].Observe(age.Seconds()) }

// synced notes how old an entry was when it was on disk.
func (m *metrics) synced(age time.Duration) { m.window[safeWritten].Observe(age.Seconds()) }

// dropped counts dead letters that the journal dropped.
func (m *metrics) dropped(why dropReason, n int) { m.drops[why].Add(float64(n)) }
