package prosodycfg_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/prosodycfg"
)

var update = flag.Bool("update", false, "write the golden files")

// counting gives bytes that are no secret to anybody.
type counting struct{ next byte }

func (c *counting) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = c.next
		c.next++
	}
	return len(p), nil
}

// read imports a text.
func read(t testing.TB, text string, change ...func(*prosodycfg.Options)) (prosodycfg.Result, error) {
	t.Helper()
	o := prosodycfg.Options{Path: "nowhere/prosody.cfg.lua", Data: []byte(text), Random: &counting{}}
	for _, f := range change {
		f(&o)
	}
	r, err := prosodycfg.Import(o)
	if err == nil {
		check(t, r)
	}
	return r, err
}

// check looks whether Restanza takes what was made. Files with secrets need not be there.
func check(t testing.TB, r prosodycfg.Result) config.Config {
	t.Helper()
	c, err := config.Parse("made.toml", r.TOML)
	if err != nil {
		t.Fatalf("%v\n%s", err, r.TOML)
	}
	if bytes.Contains(r.TOML, []byte("_file = ")) {
		return c
	}
	c, _, err = config.Sources{Path: "made.toml", Data: r.TOML}.Load()
	if err != nil {
		t.Fatalf("%v\n%s", err, r.TOML)
	}
	return c
}

// must imports a text that has something to import, and returns what Restanza reads.
func must(t *testing.T, text string, change ...func(*prosodycfg.Options)) (config.Config, prosodycfg.Result) {
	t.Helper()
	r, err := read(t, text, change...)
	if err != nil {
		t.Fatal(err)
	}
	return check(t, r), r
}

// said reports whether a note of the kind has the text.
func said(r prosodycfg.Result, kind prosodycfg.NoteKind, text string) bool {
	return slices.ContainsFunc(r.Notes, func(n prosodycfg.Note) bool { return n.Kind == kind && strings.Contains(n.String(), text) })
}

func expectNote(t *testing.T, r prosodycfg.Result, kind prosodycfg.NoteKind, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !said(r, kind, text) {
			t.Errorf("no note (%s) with %q among:\n%v", kind, text, r.Notes)
		}
	}
}

func TestImport_golden(t *testing.T) {
	r, err := prosodycfg.Import(prosodycfg.Options{Path: "testdata/whole/prosody.cfg.lua", Random: &counting{}})
	if err != nil {
		t.Fatal(err)
	}
	check(t, r)
	var report strings.Builder
	for _, n := range r.Notes {
		report.WriteString(n.String() + "\n")
	}
	for name, got := range map[string]string{"whole.toml": string(r.TOML), "whole.report": report.String()} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got; go test -update writes it):\n%s", path, diff)
		}
	}
	for _, secret := range []string{"shared", "biboumi", "dmVyeSB", "pass@"} {
		if strings.Contains(report.String(), secret) {
			t.Errorf("the report has the secret %s…", secret)
		}
	}
}

// The documentation's oldest example: one credential, one callback.
func TestImport_firstRevision(t *testing.T) {
	c, r := must(t, `
Component "rest.example.net" "rest"
rest_credentials = "Bearer dmVyeSBzZWNyZXQgdG9rZW4K"
rest_callback_url = "http://my-api.example:9999/stanzas"
`)
	got := c.Components[0]
	if got.Domain.String() != "rest.example.net" || got.Server != "127.0.0.1:5347" || got.Secret.Reveal() == "" ||
		got.Credentials[0].Authorization.Reveal() != "Bearer dmVyeSBzZWNyZXQgdG9rZW4K" || got.Callback.URL.Reveal() != "http://my-api.example:9999/stanzas" {
		t.Errorf("%s", r.TOML)
	}
	expectNote(t, r, prosodycfg.ToDo, "Component \"rest.example.net\"\n", "restart Prosody")
	if c.HTTP.Listen != "127.0.0.1:5280" {
		t.Errorf("listens on %s", c.HTTP.Listen)
	}
}

