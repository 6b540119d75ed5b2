package config_test

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/config"
)

// Secrets as the standard writes them.
const (
	aSecret       = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	anotherSecret = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
)

// calling returns minimal with lines in its callback; the first is line 9.
func calling(lines string) string {
	return minimal + "[component.callback]\nurl = 'http://h'\n" + lines + "\n"
}

func TestLoad_callback(t *testing.T) {
	got, warnings := load(t, file(calling(`
signing_secrets = ["`+aSecret+`", "`+anotherSecret+`"]
authorization = "Bearer xyz"
headers = ["x-token: a:b, c", "Cookie:d"]
`)))
	want := config.DefaultComponent().Callback
	want.URL = "http://h"
	want.SigningSecrets = []config.Secret{aSecret, anotherSecret}
	want.Authorization = "Bearer xyz"
	want.Headers = []config.Secret{"x-token: a:b, c", "Cookie:d"}
	callback := got.Components[0].Callback
	if d := cmp.Diff(want, callback); d != "" || len(warnings) > 0 {
		t.Errorf("(-want +got)\n%s%q", d, warnings)
	}
	if d := cmp.Diff(http.Header{"X-Token": {"a:b, c"}, "Cookie": {"d"}}, callback.Header()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// From files, and which source is stronger.
func TestLoad_callbackSecretFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "secrets"), aSecret+"\r\n\n  "+anotherSecret+"\n\n", 0o600)
	write(t, filepath.Join(dir, "token"), "Bearer xyz\n", 0o604)
	s := config.Sources{Path: filepath.Join(dir, "restanza.toml"), Data: []byte(calling("signing_secret_file = 'secrets'\nauthorization_file = 'token'"))}
	got, warnings := load(t, s)
	c := got.Components[0].Callback
	if !slices.Equal(c.SigningSecrets, []config.Secret{aSecret, anotherSecret}) || c.Authorization != "Bearer xyz" {
		t.Errorf("%q, %q", reveal(c.SigningSecrets), c.Authorization.Reveal())
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "token: holds a secret") {
		t.Errorf("warnings: %q", warnings)
	}

	s.Environ = []string{"RESTANZA_CALLBACK_SIGNING_SECRETS=" + anotherSecret + ", " + aSecret, "RESTANZA_CALLBACK_HEADERS=X-A: 1,X-B: 2"}
	s.Flags = map[string]string{"callback-authorization": "Bearer other"}
	got, _ = load(t, s)
	c = got.Components[0].Callback
	if !slices.Equal(c.SigningSecrets, []config.Secret{anotherSecret, aSecret}) || c.SigningSecretFile != "" || c.Authorization != "Bearer other" || len(c.Header()) != 2 {
		t.Errorf("%q, file %q, %q, %q", reveal(c.SigningSecrets), c.SigningSecretFile, c.Authorization.Reveal(), c.Header())
	}

	s = file(calling("signing_secrets = ['" + aSecret + "']"))
	s.Flags = map[string]string{"callback-signing-secret-file": filepath.Join(dir, "secrets")}
	if got, _ = load(t, s); len(got.Components[0].Callback.SigningSecrets) != 2 {
		t.Errorf("a flag's file has %q", reveal(got.Components[0].Callback.SigningSecrets))
	}
}

func reveal(secrets []config.Secret) (texts []string) {
	for _, s := range secrets {
		texts = append(texts, s.Reveal())
	}
	return texts
}

func TestLoad_wrongCallback(t *testing.T) {
	dir := t.TempDir()
	wrong := write(t, filepath.Join(dir, "wrong"), aSecret+"\nhunter2\n", 0o600)
	const key = "restanza.toml:9: component.callback."
	for lines, want := range map[string]string{
		"signing_secrets = ['hunter2']":                                       key + "signing_secrets: secret 1: a signing secret begins with whsec_; make one with: restanza config secret",
		"signing_secrets = ['whsec_change-me']":                               key + "signing_secrets: secret 1: what follows whsec_ in a signing secret must be base64",
		"signing_secrets = ['whsec_aHVudGVyMg==']":                            key + "signing_secrets: secret 1: a signing secret has 24 to 64 bytes before base64; this one has 7",
		"signing_secrets = ['" + aSecret + "', '']":                           key + "signing_secrets: secret 2: a signing secret begins with whsec_",
		"signing_secrets = ['" + aSecret + "', '" + aSecret + "']":            key + "signing_secrets: secret 2 stands there twice",
		"signing_secrets = [" + strings.Repeat("'"+aSecret+"',", 9) + "]":     key + "signing_secrets: 9 secrets; at most 8 are used at once",
		"signing_secrets = '" + aSecret + "'":                                 key + "signing_secrets: this is text; write a list of texts",
		"signing_secrets = [1]":                                               key + "signing_secrets: the list holds a number",
		"signing_secret_file = '" + wrong + "'":                               key + "signing_secret_file: secret 2: a signing secret begins with whsec_",
		"signing_secret_file = 'none'":                                        key + "signing_secret_file: open none: no such file",
		"signing_secret_file = 'none'\nsigning_secrets = ['" + aSecret + "']": key + "signing_secret_file: signing_secrets is set too; leave one of them out",
		"authorization = 'hunter2'":                                           key + "authorization: the scheme is missing",
		"authorization = 'Bearer x'\nauthorization_file = 'f'":                "restanza.toml:10: component.callback.authorization_file: authorization is set too",
		"headers = ['hunter2']":                                               key + `headers: entry 1 has no proper name; write it as in "X-Token: xyz"`,
		"headers = ['X-A: 1', 'x b: hunter2']":                                key + "headers: entry 2 has no proper name",
		"headers = ['ü: hunter2']":                                            key + "headers: entry 1 has no proper name",
		"headers = [': hunter2']":                                             key + "headers: entry 1 has no proper name",
		"headers = ['X-A:']":                                                  key + "headers: X-A has no value",
		"headers = ['X-A: hünter2']":                                          key + "headers: the value of X-A has something else than visible ASCII",
		`headers = ["X-A: hunter2\r\nX-B: 1"]`:                                key + "headers: the value of X-A has something else than visible ASCII",
		"headers = ['X-A: 1', 'x-a: hunter2']":                                key + "headers: X-A stands there twice",
		"headers = ['authorization: hunter2']":                                key + "headers: write the value of Authorization in the setting authorization",
		"headers = ['content-type: hunter2']":                                 key + "headers: Content-Type is set by the gateway itself",
		"headers = ['HOST: hunter2']":                                         key + "headers: Host is set by the gateway itself",
		"headers = ['transfer-encoding: hunter2']":                            key + "headers: Transfer-Encoding is set by the gateway itself",
		"headers = ['webhook-signature: hunter2']":                            key + "headers: Webhook-Signature is set by the gateway itself",
		"headers = {x = 1}":                                                   key + "headers: this is a table; write a list of texts",
	} {
		_, _, err := file(calling(lines)).Load()
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), aSecret) {
			t.Errorf("%s:\ngot  %v\nwant %s", lines, err, want)
		}
	}
	_, _, err := file(minimal + "[component.callback]\nurl = 'http://u:hunter2@h/{to}'\nauthorization = 'Bearer x'\n").Load()
	if err == nil || err.Error() != key+"authorization: the url has user and password too; leave one of them out" {
		t.Errorf("%v", err)
	}
}
