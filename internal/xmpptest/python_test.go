package xmpptest

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSlixmpp(t *testing.T) {
	if !RealPeers() {
		t.Skip(PeersVariable + " asks for no real programs")
	}
	for _, name := range Peers(t) {
		t.Run(name, func(t *testing.T) {
			srv := start(t, name)
			alice := StartSlixmpp(t, srv, "alice/py")
			if alice.JID() != "alice@example.test/py" {
				t.Errorf("alice is bound to %s", alice.JID())
			}
			c := DialComponent(t, srv, 0)
			alice.SendMessage("bot@"+c.Domain(), "hi & bye")
			if m := c.WaitBody(soon, "hi & bye"); m.From != alice.JID() || m.Type != "chat" {
				t.Errorf("the component got %s", m)
			}
			c.SendMessage(alice.JID(), "grüß dich")
			if m := alice.WaitBody(soon, "grüß dich"); m.From != "bot@"+c.Domain() {
				t.Errorf("alice got %s", m)
			}
			alice.Send("<presence to='bot@" + c.Domain() + "'/>")
			c.Wait(soon, func(s Stanza) bool { return s.Name == "presence" && s.From == alice.JID() })
		})
	}
}

func TestBot(t *testing.T) {
	if !RealPeers() {
		t.Skip(PeersVariable + " asks for no real programs")
	}
	program := EchobotFile(t)
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	document := filepath.Join(t.TempDir(), "README.md")
	fenced := "# Title\n```python\nprint('other')\n```\n\n```python\n" + string(text) + "```\nend\n"
	if err := os.WriteFile(document, []byte(fenced), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{program, document} {
		bot := StartBot(t, path)
		resp, err := http.Post(bot.URL(), "application/xmpp+xml", strings.NewReader("<message><body>x</body></message>"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || got != "application/xmpp+xml" {
			t.Errorf("%s answered %s, %s; its log:\n%s", path, resp.Status, got, bot.Log())
		}
	}
}

func TestFencedFlask(t *testing.T) {
	for document, want := range map[string]string{
		"":                             "",
		"```python\nimport flask":      "",
		"```python\nimport os\n```":    "",
		"```python\nimport flask\n```": "import flask\n",
		"```sh\nflask run\n```\n```\n": "",
		"```python\na\n```\n```python\nflask\nb\n```\nx": "flask\nb\n",
	} {
		if got := fencedFlask(document); got != want {
			t.Errorf("in %q: got %q, want %q", document, got, want)
		}
	}
}