func TestImport_external(t *testing.T) {
	c, r := must(t, `
component_ports = { 6000 }
component_interfaces = { "*", "::" }
VirtualHost "example.net"
Component "bot.example.net"
	component_secret = "s3cret"
Component "rooms.example.net" "muc"
`)
	if got := c.Components; len(got) != 1 || got[0].Domain.String() != "bot.example.net" || got[0].Secret.Reveal() != "s3cret" || got[0].Server != "127.0.0.1:6000" {
		t.Errorf("%s", r.TOML)
	}
	if said(r, prosodycfg.ToDo, "restart Prosody") {
		t.Errorf("Prosody needs no change: %v", r.Notes)
	}
}

// Where mod_rest is, other external components belong to others, unless they are asked for.
func TestImport_chosen(t *testing.T) {
	text := `
Component "a.example.net" "rest"
Component "b.example.net"
	component_secret = "b"
Component "c.example.net" "rest" { enabled = false }
`
	_, r := must(t, text)
	if diff := cmp.Diff([]string{"a.example.net"}, r.Components); diff != "" {
		t.Error(diff)
	}
	expectNote(t, r, prosodycfg.NotTaken, "--component b.example.net", "enabled = false")
	_, r = must(t, text, func(o *prosodycfg.Options) { o.Components = []string{"B.example.net"} })
	if diff := cmp.Diff([]string{"b.example.net"}, r.Components); diff != "" {
		t.Error(diff)
	}
	if _, err := read(t, text, func(o *prosodycfg.Options) { o.Components = []string{"d.example.net"} }); err == nil || !strings.Contains(err.Error(), "d.example.net") {
		t.Errorf("%v", err)
	}
}

func TestImport_onlyOnHost(t *testing.T) {
	for _, text := range []string{
		`modules_enabled = { "rest" } VirtualHost "example.net"`,
		`VirtualHost "example.net" { modules_enabled = { "roster", "rest" } }`,
		`Component "rooms.example.net" "muc" modules_enabled = { "rest" }`,
	} {
		r, err := read(t, text)
		if !errors.Is(err, prosodycfg.ErrNothing) || r.TOML != nil {
			t.Errorf("%s: %v", text, err)
		}
		expectNote(t, r, prosodycfg.NotTaken, "a component can't")
	}
	if r, err := read(t, `VirtualHost "example.net"`); !errors.Is(err, prosodycfg.ErrNothing) || len(r.Notes) > 0 {
		t.Errorf("%v %v", r, err)
	}
}

// Values are taken as mod_rest would take them, and what is none is said to be none.
func TestImport_values(t *testing.T) {
	in := func(line string) string { return "Component \"a.example.net\" \"rest\"\n" + line }
	for line, want := range map[string]string{
		`rest_callback_url = "http://h/" rest_callback_stanzas = "iq"`:                "stanzas = [\"iq\"]\n",
		`rest_callback_url = "http://h/" rest_callback_stanzas = { "iq", "x", "iq" }`: "stanzas = [\"iq\"]\n",
		`rest_callback_url = "http://h/" rest_callback_stanzas = {}`:                  "#url = \"http://h/\"\n",
		`rest_callback_url = "http://h/" rest_callback_events = { 1 }`:                "#url = \"http://h/\"\n",
		`rest_callback_url = "http://h/{type?chat}"`:                                  "#url = \"http://h/{type?chat}\"\n",
		`rest_callback_url = FileLine "url"`:                                          "listen",
		`rest_iq_timeout = 0.5`:                                                       "iq_timeout = \"500ms\"\n",
		`rest_iq_timeout = "2 minutes"`:                                               "iq_timeout = \"2m0s\"\n",
		`rest_iq_timeout = 600`:                                                       "iq_timeout = \"5m0s\"\n",
		`rest_iq_max_timeout = 60`:                                                    "iq_timeout = \"1m0s\"\niq_max_timeout = \"1m0s\"\n",
		`rest_iq_timeout = "soon"`:                                                    "secret = ",
		`rest_stanza_size_limit = 5000`:                                               "stanza_size_limit = 5000\n",
		`rest_stanza_size_limit = 1`:                                                  "#stanza_size_limit = 1\n",
		`rest_stanza_size_limit = 2^1023 * 10`:                                        "secret = ",
		`component_secret = FileLine "/etc/prosody/secret"`:                           "secret_file = \"/etc/prosody/secret\"\n",
		`component_secret = FileContents "secret"`:                                    "secret_file = \"nowhere/secret\"\n",
		`component_secret = Credential "x"`:                                           "# Fresh.",
		`component_secret = {}`:                                                       "# Fresh.",
		`component_secret = "a\"b\\c\0\127ü"`:                                         `secret = "a\"b\\c\u0000\u007fü"` + "\n",
		`component_secret = "\255"`:                                                   "# Fresh.",
		`rest_credentials = FileLine "/etc/token"`:                                    "authorization_file = \"/etc/token\"\n",
	} {
		if _, r := must(t, in(line)); !strings.Contains(string(r.TOML), want) {
			t.Errorf("%s: no %q in\n%s", line, want, r.TOML)
		}
	}
	if _, err := read(t, in(`rest_credentials = "pqr"`)); err == nil || !strings.Contains(err.Error(), "authorization") || strings.Contains(err.Error(), "pqr") {
		t.Errorf("a credential without scheme: %v", err)
	}
}

