package events

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts what a log does.
type metrics struct {
	added map[Direction]prometheus.Counter
}

// register makes the metrics, and registers them unless the registerer is nil.
func (m *metrics) register(registerer prometheus.Registerer, l *Log) error {
	added := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "restanza_events_total", Help: "Stanzas that were added to the log of events, by their direction.",
	}, []string{"direction"})
	m.added = map[Direction]prometheus.Counter{In: added.WithLabelValues(string(In)), Out: added.WithLabelValues(string(Out))}
	readers := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "restanza_event_readers", Help: "Readers of the log of events.",
	}, func() float64 { return float64(l.readers.count()) })
	if registerer == nil {
		return nil
	}
	for _, c := range []prometheus.Collector{added, readers} {
		if err := registerer.Register(c); err != nil {
			return err
		}
	}
	return nil
}
