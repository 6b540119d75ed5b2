package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/jid"
)

const minimal = `
[[component]]
domain = "rest.example.net"
secret = "s3cret"
[[component.credential]]
authorization = "Bearer xyz"
`

// component returns what minimal stands for.
func component() config.Component {
	c := config.DefaultComponent()
	c.Domain = jid.MustParse("rest.example.net")
	c.Secret = "s3cret"
	c.Credentials = []config.Credential{{Authorization: "Bearer xyz", Identity: jid.MustParse("rest.example.net")}}
	return c
}

func whole(components ...config.Component) config.Config {
	c := config.Default()
	c.Components = components
	return c
}

// diff compares two Configs, secrets included.
func diff(want, got config.Config) string {
	return cmp.Diff(want, got, cmp.Comparer(func(a, b jid.JID) bool { return a == b }))
}

func load(t *testing.T, s config.Sources) (config.Config, []string) {
	t.Helper()
	c, warnings, err := s.Load()
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return c, warnings
}

func file(text string) config.Sources {
	return config.Sources{Path: "restanza.toml", Data: []byte(text)}
}

func TestLoad_defaults(t *testing.T) {
	got, warnings := load(t, file(minimal))
	if d := diff(whole(component()), got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if len(warnings) > 0 {
		t.Errorf("warnings: %q", warnings)
	}
}

func TestLoad_everything(t *testing.T) {
	got, _ := load(t, file(`
shutdown_grace = "1m30s"
[http]
listen = ":0"
read_timeout = "500ms"
[log]
level = "debug"
format = "json"
[[component]]
domain = "A.example"
server = "[::1]"
secret = 'back\slash'
iq_timeout = "3s"
iq_max_timeout = "4s"
confirm_timeout = "5s"
stanza_size_limit = 10_240
max_outstanding_iqs = 0x10
callback = { url = "https://u:p@h.example/{kind}?to={to}", stanzas = ["iq"], "events" = ["bare", "full"], content_type = "json", timeout = "1h", concurrency = 1, queue_limit = 2 }
credential = [{ authorization = "Bearer 1" }, { authorization = "Basic dTpw", identity = "bot@a.example/r" }]
[[component]]
domain = "b.example"
secret = "x"
callback.url = "http://127.0.0.1:1"
`))
	a := config.DefaultComponent()
	a.Domain, a.Server, a.Secret = jid.MustParse("a.example"), "[::1]:5347", `back\slash`
	a.IQTimeout, a.IQMaxTimeout, a.ConfirmTimeout = 3e9, 4e9, 5e9
	a.StanzaSizeLimit, a.MaxOutstandingIQs = 10240, 16
	a.Credentials = []config.Credential{
		{Authorization: "Bearer 1", Identity: jid.MustParse("a.example")},
		{Authorization: "Basic dTpw", Identity: jid.MustParse("bot@a.example/r")},
	}
	a.Callback = config.Callback{
		URL: "https://u:p@h.example/{kind}?to={to}", Stanzas: []string{"iq"}, Events: []string{"bare", "full"},
		ContentType: "json", Timeout: 3600e9, Concurrency: 1, QueueLimit: 2, MaxAge: 24 * 3600e9, RetryFirst: 1e9, RetryMax: 600e9,
	}
	b := config.DefaultComponent()
	b.Domain, b.Secret, b.Callback.URL = jid.MustParse("b.example"), "x", "http://127.0.0.1:1"
	want := whole(a, b)
	want.ShutdownGrace = 90e9
	want.HTTP.Listen, want.HTTP.ReadTimeout = ":0", 5e8
	want.Log = config.Log{Level: "debug", Format: "json"}
	if d := diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// A flag is stronger than a variable, a variable than the file, the file than the default.
func TestLoad_precedence(t *testing.T) {
	s := file(minimal + "[component.callback]\nurl = 'http://h'\ntimeout = '7s'\nconcurrency = 7\nqueue_limit = 7\n")
	s.Environ = []string{
		"RESTANZA_CALLBACK_CONCURRENCY=8", "RESTANZA_CALLBACK_QUEUE_LIMIT=8", "RESTANZA_LISTEN=", "HOME=/x",
		"RESTANZA_CALLBACK_EVENTS=bare, host",
	}
	s.Flags = map[string]string{"callback-queue-limit": "9"}
	got, warnings := load(t, s)
	want := component()
	want.Callback = config.Callback{
		URL: "http://h", Stanzas: want.Callback.Stanzas, Events: []string{"bare", "host"},
		ContentType: "xml", Timeout: 7e9, Concurrency: 8, QueueLimit: 9, MaxAge: 24 * 3600e9, RetryFirst: 1e9, RetryMax: 600e9,
	}
	if d := diff(whole(want), got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if len(warnings) > 0 {
		t.Errorf("warnings: %q", warnings)
	}
}

func TestLoad_withoutFile(t *testing.T) {
	got, _ := load(t, config.Sources{
		Environ: []string{"RESTANZA_SECRET=s3cret"},
		Flags:   map[string]string{"component": "rest.example.net", "credentials": "Bearer xyz"},
	})
	if d := diff(whole(component()), got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad_secretFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "secret"), "s3cret\n", 0o600)
	write(t, filepath.Join(dir, "token"), "Bearer xyz\r\n", 0o644)
	path := write(t, filepath.Join(dir, "restanza.toml"), `
[[component]]
domain = "rest.example.net"
secret_file = "secret"
[[component.credential]]
authorization_file = "token"
`, 0o644)
	got, warnings := load(t, config.Sources{Environ: []string{"RESTANZA_CONFIG=" + path}})
	want := component()
	want.SecretFile = filepath.Join(dir, "secret")
	want.Credentials[0].AuthorizationFile = filepath.Join(dir, "token")
	if d := diff(whole(want), got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "token: holds a secret, and every user") {
		t.Errorf("warnings: %q", warnings)
	}
}

// A secret from a stronger source sets the file of a weaker one aside, and the other way round.
func TestLoad_secretOrFile(t *testing.T) {
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "other"), "other", 0o600)
	s := file(strings.Replace(minimal, `secret = "s3cret"`, `secret_file = "missing"`, 1))
	s.Environ = []string{"RESTANZA_SECRET=s3cret"}
	if got, _ := load(t, s); got.Components[0].Secret != "s3cret" || got.Components[0].SecretFile != "" {
		t.Errorf("variable against file: %q from %q", got.Components[0].Secret.Reveal(), got.Components[0].SecretFile)
	}
	s.Flags = map[string]string{"secret-file": path}
	if got, _ := load(t, s); got.Components[0].Secret != "other" {
		t.Errorf("flag against variable: %q", got.Components[0].Secret.Reveal())
	}
}

