package callback

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestExplain(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		says string
	}{
		"refused":      {&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, "is the program running"},
		"no route":     {&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)}, "no route"},
		"unknown name": {&net.OpError{Op: "dial", Err: &net.DNSError{Name: "h.example", IsNotFound: true}}, "h.example is not known"},
		"no resolver":  {&net.DNSError{Name: "h.example", Err: "server misbehaving"}, "could not be looked up: server misbehaving"},
		"slow":         {errTimeout, "no answer in time"},
		"closed":       {io.EOF, "is it an HTTP server"},
		"unknown CA":   {&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, "SSL_CERT_FILE"},
		"other name":   {x509.HostnameError{Certificate: &x509.Certificate{}, Host: "h.example"}, "not for h.example"},
		"expired": {
			x509.CertificateInvalidError{Cert: &x509.Certificate{NotAfter: time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)}, Reason: x509.Expired},
			"to 2020-01-02 03:04 only: renew it",
		},
		"not a CA": {x509.CertificateInvalidError{Cert: &x509.Certificate{}, Reason: x509.NotAuthorizedToSign}, "can't be used"},
		"no TLS":   {tls.RecordHeaderError{Msg: "x"}, "http:// instead"},
		"alert":    {fmt.Errorf("remote error: %w", tls.AlertError(40)), "refuses the TLS connection"},
		"other":    {errors.New("out of luck"), "out of luck"},
	} {
		t.Run(name, func(t *testing.T) {
			if says := Explain(fmt.Errorf("round trip: %w", c.err)); !strings.Contains(says, c.says) {
				t.Errorf("it says %q, want %q", says, c.says)
			}
		})
	}
}

func TestProbe_once(t *testing.T) {
	date := time.Date(2026, 11, 25, 1, 2, 3, 0, time.UTC)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodOptions || r.URL.Path != "/meta" || r.Header.Get("Authorization") == "" {
			t.Errorf("the callback got %s %s", r.Method, r.URL)
		}
		w.Header().Set("Date", date.Format(http.TimeFormat))
		w.WriteHeader(http.StatusMethodNotAllowed)
	}))
	defer server.Close()
	o := Options{URL: strings.Replace(server.URL, "http://", "http://user:password@", 1) + "/{kind}", Domain: at(t, "rest.example.net")}
	got, err := Probe(t.Context(), o)
	if err != nil || got.Status != http.StatusMethodNotAllowed || !strings.Contains(got.Says, "which is fine") || !got.Date.Equal(date) {
		t.Errorf("%+v, %v", got, err)
	}
	server.Close()
	if _, err := Probe(t.Context(), o); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("without a server: %v", err)
	}
	if _, err := Probe(t.Context(), Options{URL: "http://user:password@h/{x}", Domain: o.Domain}); err == nil || strings.Contains(err.Error(), "password") {
		t.Errorf("with a wrong URL: %v", err)
	}
}
