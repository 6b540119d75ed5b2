package httpd

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/restanza/restanza/stanza"
)

// certFiles is a certificate in files, for tests to replace.
type certFiles struct {
	t         *testing.T
	cert, key string
	writes    int
}

func newCertFiles(t *testing.T) *certFiles {
	t.Helper()
	dir := t.TempDir()
	f := &certFiles{t: t, cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	f.replace(1)
	return f
}

// replace writes a new pair with the given serial number.
func (f *certFiles) replace(serial int64) {
	f.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		DNSNames:     []string{"gateway"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		f.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		f.t.Fatal(err)
	}
	f.write(f.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	f.write(f.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

// write writes a file. Each write is a minute younger than the one before,
// so that the file system's clock does not matter.
func (f *certFiles) write(name string, content []byte) {
	f.t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.writes++
	at := time.Date(2026, 1, 1, 0, f.writes, 0, 0, time.UTC)
	if err := os.Chtimes(name, at, at); err != nil {
		f.t.Fatal(err)
	}
}

// serial returns the number of the certificate in use.
func serial(t *testing.T, c *certificate) int64 {
	t.Helper()
	leaf, err := x509.ParseCertificate(c.current().Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf.SerialNumber.Int64()
}

func TestCertificate_reload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newCertFiles(t)
		logger, log := logTo()
		c, err := newCertificate(f.cert, f.key, logger)
		if err != nil {
			t.Fatal(err)
		}
		expect := func(want int64, when string) {
			t.Helper()
			if got := serial(t, c); got != want {
				t.Errorf("%s: certificate %d is in use, want %d", when, got, want)
			}
		}
		f.replace(2)
		expect(1, "within a second")
		pass(lookAgain)
		expect(2, "after a second")
		pass(lookAgain)
		expect(2, "without a change")
		if n := strings.Count(log.String(), "certificate reloaded"); n != 1 {
			t.Errorf("read %d times, want once", n)
		}

		f.write(f.cert, []byte("half a certif"))
		pass(lookAgain)
		expect(2, "with a broken file")
		errorsLogged := strings.Count(log.String(), "not reloaded")
		pass(lookAgain)
		expect(2, "still with the broken file")
		if again := strings.Count(log.String(), "not reloaded"); errorsLogged != 1 || again != 1 {
			t.Errorf("logged %d and then %d times, want once", errorsLogged, again)
		}

		f.replace(3)
		if err := os.Remove(f.key); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			pass(lookAgain)
			expect(2, "without a key")
		}
		if n := strings.Count(log.String(), "not reloaded"); n != 2 {
			t.Errorf("logged %d times, want twice", n)
		}
		f.replace(4)
		pass(lookAgain)
		expect(4, "with a new pair")
	})
}

func TestNew_refusesCertificates(t *testing.T) {
	f := newCertFiles(t)
	credentials := []Credential{{Authorization: testSecret, Component: newFake()}}
	for name, o := range map[string]Options{
		"no key":       {CertFile: f.cert},
		"no cert":      {KeyFile: f.key},
		"missing":      {CertFile: f.cert, KeyFile: f.key + "x"},
		"no PEM":       {CertFile: f.cert, KeyFile: "tls_test.go"},
		"wrong places": {CertFile: f.key, KeyFile: f.cert},
	} {
		o.Credentials = credentials
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), "tls certificate") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// With HTTP/2 too a held request outlives the time limit for reading it.
func TestServe_tlsAndHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newCertFiles(t)
		c := newFake()
		c.submit = func(context.Context, stanza.Stanza) (stanza.Stanza, error) {
			pass(DefaultLongestWait)
			return stanza.Stanza{}, nil
		}
		rs := serve(t, newTestServer(t, c, func(o *Options) { o.CertFile, o.KeyFile = f.cert, f.key }))
		for _, http2 := range []bool{true, false} {
			client := &http.Client{Transport: &http.Transport{
				DialContext:       func(context.Context, string, string) (net.Conn, error) { return rs.ln.dial() },
				TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
				ForceAttemptHTTP2: http2,
			}}
			r := newClientPost(t, strings.NewReader(message))
			r.URL.Scheme = "https"
			res, body := send(t, client, r)
			if res.StatusCode != http.StatusAccepted || (res.ProtoMajor == 2) != http2 {
				t.Errorf("got %s %s %s", res.Proto, res.Status, body)
			}
			client.CloseIdleConnections()
		}
		rs.stop()
		if err := rs.end(); err != nil {
			t.Error(err)
		}
	})
}
