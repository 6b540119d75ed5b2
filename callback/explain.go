package callback

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/restanza/restanza/internal/guard"
)

// Explain says in words what it means for the operator that a request to the
// callback got no answer, and what to do about it. It shows no part of the URL
// but the host.
func Explain(err error) string {
	if text := explainTLS(err); text != "" {
		return text
	}
	if refusal, ok := errors.AsType[*guard.Refusal](err); ok && refusal.Addr.IsValid() {
		return fmt.Sprintf("its host leads to %s, a %s address, and no request goes there: correct the host or its entry in DNS; if it is meant, write the address itself in the URL",
			refusal.Addr, refusal.Kind)
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return fmt.Sprintf("the name %s is not known: check the host in the URL", dns.Name)
		}
		return fmt.Sprintf("the name %s could not be looked up: %s", dns.Name, dns.Err)
	}
	timeout, ok := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: is the program running, and is the port in the URL right?"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no route to it: check the address and the network"
	case errors.Is(err, errTimeout), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), ok && timeout.Timeout():
		return "no answer in time: check the address and firewalls, and that the program is not stuck"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "it closed the connection without an answer: is it an HTTP server, and is the scheme of the URL (http or https) right?"
	}
	return "no answer: " + shorten(err)
}

// explainTLS explains why there is no TLS connection; empty: it is not that.
func explainTLS(err error) string {
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "what answers does not speak TLS: should the URL begin with http:// instead?"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "its certificate is signed by nobody whom this machine trusts: add the authority to the system's certificates, or name a file with it in SSL_CERT_FILE"
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("its certificate is not for %s: use a name that the certificate has, or get one for this name", e.Host)
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if e.Reason == x509.Expired {
			return fmt.Sprintf("its certificate is valid from %s to %s only: renew it, and check this machine's clock",
				e.Cert.NotBefore.UTC().Format("2006-01-02 15:04"), e.Cert.NotAfter.UTC().Format("2006-01-02 15:04"))
		}
		return "its certificate can't be used: " + shorten(e)
	}
	if e, ok := errors.AsType[tls.AlertError](err); ok {
		return "it refuses the TLS connection: " + shorten(e)
	}
	return ""
}
