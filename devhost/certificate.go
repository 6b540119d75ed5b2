package devhost

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"

	"golang.org/x/net/idna"
)

// makeCertificate makes the host's certificate and key, anew at each start. A
// client that is told to trust the certificate accepts it for the host's domain
// and for the loopback names. It signs itself as an authority, because some TLS
// libraries trust nothing else.
func (h *Host) makeCertificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return fmt.Errorf("making a certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Restanza dev host"},
		NotBefore:             h.began.Add(-time.Hour),
		NotAfter:              h.began.AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if name, err := idna.Punycode.ToASCII(h.o.Domain.Domain()); err == nil && name != "localhost" && name[0] != '[' {
		template.DNSNames = append([]string{name}, template.DNSNames...)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return fmt.Errorf("making a certificate: %w", err)
	}
	h.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	h.tls, h.direct = tlsConfigs(tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key})
	return nil
}
