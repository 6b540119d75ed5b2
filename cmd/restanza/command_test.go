package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/restanza/restanza/config"
)

// asCommand, as a variable, makes the test binary behave as the command.
const asCommand = "RESTANZA_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// result is what a call left behind.
type result struct {
	code           int
	stdout, stderr string
}

// call runs the command in this process. A gateway that starts by mistake is ended after a while.
func call(t *testing.T, stdin string, environ []string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	code := run(ctx, process{args: args, environ: environ, stdin: strings.NewReader(stdin), stdout: &stdout, stderr: &stderr})
	return result{code, stdout.String(), stderr.String()}
}

// expect compares a result, the outputs by what they contain; an empty text means an empty output.
func (r result) expect(t *testing.T, code int, stdout, stderr string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	for name, pair := range map[string][2]string{"stdout": {r.stdout, stdout}, "stderr": {r.stderr, stderr}} {
		if got, want := pair[0], pair[1]; !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestCommand_usage(t *testing.T) {
	for name, test := range map[string]struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		"nothing":            {nil, exitOK, "Available Commands", ""},
		"help":               {[]string{"help", "serve"}, exitOK, "--callback-url", ""},
		"--help":             {[]string{"serve", "--help"}, exitOK, "--callback-url", ""},
		"config":             {[]string{"config"}, exitOK, "example", ""},
		"version":            {[]string{"version"}, exitOK, "restanza " + version() + " (go1.", ""},
		"--version":          {[]string{"--version"}, exitOK, "restanza " + version() + "\n", ""},
		"completion":         {[]string{"completion", "bash"}, exitOK, "restanza", ""},
		"level completion":   {[]string{"__complete", "serve", "--log-level", ""}, exitOK, "debug\ninfo\n", "ShellCompDirectiveNoFileComp"},
		"unknown command":    {[]string{"serv"}, exitUsage, "", "restanza: unknown command \"serv\"; did you mean dev or serve or send?\ntry: restanza --help\n"},
		"unknown subcommand": {[]string{"config", "chek"}, exitUsage, "", "restanza: unknown command \"chek\"; did you mean check?\ntry: restanza config --help\n"},
		"unknown flag":       {[]string{"serve", "--colour"}, exitUsage, "", "restanza: unknown flag: --colour\ntry: restanza serve --help\n"},
		"flag without value": {[]string{"serve", "--secret"}, exitUsage, "", "restanza: flag needs an argument: --secret\ntry: restanza serve --help\n"},
		"argument":           {[]string{"serve", "x"}, exitUsage, "", "restanza: unknown command \"x\" for \"restanza serve\"\ntry: restanza serve --help\n"},
		"text not quoted":    {[]string{"send", "alice@localhost", "two", "words"}, exitUsage, "", "restanza: too many words: put the text in quotes\ntry: restanza send --help\n"},
		"nobody to ask":      {[]string{"iq", "ping"}, exitUsage, "", "restanza: say whom to ask, by one address\ntry: restanza iq ping --help\n"},
		"two files":          {[]string{"config", "check", "a", "b"}, exitUsage, "", "restanza: accepts at most 1 arg(s), received 2\ntry: restanza config check --help\n"},
		"file and flag":      {[]string{"config", "check", "a", "--config", "b"}, exitUsage, "", "restanza: two files: a, and b by --config\n"},
		"serve without":      {[]string{"serve"}, exitUsage, "", "component: missing; name one by [[component]] in the file, by --component or by RESTANZA_COMPONENT\n"},
		"serve without file": {[]string{"serve", "--config", "/nonexistent/x.toml"}, exitUsage, "", "restanza: configuration file: open /nonexistent/x.toml: no such file or directory\n"},
		"wrong value":        {[]string{"serve", "--iq-timeout", "5"}, exitUsage, "", "--iq-timeout: \"5\" is no duration; write \"5s\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			r := call(t, "", nil, test.args...)
			r.expect(t, test.code, test.stdout, test.stderr)
			if strings.Contains(r.stderr, "Usage:") {
				t.Errorf("the whole usage was printed: %s", r.stderr)
			}
		})
	}
}

const twoComponents = `
[[component]]
domain = "a.example"
secret = "hunter2"
[[component.credential]]
authorization = "Bearer hunter2"
[component.callback]
url = "https://user:hunter2@callback.example/hunter2?token=hunter2"
[[component]]
domain = "b.example"
server = "xmpp.example"
secret = "hunter2"
credential = [{ authorization = "Bearer 2hunter2" }, { authorization = "Bearer 3hunter2" }]
`

