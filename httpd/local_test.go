package httpd

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestIsLocal(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST:5281": true, "localhost.": true, "app.localhost:1": true,
		"127.0.0.1": true, "127.0.0.1:5281": true, "127.8.9.1:5281": true, "[::1]:5281": true, "[::1]": true, "::1": true,
		"": false, "example.net": false, "example.net:5281": false, "localhost.example.net": false, "notlocalhost": false,
		"127.0.0.1.example.net": false, "10.0.0.1:5281": false, "0.0.0.0:5281": false, "[::ffff:10.0.0.1]:1": false,
	} {
		if got := isLocal(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

// A web page whose name was pointed at this machine gets nothing, whatever
// credentials it has guessed.
func TestServer_localOnly(t *testing.T) {
	f := newFake()
	s := newTestServer(t, f, func(o *Options) { o.LocalOnly = true })
	for _, path := range []string{"/rest", "/livez", "/nothing"} {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader("<message to='a@b'/>"))
		r.Host = "rebound.example:5281"
		if w := do(s, r); w.Code != http.StatusMisdirectedRequest || !strings.Contains(w.Body.String(), "rebound.example") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/livez", nil)
	r.Host = "127.0.0.1:5281"
	if w := do(s, r); w.Code != http.StatusOK {
		t.Errorf("local: %d %s", w.Code, w.Body)
	}
}
