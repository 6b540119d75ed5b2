package xmpptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Account says where and as whom one of the real clients logs in. Any server
// will do, also one that is no [Server] of this package.
type Account struct {
	Addr     string // host:port, whatever the domain of the address
	JID      string // perhaps with a resource
	Password string // without backslashes

	// Certificate is the file with the server's certificate, or with who signed it, in PEM.
	// Empty means a stream without TLS, which only [LoginSlixmpp] can do.
	Certificate string

	// DirectTLS begins with TLS rather than with STARTTLS.
	DirectTLS bool
}

// AccountOn makes an account on a server, unless it exists. name is the local
// part, perhaps with a resource; certificate is that of [StartWithTLS], or empty.
func AccountOn(tb TB, srv Server, name, certificate string) Account {
	tb.Helper()
	local, resource, _ := strings.Cut(name, "/")
	srv.AddUser(tb, local)
	jid := local + "@" + srv.Host()
	if resource != "" {
		jid += "/" + resource
	}
	return Account{Addr: srv.ClientAddr(), JID: jid, Password: Password, Certificate: certificate}
}

// writeCertificate writes a new key and a certificate for a domain that it has
// signed itself into files, in PEM.
func writeCertificate(dir, domain string) (certificate, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: domain},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		DNSNames:     []string{domain},
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return "", "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", err
	}
	certificate, key = filepath.Join(dir, "certificate.pem"), filepath.Join(dir, "key.pem")
	return certificate, key, errors.Join(
		os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
}