func TestImport_http(t *testing.T) {
	after := func(line string) string { return line + "\nComponent \"a.example.net\" \"rest\"\n" }
	for line, want := range map[string]string{
		``:                             "listen = \"127.0.0.1:5280\"\n",
		`http_ports = { 80 }`:          "listen = \"127.0.0.1:80\"\n",
		`http_ports = 81`:              "listen = \"127.0.0.1:81\"\n",
		`http_interfaces = { "::1" }`:  "listen = \"[::1]:5280\"\n",
		`http_interfaces = { "*" }`:    "listen = \":5280\"\n",
		`modules_enabled = { "bosh" }`: "listen = \"127.0.0.1:5282\"\n",
		`modules_enabled = { "http_x" } https_ports = { 5282, "5283" }`:      "listen = \"127.0.0.1:5284\"\n",
		`VirtualHost "x" modules_enabled = { "rest" }`:                       "listen = \"127.0.0.1:5282\"\n",
		`ssl = { certificate = "a.crt" }`:                                    "#tls_certificate = \"a.crt\"\n",
		`https_certificate = "b.pem"`:                                        "#tls_key = \"b.key\"\n",
		`log = "*syslog"`:                                                    "level = \"info\"\n",
		`log = { debug = "x" }`:                                              "level = \"debug\"\n",
		`log = { { to = "console", levels = { "error", "warn" } } }`:         "level = \"warn\"\n",
		`log = { { to = "console", levels = { min = "error" } } }`:           "level = \"error\"\n",
		`http_cors_override = { rest = { enabled = false, origins = "*" } }`: "listen",
	} {
		if _, r := must(t, after(line)); !strings.Contains(string(r.TOML), want) {
			t.Errorf("%s: no %q in\n%s", line, want, r.TOML)
		}
	}
	_, r := must(t, after(`http_cors_override = { rest = { origins = { "https://a.example" } } } component_ports = {} component_stanza_size_limit = 10000`))
	expectNote(t, r, prosodycfg.ToDo, "component_ports = { 5347 }", "component_stanza_size_limit = 204800")
	if !strings.Contains(string(r.TOML), "cors_origins = [\"https://a.example\"]\n") {
		t.Errorf("%s", r.TOML)
	}
}

// Without being asked to, nothing of the environment gets into the TOML.
func TestImport_environment(t *testing.T) {
	text := `
local secret = os.getenv("X_SECRET") or Lua.os.getenv "X_SECRET"
Component "a.example.net" "rest"
	component_secret = secret
	rest_callback_url = ENV_X_URL
`
	t.Setenv("X_SECRET", "from the environment")
	t.Setenv("X_URL", "http://h/")
	_, r := must(t, text)
	if strings.Contains(string(r.TOML), "from the environment") || strings.Contains(string(r.TOML), "http://h/") {
		t.Errorf("%s", r.TOML)
	}
	expectNote(t, r, prosodycfg.NotTaken, "ENV_X_SECRET: the environment is not read", "ENV_X_URL")
	_, r = must(t, text, func(o *prosodycfg.Options) { o.Environ = os.Environ() })
	if !strings.Contains(string(r.TOML), `secret = "from the environment"`) || !strings.Contains(string(r.TOML), `url = "http://h/"`) {
		t.Errorf("%s", r.TOML)
	}
	if _, err := read(t, `x = "http://" .. ENV_HOST`); err == nil || !strings.Contains(err.Error(), "--env") || !strings.Contains(err.Error(), "prosody.cfg.lua:1:") {
		t.Errorf("%v", err)
	}
}

