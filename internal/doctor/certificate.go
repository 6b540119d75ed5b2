package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// renewal is how long before its end a certificate should have been renewed.
const renewal = 14 * 24 * time.Hour

// certificate looks at the HTTP door's certificate: when and for which names it
// is valid, and whether others trust it. That it can be read and that the key
// belongs to it was found out with the configuration.
func (p *patient) certificate(context.Context) finding {
	h := p.o.Config.HTTP
	if h.TLSCertificate == "" {
		return skipped("none is configured")
	}
	pair, err := tls.LoadX509KeyPair(h.TLSCertificate, h.TLSKey)
	if err != nil {
		return failed("can't be used: "+err.Error(), "write both files as PEM, the certificate with its chain")
	}
	names := slices.Concat(pair.Leaf.DNSNames, addresses(pair.Leaf))
	if len(names) == 0 {
		return failed("it names no host, so that no client accepts it", "get one with the host's name as a subject alternative name")
	}
	now := time.Now()
	validity := fmt.Sprintf("for %s, valid until %s", strings.Join(names, ", "), pair.Leaf.NotAfter.UTC().Format(time.DateOnly))
	switch {
	case now.After(pair.Leaf.NotAfter):
		return failed(validity+": it has expired", "renew it; a running gateway reads the files again when they change")
	case now.Before(pair.Leaf.NotBefore):
		return failed("valid only from "+pair.Leaf.NotBefore.UTC().Format(time.RFC3339), "check this machine's clock")
	}
	return warningIf(validity, doubts(&pair, h.Listen, now))
}

// doubts says what clients may not like about a certificate that is valid now.
func doubts(pair *tls.Certificate, listen string, now time.Time) []string {
	var try []string
	if left := pair.Leaf.NotAfter.Sub(now); left < renewal {
		try = append(try, fmt.Sprintf("it expires in %s: renew it; a running gateway reads the files again when they change", roughly(left)))
	}
	if host, _, _ := net.SplitHostPort(listen); host != "" && !net.ParseIP(host).IsUnspecified() && pair.Leaf.VerifyHostname(host) != nil {
		try = append(try, fmt.Sprintf("it is not for %s, where the gateway listens: callers must use one of its names", host))
	}
	intermediates := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			intermediates.AddCert(c)
		}
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Intermediates: intermediates}); err != nil {
		try = append(try, "this machine does not trust it, and callers must be told to: is it self-signed, or its chain missing in the file?")
	}
	return try
}

func addresses(c *x509.Certificate) []string {
	all := make([]string, len(c.IPAddresses))
	for i, ip := range c.IPAddresses {
		all[i] = ip.String()
	}
	return all
}

// roughly writes a duration in days or hours.
func roughly(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 2*day {
		return fmt.Sprintf("%d days", d/day)
	}
	return fmt.Sprintf("%d hours", d/time.Hour)
}