func TestConfigCheck_summary(t *testing.T) {
	r := call(t, twoComponents, nil, "config", "check")
	r.expect(t, exitOK, "ok: HTTP on 127.0.0.1:5281, 2 components\n"+
		"a.example: server 127.0.0.1:5347, 1 credential, callback to https://callback.example\n"+
		"b.example: server xmpp.example:5347, 2 credentials, no callback\n", "")
}

func TestConfigCheck_example(t *testing.T) {
	example := call(t, "", nil, "config", "example")
	example.expect(t, exitOK, config.Example(), "")
	call(t, example.stdout, nil, "config", "check").expect(t, exitOK, "ok: ", "")
	call(t, example.stdout, nil, "config", "check", "-").expect(t, exitOK, "ok: ", "")
}

// Each call prints another secret, which a configuration takes and never shows.
func TestConfigSecret(t *testing.T) {
	first, second := call(t, "", nil, "config", "secret"), call(t, "", nil, "config", "secret")
	if first.code != exitOK || first.stderr != "" || first.stdout == second.stdout {
		t.Fatalf("%+v, %+v", first, second)
	}
	secret := strings.TrimSuffix(first.stdout, "\n")
	r := call(t, twoComponents, nil, "config", "check")
	r.expect(t, exitOK, "callback to", "")
	signed := strings.Replace(twoComponents, "[component.callback]\n", "[component.callback]\nsigning_secrets = ['"+secret+"']\n", 1)
	r = call(t, signed, nil, "config", "check")
	r.expect(t, exitOK, "signed callback to https://callback.example\n", "")
	if strings.Contains(r.stdout, secret[10:]) {
		t.Errorf("it shows the secret: %s", r.stdout)
	}
	call(t, "", nil, "config", "secret", "x").expect(t, exitUsage, "", "restanza config secret --help")
}

func TestConfigCheck_whichFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.toml")
	if err := os.WriteFile(path, []byte(twoComponents), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := "colour = 1"
	for name, args := range map[string][]string{"argument": {path}, "flag": {"--config", path}} {
		t.Run(name, func(t *testing.T) {
			call(t, broken, nil, append([]string{"config", "check"}, args...)...).expect(t, exitOK, "ok: ", "")
		})
	}
	environ := []string{"RESTANZA_CONFIG=" + path}
	call(t, broken, environ, "config", "check").expect(t, exitOK, "ok: ", "")
	call(t, broken, environ, "config", "check", "-").expect(t, exitUsage, "", "standard input:1:1: colour: unknown key\n")
	call(t, strings.Repeat("#", 1<<20+1), nil, "config", "check").expect(t, exitUsage, "", "restanza: standard input: more than 1048576 bytes\n")
}

