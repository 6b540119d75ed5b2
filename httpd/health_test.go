package httpd

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestLivez(t *testing.T) {
	s := newTestServer(t, newFake(), func(o *Options) {
		o.Checks = func() []Check { return []Check{{Name: "link", Detail: "down"}} }
	})
	w := do(s, httptest.NewRequest(http.MethodGet, "/livez", nil))
	if w.Code != http.StatusOK || w.Body.String() != "alive\n" {
		t.Errorf("got %d %q: livez must not depend on links", w.Code, w.Body)
	}
	if w := do(s, httptest.NewRequest(http.MethodPost, "/livez", nil)); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: got %d %v", w.Code, w.Header())
	}
}

func TestReadyz(t *testing.T) {
	up := Check{Name: "rest.example.net", OK: true, Detail: "connected to 127.0.0.1:5347"}
	down := Check{Name: "bots.example.net", Detail: "connection refused, next try in 4s\x1b[2J"}
	tests := []struct {
		name     string
		checks   []Check
		stopping bool
		query    string
		status   int
		want     string
	}{
		{"nothing to check", nil, false, "", 200, "ready\n"},
		{"up", []Check{up}, false, "", 200, "ready\n"},
		{"one down", []Check{up, down}, false, "", 503, "not ready\n"},
		{"up, verbose", []Check{up}, false, "?verbose", 200, "[+] rest.example.net: connected to 127.0.0.1:5347\nready\n"},
		{
			"one down, verbose",
			[]Check{up, down},
			false, "?verbose=1", 503,
			"[+] rest.example.net: connected to 127.0.0.1:5347\n" +
				"[-] bots.example.net: connection refused, next try in 4s\ufffd[2J\nnot ready\n",
		},
		{"shutting down", []Check{up}, true, "", 503, "not ready\n"},
		{
			"shutting down, verbose",
			[]Check{up},
			true, "?verbose", 503,
			"[-] gateway: shutting down\n[+] rest.example.net: connected to 127.0.0.1:5347\nnot ready\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newTestServer(t, newFake(), func(o *Options) {
				if tt.checks != nil {
					o.Checks = func() []Check { return tt.checks }
				}
			})
			s.stopping.Store(tt.stopping)
			w := do(s, httptest.NewRequest(http.MethodGet, "/readyz"+tt.query, nil))
			if w.Code != tt.status || w.Body.String() != tt.want {
				t.Errorf("got %d %q, want %d %q", w.Code, w.Body, tt.status, tt.want)
			}
		})
	}
}
