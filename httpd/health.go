package httpd

import (
	"fmt"
	"net/http"
	"strings"
)

// Check is one thing that the gateway needs for its work, such as a link.
type Check struct {
	Name   string // such as the component's domain
	OK     bool
	Detail string // how it stands, in words
}

// livez says that the process lives and answers. It depends on nothing else, so
// that nobody restarts a gateway for its XMPP server's sake.
func (s *Server) livez(w http.ResponseWriter, r *http.Request) int {
	if p := allowOnly(r, http.MethodGet, http.MethodHead); p != nil {
		return s.refuse(w, r, p)
	}
	return s.sendText(w, http.StatusOK, "alive\n")
}

// readyz says whether all links are up, with ?verbose in words for each.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) int {
	if p := allowOnly(r, http.MethodGet, http.MethodHead); p != nil {
		return s.refuse(w, r, p)
	}
	checks := s.checks()
	status, verdict := http.StatusOK, "ready\n"
	for _, c := range checks {
		if !c.OK {
			status, verdict = http.StatusServiceUnavailable, "not ready\n"
		}
	}
	if !r.URL.Query().Has("verbose") {
		return s.sendText(w, status, verdict)
	}
	var b strings.Builder
	for _, c := range checks {
		mark := '-'
		if c.OK {
			mark = '+'
		}
		fmt.Fprintf(&b, "[%c] %s: %s\n", mark, printable(c.Name), printable(c.Detail))
	}
	b.WriteString(verdict)
	return s.sendText(w, status, b.String())
}

func (s *Server) checks() []Check {
	var checks []Check
	if s.stopping.Load() {
		checks = append(checks, Check{Name: "gateway", Detail: "shutting down"})
	}
	if s.o.Checks != nil {
		checks = append(checks, s.o.Checks()...)
	}
	return checks
}

func (s *Server) sendText(w http.ResponseWriter, status int, text string) int {
	h := w.Header()
	h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	h["X-Content-Type-Options"] = nosniff
	h["Cache-Control"] = noStore
	w.WriteHeader(status)
	s.send(w, []byte(text))
	return status
}
