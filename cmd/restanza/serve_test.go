package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/restanza/restanza/journal"
)

// closedPort returns an address on which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func serveArgs(t *testing.T, more ...string) []string {
	t.Helper()
	return append([]string{
		"serve", "--component", "rest.example.net", "--server", closedPort(t), "--secret", "hunter2",
		"--credentials", "Bearer hunter2", "--listen", "127.0.0.1:0", "--journal-path", "none",
	}, more...)
}

// log collects what is written and tells when it contains something.
type log struct {
	mu    sync.Mutex
	text  bytes.Buffer
	want  string
	found chan struct{}
}

func newLog(want string) *log { return &log{want: want, found: make(chan struct{})} }

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := strings.Contains(l.text.String(), l.want)
	n, err := l.text.Write(p)
	if !before && strings.Contains(l.text.String(), l.want) {
		close(l.found)
	}
	return n, err
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await waits until the wanted text was written.
func (l *log) await(t *testing.T) {
	t.Helper()
	select {
	case <-l.found:
	case <-time.After(20 * time.Second):
		t.Fatalf("no %q in %s", l.want, l)
	}
}

func TestServe_startAndEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stderr := newLog("\n")
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, process{args: serveArgs(t, "--log-format", "json"), stdin: strings.NewReader(""), stdout: io.Discard, stderr: stderr})
	}()
	stderr.await(t)
	first, _, _ := strings.Cut(stderr.String(), "\n")
	line := regexp.MustCompile(`^\{"time":"[^"]*","level":"INFO","msg":"serving","address":"127\.0\.0\.1:[0-9]+","components":\["rest\.example\.net"\],"version":"[^"]+"\}$`)
	if !line.MatchString(first) {
		t.Errorf("first line: %s", first)
	}
	cancel()
	select {
	case got := <-code:
		if got != exitOK {
			t.Errorf("exit code %d: %s", got, stderr)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("it does not end: %s", stderr)
	}
	if strings.Contains(stderr.String(), "hunter2") {
		t.Errorf("the log shows a secret: %s", stderr)
	}
}

func TestServe_logsWarnings(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr bytes.Buffer
	code := run(ctx, process{args: serveArgs(t), environ: []string{"RESTANZA_SERVR=x"}, stdin: strings.NewReader(""), stdout: io.Discard, stderr: &stderr})
	if code != exitOK || !strings.Contains(stderr.String(), `level=WARN msg=configuration warning="RESTANZA_SERVR: unknown variable, ignored; did you mean RESTANZA_SERVER?"`) {
		t.Errorf("%d: %s", code, stderr.String())
	}
}

func TestServe_portInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := call(t, "", nil, serveArgs(t, "--listen", l.Addr().String())...)
	r.expect(t, exitFailure, "", "restanza: ")
	if !strings.Contains(r.stderr, "address already in use") || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("stderr: %s", r.stderr)
	}
}

func TestServe_sigterm(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(sig.String(), func(t *testing.T) {
			stderr := newLog("msg=serving")
			cmd := exec.CommandContext(t.Context(), os.Args[0], serveArgs(t)...)
			cmd.Env = []string{asCommand + "=1"}
			cmd.Stderr = stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			stderr.await(t)
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v: %s", err, stderr)
			}
			if !strings.Contains(stderr.String(), "msg=stopped") {
				t.Errorf("log: %s", stderr)
			}
		})
	}
}

func TestUntilSignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan os.Signal)
		ended := 0
		ctx, stop := untilSignal(t.Context(), signals, func() { ended++ })
		synctest.Wait()
		if ctx.Err() != nil {
			t.Fatal("ended without a signal")
		}
		signals <- os.Interrupt
		synctest.Wait()
		if !errors.Is(ctx.Err(), context.Canceled) || ended != 0 {
			t.Fatalf("after the first signal: %v, ended %d times", ctx.Err(), ended)
		}
		signals <- syscall.SIGTERM
		synctest.Wait()
		if ended != 1 {
			t.Fatalf("after the second signal: ended %d times", ended)
		}
		stop()
	})
}

func TestUntilSignal_stopEndsTheWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := untilSignal(t.Context(), make(chan os.Signal), func() { t.Error("ended") })
		stop()
		if ctx.Err() == nil {
			t.Error("the context goes on")
		}
	})
}

func TestJournalPath(t *testing.T) {
	home := t.TempDir()
	for name, c := range map[string]struct {
		environ []string
		want    string
	}{
		"systemd":   {[]string{"STATE_DIRECTORY=/var/lib/restanza:/var/lib/b", "HOME=" + home}, "/var/lib/restanza/journal.db"},
		"XDG":       {[]string{"XDG_STATE_HOME=" + home + "/state", "HOME=/nonexistent"}, home + "/state/restanza/journal.db"},
		"relative":  {[]string{"XDG_STATE_HOME=state", "HOME=" + home}, home + "/.local/state/restanza/journal.db"},
		"home":      {[]string{"HOME=" + home}, home + "/.local/state/restanza/journal.db"},
		"nowhere":   {nil, ""},
		"read-only": {[]string{"HOME=/proc/nowhere"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := makeJournalPath(c.environ)
			if got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
	info, err := os.Stat(home + "/.local/state/restanza")
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
}

// Without a place for the journal the gateway serves and says so; where a place was asked for, it does not.
func TestServe_journal(t *testing.T) {
	home := t.TempDir()
	path := home + "/.local/state/restanza/journal.db"
	serve := func(environ []string, more ...string) (code int, stderr string) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var b bytes.Buffer
		args := slices.DeleteFunc(serveArgs(t, more...), func(s string) bool { return s == "--journal-path" || s == "none" })
		code = run(ctx, process{args: args, environ: environ, stdin: strings.NewReader(""), stdout: io.Discard, stderr: &b})
		return code, b.String()
	}
	const warning = `level=WARN msg="there is no journal, so that what comes while a callback is down is not kept`
	if code, stderr := serve(nil); code != exitOK || strings.Count(stderr, warning) != 1 || !strings.Contains(stderr, "HOME is set") {
		t.Errorf("nowhere: %d: %s", code, stderr)
	}
	if code, stderr := serve([]string{"HOME=" + home}); code != exitOK || strings.Contains(stderr, warning) || !strings.Contains(stderr, `msg="journal open" path=`+path+" waiting=0") {
		t.Errorf("at home: %d: %s", code, stderr)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(journal.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}()
	if code, stderr := serve([]string{"HOME=" + home}); code != exitOK || strings.Count(stderr, warning) != 1 || !strings.Contains(stderr, path) {
		t.Errorf("in use: %d: %s", code, stderr)
	}
	if code, stderr := serve([]string{"RESTANZA_JOURNAL_PATH=" + path}); code != exitFailure || !strings.Contains(stderr, path) || !strings.Contains(stderr, "in use") {
		t.Errorf("wanted, and in use: %d: %s", code, stderr)
	}
}
