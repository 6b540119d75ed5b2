package link

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/restanza/restanza/stanza"
	"github.com/restanza/restanza/stream"
)

// metrics counts what a link does. All labels come from closed sets, and all
// children exist from the start.
type metrics struct {
	up           prometheus.Gauge
	reconnects   prometheus.Counter
	streamErrors map[stream.Condition]prometheus.Counter
	otherErrors  prometheus.Counter
	in, out      map[stanza.Kind]prometheus.Counter
	confirmation prometheus.Histogram
	skipped      prometheus.Counter
	resent       prometheus.Counter
	dropped      prometheus.Counter
	poisonous    prometheus.Counter
	panics       prometheus.Counter
	writes       prometheus.Counter
}

// newMetrics registers the metrics of a link, unless the registerer is nil.
// The unconfirmed function is called when metrics are collected.
func newMetrics(r prometheus.Registerer, unconfirmed func() int) (*metrics, error) {
	reg := registry{to: r}
	stanzas := reg.counters("stanzas_total", "Stanzas on the stream, by kind and direction.", "kind", "direction")
	streamErrors := reg.counters("stream_errors_total", "Stream errors by which the server ended the stream.", "condition")
	m := &metrics{
		up:           reg.gauge("up", "1 while there is a connection that stanzas flow over, else 0."),
		reconnects:   reg.counter("reconnects_total", "Connections made after the first."),
		streamErrors: map[stream.Condition]prometheus.Counter{},
		otherErrors:  streamErrors.WithLabelValues("other"),
		in:           map[stanza.Kind]prometheus.Counter{},
		out:          map[stanza.Kind]prometheus.Counter{},
		confirmation: reg.histogram("confirmation_seconds", "Time from a stanza's acceptance to the server's confirmation.",
			[]float64{.0005, .001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 5, 30}),
		skipped:   reg.counter("skipped_total", "Inbound elements left out because they are no proper stanzas."),
		resent:    reg.counter("resent_total", "Stanzas written again after a connection broke."),
		dropped:   reg.counter("dropped_replies_total", "Replies given up for their age or number."),
		poisonous: reg.counter("poisonous_total", "Stanzas dropped because the server ended the stream for them."),
		panics:    reg.counter("receive_panics_total", "Inbound stanzas whose handling panicked."),
		writes:    reg.counter("writes_total", "Write calls; each carries all stanzas that waited."),
	}
	for _, c := range stream.Conditions() {
		m.streamErrors[c] = streamErrors.WithLabelValues(string(c))
	}
	for _, k := range []stanza.Kind{stanza.Message, stanza.Presence, stanza.IQ} {
		m.in[k] = stanzas.WithLabelValues(string(k), "in")
		m.out[k] = stanzas.WithLabelValues(string(k), "out")
	}
	reg.register("unconfirmed", prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: metricPrefix + "unconfirmed", Help: "Stanzas accepted and not yet confirmed.",
	}, func() float64 { return float64(unconfirmed()) }))
	return m, reg.err
}

func (m *metrics) confirmed(took time.Duration) { m.confirmation.Observe(took.Seconds()) }

// ended counts the reason that a server gave for ending the stream.
func (m *metrics) ended(err error) {
	e, ok := errors.AsType[*stream.Error](err)
	if !ok {
		return
	}
	if c, ok := m.streamErrors[e.Condition]; ok {
		c.Inc()
		return
	}
	m.otherErrors.Inc()
}

const metricPrefix = "restanza_link_"

// registry registers one metric after the other and keeps the first error.
type registry struct {
	to  prometheus.Registerer
	err error
}

func (r *registry) register(name string, c prometheus.Collector) {
	if r.to == nil || r.err != nil {
		return
	}
	if err := r.to.Register(c); err != nil {
		r.err = fmt.Errorf("metric %s%s: %w", metricPrefix, name, err)
	}
}

func (r *registry) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: metricPrefix + name, Help: help})
	r.register(name, c)
	return c
}

func (r *registry) counters(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: metricPrefix + name, Help: help}, labels)
	r.register(name, c)
	return c
}

func (r *registry) gauge(name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: metricPrefix + name, Help: help})
	r.register(name, g)
	return g
}

func (r *registry) histogram(name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: metricPrefix + name, Help: help, Buckets: buckets})
	r.register(name, h)
	return h
}
