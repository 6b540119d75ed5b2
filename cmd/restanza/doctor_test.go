package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/internal/doctor"
	"github.com/restanza/restanza/internal/xmpptest"
)

// doctorArgs are a call with which all is well.
func doctorArgs(t *testing.T, server xmpptest.Server, more ...string) []string {
	t.Helper()
	receiver := xmpptest.NewReceiver(t)
	return append([]string{
		"doctor", "--component", server.ComponentDomain(0), "--server", server.ComponentAddr(), "--secret", server.Secret(),
		"--credentials", "Bearer f0d1c2b3a495c3b7f0e1d2c3b4a59687", "--listen", xmpptest.FreeAddr(t),
		"--journal-path", filepath.Join(t.TempDir(), "journal.db"),
		"--callback-url", strings.Replace(receiver.URL(), "://", "://user:hunter2@", 1),
	}, more...)
}

func TestDoctor_healthy(t *testing.T) {
	r := call(t, "", nil, doctorArgs(t, xmpptest.Start(t, "fake"))...)
	r.expect(t, exitOK, "\nno step failed, 0 warnings\n", "")
	var names []doctor.Name
	for line := range strings.Lines(r.stdout) {
		m := regexp.MustCompile(`^(?:ok     |skipped)  ([^:]+): `).FindStringSubmatch(line)
		if m == nil {
			if line != "no step failed, 0 warnings\n" {
				t.Errorf("line %q", line)
			}
			continue
		}
		names = append(names, doctor.Name(m[1]))
	}
	if diff := cmp.Diff(doctor.Names(), names); diff != "" {
		t.Errorf("steps (-want +got)\n%s", diff)
	}
	if strings.ContainsAny(r.stdout, "\x1b") {
		t.Error("coloured, though it is no terminal")
	}
}

func TestDoctor_failed(t *testing.T) {
	r := call(t, "", nil, doctorArgs(t, xmpptest.Start(t, "fake"), "--secret", "hunter2")...)
	r.expect(t, exitFailure, "\nFAILED   handshake: the server refuses the secret", "restanza: 1 step failed\n")
	if !strings.Contains(r.stdout, "\nwarning  credentials: ") || !strings.Contains(r.stdout, "\n         - both sides must have the secret") {
		t.Errorf("stdout: %s", r.stdout)
	}
	if strings.Contains(r.stdout+r.stderr, "hunter2") {
		t.Errorf("a secret is shown: %s%s", r.stdout, r.stderr)
	}
}

func TestDoctor_usage(t *testing.T) {
	for name, c := range map[string]struct {
		args           []string
		stdout, stderr string
	}{
		"nothing":       {[]string{"doctor"}, "- component: missing; name one by", "restanza: the configuration is wrong\n"},
		"missing file":  {[]string{"doctor", "--config", "/nonexistent/x.toml"}, "FAILED   configuration: it can't be read\n", "restanza: the configuration is wrong\n"},
		"wrong setting": {[]string{"doctor", "--iq-timeout", "5"}, "- --iq-timeout: \"5\" is no duration; write \"5s\"\n", "restanza: the configuration is wrong\n"},
		"wrong timeout": {[]string{"doctor", "--timeout", "0s"}, "", "restanza: --timeout: 0s is no time"},
		"no duration":   {[]string{"doctor", "--timeout", "5"}, "", "try: restanza doctor --help\n"},
		"unknown flag":  {[]string{"doctor", "--colour"}, "", "restanza: unknown flag: --colour\n"},
		"argument":      {[]string{"doctor", "x"}, "", "restanza: unknown command \"x\""},
	} {
		t.Run(name, func(t *testing.T) { call(t, "", nil, c.args...).expect(t, exitUsage, c.stdout, c.stderr) })
	}
}