// The idioms of configurations in the wild work.
func TestImport_lua(t *testing.T) {
	c, r := must(t, `
-- comments, and # no comment: ("(((
local function split(s)
	if not s then return nil end
	local parts = {}
	for part in s:gmatch("[^,]+") do parts[#parts+1] = part end
	return parts
end
local base = { "roster", "disco" }
for _, more in ipairs(split("a,b")) do table.insert(base, more) end
modules_enabled = base
local name = ("REST"):lower() .. "." .. string.format("%s.%03d", "example", 7):gsub("007", "net")
local options = { rest_iq_timeout = math.floor(30.7), [1] = "x", rest_callback_url = [[http://h/]] }
Component (name) "rest" (options)
if true then after = table.concat({ "a", "b" }, "-") end
`)
	if got := c.Components[0]; got.Domain.String() != "rest.example.net" || got.IQTimeout.String() != "30s" || got.Callback.URL.Reveal() != "http://h/" {
		t.Errorf("%s", r.TOML)
	}
	expectNote(t, r, prosodycfg.NotTaken, "after, modules_enabled: Prosody's own (global)")
}

// The configuration that Debian's package brings, with a component behind it.
func TestImport_debian(t *testing.T) {
	shipped, err := os.ReadFile("/etc/prosody/prosody.cfg.lua")
	if err != nil {
		t.Skipf("Prosody's own configuration is not here: %v", err)
	}
	_, err = prosodycfg.Import(prosodycfg.Options{Path: "/etc/prosody/prosody.cfg.lua"})
	if !errors.Is(err, prosodycfg.ErrNothing) {
		t.Errorf("as it is: %v", err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"prosody.cfg.lua":          string(shipped),
		"conf.avail/bot.cfg.lua":   "Component \"bot.example.net\" \"rest\"\n",
		"conf.avail/other.cfg.lua": "Component \"other.example.net\" \"rest\"\n",
	} {
		write(t, filepath.Join(dir, name), text)
	}
	if err := os.Mkdir(filepath.Join(dir, "conf.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "conf.avail/bot.cfg.lua"), filepath.Join(dir, "conf.d/bot.cfg.lua")); err != nil {
		t.Fatal(err)
	}
	r, err := prosodycfg.Import(prosodycfg.Options{Path: filepath.Join(dir, "prosody.cfg.lua")})
	if err != nil {
		t.Fatal(err)
	}
	check(t, r)
	if diff := cmp.Diff([]string{"bot.example.net"}, r.Components); diff != "" {
		t.Error(diff)
	}
	expectNote(t, r, prosodycfg.Taken, "log → log.level")
	expectNote(t, r, prosodycfg.NotTaken, "admins, archive_expires_after, authentication, certificates, limits")
	expectNote(t, r, prosodycfg.ToDo, "conf.d/bot.cfg.lua:1")
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Every option that mod_rest ever had is there.
func TestMappings_complete(t *testing.T) {
	var known []string
	for _, m := range prosodycfg.Mappings() {
		known = append(known, m.Option)
	}
	for _, option := range []string{
		"rest_callback_url", "rest_callback_content_type", "rest_callback_stanzas", "rest_callback_events", "rest_stanza_size_limit",
		"rest_iq_timeout", "rest_iq_max_timeout", "rest_auth_mechanisms", "anonymous_rest", "rest_demo_resources", "rest_credentials",
	} {
		if !slices.Contains(known, option) {
			t.Errorf("%s is not known", option)
		}
	}
}

// Each option has a setting or a reason, and each setting is one of Restanza's.
func TestMappings_settings(t *testing.T) {
	known := map[string]bool{}
	for _, s := range config.Settings() {
		known[s.Key] = true
	}
	for _, m := range prosodycfg.Mappings() {
		if (m.Setting == "") == (m.Why == "") {
			t.Errorf("%s has neither a setting nor a reason, or both", m.Option)
		}
		if m.Setting != "" && !known[m.Setting] {
			t.Errorf("%s: %s is no setting", m.Option, m.Setting)
		}
	}
}
