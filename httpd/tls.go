package httpd

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookAgain is how often at most the certificate's files are looked at.
const lookAgain = time.Second

// certificate is a TLS certificate in two PEM files, which are read again when
// they have changed. A pair that can't be used changes nothing: the one in use
// stays until the files change again.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu       sync.Mutex
	pair     *tls.Certificate
	versions [2]fileVersion // of the files when they were last read
	lookedAt time.Time
}

// fileVersion tells one state of a file from the next.
type fileVersion struct {
	modified time.Time
	size     int64
}

func newCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	versions, err := c.stat()
	if err != nil {
		return nil, fmt.Errorf("tls certificate: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("tls certificate %s with key %s: %w", certFile, keyFile, err)
	}
	c.pair, c.versions, c.lookedAt = &pair, versions, time.Now()
	return c, nil
}

// config returns the settings of a TLS server that shows this certificate.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current(), nil
		},
	}
}

// current returns the certificate to use now.
func (c *certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.lookedAt) >= lookAgain {
		c.lookedAt = now
		c.reload()
	}
	return c.pair
}

// reload reads the files if they have changed since they were last read.
func (c *certificate) reload() {
	versions, err := c.stat()
	if err == nil && versions == c.versions {
		return
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.LoadX509KeyPair(c.certFile, c.keyFile)
	}
	logged := versions == c.versions
	c.versions = versions
	switch {
	case err == nil:
		c.pair = &pair
		c.log.Info("tls certificate reloaded", slog.String("cert_file", c.certFile))
	case !logged:
		c.log.Error("tls certificate not reloaded, the old one stays: check both files",
			slog.String("cert_file", c.certFile), slog.String("key_file", c.keyFile), slog.Any("error", err))
	}
}

// stat returns the versions of both files; zero ones if one can't be had.
func (c *certificate) stat() (versions [2]fileVersion, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return [2]fileVersion{}, err
		}
		versions[i] = fileVersion{info.ModTime(), info.Size()}
	}
	return versions, nil
}
