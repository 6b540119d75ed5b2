package restanza_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
			start := strings.TrimSpace(local.Replace(blockWith(t, shell, "\\\n    --callback-url")))
			startCommand(t, strings.Replace(start, "go run ./cmd/restanza", buildCommand(t), 1)+" --listen "+listen)
			awaitReady(t, "http://"+listen+"/readyz")

			if out := run(t, local.Replace(blockWith(t, shell, `to="user@example.org"`))); out != "" {
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

// The first minute works as the README prints it, but for the ports: what dev
// prints, the curl line, a client, and the bot that is plugged in.
func TestREADME_dev(t *testing.T) {
	if !xmpptest.RealPeers() {
		t.Skip("needs clients of other people")
	}
	shell := codeBlocks(t, "README.md", "sh")
	command := buildCommand(t)
	bot := xmpptest.StartBot(t, "README.md")
	for _, c := range []struct{ name, start, hello, answer string }{
		{"built-in bot", "go run ./cmd/restanza dev\n", "anybody?", "anybody?"},
		{"own bot", blockWith(t, shell, "dev --callback-url"), "anybody?", "Yes this is bot"},
	} {
		t.Run(c.name, func(t *testing.T) {
			http, client, direct := xmpptest.FreeAddr(t), xmpptest.FreeAddr(t), xmpptest.FreeAddr(t)
			local := strings.NewReplacer("127.0.0.1:5281", http, "127.0.0.1:5222", client, "127.0.0.1:5223", direct, "http://127.0.0.1:5000/", bot.URL())
			if !slices.Contains(shell, c.start) {
				t.Fatalf("the README does not have %q", c.start)
			}
			start := strings.Replace(strings.TrimSpace(local.Replace(c.start)), "go run ./cmd/restanza", command, 1)
			out := startCommand(t, start+" --listen "+http+" --xmpp-listen "+client+" --xmpp-tls-listen "+direct)
			awaitReady(t, "http://"+http+"/readyz")
			if c.name == "built-in bot" {
				printed := local.Replace(blockWith(t, codeBlocks(t, "README.md", "text"), "NO SERVER"))
				if got := out.String(); !strings.HasPrefix(got, printed) {
					t.Errorf("dev printed\n%s\nthe README says\n%s", got, printed)
				}
			}
			if got := run(t, local.Replace(blockWith(t, shell, `to="alice@localhost"`))); got != "" {
				t.Errorf("the curl line printed %q, want nothing", got)
			}
			alice := xmpptest.LoginSlixmpp(t, xmpptest.Account{Addr: client, JID: "alice@localhost", Password: "secret"})
			alice.WaitBody(patience, "Hello!")
			alice.SendMessage("bot@bot.localhost", c.hello)
			alice.Wait(patience, func(s xmpptest.Stanza) bool { return s.From == "bot@bot.localhost" && s.Body == c.answer })
		})
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

// startCommand runs a shell command until the test ends, then asks it to end. It
// returns what the command prints.
func startCommand(t *testing.T, command string) *lockedBuffer {
	t.Helper()
	log := &lockedBuffer{}
	cmd := exec.Command("sh", "-c", "exec "+command) // ended by a signal below
	cmd.Stdout, cmd.Stderr = log, log
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
	return log
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
