package config_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/jid"
)

// commented finds the settings that stand in the example as comments.
var commented = regexp.MustCompile(`(?m)^#([a-z_]+ = )`)

// withDefaults is the example with its comments taken as settings.
func withDefaults() string { return commented.ReplaceAllString(config.Example(), "$1") }

func TestExample_coversEveryKey(t *testing.T) {
	var tree map[string]any
	if err := toml.Unmarshal([]byte(withDefaults()), &tree); err != nil {
		t.Fatal(err)
	}
	got := leaves(tree, "")
	slices.Sort(got)
	if d := cmp.Diff(keys(), got); d != "" {
		t.Errorf("(-structs +example)\n%s", d)
	}
}

func leaves(v any, path string) []string {
	switch v := v.(type) {
	case map[string]any:
		var all []string
		for name, child := range v {
			all = append(all, leaves(child, strings.TrimPrefix(path+"."+name, "."))...)
		}
		return all
	case []any:
		if table, ok := v[0].(map[string]any); ok {
			return leaves(table, path)
		}
	}
	return []string{path}
}

func TestExample_isComplete(t *testing.T) {
	got, warnings := load(t, file(config.Example()))
	want := config.DefaultComponent()
	want.Domain, want.Secret = jid.MustParse("rest.example.net"), "change-me"
	want.Credentials = []config.Credential{{Authorization: "Bearer change-me-too", Identity: want.Domain}}
	if d := diff(whole(want), got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if len(warnings) > 0 {
		t.Errorf("warnings: %q", warnings)
	}
}

// What has a default stands there with its default; what has none as an example.
func TestExample_commentsAreDefaults(t *testing.T) {
	c, err := config.Parse("example", []byte(withDefaults()))
	if err != nil {
		t.Fatal(err)
	}
	examples := map[string]bool{}
	for _, s := range config.Settings() {
		examples[s.Key] = s.Default() == ""
	}
	got, want := c.Components[0], config.DefaultComponent()
	for key, reset := range map[string]func(){
		"component.domain":                        func() { got.Domain = jid.JID{} },
		"component.secret":                        func() { got.Secret = "" },
		"component.secret_file":                   func() { got.SecretFile = "" },
		"component.callback.url":                  func() { got.Callback.URL = "" },
		"component.callback.signing_secrets":      func() { got.Callback.SigningSecrets = nil },
		"component.callback.signing_secret_file":  func() { got.Callback.SigningSecretFile = "" },
		"component.callback.authorization":        func() { got.Callback.Authorization = "" },
		"component.callback.authorization_file":   func() { got.Callback.AuthorizationFile = "" },
		"component.callback.headers":              func() { got.Callback.Headers = nil },
		"component.credential.authorization":      func() { got.Credentials[0].Authorization = "" },
		"component.credential.authorization_file": func() { got.Credentials[0].AuthorizationFile = "" },
		"component.credential.identity":           func() { got.Credentials[0].Identity = jid.JID{} },
		"component.credential.user":               func() { got.Credentials[0].User = "" },
		"component.credential.password":           func() { got.Credentials[0].Password = "" },
		"component.credential.password_file":      func() { got.Credentials[0].PasswordFile = "" },
		"component.credential.rights":             func() { got.Credentials[0].Rights = nil },
		"component.credential.to":                 func() { got.Credentials[0].To = nil },
		"component.credential.kinds":              func() { got.Credentials[0].Kinds = nil },
		"component.credential.expires":            func() { got.Credentials[0].Expires = "" },
		"component.credential.networks":           func() { got.Credentials[0].Networks = nil },
		"component.credential.rate":               func() { got.Credentials[0].Rate = "" },
		"journal.path":                            func() { c.Journal.Path = "" },
		"http.cors_origins":                       func() { c.HTTP.CORSOrigins = nil },
		"http.admin_authorization":                func() { c.HTTP.AdminAuthorization = "" },
		"http.admin_authorization_file":           func() { c.HTTP.AdminAuthorizationFile = "" },
		"http.tls_certificate":                    func() { c.HTTP.TLSCertificate = "" },
		"http.tls_key":                            func() { c.HTTP.TLSKey = "" },
	} {
		if !examples[key] {
			t.Errorf("%s has a default, which the example must show", key)
		}
		reset()
	}
	want.Credentials = []config.Credential{{}}
	c.Components = []config.Component{got}
	if d := diff(whole(want), c); d != "" {
		t.Errorf("(-defaults +example)\n%s", d)
	}
}
