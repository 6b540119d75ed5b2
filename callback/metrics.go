package callback

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// outcome is how a stanza for the callback ended. The set is closed.
type outcome string

const (
	outcomeAccepted    outcome = "accepted"     // a status that accepts it, without a reply
	outcomeReplied     outcome = "replied"      // with a stanza
	outcomeErrorStatus outcome = "error_status" // with a status that became a stanza error
	outcomeIgnored     outcome = "ignored"      // it was an error or a result: the answer does not count
	outcomeBadAnswer   outcome = "bad_answer"   // 2xx with a body that can't be used
	outcomeNoAnswer    outcome = "no_answer"    // refused, reset, garbage, cut off
	outcomeTimeout     outcome = "timeout"      // no complete answer in time
	outcomeExpired     outcome = "expired"      // its time in the journal was over
	outcomeDropped     outcome = "dropped"      // not posted any more when the gateway stopped
	outcomePanic       outcome = "panic"        // a fault of the program
)

func outcomes() []outcome {
	return []outcome{
		outcomeAccepted, outcomeReplied, outcomeErrorStatus, outcomeIgnored, outcomeBadAnswer,
		outcomeNoAnswer, outcomeTimeout, outcomeExpired, outcomeDropped, outcomePanic,
	}
}

// metrics counts what a Callback does.
type metrics struct {
	requests map[outcome]prometheus.Counter
	duration prometheus.Histogram
	panics   prometheus.Counter
	retries  prometheus.Counter
}

// newMetrics registers the metrics, unless the registerer is nil.
func newMetrics(registerer prometheus.Registerer, q *queue, down *atomic.Bool) (*metrics, error) {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "restanza_callback_requests_total",
		Help: "Stanzas for the callback, by how they ended.",
	}, []string{"outcome"})
	m := &metrics{
		requests: map[outcome]prometheus.Counter{},
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "restanza_callback_duration_seconds",
			Help:    "Time from the start of a request to the callback to the end of its answer.",
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restanza_callback_panics_total",
			Help: "Panics while a stanza for the callback was handled.",
		}),
	}
	m.retries = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "restanza_callback_retries_total",
		Help: "Requests to the callback after which the stanza waits in the journal for another attempt.",
	})
	for _, o := range outcomes() {
		m.requests[o] = requests.WithLabelValues(string(o))
	}
	if registerer == nil {
		return m, nil
	}
	all := append([]prometheus.Collector{requests, m.duration, m.panics, m.retries}, gauges(q, down)...)
	for _, c := range all {
		if err := registerer.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// gauges returns the collectors of what is the case now.
func gauges(q *queue, down *atomic.Bool) []prometheus.Collector {
	gauge := func(name, help string, value func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "restanza_callback_" + name, Help: help},
			func() float64 { return float64(value()) })
	}
	return []prometheus.Collector{
		gauge("queue_length", "Stanzas that wait for the callback in memory.", func() int { return q.load().waiting }),
		gauge("conversations", "Conversations with a stanza that waits or is being posted.", func() int { return q.load().conversations }),
		gauge("in_flight", "Requests to the callback under way.", func() int { return q.load().busy }),
		gauge("concurrency_limit", "Requests that may be under way at once; fewer than configured after the callback has said that it has too much to do.",
			func() int { return q.load().limit }),
		gauge("breaker_open", "1 while what can wait is tried one at a time, because the callback gives no answer, else 0.", func() int {
			if q.load().down {
				return 1
			}
			return 0
		}),
		gauge("up", "0 while the callback gives no answer to anything, else 1.", func() int {
			if down.Load() {
				return 0
			}
			return 1
		}),
	}
}

// finished counts a request, and how its stanza ended unless that is still open.
func (m *metrics) finished(v *verdict, took time.Duration) {
	if v.kept {
		m.retries.Inc()
	} else {
		m.requests[v.outcome].Inc()
	}
	m.duration.Observe(took.Seconds())
}