func TestConfigCheck_errorsNameLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "restanza.toml")
	if err := os.WriteFile(path, []byte(twoComponents+"iq_timeuot = \"1s\"\n[log]\nlevel = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := call(t, "", []string{"RESTANZA_SERVR=x"}, "config", "check", path)
	r.expect(t, exitUsage, "", "warning: RESTANZA_SERVR: unknown variable, ignored; did you mean RESTANZA_SERVER?\n"+
		path+":14:1: component.iq_timeuot: unknown key; did you mean iq_timeout?\n"+
		path+":16: log.level: this is a number; write text in quotes\n")
}

// Every key has a flag and a variable, and both reach the configuration.
func TestCommand_everySettingAsFlagAndVariable(t *testing.T) {
	wrong := map[config.Type]string{config.Time: "x", config.Number: "x", config.Address: "@", config.TextList: "x", config.Boolean: "x", config.File: "/nonexistent/file"}
	base := []string{"RESTANZA_COMPONENT=a.example", "RESTANZA_SECRET=x", "RESTANZA_CREDENTIALS=Bearer x", "RESTANZA_CALLBACK_URL=http://h"}
	for _, s := range config.Settings() {
		t.Run(s.Key, func(t *testing.T) {
			value, ok := wrong[s.Type]
			switch {
			case s.Key == "component.secret":
				return // any text will do
			case s.Key == "component.credential.to":
				value = "a b" // x is a domain
			case s.Type == config.File && strings.HasPrefix(s.Key, "http."):
				value = "alone.pem" // without its other half
			case !ok:
				value = "x:\x01:"
			}
			want := s.Flag
			if strings.HasPrefix(s.Key, "http.tls") {
				want = "missing; " + s.Key[len("http."):] + " needs it"
			}
			r := call(t, "", base, "serve", "--"+s.Flag, value)
			if r.code != exitUsage || !strings.Contains(r.stderr, want) {
				t.Errorf("flag: %d, %s", r.code, r.stderr)
			}
			if want == s.Flag {
				want = s.Env() + ": "
			}
			r = call(t, "", append(base, s.Env()+"="+value), "serve")
			if r.code != exitUsage || !strings.Contains(r.stderr, want) {
				t.Errorf("variable: %d, %s", r.code, r.stderr)
			}
		})
	}
}

// No output shows a secret, whatever is wrong.
func TestCommand_secretsAreNeverShown(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("hunter2 \x01\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"good":            twoComponents,
		"twice":           twoComponents + strings.ReplaceAll(twoComponents, "a.example", "c.example"),
		"unquoted":        strings.Replace(twoComponents, `"hunter2"`, "hunter2", 1),
		"unclosed":        strings.Replace(twoComponents, `"hunter2"`, `"hunter2`, 1),
		"control":         strings.Replace(twoComponents, `"hunter2"`, "\"hunter2\x01\"", 1),
		"escape":          strings.Replace(twoComponents, `"hunter2"`, `"hunter2\q"`, 1),
		"in list":         strings.Replace(twoComponents, `"hunter2"`, `["hunter2"]`, 1),
		"key":             strings.Replace(twoComponents, `secret =`, `secert =`, 1),
		"no scheme":       strings.Replace(twoComponents, "Bearer hunter2", "hunter2", 1),
		"wrong character": strings.Replace(twoComponents, "Bearer hunter2", "Bearer hunter2ä", 1),
		"wrong URL":       strings.Replace(twoComponents, "https://user:hunter2@", "https://user:hunter2:x@y:hunter2", 1),
		"wrong scheme":    strings.Replace(twoComponents, "https://user", "hunter2://user", 1),
		"both":            strings.Replace(twoComponents, `secret = "hunter2"`, "secret = \"hunter2\"\nsecret_file = '"+secret+"'", 1),
		"from file":       strings.Replace(twoComponents, `authorization = "Bearer hunter2"`, "authorization_file = '"+secret+"'", 1),
	}
	for name, text := range files {
		for _, command := range [][]string{{"config", "check"}, {"serve"}} {
			if command[0] == "serve" && name == "good" {
				continue
			}
			path := filepath.Join(dir, "x.toml")
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			r := call(t, "", []string{"RESTANZA_SECERT=hunter2"}, append(command, "--config", path)...)
			if out := r.stdout + r.stderr; strings.Contains(out, "hunter2") {
				t.Errorf("%s, %v: %s", name, command, out)
			}
			if name != "good" && r.code != exitUsage {
				t.Errorf("%s, %v: exit code %d: %s", name, command, r.code, r.stderr)
			}
		}
	}
	for _, args := range [][]string{
		{"--secret", "hunter2"},
		{"--component", "a.example", "--secret", "hunter2", "--credentials", "hunter2"},
		{"--component", "a.example", "--secret", "hunter2", "--callback-url", "http://u:hunter2"},
		{"--secret", "hunter2", "--help"},
		{"--secret", "hunter2", "--colour"},
	} {
		if r := call(t, "", nil, append([]string{"serve"}, args...)...); strings.Contains(r.stdout+r.stderr, "hunter2") {
			t.Errorf("%q: %s%s", args, r.stdout, r.stderr)
		}
	}
}

func TestIsTerminal(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if !isTerminal(null) || isTerminal(io.NopCloser(strings.NewReader(""))) {
		t.Error("a character device is none, or a reader is one")
	}
}

// A shell that completion does not know is wrong usage; output that can't be written is not.
func TestCompletion_errors(t *testing.T) {
	call(t, "", nil, "completion", "tcsh").expect(t, exitUsage, "", `unknown command "tcsh"`)
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		var stderr bytes.Buffer
		code := run(t.Context(), process{args: []string{"completion", shell}, stdin: strings.NewReader(""), stdout: brokenPipe{}, stderr: &stderr})
		if code != exitFailure || strings.Contains(stderr.String(), "--help") {
			t.Errorf("%s: %d, %s", shell, code, &stderr)
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
