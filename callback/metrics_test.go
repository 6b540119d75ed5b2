package callback

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// counted returns how many stanzas ended with an outcome.
func counted(t testing.TB, c *Callback, o outcome) int {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(c.metrics.requests[o])
	families, err := registry.Gather()
	if err != nil || len(families) != 1 {
		t.Fatal(families, err)
	}
	return int(families[0].GetMetric()[0].GetCounter().GetValue())
}

// collected returns all values, histograms by their number of observations.
func collected(t *testing.T, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			switch {
			case m.GetCounter() != nil:
				values[name] = m.GetCounter().GetValue()
			case m.GetGauge() != nil:
				values[name] = m.GetGauge().GetValue()
			case m.GetHistogram() != nil:
				values[name] = float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return values
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		s := newServer()
		answers := make(chan int)
		c, _ := begin(t, s, func(o *Options) {
			o.Metrics = registry
			o.Concurrency = 1
			o.Transport = fake(func(*http.Request) (*http.Response, error) { return respond(<-answers, "", ""), nil })
		})
		deliver(t, c, parse(t, aMessage), parse(t, aMessage), parse(t, aMessage), parse(t, aQuery), parse(t, anError),
			chat(t, "other@example.com", "bot@rest.example.net", ""))
		answers <- 202
		answers <- 404
		synctest.Wait()
		const prefix = "restanza_callback_"
		want := map[string]float64{
			prefix + "requests_total accepted": 1, prefix + "requests_total error_status": 1, prefix + "requests_total replied": 0,
			prefix + "requests_total ignored": 0, prefix + "requests_total bad_answer": 0, prefix + "requests_total no_answer": 0,
			prefix + "requests_total timeout": 0, prefix + "requests_total dropped": 0, prefix + "requests_total panic": 0,
			prefix + "duration_seconds": 2, prefix + "panics_total": 0,
			prefix + "requests_total expired": 0, prefix + "retries_total": 0, prefix + "breaker_open": 0, prefix + "concurrency_limit": 1,
			prefix + "queue_length": 3, prefix + "conversations": 1, prefix + "in_flight": 1, prefix + "up": 1,
		}
		if diff := cmp.Diff(want, collected(t, registry)); diff != "" {
			t.Errorf("metrics (-want +got):\n%s", diff)
		}
		for range 4 {
			answers <- 202
		}
		synctest.Wait()
		want[prefix+"requests_total accepted"], want[prefix+"requests_total ignored"] = 4, 1
		want[prefix+"duration_seconds"], want[prefix+"queue_length"] = 6, 0
		want[prefix+"conversations"], want[prefix+"in_flight"] = 0, 0
		if diff := cmp.Diff(want, collected(t, registry)); diff != "" {
			t.Errorf("metrics (-want +got):\n%s", diff)
		}
	})
}
