package restanza_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/xmpptest"
)

// Secrets that callbacks are signed with.
const (
	newSecret = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
	oldSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// sign signs a request as Standard Webhooks has it, without the program's own code.
func sign(t *testing.T, secret, id, timestamp, body string) string {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	_, _ = io.WriteString(mac, id+"."+timestamp+"."+body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// What a gateway posts has the fields that its configuration asks for, and no others.
func TestWebhooks(t *testing.T) {
	server := xmpptest.Start(t, "fake")
	g := startGateway(t, server, func(c *config.Config) {
		callback := &c.Components[0].Callback
		callback.SigningSecrets = []config.Secret{newSecret, oldSecret}
		callback.Authorization = "Bearer xyz"
		callback.Headers = []config.Secret{"X-Token: a, b"}
	})
	alice := xmpptest.Login(t, server, "alice")
	alice.Send(`<message type="chat" id="m1" to="bot@` + g.domain + `"><body>Grüße</body></message>`)
	r := g.receiver.Next(patience)
	id, timestamp := r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp")
	if want := sign(t, newSecret, id, timestamp, r.Body) + " " + sign(t, oldSecret, id, timestamp, r.Body); r.Header.Get("webhook-signature") != want {
		t.Errorf("signature %s, want %s", r.Header.Get("webhook-signature"), want)
	}
	if id == "" || strings.Contains(id, ".") {
		t.Errorf("id %q", id)
	}
	if seconds, err := strconv.ParseInt(timestamp, 10, 64); err != nil || time.Since(time.Unix(seconds, 0)).Abs() > patience {
		t.Errorf("timestamp %q", timestamp)
	}
	if r.Header.Get("Authorization") != "Bearer xyz" || r.Header.Get("X-Token") != "a, b" {
		t.Errorf("%v", r.Header)
	}
	for _, secret := range []string{newSecret[10:], oldSecret[10:], "Bearer xyz", "a, b", "v1,"} {
		if strings.Contains(g.log.String(), secret) {
			t.Errorf("the log shows %s", secret)
		}
	}
}

// Without any of that there is an id.
func TestWebhooks_unsigned(t *testing.T) {
	server := xmpptest.Start(t, "fake")
	g := startGateway(t, server)
	alice := xmpptest.Login(t, server, "alice")
	seen := map[string]bool{}
	for range 3 {
		alice.Send(`<message type="chat" id="m1" to="bot@` + g.domain + `"><body>Hello</body></message>`)
		h := g.receiver.Next(patience).Header
		seen[h.Get("webhook-id")] = true
		if h.Get("webhook-timestamp") != "" || h.Get("webhook-signature") != "" || h.Get("Authorization") != "" {
			t.Errorf("%v", h)
		}
	}
	if len(seen) != 3 || seen[""] {
		t.Errorf("ids: %v", seen)
	}
}

// receiverProgram is a program of docs/webhooks.md.
type receiverProgram struct {
	language string // of its block
	file     string
	command  string // that is started with the file; empty: it is compiled
}

// The programs of the document answer what the gateway posts, and refuse everything else.
func TestWebhooks_document(t *testing.T) {
	for _, p := range []receiverProgram{
		{"python", "bot.py", "/usr/bin/python3"},
		{"js", "bot.js", "node"},
		{"go", "bot.go", ""},
	} {
		t.Run(p.language, func(t *testing.T) {
			if p.language == "js" && !xmpptest.RealPeers() {
				t.Skip("programs of others are not asked for")
			}
			t.Parallel()
			blocks := codeBlocks(t, "docs/webhooks.md", p.language)
			if len(blocks) != 1 {
				t.Fatalf("%d programs", len(blocks))
			}
			url := p.start(t, blocks[0])
			server := xmpptest.Start(t, "fake")
			g := startGateway(t, server, func(c *config.Config) {
				c.Components[0].Callback.URL = config.Secret(url)
				c.Components[0].Callback.SigningSecrets = []config.Secret{newSecret, oldSecret}
			})
			alice := xmpptest.Login(t, server, "alice")
			alice.Send(`<message type="chat" id="m1" to="bot@` + g.domain + `"><body>Grüße</body></message>`)
			alice.Wait(patience, body("Verified."))
			tamper(t, url)
		})
	}
}

// The functions of the README do the same, in the place of those of the document. They may fail where a field is missing,
// which refuses the request as well.
func TestWebhooks_readme(t *testing.T) {
	for _, c := range []struct {
		receiverProgram

		begin string // of the function
		with  func(program, function string) string
	}{
		{receiverProgram{"python", "bot.py", "/usr/bin/python3"}, "def verified", func(program, function string) string {
			return strings.Replace(program, "class Bot", "SECRET = SECRETS[1]\n"+function+`
readme = verified
def verified(headers, body):
    try:
        return readme(headers, body)
    except (AttributeError, TypeError, ValueError):
        return False

class Bot`, 1)
		}},
		{receiverProgram{"js", "bot.js", "node"}, "function verified", func(program, function string) string {
			return strings.Replace(program, "function verified", "function another", 1) + "const SECRET = secrets[1]\n" +
				strings.Replace(function, "function verified", "function readme", 1) + `
function verified (headers, body) {
  try {
    return readme(headers, body)
  } catch {
    return false
  }
}
`
		}},
		{receiverProgram{"go", "bot.go", ""}, "func verified", func(program, function string) string {
			program = strings.Replace(program, "import (", "import (\n\t\"fmt\"\n\t\"slices\"", 1)
			return strings.Replace(program, "func verified", "func another", 1) + "var secret = secrets[1]\n" + function
		}},
	} {
		t.Run(c.language, func(t *testing.T) {
			if c.language == "js" && !xmpptest.RealPeers() {
				t.Skip("programs of others are not asked for")
			}
			program := codeBlocks(t, "docs/webhooks.md", c.language)[0]
			function := blockWith(t, codeBlocks(t, "README.md", c.language), c.begin)
			tamper(t, c.start(t, c.with(program, function)))
		})
	}
}

// start runs the program, which knows the old secret and one that nobody else has, and returns its URL.
func (p *receiverProgram) start(t *testing.T, text string) (url string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), p.file)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := []string{p.command, path}
	if p.command == "" { // what "go run" starts would outlive it
		binary := strings.TrimSuffix(path, ".go")
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, path).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		command = []string{binary}
	}
	address := xmpptest.FreeAddr(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "PORT="+port, "WEBHOOK_SECRETS=whsec_"+base64.StdEncoding.EncodeToString(make([]byte, 32))+" "+oldSecret)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("%s said:\n%s", p.file, out.String())
		}
	})
	awaitListener(t, address)
	return "http://" + address + "/"
}

