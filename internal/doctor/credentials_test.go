package doctor

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/xmpptest"
	"github.com/restanza/restanza/jid"
)

func TestCredentials(t *testing.T) {
	basic := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	for authorization, says := range map[string]string{
		"Bearer 8f14e45fceea167a5a36dedd4bea2543": "",
		"Bearer hunter2":                          "its value is short or simple",
		"Bearer hunter2hunter2hunter2":            "",
		"Bearer aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": "its value is short or simple",
		"Bearer 12121212121212121212121212121212": "its value is short or simple",
		"Bearer change-me-too":                    "its value is that of the example",
		"Token  8f14e45fceea167a5a36dedd4bea2543": "",
		basic("user:hunter2"):                     "its password is short or simple",
		basic("user:8f14e45fceea167a5a36dedd"):    "",
		"basic dXNlcg==":                          "not the base64 form",
		"Basic user:hunter2":                      "not the base64 form",
	} {
		if got := wrongWith(authorization); !strings.Contains(got, says) || says == "" && got != "" {
			t.Errorf("%s: %q, want %q", authorization, got, says)
		}
	}
}

func TestCredentials_report(t *testing.T) {
	c := healthy(t, xmpptest.StartFake(t))
	component := &c.Components[0]
	component.Credentials = append(component.Credentials, config.Credential{
		Authorization: "Bearer hunter2", Identity: jid.MustParse("disk@" + component.Domain.String()),
	})
	got := examine(t, c)
	got.want(t, Credentials, Warning, "2 credentials, for rest.example.test, disk@rest.example.test",
		"credential 2, for disk@rest.example.test: its value is short", "openssl rand -hex 16")

	component.Secret = "change-me"
	examine(t, c).want(t, Credentials, Warning, "the component's secret is that of the example")
}

func TestSecretFiles(t *testing.T) {
	dir := t.TempDir()
	c := healthy(t, xmpptest.StartFake(t))
	file := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("hunter2"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	component := &c.Components[0]
	component.SecretFile, component.Credentials[0].AuthorizationFile = file("secret"), file("token")
	examine(t, c).want(t, SecretFiles, OK, "2 files, for the owner only")

	for mode, says := range map[os.FileMode]string{0o640: "the group of ", 0o604: "every user of this machine can read or change ", 0o620: "the group of "} {
		if err := os.Chmod(component.SecretFile, mode); err != nil {
			t.Fatal(err)
		}
		examine(t, c).want(t, SecretFiles, Warning, "1 of 2 files", says+component.SecretFile, "try chmod 600")
	}
}
