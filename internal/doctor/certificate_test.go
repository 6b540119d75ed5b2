package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/restanza/restanza/internal/xmpptest"
)

// valid returns the template of a certificate for this machine.
func valid() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(90*24*time.Hour + time.Hour),
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
}

// writeCertificate makes a self-signed certificate and writes it and its key to
// files.
func writeCertificate(t *testing.T, template *x509.Certificate) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", cert), write("key.pem", "PRIVATE KEY", private)
}

func TestCertificate(t *testing.T) {
	c := healthy(t, xmpptest.StartFake(t))
	for name, test := range map[string]struct {
		change func(*x509.Certificate)
		status Status
		says   []string
	}{
		"self-signed": {func(*x509.Certificate) {}, Warning, []string{"for localhost, 127.0.0.1, valid until 20", "self-signed"}},
		"expired":     {func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, Failed, []string{"it has expired", "renew it"}},
		"soon":        {func(c *x509.Certificate) { c.NotAfter = time.Now().Add(73 * time.Hour) }, Warning, []string{"expires in 3 days: renew it"}},
		"today":       {func(c *x509.Certificate) { c.NotAfter = time.Now().Add(5*time.Hour + time.Minute) }, Warning, []string{"expires in 5 hours"}},
		"not yet":     {func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }, Failed, []string{"valid only from", "clock"}},
		"other name":  {func(c *x509.Certificate) { c.IPAddresses = nil }, Warning, []string{"not for 127.0.0.1"}},
		"no name":     {func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, nil }, Failed, []string{"names no host"}},
	} {
		t.Run(name, func(t *testing.T) {
			template := valid()
			test.change(template)
			c.HTTP.TLSCertificate, c.HTTP.TLSKey = writeCertificate(t, template)
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
			got := examine(t, c)
			got.want(t, Certificate, test.status, test.says...)
			got.want(t, SecretFiles, OK, "1 file")
		})
	}
}

// A file that has changed since the configuration was read.
func TestCertificate_gone(t *testing.T) {
	c := healthy(t, xmpptest.StartFake(t))
	c.HTTP.TLSCertificate, c.HTTP.TLSKey = writeCertificate(t, valid())
	if err := os.Remove(c.HTTP.TLSKey); err != nil {
		t.Fatal(err)
	}
	got := examine(t, c)
	got.want(t, Certificate, Failed, "no such file")
	got.want(t, SecretFiles, Failed, c.HTTP.TLSKey, "no such file")
}