// awaitListener returns when somebody listens at the address.
func awaitListener(t *testing.T, address string) {
	t.Helper()
	dialer := net.Dialer{}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		conn, err := dialer.DialContext(t.Context(), "tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// tamper posts requests of which all but the first are wrong in one way or another.
func tamper(t *testing.T, url string) {
	t.Helper()
	const id, body = "m-1", `{"kind":"message"}`
	at := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(d).Unix(), 10) }
	now := at(0)
	good := sign(t, oldSecret, id, now, body)
	flipped := "v1,A" + good[len("v1,A"):]
	if flipped == good {
		flipped = "v1,B" + good[len("v1,A"):]
	}
	for _, c := range []struct {
		name                           string
		id, timestamp, signature, body string
		accepted                       bool
	}{
		{"right", id, now, good, body, true},
		{"right, after another", id, now, sign(t, newSecret, id, now, body) + " " + good, body, true},
		{"right, after what nobody knows", id, now, "v1a,xyz v2," + good[3:] + " v1 , " + good, body, true},
		{"four minutes old", id, at(-4 * time.Minute), sign(t, oldSecret, id, at(-4*time.Minute), body), body, true},
		{"no signature", id, now, "", body, false},
		{"another signature", id, now, flipped, body, false},
		{"another secret", id, now, sign(t, newSecret, id, now, body), body, false},
		{"half of a signature", id, now, good[:len(good)/2], body, false},
		{"another version", id, now, "v2," + good[3:], body, false},
		{"no version", id, now, good[3:], body, false},
		{"no ASCII", id, now, "v1,é", body, false},
		{"another body", id, now, good, body + " ", false},
		{"no body", id, now, good, "", false},
		{"another id", "m-2", now, good, body, false},
		{"no id", "", now, good, body, false},
		{"another time", id, at(time.Minute), good, body, false},
		{"no time", id, "", sign(t, oldSecret, id, "", body), body, false},
		{"no number", id, "now", sign(t, oldSecret, id, "now", body), body, false},
		{"a huge number", id, strings.Repeat("9", 5000), sign(t, oldSecret, id, strings.Repeat("9", 5000), body), body, false},
		{"six minutes old", id, at(-6 * time.Minute), sign(t, oldSecret, id, at(-6*time.Minute), body), body, false},
		{"in six minutes", id, at(6 * time.Minute), sign(t, oldSecret, id, at(6*time.Minute), body), body, false},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"webhook-id": c.id, "webhook-timestamp": c.timestamp, "webhook-signature": c.signature} {
			if value != "" {
				req.Header.Set(name, value)
			}
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		resp.Body.Close()
		if want := map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[c.accepted]; resp.StatusCode != want {
			t.Errorf("%s: status %d, want %d", c.name, resp.StatusCode, want)
		}
	}
}
