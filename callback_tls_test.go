package restanza_test

import (
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restanza/restanza/internal/xmpptest"
)

// A callback over TLS gets stanzas if the system trusts its certificate; if not,
// the sender gets an error, and the log says why.
func TestReceiving_callbackOverTLS(t *testing.T) {
	command := buildCommand(t)
	callback := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err != nil || !strings.Contains(string(body), "over TLS?") {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		if _, err := io.WriteString(w, "yes, over TLS"); err != nil {
			t.Error(err)
		}
	}))
	callback.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo) // handshakes fail on purpose
	callback.StartTLS()
	t.Cleanup(callback.Close)
	trusted := filepath.Join(t.TempDir(), "callback.pem")
	if err := os.WriteFile(trusted, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: callback.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	server := xmpptest.Start(t, "fake")
	alice := xmpptest.Login(t, server, "alice")
	for i, c := range []struct{ name, environment, answer string }{
		{"trusted", "SSL_CERT_FILE=" + trusted, "yes, over TLS"},
		{"unknown", "SSL_CERT_FILE=/dev/null SSL_CERT_DIR=/nonexistent", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			domain, listen := server.ComponentDomain(i), xmpptest.FreeAddr(t)
			written := &lockedBuffer{}
			startLogged(t, fmt.Sprintf("env %s %s serve --component %s --server %s --secret '%s' --credentials 'Bearer x' --listen %s --callback-url %s/",
				c.environment, command, domain, server.ComponentAddr(), server.Secret(), listen, callback.URL), written)
			awaitReady(t, "http://"+listen+"/readyz")
			alice := alice.With(t)
			alice.SendMessage("bot@"+domain, "over TLS?")
			got := alice.Wait(patience, func(s xmpptest.Stanza) bool { return s.Name == "message" && s.From == "bot@"+domain })
			if c.answer != "" {
				if got.Body != c.answer {
					t.Errorf("alice got %s", got)
				}
				return
			}
			if got.Type != "error" || !strings.Contains(got.String(), "recipient-unavailable") {
				t.Errorf("alice got %s", got)
			}
			if !strings.Contains(written.String(), "certificate") {
				t.Errorf("the log does not speak of the certificate:\n%s", written)
			}
		})
	}
}
