package httpd

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the Server's own figures. All label values come from closed sets.
type metrics struct {
	inFlight     prometheus.Gauge
	unauthorized prometheus.Counter
	panics       prometheus.Counter
	requests     *prometheus.CounterVec
	durations    *prometheus.HistogramVec

	// The series of the common cases, looked up beforehand.
	accepted prometheus.Counter // POST /rest with 202
	answered prometheus.Counter // POST /rest with 200
	duration map[route]prometheus.Observer
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "restanza_http_requests_in_flight",
			Help: "HTTP requests that are being answered, held ones included.",
		}),
		unauthorized: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restanza_http_unauthorized_total",
			Help: "HTTP requests without credentials, or with wrong ones.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restanza_http_panics_total",
			Help: "HTTP requests that ended in a fault of the program.",
		}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "restanza_http_requests_total",
			Help: "HTTP requests by endpoint, method and status; 499: the caller was gone before there was an answer.",
		}, []string{"route", "method", "code"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "restanza_http_request_duration_seconds",
			Help:    "Time from a request's header to the end of its answer, waiting included.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .25, 1, 5, 30, 120, 300},
		}, []string{"route"}),
		duration: make(map[route]prometheus.Observer, len(routes())),
	}
	m.accepted = m.requests.WithLabelValues(string(routeRest), http.MethodPost, "202")
	m.answered = m.requests.WithLabelValues(string(routeRest), http.MethodPost, "200")
	for _, rt := range routes() {
		m.duration[rt] = m.durations.WithLabelValues(string(rt))
	}
	if registerer == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.inFlight, m.unauthorized, m.panics, m.requests, m.durations} {
		if err := registerer.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// done counts a request that is over.
func (m *metrics) done(rt route, method string, status int, took time.Duration) {
	m.duration[rt].Observe(took.Seconds())
	switch {
	case rt == routeRest && method == http.MethodPost && status == http.StatusAccepted:
		m.accepted.Inc()
	case rt == routeRest && method == http.MethodPost && status == http.StatusOK:
		m.answered.Inc()
	default:
		m.requests.WithLabelValues(string(rt), methodLabel(method), strconv.Itoa(status)).Inc()
	}
}

// methodLabel keeps made-up methods out of the metrics.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions:
		return method
	default:
		return "other"
	}
}

// newScrape returns the handler of /metrics.
func newScrape(g prometheus.Gatherer, log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(g, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelError),
	})
}

func (s *Server) showMetrics(w http.ResponseWriter, r *http.Request) int {
	if p := allowOnly(r, http.MethodGet, http.MethodHead); p != nil {
		return s.refuse(w, r, p)
	}
	sw := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	s.scrape.ServeHTTP(sw, r)
	return sw.status
}

// statusWriter notes the status of a foreign handler's answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