// The credential for operating comes from its file, unless a variable has it.
func TestLoad_admin(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "admin"), "Bearer admin\n", 0o600)
	s := file("http.admin_authorization_file = '" + path + "'\n" + minimal)
	if got, _ := load(t, s); got.HTTP.AdminAuthorization != "Bearer admin" {
		t.Errorf("from the file: %q", got.HTTP.AdminAuthorization.Reveal())
	}
	s.Environ = []string{"RESTANZA_ADMIN_CREDENTIALS=Bearer other"}
	if got, _ := load(t, s); got.HTTP.AdminAuthorization != "Bearer other" || got.HTTP.AdminAuthorizationFile != "" {
		t.Errorf("from the variable: %q, %q", got.HTTP.AdminAuthorization.Reveal(), got.HTTP.AdminAuthorizationFile)
	}
}

func TestLoad_warnings(t *testing.T) {
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "restanza.toml"), minimal+"[component.callback]\ntimeout = '1s'\n", 0o604)
	_, warnings := load(t, config.Sources{Path: path, Environ: []string{
		"RESTANZA_SECRT=s3cret", "RESTANZA_URL=http://h", "RESTANZA_PORT_80_TCP=x", "RESTANZA_TEST_PEERS=1", "RESTANZA_CALBACK_URL=x", "RESTANZA_FOO=x",
	}})
	want := []string{
		path + ": holds a secret, and every user of this machine can read it; try chmod o-rwx",
		"RESTANZA_CALBACK_URL: unknown variable, ignored; did you mean RESTANZA_CALLBACK_URL?",
		"RESTANZA_FOO: unknown variable, ignored",
		"RESTANZA_PORT_80_TCP: unknown variable, ignored",
		"RESTANZA_SECRT: unknown variable, ignored; did you mean RESTANZA_SECRET?",
		"component.callback: no url, so that the other settings there have no effect",
	}
	if d := cmp.Diff(want, warnings); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestLoad_unreadableFile(t *testing.T) {
	_, err := config.Load(filepath.Join(t.TempDir(), "none.toml"))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Load: %v", err)
	}
	if _, err := config.Load(t.TempDir()); err == nil {
		t.Error("a folder was taken for a file")
	}
	big := write(t, filepath.Join(t.TempDir(), "big"), strings.Repeat("#\n", 1<<19+1), 0o600)
	if _, err := config.Load(big); err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes") {
		t.Errorf("Load of a big file: %v", err)
	}
}

