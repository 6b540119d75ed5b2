package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/restanza/restanza/internal/xmpptest"
)

// patience is how long a test waits for what should come at once.
const patience = 30 * time.Second

// parting is how long dev may take to end, with some room for a busy machine.
const parting = 2 * time.Second

// output is what a process has written so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// devProcess is the command, dev for example, in a process of its own.
type devProcess struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  *output // both outputs
	done chan struct{}
}

// startDev starts dev on free ports, with alice and bob as xmpptest knows them. It
// ends with the test.
func startDev(t *testing.T, args ...string) *devProcess {
	t.Helper()
	flags := []string{
		"dev", "--listen", "127.0.0.1:0", "--xmpp-listen", "127.0.0.1:0", "--xmpp-tls-listen", "127.0.0.1:0",
		"--account", "alice:" + xmpptest.Password, "--account", "bob:" + xmpptest.Password,
	}
	return startProcess(t, nil, append(flags, args...)...)
}

// startProcess starts the command, with further variables. It ends with the test.
func startProcess(t *testing.T, environ []string, args ...string) *devProcess {
	t.Helper()
	d := &devProcess{t: t, out: &output{}, done: make(chan struct{})}
	d.cmd = exec.Command(os.Args[0], args...)                                    // ended below
	d.cmd.Env = append(os.Environ(), asCommand+"=1", "GORACE=atexit_sleep_ms=0") // the race detector would sleep at the end
	d.cmd.Env = append(d.cmd.Env, environ...)
	d.cmd.Stdout, d.cmd.Stderr = d.out, d.out
	d.cmd.WaitDelay = patience
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(d.done)
		_ = d.cmd.Wait() // the exit code is looked at where it matters
	}()
	t.Cleanup(func() {
		_ = d.cmd.Process.Signal(os.Interrupt) // it may have ended
		select {
		case <-d.done:
		case <-time.After(patience):
			t.Errorf("%s does not end", args[0])
			_ = d.cmd.Process.Kill()
			<-d.done
		}
		if t.Failed() {
			t.Logf("%s wrote:\n%s", args[0], d.out)
		}
	})
	return d
}

// wait waits until the output matches, and returns what the first group matched.
func (d *devProcess) wait(pattern string) string {
	d.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if m := re.FindStringSubmatch(d.out.String()); m != nil {
			return m[len(m)-1]
		}
		select {
		case <-tick.C:
		case <-deadline:
			d.t.Fatalf("%s does not write %s", d.cmd.Args[1], pattern)
		}
	}
}

// code waits for the end and returns the exit code.
func (d *devProcess) code() int {
	d.t.Helper()
	select {
	case <-d.done:
	case <-time.After(patience):
		d.t.Fatal("dev does not end")
	}
	return d.cmd.ProcessState.ExitCode()
}

// interrupt asks dev to end, as Ctrl-C does, and checks that it does so in time.
func (d *devProcess) interrupt() {
	d.t.Helper()
	began := time.Now()
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		d.t.Fatal(err)
	}
	code := d.code()
	if took := time.Since(began); code != exitOK || took > parting {
		d.t.Errorf("exit code %d after %v", code, took)
	}
}

// server returns dev's host as one that users of xmpptest can log in to.
func (d *devProcess) server() xmpptest.Server {
	d.t.Helper()
	return devHost{d, d.wait(`([0-9.]+:\d+) \(STARTTLS\)`)}
}

// pasted runs the printed lines that hold a text in a shell and returns what they print.
func (d *devProcess) pasted(text string) string {
	d.t.Helper()
	for _, block := range strings.Split(d.out.String(), "\n\n") {
		if !strings.Contains(block, "curl") || !strings.Contains(block, text) {
			continue
		}
		var stderr bytes.Buffer
		cmd := exec.CommandContext(d.t.Context(), "sh", "-c", strings.Replace(block, "curl ", "curl -sS --max-time 20 ", 1))
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			d.t.Fatalf("%s: %v\n%s", block, err, stderr.String())
		}
		return string(out)
	}
	d.t.Fatalf("dev prints no curl line with %s", text)
	return ""
}

// devHost implements xmpptest.Server.
type devHost struct {
	d    *devProcess
	addr string
}

