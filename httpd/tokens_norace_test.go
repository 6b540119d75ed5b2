//go:build !race

package httpd

import (
	"net/http"
	"testing"
)

// A token costs no more allocations than a credential of the configuration.
func TestTokens_allocations(t *testing.T) {
	s := newTokenServer(t)
	token := makeToken(t, s, `"rights": ["send"], "to": ["user@example.org"], "networks": ["192.0.2.0/24"], "expires": "1h"`).Token
	count := func(authorization string) float64 {
		r := newPost("")
		r.Header.Set("Authorization", authorization)
		w := &reusedWriter{header: http.Header{}}
		return testing.AllocsPerRun(100, func() {
			if _, p := s.authenticate(w, r); p != nil {
				t.Fatal(p)
			}
		})
	}
	if got, want := count("Bearer "+token), count(testSecret); got != want {
		t.Errorf("%v allocations, and %v with a credential of the configuration", got, want)
	}
}
