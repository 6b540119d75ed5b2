package restanza_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza"
	"github.com/restanza/restanza/internal/xmpptest"
)

// codeBlocks returns the fenced blocks of a language in a Markdown file.
func codeBlocks(t *testing.T, file, language string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// blockWith returns the only block that contains a text.
func blockWith(t *testing.T, blocks []string, text string) string {
	t.Helper()
	var found []string
	for _, b := range blocks {
		if strings.Contains(b, text) {
			found = append(found, b)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d blocks contain %q, want one", len(found), text)
	}
	return found[0]
}

// What the README says works as it is printed, but for ports and names of hosts,
// which must not be those of a server that runs on this machine: the server's lines,
// the start of the gateway, the curl lines, and the bot.
func TestREADME(t *testing.T) {
	shell := codeBlocks(t, "README.md", "sh")
	for _, name := range xmpptest.Peers(t) {
		if name == "fake" {
			continue // it has no configuration
		}
		t.Run(name, func(t *testing.T) {
			config := blockWith(t, codeBlocks(t, "README.md", map[string]string{"prosody": "lua", "ejabberd": "yaml"}[name]), "s3cret")
			server := xmpptest.StartConfigured(t, name, config, "rest.example.net")
			alice := xmpptest.Login(t, server, "alice")
			bot := xmpptest.StartBot(t, "README.md")

			listen := xmpptest.FreeAddr(t)
			local := strings.NewReplacer(
				"127.0.0.1:5347", server.ComponentAddr(),
				"127.0.0.1:5281", listen,
				"http://127.0.0.1:5000/", bot.URL(),
				"user@example.org", alice.Bare(),
				`to="example.net"`, `to="`+server.Host()+`"`,
			)
			start := strings.TrimSpace(local.Replace(blockWith(t, shell, "    --callback-url")))
			startCommand(t, strings.Replace(start, "go run ./cmd/restanza", buildCommand(t), 1)+" --listen "+listen)
			awaitReady(t, "http://"+listen+"/readyz")

			if out := run(t, local.Replace(blockWith(t, shell, "user@example.org"))); out != "" {
				t.Errorf("the message's curl printed %q, want nothing", out)
			}
			if got := alice.WaitBody(patience, "Hello!"); got.From != "rest.example.net" {
				t.Errorf("from %s", got.From)
			}
			if out := run(t, local.Replace(blockWith(t, shell, "urn:xmpp:ping"))); !strings.Contains(out, `type="result"`) {
				t.Errorf("the ping's curl printed %q", out)
			}
			alice.SendMessage("bot@rest.example.net", "Hello")
			alice.WaitBody(patience, "Yes this is bot")
		})
	}
}

// The first minute of the README works as it is printed, but for ports: what dev
// prints, the curl line, the bot in a client, and the lines that show each stanza.
func TestREADME_dev(t *testing.T) {
	shell := codeBlocks(t, "README.md", "sh")
	d := startREADMEDev(t, blockWith(t, shell, "cmd/restanza dev\n"), nil)
	printed := d.ports.Replace(blockWith(t, codeBlocks(t, "README.md", "text"), "NO SERVER"))
	d.await("Your own bot: .*\n\n")
	if diff := cmp.Diff(printed, d.log.String()[:len(printed)]); diff != "" {
		t.Errorf("README.md (-) and the beginning of what dev prints (+):\n%s", diff)
	}
	alice := xmpptest.Login(t, d, "alice")
	if out := run(t, d.ports.Replace(blockWith(t, shell, "curl -d 'hi'"))); out != "" {
		t.Errorf("the shortest curl line printed %q, want nothing", out)
	}
	alice.WaitBody(patience, "hi")
	if out := run(t, d.ports.Replace(blockWith(t, shell, `to="alice@localhost"`))); out != "" {
		t.Errorf("the curl line printed %q, want nothing", out)
	}
	alice.WaitBody(patience, "Hello!")
	if out := run(t, d.ports.Replace(blockWith(t, shell, "--json"))); out != "" {
		t.Errorf("the curl line in JSON printed %q, want nothing", out)
	}
	alice.WaitBody(patience, "As JSON!")
	var followed lockedBuffer
	follow := exec.CommandContext(t.Context(), "sh", "-c", "exec "+d.ports.Replace(blockWith(t, shell, "curl -N")))
	follow.Stdout = &followed
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = follow.Wait() }) // it was killed
	d.awaitIn(&followed, `"open"`)
	alice.SendMessage(restanza.DevBot, "are you there?")
	alice.WaitBody(patience, "are you there?")
	d.awaitIn(&followed, `"are you there\?"`)
	for line := range strings.Lines(blockWith(t, codeBlocks(t, "README.md", "text"), "12:00:00")) {
		pattern := regexp.QuoteMeta(line[len("12:00:00"):])
		pattern = strings.NewReplacer("0\\.7", `[\d.]+`, "/profanity", `/\S+`).Replace(pattern)
		d.await(pattern)
	}
	out := run(t, "export PATH="+filepath.Dir(d.command)+":$PATH RESTANZA_URL=http://"+d.ports.Replace("127.0.0.1:5281")+"\n"+blockWith(t, shell, "restanza send"))
	if !regexp.MustCompile(`^[^\n]*\d ms[^\n]*\n$`).MatchString(out) {
		t.Errorf("restanza send and iq printed %q, want the time of the ping alone", out)
	}
	alice.Wait(patience, func(s xmpptest.Stanza) bool { return strings.Contains(s.Body, "%") })
}