func (h devHost) Name() string                { return "dev" }
func (h devHost) Host() string                { return "localhost" }
func (h devHost) MUC() string                 { return "rooms.localhost" }
func (h devHost) ClientAddr() string          { return h.addr }
func (h devHost) ComponentAddr() string       { return "" }
func (h devHost) ComponentDomain(int) string  { return "bot.localhost" }
func (h devHost) Secret() string              { return "" }
func (h devHost) AddUser(xmpptest.TB, string) {} // they are given to dev
func (h devHost) Kill(tb xmpptest.TB)         { tb.Fatalf("dev is not killed by its users") }
func (h devHost) Stop(tb xmpptest.TB)         { tb.Fatalf("dev is not stopped by its users") }
func (h devHost) Start(tb xmpptest.TB)        { tb.Fatalf("dev is not started by its users") }
func (h devHost) Log() string                 { return h.d.out.String() }

// What is printed at the start works as it is printed, and each stanza is shown.
func TestDev_paste(t *testing.T) {
	d := startDev(t)
	alice := xmpptest.Login(t, d.server(), "alice")
	for line, body := range map[string]string{"-d 'Hello!'": "Hello!", "<message": "And more."} {
		if out := d.pasted(line); out != "" {
			t.Errorf("%s: curl printed %q, want nothing", line, out)
		}
		alice.WaitBody(patience, body)
	}
	d.wait(`→ message chat bot.localhost → alice@localhost "Hello!" 202 [\d.]+ ms\n`)
	if out := d.pasted("/rest/ping/"); !strings.Contains(out, `type="result"`) {
		t.Errorf("the iq's curl printed %q", out)
	}
	d.wait(`→ iq get bot.localhost → localhost <ping urn:xmpp:ping> 200 [\d.]+ ms answered: result\n`)
	alice.SendMessage("bot@bot.localhost", "are you there?")
	alice.WaitBody(patience, "are you there?")
	d.wait(`← message chat alice@localhost/\S+ → bot@bot.localhost "are you there\?" answered: "are you there\?"\n`)
	alice.SendMessage("bot@bot.localhost", "\u202e\u0085]0;")
	d.wait(`"\\u202e\\u0085\]0;"`)
	d.interrupt()
	for _, want := range []string{"NO SERVER", "nothing is kept", "alice@localhost", "/connect alice@localhost server 127.0.0.1 port ", "Gajim"} {
		if !strings.Contains(d.out.String(), want) {
			t.Errorf("dev does not write %q", want)
		}
	}
}

// slixmpp, an XMPP library of others, talks with the bot.
func TestDev_slixmpp(t *testing.T) {
	if !xmpptest.RealPeers() {
		t.Skip("slixmpp is not asked for")
	}
	d := startDev(t)
	user := xmpptest.StartSlixmpp(t, d.server(), "bob")
	user.SendMessage("bot@bot.localhost", "from Python")
	user.WaitBody(patience, "from Python")
	d.interrupt()
}

// The first line is there at once.
func TestDev_firstLine(t *testing.T) {
	began := time.Now()
	d := startDev(t)
	d.wait("NO SERVER")
	if took := time.Since(began); took > 2*time.Second { // under the race detector; the benchmark has the figure
		t.Errorf("the first line took %v", took)
	}
}

// A program of the author's gets its place in the environment and the stanzas; its
// output is passed through; when it ends dev ends with its exit code.
func TestDev_program(t *testing.T) {
	d := startDev(t, "--credentials", "Bearer it's mine", "--", "sh", "-c", `echo "out $RESTANZA_URL|$RESTANZA_CREDENTIALS|$PORT."; echo err >&2; exit 7`)
	if code := d.code(); code != 7 {
		t.Errorf("exit code %d, want 7", code)
	}
	d.wait(`out http://127\.0\.0\.1:\d+\|Bearer it's mine\|\d+\.`)
	d.wait(`\nerr\n`)
	d.wait(`sh -c .* has ended: .*exit status 7`)
}

// A callback that comes up later gets what was said meanwhile, in order; until
// then one line says what is missing.
func TestDev_callbackLater(t *testing.T) {
	receiver := xmpptest.NewReceiver(t)
	receiver.Down()
	d := startDev(t, "--callback-url", receiver.URL()+"/")
	alice := xmpptest.Login(t, d.server(), "alice")
	alice.SendMessage("bot@bot.localhost", "one")
	alice.SendMessage("bot@bot.localhost", "two")
	alice.Sync()
	d.wait(`! nothing listens at the callback yet`)
	receiver.Up()
	for _, text := range []string{"one", "two"} {
		got := receiver.Wait(patience, func(c xmpptest.Callback) bool { return strings.Contains(c.Body, "<message") })
		if !strings.Contains(got.Body, text) {
			t.Errorf("got %s, want %s", got.Body, text)
		}
	}
	d.wait(`"two" 202 [\d.]+ ms\n`)
	if n := strings.Count(d.out.String(), "nothing listens"); n != 1 {
		t.Errorf("%d lines say that nothing listens, want one", n)
	}
	d.interrupt()
}

