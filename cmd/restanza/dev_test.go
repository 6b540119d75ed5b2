package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// devEnds is how long dev may take to end.
const devEnds = 2 * time.Second

// devCommand returns the arguments of dev on free ports.
func devCommand(more ...string) []string {
	return append([]string{"dev", "--listen", "127.0.0.1:0", "--xmpp-listen", "127.0.0.1:0", "--xmpp-tls-listen", "127.0.0.1:0"}, more...)
}

// runningDev is a dev in this process.
type runningDev struct {
	stdout, stderr *log
	end            func() // as a signal would
	code           chan int
}

// startDevCommand runs dev until it ends by itself, end is called, or the test ends.
// want is what stdout.await waits for.
func startDevCommand(t *testing.T, want string, args ...string) *runningDev {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	d := &runningDev{stdout: newLog(want), stderr: newLog("\n"), end: cancel, code: make(chan int, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.code <- run(ctx, process{args: devCommand(args...), environ: os.Environ(), stdin: strings.NewReader(""), stdout: d.stdout, stderr: d.stderr})
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if t.Failed() {
			t.Logf("stdout:\n%s\nstderr:\n%s", d.stdout, d.stderr)
		}
	})
	return d
}

// ended waits for the end and returns the exit code.
func (d *runningDev) ended(t *testing.T) int {
	t.Helper()
	select {
	case code := <-d.code:
		return code
	case <-time.After(30 * time.Second):
		t.Fatal("it does not end")
		return 0
	}
}

// The lines to paste work in a shell as they are printed.
func TestDev_paste(t *testing.T) {
	d := startDevCommand(t, "Talk to the bot")
	d.stdout.await(t)
	lines := regexp.MustCompile(`(?m)^    (curl .*\\\n.*\\\n.*)$`).FindAllStringSubmatch(d.stdout.String(), -1)
	if len(lines) != 2 {
		t.Fatalf("%d curl lines, want 2", len(lines))
	}
	for i, want := range []string{"202", `type="result"`} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", lines[i][1]+` -sS -w '%{http_code}'`).CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s\n%v: %s, want %q in it", lines[i][1], err, out, want)
		}
	}
	d.end()
	if code := d.ended(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(d.stdout.String(), "stopped") {
		t.Error("it does not say that it has stopped")
	}
}

// What is on the screen is what was asked for.
func TestDev_screen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	certificate := filepath.Join(t.TempDir(), "host.pem")
	d := startDevCommand(t, "Talk to the bot", "--account", "carol:open sesame", "--account", "alice:other", "--credentials", "Bearer it's",
		"--callback-url", "http://user:hunter2@127.0.0.1:1/", "--certificate-file", certificate, "--xmpp-listen", taken.Addr().String())
	d.stdout.await(t)
	out := d.stdout.String()
	for _, want := range []string{
		"NO SERVER: this machine only", "carol@localhost    password open sesame", "alice@localhost    password other", "bob@localhost",
		`'Authorization: Bearer it'\''s'`, "is your program, told by POST to http://127.0.0.1:1/", "Note: Port " + port,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "hunter2") {
		t.Error("the callback's password is shown")
	}
	text, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("no PEM: %s", text)
	}
	if c, err := x509.ParseCertificate(block.Bytes); err != nil || c.VerifyHostname("localhost") != nil {
		t.Errorf("the certificate: %v", err)
	}
}

func TestDev_usage(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"word without --":        {[]string{"bot.py"}, "write -- before the program to start"},
		"word before --":         {[]string{"x", "--", "true"}, `unexpected "x"`},
		"account without":        {[]string{"--account", "carol"}, `--account "carol": write name:password`},
		"account without name":   {[]string{"--account", ":x"}, "write name:password"},
		"public with defaults":   {[]string{"--allow-public"}, "--allow-public needs accounts and credentials"},
		"public, no credentials": {[]string{"--allow-public", "--account", "carol:x"}, "--allow-public needs accounts and credentials"},
		"callback no URL":        {[]string{"--callback-url", "bot.py"}, "callback"},
		"no such program":        {[]string{"--", "no-such-program-anywhere"}, "can't start no-such-program-anywhere"},
	} {
		t.Run(name, func(t *testing.T) {
			call(t, "", nil, devCommand(c.args...)...).expect(t, exitUsage, "", c.want)
		})
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"not loopback":         {[]string{"--listen", "0.0.0.0:0"}, "not a loopback address"},
		"XMPP not loopback":    {[]string{"--xmpp-listen", ":0"}, "not a loopback address"},
		"certificate nowhere":  {[]string{"--certificate-file", "/nonexistent/x"}, "--certificate-file"},
		"account with a slash": {[]string{"--account", "a/b:x"}, `account "a/b"`},
	} {
		t.Run(name, func(t *testing.T) {
			call(t, "", nil, devCommand(c.args...)...).expect(t, exitFailure, "", c.want)
		})
	}
}

