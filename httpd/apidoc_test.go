package httpd

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/restanza/restanza/apidoc"
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
		if rt == routeDeliveries || rt == routeDeadLetters || rt == routeTokens || rt == routeEvents {
			continue // whose paths differ: the next test is for them
		}
		if rt != routeRest {
			allowed = append(allowed, http.MethodHead)
		}
		for _, method := range everyMethod {
			w := do(s, httptest.NewRequest(method, "http://gateway"+paths[rt], nil))
			if got := w.Code != http.StatusMethodNotAllowed; got != slices.Contains(allowed, method) {
				t.Errorf("%s %s: %d; the list has %v", method, paths[rt], w.Code, allowed)
			}
		}
	}
}

var everyMethod = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO"}

// At each endpoint exactly the methods that the header Allow has get through, and of
// these exactly those of the list come to something.
func TestEndpoints_methods(t *testing.T) {
	doc := readOpenAPI(t)
	s, err := New(optionsOf(newFake(), scenario{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range Endpoints() {
		op := operation{nil, e.Path, e.Methods[0], doc.Paths.Find(e.Path)}
		op.Operation = op.item.GetOperation(op.method)
		kind := append(op.kinds(), "")[0]
		refusal := do(s, httptest.NewRequest("FOO", op.url(kind), nil))
		allowed := strings.Split(refusal.Header().Get("Allow"), ", ")
		if below := strings.HasPrefix(e.Path, "/rest") || isEvents(e.Path); below != slices.Contains(allowed, http.MethodOptions) || (!below && slices.Contains(e.Methods, http.MethodGet)) != slices.Contains(allowed, http.MethodHead) {
			t.Errorf("%s allows %v", e.Path, allowed)
		}
		for _, method := range everyMethod {
			op.method = method
			code := do(s, op.request(kind)).Code
			if got := code != http.StatusMethodNotAllowed; got != slices.Contains(allowed, method) {
				t.Errorf("%s %s: %d, though %v are allowed", method, e.Path, code, allowed)
			}
			if method == http.MethodGet || method == http.MethodPost || method == http.MethodDelete {
				if got := code < 400 || code == http.StatusUpgradeRequired; got != slices.Contains(e.Methods, method) {
					t.Errorf("%s %s: %d, though the list has %v", method, e.Path, code, e.Methods)
				}
			}
		}
	}
}

// There is no endpoint that the list does not have: none that the code which tells them
// apart names, and none at a path that others have.
func TestEndpoints_complete(t *testing.T) {
	listed := []string{"/rest/", apidoc.PagePath, "//", "/"}
	for _, e := range Endpoints() {
		listed = append(listed, e.Path)
	}
	for _, literal := range literalsIn(t, "routes.go", "routeOf") {
		if !slices.Contains(listed, literal) {
			t.Errorf("routeOf has %q, which is no endpoint", literal)
		}
	}
	s := newTestServer(t, newFake(), all)
	for _, word := range []string{
		"", "about", "admin", "api", "auth", "callback", "config", "console", "debug/pprof/", "debug/vars", "doc", "echo", "event", "events/", "events.xml", "events/ack/", "events/json", "favicon.ico",
		"health", "healthz", "help", "home", "info", "iq", "live", "login", "logs", "message", "metric", "openapi", "openapi.yml", "ping", "presence", "probe",
		"prometheus", "ready", "rest.json", "restz", "roster", "schema", "send", "stanza", "stanzas", "stats", "status", "statusz", "stream", "swagger", "swagger.json",
		"swagger-ui/", "test", "ui", "v1", "v1/rest", "v2/rest", "version", "webhook", "ws", "xmpp", "REST", "rest2", "livez/", "readyz/", "metrics/", "docs2", "openapi.json/",
	} {
		for _, method := range []string{"GET", "POST"} {
			if w := do(s, httptest.NewRequest(method, "http://gateway/"+word, nil)); w.Code != http.StatusNotFound {
				t.Errorf("%s /%s: %d; the list has nothing there", method, word, w.Code)
			}
		}
	}
}

// literalsIn returns the texts that a function of a file has in its code.
func literalsIn(t *testing.T, file, function string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, decl := range parsed.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Name.Name != function {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				found = append(found, text)
			}
			return true
		})
	}
	if found == nil {
		t.Fatalf("%s has no %s, or that has no texts", file, function)
	}
	return found
}