// A callback that sends more than an answer has spoken out of turn. What it says is not on
// the screen.
func TestDev_callbackSaysTooMuch(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	spoken := make(chan struct{}, 10)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)                                   // the next request shows whether it went well
					_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\nsecret") // the client ends the connection
					spoken <- struct{}{}
				}
			}()
		}
	}()
	d := startDev(t, "--callback-url", "http://"+l.Addr().String()+"/")
	alice := xmpptest.Login(t, d.server(), "alice")
	for _, text := range []string{"one", "two"} {
		alice.SendMessage("bot@bot.localhost", text)
		<-spoken
		d.wait(`"` + text + `" 204 [\d.]+ ms\n`)
	}
	d.interrupt()
	if out := d.out.String(); strings.Contains(out, "nsolicited") || strings.Contains(out, "secret\n") {
		t.Error("it is on the screen")
	}
}

// A program that hears nothing of SIGTERM, and what it has started, are ended.
func TestDev_stubbornProgram(t *testing.T) {
	d := startDev(t, "--", "sh", "-c", `trap "" TERM INT; sleep 60 & echo "child $!"; wait; wait; sleep 60`)
	child := d.wait(`child (\d+)\n`)
	began := time.Now()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	code := d.code()
	if took := time.Since(began); code != exitOK || took > parting {
		t.Errorf("exit code %d after %v", code, took)
	}
	var pid int
	if _, err := fmt.Sscan(child, &pid); err != nil {
		t.Fatal(err)
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); p.Signal(syscall.Signal(0)) == nil && !zombie(pid); {
		if time.Now().After(deadline) {
			t.Fatalf("process %d is still there", pid)
		}
	}
}

// zombie reports whether a process has ended and nobody has asked how.
func zombie(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(text), ") Z ")
}

// Ctrl-C at any moment ends it cleanly and soon.
func TestDev_interrupt(t *testing.T) {
	for n := range 8 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			d := startDev(t)
			if n > 0 {
				d.wait("NO SERVER")
				alice := xmpptest.Login(t, d.server(), "alice")
				for i := range n {
					alice.SendMessage("bot@bot.localhost", fmt.Sprint("hello ", i))
				}
				pause := time.NewTimer(rand.N(20 * time.Millisecond))
				<-pause.C
			} else {
				d.wait("NO SERVER")
			}
			d.interrupt()
			if n > 0 {
				d.wait("stopped")
			}
		})
	}
}

// It ends in time whatever is under way: a query nobody answers, a request that is
// half there, a connection that says nothing, a callback that takes its time.
func TestDev_interruptBusy(t *testing.T) {
	receiver := xmpptest.NewReceiver(t)
	hold := make(chan struct{})
	receiver.Handle(func(http.ResponseWriter, *http.Request, xmpptest.Callback) { <-hold })
	t.Cleanup(func() { close(hold) })
	d := startDev(t, "--callback-url", receiver.URL()+"/")
	server := d.server()
	alice := xmpptest.Login(t, server, "alice")
	alice.SendMessage("bot@bot.localhost", "wait")
	receiver.Next(patience)

	addr := d.wait(`http://([0-9.:]+)/rest`)
	const post = "POST /rest HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer dev\r\nContent-Type: application/xmpp+xml\r\n"
	query := `<iq type="get" to="` + alice.JID() + `"><ping xmlns="urn:xmpp:ping"/></iq>`
	for _, text := range []string{"", post + "Content-Length: 10\r\n\r\n<", post + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(query)) + query} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
	}
	alice.Wait(patience, func(s xmpptest.Stanza) bool { return s.Name == "iq" && s.Type == "get" })
	silent, err := net.Dial("tcp", server.ClientAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	d.interrupt()
}

