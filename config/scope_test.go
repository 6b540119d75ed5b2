package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/access"
)

const scoped = `
rights = ["send", "admin"]
to = ["user@example.org", "*.example.com"]
kinds = ["message"]
expires = "2126-12-31T12:00:00Z"
networks = ["192.0.2.0/24"]
rate = "60/m"
burst = 5
`

// What a credential may do is taken from the file; without any of it, it may do all but operate.
func TestLoad_scope(t *testing.T) {
	got, warnings := load(t, file(minimal+scoped))
	scope := got.Components[0].Credentials[0].Scope()
	want := access.Spec{
		Rights: []string{"send", "admin"}, To: []string{"user@example.org", "*.example.com"}, Kinds: []string{"message"},
		Expires: "2126-12-31T12:00:00Z", Networks: []string{"192.0.2.0/24"}, Rate: "60/m", Burst: 5,
	}
	if diff := cmp.Diff(want, scope.Spec()); diff != "" || len(warnings) > 0 {
		t.Errorf("%v (-want +got)\n%s", warnings, diff)
	}
	got, _ = load(t, file(minimal))
	scope = got.Components[0].Credentials[0].Scope()
	if diff := cmp.Diff(access.Spec{Rights: []string{"send", "receive", "iq"}}, scope.Spec()); diff != "" {
		t.Errorf("without anything (-want +got)\n%s", diff)
	}
}

func TestLoad_scopeErrors(t *testing.T) {
	for text, want := range map[string]string{
		`rights = []`:                    "component.credential.rights: the list is empty",
		`rights = ["write"]`:             `component.credential.rights: "write" is none of`,
		`rights = "send"`:                "component.credential.rights: this is text",
		`to = ["*"]`:                     "component.credential.to: leave the list out",
		`kinds = ["chat"]`:               "component.credential.kinds: ",
		`expires = "soon"`:               "component.credential.expires: ",
		`expires = 2026-12-31T12:00:00Z`: "component.credential.expires: this is a date or time",
		`networks = ["10.0.0.1/8"]`:      "component.credential.networks: ",
		`rate = "60"`:                    "component.credential.rate: ",
		`burst = 5`:                      "component.credential.burst: there is no rate",
		"rights = ['admin']\nidentity = 'x@rest.example.net'": "component.credential.rights: admin is for all of a component",
	} {
		_, _, err := file(minimal + text + "\n").Load()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// A gateway starts also when the time of a credential is over, and says so.
func TestLoad_expiredCredential(t *testing.T) {
	_, warnings := load(t, file(minimal+"expires = '2001-01-01T00:00:00Z'\n"))
	if len(warnings) != 1 || !strings.Contains(warnings[0], "component.credential.expires: this is over") {
		t.Errorf("%q", warnings)
	}
}

// Without any credential there may be tokens, if somebody may make them.
func TestLoad_tokensOnly(t *testing.T) {
	component := "[[component]]\ndomain = 'a.example'\nsecret = 's'\n"
	load(t, file("[http]\nadmin_authorization = 'Bearer operator'\n"+component))
	if _, _, err := file(component).Load(); err == nil {
		t.Error("a gateway that nobody can use")
	}
}
