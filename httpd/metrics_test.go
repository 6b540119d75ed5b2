package httpd

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/restanza/restanza/stanza"
)

// newMeteredServer returns a Server with /metrics, and a function that reads
// one line of it: the value of a series, -1 if there is no such series.
func newMeteredServer(t *testing.T, c Component, changes ...func(*Options)) (*Server, func(series string) float64) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	s := newTestServer(t, c, func(o *Options) {
		o.Metrics, o.Gatherer = registry, registry
		for _, change := range changes {
			change(o)
		}
	})
	return s, func(series string) float64 {
		t.Helper()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				labels := make([]string, len(m.GetLabel()))
				for i, l := range m.GetLabel() {
					labels[i] = l.GetName() + `="` + l.GetValue() + `"`
				}
				name := f.GetName()
				if len(labels) > 0 {
					name += "{" + strings.Join(labels, ",") + "}"
				}
				if name == series {
					return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
				}
			}
		}
		return -1
	}
}

func TestMetrics_counts(t *testing.T) {
	c := newFake()
	s, metric := newMeteredServer(t, c)

	do(s, newPost(message))
	do(s, newPost(message))
	do(s, newPost("<message"))
	c.answerWith(t, `<iq type="result" id="p1"/>`)
	do(s, newPost(ping))
	unauthorized := newPost(message)
	unauthorized.Header.Del("Authorization")
	do(s, unauthorized)
	wrong := newPost(message)
	wrong.Header.Set("Authorization", "Bearer x")
	do(s, wrong)
	do(s, httptest.NewRequest("BREW", "/pot", nil))
	do(s, httptest.NewRequest(http.MethodGet, "/livez", nil))

	for series, want := range map[string]float64{
		`restanza_http_requests_total{code="202",method="POST",route="rest"}`:   2,
		`restanza_http_requests_total{code="200",method="POST",route="rest"}`:   1,
		`restanza_http_requests_total{code="400",method="POST",route="rest"}`:   1,
		`restanza_http_requests_total{code="401",method="POST",route="rest"}`:   1,
		`restanza_http_requests_total{code="403",method="POST",route="rest"}`:   1,
		`restanza_http_requests_total{code="404",method="other",route="other"}`: 1,
		`restanza_http_requests_total{code="200",method="GET",route="livez"}`:   1,
		`restanza_http_request_duration_seconds{route="rest"}`:                  6,
		`restanza_http_request_duration_seconds{route="other"}`:                 1,
		`restanza_http_unauthorized_total`:                                      2,
		`restanza_http_panics_total`:                                            0,
		`restanza_http_requests_in_flight`:                                      0,
	} {
		if got := metric(series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
}

func TestMetrics_inFlight(t *testing.T) {
	c := newFake()
	s, metric := newMeteredServer(t, c)
	c.submit = func(context.Context, stanza.Stanza) (stanza.Stanza, error) {
		if got := metric("restanza_http_requests_in_flight"); got != 1 {
			t.Errorf("%v in flight, want 1", got)
		}
		return stanza.Stanza{}, nil
	}
	do(s, newPost(message))
	if len(c.calls()) != 1 {
		t.Error("nothing was submitted")
	}
}

func TestMetrics_shown(t *testing.T) {
	s, metric := newMeteredServer(t, newFake())
	do(s, newPost(message))
	w := do(s, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `restanza_http_requests_total{code="202",method="POST",route="rest"} 1`) {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if got := metric(`restanza_http_requests_total{code="200",method="GET",route="metrics"}`); got != 1 {
		t.Errorf("the scrape is counted %v times", got)
	}
	if w := do(s, httptest.NewRequest(http.MethodPost, "/metrics", nil)); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: got %d", w.Code)
	}
}

func TestNew_metricsTwice(t *testing.T) {
	registry := prometheus.NewRegistry()
	o := Options{Credentials: []Credential{{Authorization: testSecret, Component: newFake()}}, Metrics: registry}
	if _, err := New(o); err != nil {
		t.Fatal(err)
	}
	if _, err := New(o); err == nil {
		t.Error("two servers share a registry's names")
	}
}

func TestMetrics_durationIsThatOfTheWait(t *testing.T) {
	m, err := newMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	m.done(routeRest, http.MethodPost, http.StatusOK, 250*time.Second)
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.durations)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, metric := range families[0].GetMetric() {
		if h := metric.GetHistogram(); h.GetSampleCount() == 1 && h.GetSampleSum() != 250 {
			t.Errorf("the sum is %v, want 250 seconds", h.GetSampleSum())
		}
	}
}