// A program is told where the gateway is, and its end is dev's.
func TestDev_program(t *testing.T) {
	const script = `echo "url $RESTANZA_URL credentials $RESTANZA_CREDENTIALS port $PORT"; echo oops >&2
		curl -sS "$RESTANZA_URL/rest" -H "Authorization: $RESTANZA_CREDENTIALS" -H 'Content-Type: application/xmpp+xml' \
			-w ' status %{http_code}' -d '<message to="alice@localhost"><body>x</body></message>'; exit 7`
	d := startDevCommand(t, "", "--credentials", "Bearer mine", "--", "sh", "-c", script)
	if code := d.ended(t); code != 7 {
		t.Errorf("exit code %d, want the program's", code)
	}
	out := d.stdout.String()
	if !regexp.MustCompile(`url http://127\.0\.0\.1:\d+ credentials Bearer mine port \d+\n`).MatchString(out) || !strings.Contains(out, "status 202") {
		t.Errorf("the program's output is missing:\n%s", out)
	}
	if !strings.Contains(d.stderr.String(), "oops\n") || !strings.Contains(d.stderr.String(), "exit status 7") {
		t.Errorf("stderr: %s", d.stderr)
	}
	if d := startDevCommand(t, "", "--", "true"); d.ended(t) != exitOK {
		t.Error("a program that ends well is a failure")
	}
}

// Stanzas go to the program at its port.
func TestDev_programIsTheBot(t *testing.T) {
	if _, err := exec.LookPath("/usr/bin/python3"); err != nil {
		t.Skip("needs python3")
	}
	const script = `
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        print("told about a", self.headers["Content-Type"], flush=True)
        os._exit(3)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
`
	d := startDevCommand(t, "Authorization: ", "--credentials", "Bearer mine", "--", "/usr/bin/python3", "-c", script)
	d.stdout.await(t)
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(d.stdout.String()[strings.Index(d.stdout.String(), "HTTP  "):])
	call(t, "", []string{"RESTANZA_URL=" + url, "RESTANZA_CREDENTIALS=Bearer mine"}, "send", "bot@bot.localhost", "hello").expect(t, exitOK, "", "")
	if code := d.ended(t); code != 3 {
		t.Errorf("exit code %d, want the program's", code)
	}
	if !strings.Contains(d.stdout.String(), "told about a application/xmpp+xml") {
		t.Error("the program was not told")
	}
}

// A program that does not want to end, and what it has started, ends with dev.
func TestDev_stubbornProgram(t *testing.T) {
	const script = `trap "" TERM INT; sleep 300 & echo "chi""ld $!"; while :; do wait; done`
	d := startDevCommand(t, "child ", "--", "sh", "-c", script)
	d.stdout.await(t)
	child, err := strconv.Atoi(regexp.MustCompile(`child (\d+)`).FindStringSubmatch(d.stdout.String())[1])
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	d.end()
	if code := d.ended(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(began); took > devEnds {
		t.Errorf("it took %s to end", took)
	}
	for limit := time.Now().Add(10 * time.Second); syscall.Kill(child, 0) == nil; {
		if time.Now().After(limit) {
			t.Fatal("what the program has started goes on")
		}
	}
}

// Ctrl-C ends it at any moment, in time and in good order.
func TestDev_interrupt(t *testing.T) {
	for range 8 {
		moment := rand.N(60 * time.Millisecond)
		t.Run(moment.String(), func(t *testing.T) {
			stdout := newLog("restanza dev")
			cmd := exec.CommandContext(t.Context(), os.Args[0], devCommand()...)
			cmd.Env = append(os.Environ(), asCommand+"=1")
			cmd.Stdout, cmd.Stderr = stdout, io.Discard
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			stdout.await(t)
			<-time.After(moment)
			began := time.Now()
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("it ended with %v:\n%s", err, stdout)
			}
			if took := time.Since(began); took > devEnds {
				t.Errorf("it took %s to end", took)
			}
		})
	}
}