// The README's bot is started and connected by the README's line.
func TestREADME_devBot(t *testing.T) {
	if !xmpptest.RealPeers() {
		t.Skip("Flask is not asked for")
	}
	bot := xmpptest.FreeAddr(t)
	_, port, _ := strings.Cut(bot, ":")
	program := blockWith(t, codeBlocks(t, "README.md", "python"), "Flask")
	path := filepath.Join(t.TempDir(), "bot.py")
	if err := os.WriteFile(path, []byte(strings.Replace(program, "app.run()", "app.run(port="+port+")", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	d := startREADMEDev(t, blockWith(t, codeBlocks(t, "README.md", "sh"), "-- python3 bot.py"),
		strings.NewReplacer("127.0.0.1:5000", bot, "python3 bot.py", "/usr/bin/python3 "+path))
	d.await("Gajim")
	alice := xmpptest.Login(t, d, "alice")
	alice.SendMessage(restanza.DevBot, "Hello")
	alice.WaitBody(patience, "Yes this is bot")
	d.await(`"Hello" 200 [\d.]+ ms answered: "Yes this is bot"`)
}

// readmeDev is the README's dev in a process of its own, and a server for users of
// xmpptest.
type readmeDev struct {
	devServer
	t     *testing.T
	log   *lockedBuffer
	ports *strings.Replacer // from the README's to those of this one
	xmpp  string

	command string // path of the program
}

func (d readmeDev) ClientAddr() string    { return d.xmpp }
func (d readmeDev) ComponentAddr() string { return "" }
func (d readmeDev) Log() string           { return d.log.String() }

// startREADMEDev runs one of the README's lines that start dev, at other ports.
// xmpptest's password is in the place of the printed one.
func startREADMEDev(t *testing.T, line string, change *strings.Replacer) readmeDev {
	t.Helper()
	http, xmpp, tls := xmpptest.FreeAddr(t), xmpptest.FreeAddr(t), xmpptest.FreeAddr(t)
	portOf := func(addr string) string { return strings.TrimPrefix(addr, "127.0.0.1:") }
	d := readmeDev{t: t, log: &lockedBuffer{}, xmpp: xmpp, command: buildCommand(t), ports: strings.NewReplacer(
		"127.0.0.1:5281", http, "127.0.0.1:5222", xmpp, "127.0.0.1:5223", tls, "port 5222", "port "+portOf(xmpp), "password secret", "password "+xmpptest.Password,
	)}
	if change != nil {
		line = change.Replace(line)
	}
	flags := " dev --listen " + http + " --xmpp-listen " + xmpp + " --xmpp-tls-listen " + tls +
		" --account alice:" + xmpptest.Password + " --account bob:" + xmpptest.Password
	startLogged(t, strings.Replace(strings.TrimSpace(line), "go run ./cmd/restanza dev", d.command+flags, 1), d.log)
	return d
}

// await waits until what dev has written matches a pattern.
func (d readmeDev) await(pattern string) {
	d.t.Helper()
	d.awaitIn(d.log, pattern)
}

// awaitIn waits until what a program has written matches a pattern.
func (d readmeDev) awaitIn(log *lockedBuffer, pattern string) {
	d.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !re.MatchString(log.String()) {
		select {
		case <-tick.C:
		case <-deadline:
			d.t.Fatalf("%s is not written: %s", pattern, log.String())
		}
	}
}

// The two starts in the README are the same but for the callback.
func TestREADME_starts(t *testing.T) {
	var starts []string
	for _, b := range codeBlocks(t, "README.md", "sh") {
		if strings.Contains(b, "restanza serve") {
			starts = append(starts, strings.TrimSpace(b))
		}
	}
	if len(starts) != 2 || starts[0]+" \\\n    --callback-url http://127.0.0.1:5000/" != starts[1] {
		t.Errorf("starts: %q", starts)
	}
}

// The README's bot is the one of mod_rest's first documentation.
func TestREADME_bot(t *testing.T) {
	published, err := os.ReadFile("internal/xmpptest/testdata/echobot.py")
	if err != nil {
		t.Fatal(err)
	}
	if got := blockWith(t, codeBlocks(t, "README.md", "python"), "Flask"); got != string(published) {
		t.Errorf("README.md has\n%s\nwant\n%s", got, published)
	}
}

// The error document in docs/http.md is the answer to the first curl line of the
// first documentation of mod_rest, which is not well-formed as printed there.
func TestHTTPDocument_error(t *testing.T) {
	g := startGateway(t, xmpptest.Start(t, "fake"))
	r := g.post("<message type=\"chat\" to=\"user@example.org\">\n            <body>Hello!</body>\n        </body>").want(t, http.StatusBadRequest)
	if diff := cmp.Diff(blockWith(t, codeBlocks(t, "docs/http.md", "json"), "not-well-formed"), r.body); diff != "" {
		t.Errorf("docs/http.md (-) and the gateway (+):\n%s", diff)
	}
}

// The table of callback statuses in docs/http.md is the one that is tested.
func TestHTTPDocument_callbackStatuses(t *testing.T) {
	text, err := os.ReadFile("docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[int][2]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| ([0-9, ]+) \\| (auth|cancel|modify|wait), `([a-z-]+)` \\|$").FindAllStringSubmatch(string(text), -1) {
		for _, number := range strings.Split(row[1], ", ") {
			status, err := strconv.Atoi(number)
			if err != nil {
				t.Fatal(err)
			}
			documented[status] = [2]string{row[2], row[3]}
		}
	}
	for status, want := range callbackStatuses {
		if want[1] == "undefined-condition" {
			continue // the others
		}
		if documented[status] != want {
			t.Errorf("docs/http.md has %q for %d, want %q", documented[status], status, want)
		}
		delete(documented, status)
	}
	for status := range documented {
		t.Errorf("docs/http.md has a row for %d, which is not tested", status)
	}
}

// buildCommand builds the program and returns its path.
func buildCommand(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "restanza")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./cmd/restanza").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// startCommand runs a shell command until the test ends, then asks it to end.
func startCommand(t *testing.T, command string) {
	t.Helper()
	startLogged(t, command, &lockedBuffer{})
}

// startLogged is startCommand with a log to look at.
func startLogged(t *testing.T, command string, log *lockedBuffer) {
	t.Helper()
	cmd := exec.Command("sh", "-c", "exec "+command) // ended by a signal below
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "RESTANZA_JOURNAL_PATH=none") // nothing is to be left in the home directory
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Errorf("%s: %v", command, err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("%s ended with %v", command, err)
			}
		case <-time.After(patience):
			t.Errorf("%s does not end", command)
			_ = cmd.Process.Kill() // it may have ended at last
		}
		if t.Failed() {
			t.Logf("%s:\n%s", command, log.String())
		}
	})
}

// run runs a shell command and returns what it prints.
func run(t *testing.T, command string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(command, "curl ", "curl -sS --max-time 20 ", 1))
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, stderr.String())
	}
	return string(out)
}

func awaitReady(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s is not ready in time", url)
		}
	}
}