// The errors of a file have their lines, and no output shows a secret.
func TestDoctor_misconfigured(t *testing.T) {
	path := t.TempDir() + "/restanza.toml"
	if err := os.WriteFile(path, []byte(twoComponents+"iq_timeuot = \"1s\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := call(t, "", []string{"RESTANZA_SERVR=hunter2"}, "doctor", "--json", "--config", path)
	r.expect(t, exitUsage, path+":14:1: component.iq_timeuot: unknown key; did you mean iq_timeout?", "restanza: the configuration is wrong\n")
	var report doctor.Report
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || report.Result != doctor.ResultMisconfigured {
		t.Errorf("%v: %s", err, r.stdout)
	}
	if strings.Contains(r.stdout+r.stderr, "hunter2") {
		t.Errorf("a secret is shown: %s%s", r.stdout, r.stderr)
	}
}

// The JSON object has the members that the document names, and no others.
func TestDoctor_json(t *testing.T) {
	server := xmpptest.Start(t, "fake")
	r := call(t, "", nil, doctorArgs(t, server, "--json")...)
	r.expect(t, exitOK, "{", "")
	var object struct {
		Result string           `json:"result"`
		Steps  []map[string]any `json:"steps"`
	}
	d := json.NewDecoder(strings.NewReader(r.stdout))
	d.DisallowUnknownFields()
	if err := d.Decode(&object); err != nil || object.Result != "ok" || len(object.Steps) != len(doctor.Names()) {
		t.Fatalf("%v: %s", err, r.stdout)
	}
	for i, step := range object.Steps {
		want := []string{"component", "detail", "milliseconds", "name", "status", "try"}
		if i < 5 {
			want = want[1:]
		} else if step["component"] != server.ComponentDomain(0) {
			t.Errorf("component %v", step["component"])
		}
		var members []string
		for name := range step {
			members = append(members, name)
		}
		slices.Sort(members)
		if diff := cmp.Diff(want, members); diff != "" {
			t.Errorf("step %d (-want +got)\n%s", i, diff)
		}
		if _, list := step["try"].([]any); !list {
			t.Errorf("step %d: try is %v", i, step["try"])
		}
	}
}

// Ctrl-C ends it at once, whoever is silent.
func TestDoctor_interrupted(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // connections are accepted by the system, and nobody speaks
	stdout := newLog("TCP connection")
	cmd := exec.CommandContext(t.Context(), os.Args[0], doctorArgs(t, xmpptest.Start(t, "fake"), "--server", l.Addr().String(), "--timeout", "10m")...)
	cmd.Env = []string{asCommand + "=1"}
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stdout.await(t)
	began := time.Now()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code tells
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s to end", took)
	}
	if code := cmd.ProcessState.ExitCode(); code != exitFailure || stderr.String() != "restanza: interrupted before all steps were tried\n" {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
}

func TestChart_colour(t *testing.T) {
	for _, s := range doctor.Statuses() {
		plain := (&chart{}).status(s)
		coloured := (&chart{colour: true}).status(s)
		if stripped := regexp.MustCompile(`\x1b\[[0-9;]*m`).ReplaceAllString(coloured, ""); stripped != plain || coloured == plain || len(plain) != 8 {
			t.Errorf("%s: %q, %q", s, plain, coloured)
		}
	}
	terminal, err := os.Open(os.DevNull) // a character device, as far as isTerminal can tell
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	for _, c := range []struct {
		w       io.Writer
		environ []string
		want    bool
	}{
		{terminal, nil, true},
		{terminal, []string{"NO_COLOR="}, true},
		{terminal, []string{"NO_COLOR=1"}, false},
		{terminal, []string{"TERM=dumb"}, false},
		{terminal, []string{"TERM=xterm"}, true},
		{io.Discard, nil, false},
	} {
		if got := newChart(c.w, c.environ).colour; got != c.want {
			t.Errorf("%v: colour %v", c.environ, got)
		}
	}
}

func TestChart_severalComponents(t *testing.T) {
	var out strings.Builder
	c := &chart{w: &out, domains: true}
	c.step(doctor.Step{Name: doctor.Listener, Status: doctor.OK, Detail: "free"})
	c.step(doctor.Step{Name: doctor.Ping, Component: "a.example", Status: doctor.Failed, Detail: "lost", Try: []string{"one", "two"}})
	want := "ok       HTTP listener: free\nFAILED   a.example: ping: lost\n         - one\n         - two\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// What nobody could read is no success.
func TestDoctor_brokenOutput(t *testing.T) {
	var stderr bytes.Buffer
	code := run(t.Context(), process{
		args: doctorArgs(t, xmpptest.Start(t, "fake")), stdin: strings.NewReader(""), stdout: brokenWriter{}, stderr: &stderr,
	})
	if code != exitFailure || !strings.Contains(stderr.String(), "broken pipe") {
		t.Errorf("%d: %s", code, &stderr)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, syscall.EPIPE }

// flagsInHelp returns the flags that the help of a command lists, in its order.
func flagsInHelp(t *testing.T, command string) []string {
	t.Helper()
	var flags []string
	for _, m := range regexp.MustCompile(`(?m)^ +(?:-[a-z], )?(--[a-z-]+)[ \[]`).FindAllStringSubmatch(call(t, "", nil, command, "--help").stdout, -1) {
		flags = append(flags, m[1])
	}
	if len(flags) < 20 {
		t.Fatalf("%s has %d flags", command, len(flags))
	}
	return flags
}

// docs/doctor.md has each step, status, result, member and flag, and those only.
func TestDoctor_document(t *testing.T) {
	raw, err := os.ReadFile("../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	document := string(raw)
	firstColumn := func(title string) []string {
		_, section, _ := strings.Cut(document, "\n## "+title+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		var cells []string
		for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(section, -1) {
			cells = append(cells, row[1])
		}
		return cells
	}
	var names, flags []string
	for _, name := range doctor.Names() {
		names = append(names, string(name))
	}
	if diff := cmp.Diff(names, firstColumn("Steps")); diff != "" {
		t.Errorf("the steps (-) and those of the document (+) differ:\n%s", diff)
	}
	own, serve := flagsInHelp(t, "doctor"), flagsInHelp(t, "serve")
	for _, flag := range own {
		if !slices.Contains(serve, flag) {
			flags = append(flags, flag)
		}
	}
	if diff := cmp.Diff(flags, firstColumn("Flags")); diff != "" {
		t.Errorf("doctor's own flags (-) and those of the document (+) differ:\n%s", diff)
	}
	for _, flag := range serve {
		if !slices.Contains(own, flag) {
			t.Errorf("serve has %s, doctor has not", flag)
		}
	}
	for _, result := range doctor.Results() {
		if !strings.Contains(document, "`"+string(result)+"`") {
			t.Errorf("the document lacks the result %s", result)
		}
	}
	for _, status := range doctor.Statuses() {
		if !strings.Contains(document, "`"+string(status)+"`") || !strings.Contains(document, strings.TrimSpace((&chart{}).status(status))) {
			t.Errorf("the document lacks the status %s", status)
		}
	}
	if !strings.Contains(document, doctorCodes) {
		t.Error("the document lacks the exit codes")
	}
	if help := call(t, "", nil, "doctor", "--help").stdout; !strings.Contains(help, doctorCodes) {
		t.Error("the help lacks the exit codes")
	}
	example := regexp.MustCompile("(?s)```json\n(.*?)```").FindStringSubmatch(document)
	d := json.NewDecoder(strings.NewReader(example[1]))
	d.DisallowUnknownFields()
	var report doctor.Report
	if err := d.Decode(&report); err != nil {
		t.Errorf("the document's JSON: %v", err)
	}
}

// An end of the context, too, is an interruption.
func TestDoctor_contextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	code := run(ctx, process{args: doctorArgs(t, xmpptest.Start(t, "fake"), "--json"), stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr})
	if code != exitFailure || stdout.String() != "{\n  \"result\": \"interrupted\",\n  \"steps\": []\n}\n" {
		t.Errorf("%d: %s%s", code, &stdout, &stderr)
	}
}

// Where the journal is found out as serve does, and nothing is made there.
func TestDoctor_journal(t *testing.T) {
	server, home := xmpptest.Start(t, "fake"), t.TempDir()
	args := slices.DeleteFunc(doctorArgs(t, server), func(s string) bool { return s == "--journal-path" || strings.HasSuffix(s, "journal.db") })
	call(t, "", []string{"HOME=" + home}, args...).expect(t, exitOK, "\nok       journal: "+home+"/.local/state/restanza/journal.db will be made, with its folder, with ", "")
	if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	call(t, "", nil, args...).expect(t, exitOK, "\nwarning  journal: there is no place for it: ", "")
	call(t, "", nil, append(args, "--journal-path", "none")...).expect(t, exitOK, "\nskipped  journal: none is wanted", "")
}
