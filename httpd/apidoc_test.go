package httpd

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// all makes a Server serve all that there is.
func all(o *Options) {
	o.Health, o.APIDocs, o.Gatherer = true, true, prometheus.NewRegistry()
}

func TestAPIDoc(t *testing.T) {
	s := newTestServer(t, newFake(), all)
	tests := []struct {
		method, path string
		want         int
		contentType  string
	}{
		{"GET", "/openapi.yaml", 200, "application/yaml"},
		{"GET", "//openapi.json", 200, "application/json"},
		{"GET", "/docs/", 200, "text/html; charset=utf-8"},
		{"HEAD", "/docs/start.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/docs/nothing", 404, "application/problem+json"},
		{"GET", "/docs/../openapi.yaml", 404, "application/problem+json"},
		{"POST", "/docs/", 405, "application/problem+json"},
		{"DELETE", "/docs", 405, "application/problem+json"},
		{"PUT", "/openapi.yaml", 405, "application/problem+json"},
	}
	for _, tt := range tests {
		w := do(s, httptest.NewRequest(tt.method, "http://gateway"+tt.path, nil))
		if w.Code != tt.want || w.Header().Get("Content-Type") != tt.contentType {
			t.Errorf("%s %s: %d, %s", tt.method, tt.path, w.Code, w.Header().Get("Content-Type"))
		}
	}
	for _, path := range []string{"/docs", "//docs"} {
		w := do(s, httptest.NewRequest(http.MethodGet, "http://gateway"+path, nil))
		if w.Code != http.StatusPermanentRedirect || w.Header().Get("Location") != "docs/" {
			t.Errorf("%s: %d to %q", path, w.Code, w.Header().Get("Location"))
		}
	}
}

func TestAPIDoc_off(t *testing.T) {
	s := newTestServer(t, newFake(), nil)
	for _, path := range []string{"/openapi.yaml", "/openapi.json", "/docs", "/docs/", "/docs/start.js"} {
		w := do(s, httptest.NewRequest(http.MethodGet, "http://gateway"+path, nil))
		if w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "openapi") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// Endpoints lists what is there: each route has an endpoint, and exactly the methods of a
// route's endpoints get through to it.
func TestEndpoints(t *testing.T) {
	s := newTestServer(t, newFake(), all)
	methods := map[route][]string{}
	paths := map[route]string{}
	for _, e := range Endpoints() {
		rt := s.routeOf(e.Path)
		methods[rt] = append(methods[rt], e.Methods...)
		paths[rt] = e.Path
	}
	for _, rt := range routes() {
		if (methods[rt] == nil) != (rt == routeOther) {
			t.Errorf("route %s has the methods %v", rt, methods[rt])
		}
	}
	for rt, allowed := range methods {
		if rt != routeRest {
			allowed = append(allowed, http.MethodHead)
		}
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO"} {
			w := do(s, httptest.NewRequest(method, "http://gateway"+paths[rt], nil))
			if got := w.Code != http.StatusMethodNotAllowed; got != slices.Contains(allowed, method) {
				t.Errorf("%s %s: %d; the list has %v", method, paths[rt], w.Code, allowed)
			}
		}
	}
}
