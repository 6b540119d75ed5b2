package restanza_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/getkin/kin-openapi/openapi3"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/xmpptest"
)

// echoProgram is a program of docs/receiving.md.
type echoProgram struct {
	name, language string
	with           string // what stands in it, and not in the others of its language
	file           string
	command        string // that is started with the file; empty: it is compiled
}

var echoPrograms = []echoProgram{
	{"urllib", "python", "urllib", "bot.py", "/usr/bin/python3"},
	{"requests", "python", "requests", "bot.py", "/usr/bin/python3"},
	{"node", "js", "fetch", "bot.mjs", "node"},
	{"go", "go", "package main", "bot.go", ""},
	{"shell", "sh", "while read", "bot.sh", "sh"},
}

// longestEcho is how many lines an echo bot has at most, but for imports, braces, errors that are passed on, and what is empty.
const longestEcho = 24

// bareLine is a line that says nothing of what a program does.
var bareLine = regexp.MustCompile(`^(\s*([{}()]|fi|done)*\s*|\s*return err|import .*|package .*|\t"[a-z/]+")$`)

// The programs of the document repeat what they are told, by a gateway without a callback, and come back after a
// restart of it. They answer nothing twice.
func TestReceivingDocument_programs(t *testing.T) {
	for _, p := range echoPrograms {
		t.Run(p.name, func(t *testing.T) {
			if p.name != "urllib" && p.name != "go" && !xmpptest.RealPeers() {
				t.Skip("programs of others are not asked for")
			}
			t.Parallel()
			server := xmpptest.Start(t, "fake")
			listen, path := xmpptest.FreeAddr(t), filepath.Join(t.TempDir(), "journal.db")
			at := func(c *config.Config) { c.HTTP.Listen = listen }
			g := startGateway(t, server, withoutCallback, withJournal(path), at)
			p.start(t, g.url, blockWith(t, codeBlocks(t, "docs/receiving.md", p.language), p.with))
			alice := xmpptest.Login(t, server, "alice")
			bot := "bot@" + g.domain
			echoed(t, alice, bot, "Grüße")
			if err := g.stop(); err != nil {
				t.Fatal(err)
			}
			startGateway(t, server, withoutCallback, withJournal(path), at)
			echoed(t, alice, bot, "Noch einmal \"\\ Grüße")
			seen := map[string]bool{}
			for _, s := range alice.History() {
				if s.Type == "chat" && seen[s.Body] {
					t.Errorf("%q came twice", s.Body)
				}
				seen[s.Body] = seen[s.Body] || s.Type == "chat"
			}
		})
	}
}

// start runs the program until the test ends.
func (p *echoProgram) start(t *testing.T, url, text string) {
	t.Helper()
	lines := slices.DeleteFunc(strings.Split(text, "\n"), bareLine.MatchString)
	if len(lines) > longestEcho {
		t.Errorf("it has %d lines", len(lines))
	}
	path := filepath.Join(t.TempDir(), p.file)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := []string{p.command, path}
	if p.command == "" {
		binary := strings.TrimSuffix(path, ".go")
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, path).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		command = []string{binary}
	}
	log, err := os.Create(path + ".log") // no pipe: what a shell has started holds it until the gateway is gone
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(command[0], command[1:]...) // killed below
	cmd.Env = append(os.Environ(), "RESTANZA_URL="+url, "RESTANZA_CREDENTIALS="+credential)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		log.Close()
		if said, err := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("%s said:\n%s %v", p.file, said, err)
		}
	})
}

// echoed writes to a bot until it repeats something.
func echoed(t *testing.T, alice *xmpptest.User, bot, text string) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(patience)
	for i := 0; time.Now().Before(deadline); i++ {
		if i%10 == 0 {
			alice.SendMessage(bot, fmt.Sprintf("%s %d", text, i))
		}
		<-tick.C
		if slices.ContainsFunc(alice.History(), func(s xmpptest.Stanza) bool {
			return s.Type == "chat" && s.From == bot && strings.HasPrefix(s.Body, text)
		}) {
			return
		}
	}
	t.Fatalf("%q was not repeated", text)
}

// What the document shows of events, messages and answers is what the gateway gives and takes.
func TestReceivingDocument_objects(t *testing.T) {
	g := startGateway(t, xmpptest.Start(t, "fake"), withoutCallback)
	doc, blocks := readOpenAPI(t), codeBlocks(t, "docs/receiving.md", "json")
	alice := xmpptest.Login(t, g.server, "alice/phone")
	local := strings.NewReplacer("rest.example.net", g.domain, "user@example.org/phone", alice.JID(), "user@example.org", alice.Bare())
	var shown any
	if err := json.Unmarshal([]byte(blockWith(t, blocks, `"offered"`)), &shown); err != nil {
		t.Fatal(err)
	}
	if err := doc.fits(t, &openapi3.SchemaRef{Ref: "#/components/schemas/Event"}, shown); err != nil {
		t.Error(err)
	}

	url := "ws" + strings.TrimPrefix(g.url, "http") + "/events/ws?kind=iq"
	conn, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {credential}}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow() //nolint:errcheck // the test is over
	await := func(what string) (e event) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for e.Event != what {
			_, text, err := conn.Read(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, &e); err != nil {
				t.Fatal(err)
			}
		}
		return e
	}
	await("open")
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(local.Replace(blockWith(t, blocks, `"ref"`)))); err != nil {
		t.Fatal(err)
	}
	await("accepted")
	alice.WaitBody(patience, "Hello!")

	alice.Send(`<iq type="get" id="q1" to="bot@` + g.domain + `"><query xmlns="jabber:iq:version"/></iq>`)
	if e := await("stanza"); e.Stanza.ID != "q1" || e.State != "offered" {
		t.Errorf("got %+v", e)
	}
	answer := local.Replace(blockWith(t, blocks, `"result"`))
	for _, want := range []int{http.StatusAccepted, http.StatusNotFound} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url+"/rest", strings.NewReader(answer))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{"Authorization": {credential}, "Content-Type": {"application/json"}}
		r, err := g.do(req)
		if err != nil {
			t.Fatal(err)
		}
		r.want(t, want)
	}
	if s := alice.Wait(patience, withID("q1")); s.Type != "result" || !strings.Contains(s.Raw, "<version>1</version>") {
		t.Errorf("got %s", s)
	}
}
