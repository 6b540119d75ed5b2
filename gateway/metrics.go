package gateway

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/restanza/restanza/stanza"
)

// metrics counts what a component does. Labels come from closed sets.
type metrics struct {
	queries   map[string]prometheus.Counter // by outcome
	seconds   prometheus.Histogram
	overflows prometheus.Counter
	collected prometheus.Counter // results of archive queries
	dropped   prometheus.Counter // likewise, of queries that nobody waits for any more
}

// The outcomes of a query.
const (
	outcomeResult  = "result"
	outcomeError   = "error"
	outcomeTimeout = "timeout"
	outcomeGone    = "caller_gone"
	outcomeRefused = "refused"
)

func (m *metrics) init(registerer prometheus.Registerer, table *waiting) error {
	queries := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "restanza_iq_total", Help: "IQ requests of callers, by how they ended.",
	}, []string{"outcome"})
	m.seconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "restanza_iq_seconds",
		Help:    "Time from an IQ request of a caller to its end.",
		Buckets: []float64{.001, .003, .01, .03, .1, .3, 1, 3, 10, 30, 100, 300},
	})
	m.overflows = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "restanza_inbound_overflow_total", Help: "Inbound stanzas refused because the callback's queue was full.",
	})
	results := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "restanza_archive_results_total", Help: "Results of callers' archive queries, by what became of them.",
	}, []string{"outcome"})
	m.collected, m.dropped = results.WithLabelValues("collected"), results.WithLabelValues("dropped")
	outstanding := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "restanza_iq_outstanding", Help: "IQ requests of callers that wait for their answers.",
	}, func() float64 { return float64(table.outstanding()) })

	m.queries = map[string]prometheus.Counter{}
	for _, outcome := range []string{outcomeResult, outcomeError, outcomeTimeout, outcomeGone, outcomeRefused} {
		m.queries[outcome] = queries.WithLabelValues(outcome)
	}
	if registerer == nil {
		return nil
	}
	for _, c := range []prometheus.Collector{queries, m.seconds, m.overflows, results, outstanding} {
		if err := registerer.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// queryEnded counts the end of a query.
func (m *metrics) queryEnded(answer stanza.Stanza, err error, took time.Duration) {
	outcome := outcomeResult
	refusal, refused := errors.AsType[*stanza.Refusal](err)
	switch {
	case refused && refusal.Reason == stanza.AnswerTimeout:
		outcome = outcomeTimeout
	case refused:
		outcome = outcomeRefused
	case err != nil:
		outcome = outcomeGone
	case answer.Type() == stanza.TypeError:
		outcome = outcomeError
	}
	m.queries[outcome].Inc()
	m.seconds.Observe(took.Seconds())
}

func (m *metrics) overflow() { m.overflows.Inc() }

// archiveResult counts a result of an archive query.
func (m *metrics) archiveResult(dropped bool) {
	if dropped {
		m.dropped.Inc()
		return
	}
	m.collected.Inc()
}