// A port that is taken is replaced, and what is printed has the new one.
func TestDev_portTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	d := startDev(t, "--listen", taken.Addr().String(), "--xmpp-listen", taken.Addr().String())
	d.wait(`Note: Port \d+ for HTTP is taken`)
	d.wait(`Note: Port \d+ for clients can't be had`)
	alice := xmpptest.Login(t, d.server(), "alice")
	d.pasted("-d 'Hello!'")
	alice.WaitBody(patience, "Hello!")
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
	d := startDev(t, "--account", "carol:open sesame", "--account", "alice:other", "--credentials", "Bearer it's",
		"--callback-url", "http://user:hunter2@127.0.0.1:1/", "--certificate-file", certificate, "--xmpp-listen", taken.Addr().String())
	d.wait("Talk to the bot")
	out := d.out.String()
	for _, want := range []string{
		"NO SERVER: this machine only", "carol@localhost    password open sesame", "alice@localhost    password other", "bob@localhost      password " + xmpptest.Password,
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
	free := []string{"--listen", "127.0.0.1:0", "--xmpp-listen", "127.0.0.1:0", "--xmpp-tls-listen", "127.0.0.1:0"}
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"public HTTP", []string{"--listen", "0.0.0.0:0"}, exitUsage, "not a loopback address"},
		{"public XMPP", []string{"--xmpp-listen", "0.0.0.0:0"}, exitUsage, "not a loopback address"},
		{"public with what everybody knows", []string{"--allow-public"}, exitUsage, "--account and --credentials"},
		{"account without password", []string{"--account", "carol"}, exitUsage, `--account "carol": write name:password`},
		{"program without dashes", []string{"python3", "bot.py"}, exitUsage, "write -- before the program"},
		{"word before the dashes", []string{"x", "--", "true"}, exitUsage, `unexpected "x"`},
		{"account without a name", []string{"--account", ":x"}, exitUsage, "write name:password"},
		{"account with a slash", []string{"--account", "a/b:x"}, exitUsage, `account "a/b"`},
		{"public without credentials", []string{"--allow-public", "--account", "carol:x"}, exitUsage, "--account and --credentials"},
		{"certificate nowhere", []string{"--certificate-file", "/nonexistent/x"}, exitFailure, "--certificate-file"},
		{"no such program", []string{"--", "/nonexistent/bot"}, exitUsage, "can't start /nonexistent/bot"},
		{"callback that is no URL", []string{"--callback-url", "bot.py"}, exitUsage, "callback"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			var stdout, stderr bytes.Buffer
			code := run(ctx, process{args: append(append([]string{"dev"}, free...), tt.args...), stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr})
			if code != tt.code || !strings.Contains(stderr.String(), tt.want) {
				t.Errorf("exit code %d, want %d; %q, want %q in it", code, tt.code, stderr.String(), tt.want)
			}
		})
	}
}

// What is wrong with the flags names the flag, and is wrong usage.
func TestDev_wrongFlags(t *testing.T) {
	for _, c := range []struct{ flag, value, want string }{
		{"--listen", "127.0.0.1:99999", `--listen: "127.0.0.1:99999" has no proper port`},
		{"--listen", "here", `restanza: HTTP listener "here"`},
		{"--xmpp-listen", "192.0.2.1:0", "not a loopback address"},
		{"--account", "a@b:c", `account "a@b"`},
		{"--callback-url", "127.0.0.1:5000", "--callback-url: this is no URL"},
		{"--credentials", "abc", "--credentials: the scheme is missing"},
	} {
		call(t, "", nil, "dev", "--xmpp-tls-listen", "127.0.0.1:0", c.flag, c.value).expect(t, exitUsage, "", c.want)
	}
}

// The password of the callback's URL is not shown, program or not, and a program
// that is to listen on $PORT is told so.
func TestDev_botDoes(t *testing.T) {
	for _, c := range []struct {
		url     string
		program []string
		want    string
	}{
		{"", nil, "echoes what it is told"},
		{"http://u:hunter2@127.0.0.1:1/", nil, "is your program, told by POST to http://127.0.0.1:1/"},
		{"http://u:hunter2@127.0.0.1:1/", []string{"a", "b"}, "is a b, told by POST to http://127.0.0.1:1/"},
		{"http://127.0.0.1:2/", []string{"a", "b"}, "is a b, told by POST to http://127.0.0.1:2/: it has to listen on $PORT"},
	} {
		if got := botDoes(devFlags{callbackURL: c.url}, c.program, "http://127.0.0.1:2/"); got != c.want {
			t.Errorf("%q %q: %q, want %q", c.url, c.program, got, c.want)
		}
	}
}
