package httpd

import (
	"net/http"
	"slices"
	"strings"
)

// The header fields of answers to web pages of other origins (Fetch standard §3.2).
var (
	corsHeaders = []string{"Accept, Authorization, Content-Encoding, Content-Type, Idempotency-Key, Last-Event-ID, Prefer, Prosody-Rest-Timeout"}
	corsExposed = []string{"Accept-Post, Allow, Idempotency-Replayed, Location, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate"}
	corsMaxAge  = []string{"7200"}
	varyOrigin  = []string{"Origin"}
	anyOrigin   = []string{"*"}
)

// allowOrigin lets the pages of the origins that the operator has named read what is
// answered to them. Credentials are in a header, so that no cookie is involved.
func (s *Server) allowOrigin(h http.Header, r *http.Request) {
	if len(s.o.CORSOrigins) == 0 {
		return
	}
	if slices.Contains(s.o.CORSOrigins, "*") {
		h["Access-Control-Allow-Origin"] = anyOrigin
	} else {
		h["Vary"] = varyOrigin
		origins := r.Header["Origin"]
		if len(origins) != 1 || !slices.Contains(s.o.CORSOrigins, origins[0]) {
			return
		}
		h["Access-Control-Allow-Origin"] = origins
	}
	h["Access-Control-Expose-Headers"] = corsExposed
	if r.Method == http.MethodOptions {
		h["Access-Control-Allow-Methods"] = []string{strings.Join(methodsOf(r), ", ")}
		h["Access-Control-Allow-Headers"] = corsHeaders
		h["Access-Control-Max-Age"] = corsMaxAge
	}
}

// methodsOf returns the methods that a path has which pages of other origins may use.
func methodsOf(r *http.Request) []string {
	if isEvents(r.URL.Path) {
		return eventMethodsAt(r.URL.Path)
	}
	return restMethods(r)
}