func TestValidate_madeByProgram(t *testing.T) {
	if err := whole(component()).Validate(); err != nil {
		t.Errorf("Validate: %v", err)
	}
	second := component()
	second.Callback.Timeout = 0
	err := whole(component(), second).Validate()
	want := strings.Join([]string{
		`component[1].callback.timeout: 0s is out of bounds: 1ms to 24h`,
		`component[1].domain: "rest.example.net" is another component's domain already (component[0].domain)`,
		`component[1].credential[0].authorization: this is another credential's value already (component[0].credential[0].authorization); each needs its own, since it tells callers apart`,
	}, "\n")
	if err == nil || err.Error() != want {
		t.Errorf("Validate: %v\nwant %s", err, want)
	}
}

// The format of callbacks may be given as mod_rest's configuration has it.
func TestLoad_callbackContentType(t *testing.T) {
	for text, want := range map[string]string{
		"json": "json", "application/json": "json", "Application/XMPP+XML": "xml", "text/plain": "text",
		"application/x-www-form-urlencoded": "form", "application/cbor": "cbor",
	} {
		got, _ := load(t, file(minimal+"[component.callback]\nurl = 'http://h/'\ncontent_type = '"+text+"'\n"))
		if short := got.Components[0].Callback.ContentType; short != want {
			t.Errorf("%s: %q, want %q", text, short, want)
		}
	}
}

// A user and a password make an Authorization value.
func TestLoad_basic(t *testing.T) {
	head := "[[component]]\ndomain = 'a.example'\nsecret = 'x'\n[[component.credential]]\n"
	got, _ := load(t, file(head+"user = 'Aladdin'\npassword = 'open sesame'\n"))
	if v := got.Components[0].Credentials[0].Authorization.Reveal(); v != "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==" { // RFC 7617 §2
		t.Errorf("got %q", v)
	}
	for text, want := range map[string]string{
		"user = 'a'\n":                   "password is missing",
		"password = 'a'\n":               "no user",
		"user = 'a:b'\npassword = 'c'\n": "colon",
		"user = 'a'\npassword = 'c'\nauthorization = 'Bearer x'\n": "leave one of them out",
	} {
		if _, _, err := file(head + text).Load(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// The component's own name and secret are a credential if the operator says so.
func TestLoad_basicSecret(t *testing.T) {
	head := "[[component]]\ndomain = 'A.example'\nsecret = 's3cret'\n"
	got, _ := load(t, file(head+"basic_secret = true\n"))
	want := []config.Credential{{Authorization: "Basic YS5leGFtcGxlOnMzY3JldA==", Identity: jid.MustParse("a.example")}}
	if c := got.Components[0].Credentials; !reflect.DeepEqual(c, want) {
		t.Errorf("got %d credentials, or another than domain and secret", len(c))
	}
	for text, want := range map[string]string{
		"basic_secret = false\n":  "credential: missing",
		"basic_secret = 'true'\n": "write true or false, without quotes",
		"basic_secret = true\n[[component.credential]]\nuser = 'a.example'\npassword = 's3cret'\n": "another credential's value already",
		"[[component.credential]]\nauthorization = 'Bearer x'\nin_query = 1\n":                     "write true or false",
	} {
		if _, _, err := file(head + text).Load(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestLoad_inQuery(t *testing.T) {
	got, _ := load(t, file(minimal+"in_query = true\n"))
	if !got.Components[0].Credentials[0].InQuery {
		t.Error("in_query = true was not taken")
	}
}

func TestLoad_origins(t *testing.T) {
	for origin, ok := range map[string]bool{
		"*": true, "https://app.example.org": true, "http://localhost:3000": true,
		"": false, "app.example.org": false, "https://app.example.org/": false, "https://App.example.org": false, "ftp://a": false,
	} {
		_, _, err := file(minimal + "[http]\ncors_origins = ['" + origin + "']\n").Load()
		if (err == nil) != ok {
			t.Errorf("%q: %v", origin, err)
		}
	}
}
