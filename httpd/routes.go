package httpd

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/restanza/restanza/apidoc"
	"github.com/restanza/restanza/stanza"
)

// route is an endpoint. The names are label values of metrics.
type route string

// The routes. Paths are compared here and not by a http.ServeMux, which answers
// a doubled slash with a redirect: the body would be lost on the way.
const (
	routeRest    route = "rest"
	routeLivez   route = "livez"
	routeReadyz  route = "readyz"
	routeMetrics route = "metrics"
	routeOpenAPI route = "openapi"
	routeDocs    route = "docs"

	routeEvents route = "events"

	routeDeliveries  route = "deliveries"
	routeDeadLetters route = "dead_letters"
	routeTokens      route = "tokens"

	routeOther route = "other"

	routeElsewhere route = "elsewhere" // not ours, see Options.LocalOnly; counted as what it asked for
)

func routes() []route {
	return []route{routeRest, routeLivez, routeReadyz, routeMetrics, routeOpenAPI, routeDocs, routeEvents, routeDeliveries, routeDeadLetters, routeTokens, routeOther}
}

// routeOf returns the endpoint at a path. Doubled slashes count as one.
func (s *Server) routeOf(path string) route {
	for strings.HasPrefix(path, "//") {
		path = path[1:]
	}
	switch {
	case path == "/rest", strings.HasPrefix(path, "/rest/"):
		return routeRest
	case path == "/livez" && s.o.Health:
		return routeLivez
	case path == "/readyz" && s.o.Health:
		return routeReadyz
	case path == "/metrics" && s.scrape != nil:
		return routeMetrics
	case (path == "/openapi.yaml" || path == "/openapi.json") && s.o.APIDocs:
		return routeOpenAPI
	case (path == "/docs" || strings.HasPrefix(path, apidoc.PagePath)) && s.o.APIDocs:
		return routeDocs
	case isEvents(path):
		return routeEvents
	case waiting.has(path):
		return routeDeliveries
	case dead.has(path):
		return routeDeadLetters
	case path == tokensPath, strings.HasPrefix(path, tokensPath+"/"):
		return routeTokens
	default:
		return routeOther
	}
}

// statusHungUp stands in metrics and logs for a request whose caller was gone
// before there was an answer. Nothing is sent.
const statusHungUp = 499

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	s.metrics.inFlight.Inc()
	rt := s.routeOf(r.URL.Path)
	status := s.guard(rt, w, r)
	took := time.Since(began)
	s.metrics.inFlight.Dec()
	s.metrics.done(rt, r.Method, status, took)
	if s.log.Enabled(r.Context(), slog.LevelDebug) {
		s.logRequest(r, rt, status, took)
	}
	if status == statusHungUp {
		panic(http.ErrAbortHandler) // ends the connection without an answer
	}
}

// logRequest is a function of its own for the sake of its large frame, which
// thousands of held requests would otherwise have on their stacks.
//
//go:noinline
func (s *Server) logRequest(r *http.Request, rt route, status int, took time.Duration) {
	s.log.LogAttrs(r.Context(), slog.LevelDebug, "http request",
		slog.String("route", string(rt)), slog.String("method", r.Method), slog.Int("status", status),
		slog.Duration("took", took), slog.String("remote", r.RemoteAddr))
}

// guard answers a request and returns the status, also if a handler panics.
// Handlers write their answer in one go at their end, so that a panic leaves
// none begun.
func (s *Server) guard(rt route, w http.ResponseWriter, r *http.Request) (status int) {
	defer func() {
		if v := recover(); v != nil {
			status = s.panicked(w, r, v)
		}
	}()
	if s.o.LocalOnly && !isLocal(r.Host) {
		rt = routeElsewhere
	}
	return handlerOf(rt)(s, w, r)
}

// handlerOf returns what answers a route's requests.
func handlerOf(rt route) func(*Server, http.ResponseWriter, *http.Request) int {
	switch rt {
	case routeRest:
		return (*Server).rest
	case routeLivez:
		return (*Server).livez
	case routeReadyz:
		return (*Server).readyz
	case routeMetrics:
		return (*Server).showMetrics
	case routeOpenAPI, routeDocs:
		return (*Server).apiDoc
	case routeEvents:
		return (*Server).events
	case routeDeliveries:
		return (*Server).deliveries
	case routeDeadLetters:
		return (*Server).deadLetters
	case routeTokens:
		return (*Server).manageTokens
	case routeElsewhere:
		return (*Server).misdirected
	case routeOther:
	}
	return (*Server).notFound
}

func (s *Server) notFound(w http.ResponseWriter, r *http.Request) int {
	return s.refuse(w, r, newProblem(http.StatusNotFound, stanza.Cancel, "item-not-found", s.endpoints))
}

// panicked answers a request whose handler has panicked with v.
func (s *Server) panicked(w http.ResponseWriter, r *http.Request, v any) int {
	if v == http.ErrAbortHandler { //nolint:errorlint // this very value, by net/http's contract
		return statusHungUp
	}
	s.metrics.panics.Inc()
	id := newInstanceID()
	s.log.Error("http handler panicked", slog.String("instance_id", id),
		slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
	return s.refuse(w, r, internalProblem(id))
}

// allowOnly returns the answer to a method that a route does not have, nil if
// it has it. mod_rest answers 404; RFC 9110 §15.5.6 has a status for it.
func allowOnly(r *http.Request, methods ...string) *problem {
	if slices.Contains(methods, r.Method) {
		return nil
	}
	allowed := strings.Join(methods, ", ")
	p := newProblem(http.StatusMethodNotAllowed, stanza.Cancel, "not-allowed",
		fmt.Sprintf("the method %.20q is not supported here; these are: %s", r.Method, allowed))
	p.header = http.Header{"Allow": {allowed}}
	return p
}

// listEndpoints names what there is, for those who ask for something else.
func (s *Server) listEndpoints() string {
	list := []string{"POST /rest", "GET /rest", "GET " + eventsPath}
	if s.o.Health {
		list = append(list, "GET /livez", "GET /readyz")
	}
	if s.scrape != nil {
		list = append(list, "GET /metrics")
	}
	if s.o.APIDocs {
		list = append(list, "GET /openapi.yaml", "GET /openapi.json", "GET /docs/")
	}
	if s.keys.operable() {
		list = append(list, "GET "+waiting.path, "GET "+dead.path)
	}
	if s.keys.operable() && s.keys.tokens != nil {
		list = append(list, "GET "+tokensPath, "POST "+tokensPath)
	}
	return "there is nothing here; the gateway has " + strings.Join(list, ", ")
}

// newInstanceID returns an id by which an operator finds one error in the log.
func newInstanceID() string { return rand.Text()[:12] }
