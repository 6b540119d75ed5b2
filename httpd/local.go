package httpd

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/restanza/restanza/stanza"
)

// misdirected answers a request for the name of another machine
// (RFC 9110 §15.5.20).
func (s *Server) misdirected(w http.ResponseWriter, r *http.Request) int {
	return s.refuse(w, r, newProblem(http.StatusMisdirectedRequest, stanza.Cancel, "not-allowed",
		fmt.Sprintf("the request is for the host %.80q; this gateway answers for localhost and loopback addresses only", r.Host)))
}

// isLocal reports whether the Host of a request names this machine: localhost,
// a name below it (RFC 6761 §6.3), or a loopback address, with or without a port.
func isLocal(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return ip.IsLoopback()
	}
	host = "." + strings.ToLower(strings.TrimSuffix(host, "."))
	return strings.HasSuffix(host, ".localhost")
}
