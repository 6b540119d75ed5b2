package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/restanza/restanza/events"
	"github.com/restanza/restanza/internal/client"
	"github.com/restanza/restanza/internal/xmpptest"
)

// served is a gateway in a process of its own, at a fake server.
type served struct {
	t       *testing.T
	server  *xmpptest.Fake
	domain  string
	addr    string
	args    []string
	starts  int
	environ []string // with which the command finds it
	process *devProcess
}

// startServe starts a gateway without a callback, which keeps its events in a journal.
func startServe(t *testing.T, more ...string) *served {
	t.Helper()
	server := xmpptest.StartFake(t)
	g := &served{t: t, server: server, domain: server.ComponentDomain(0), addr: xmpptest.FreeAddr(t)}
	g.args = append([]string{
		"serve", "--component", g.domain, "--server", server.ComponentAddr(), "--secret", server.Secret(),
		"--credentials", bearer, "--listen", g.addr, "--journal-path", filepath.Join(t.TempDir(), "journal.db"),
	}, more...)
	g.environ = []string{"RESTANZA_URL=http://" + g.addr, "RESTANZA_CREDENTIALS=" + bearer}
	g.start()
	return g
}

func (g *served) start() {
	g.t.Helper()
	g.process = startProcess(g.t, nil, g.args...)
	g.starts++
	g.server.WaitConnected(g.t, patience, g.domain, g.starts)
	for deadline := time.Now().Add(patience); call(g.t, "", g.environ, "iq", "ping", g.server.Host()).code != exitOK; {
		if time.Now().After(deadline) {
			g.t.Fatal("the link does not come up")
		}
	}
}

// stop ends the gateway, and returns when it has.
func (g *served) stop() {
	g.t.Helper()
	g.process.interrupt()
}

// user logs somebody in.
func (g *served) user(name string) *xmpptest.User {
	g.t.Helper()
	g.server.AddUser(g.t, name)
	return xmpptest.Login(g.t, g.server, name)
}

// listen starts the command at the gateway, and waits until it is there.
func (g *served) listen(args ...string) *devProcess {
	g.t.Helper()
	l := startProcess(g.t, g.environ, append([]string{"listen"}, args...)...)
	l.wait(`Listening for ` + regexp.QuoteMeta(g.domain) + ` at http://` + regexp.QuoteMeta(g.addr) + `\n`)
	return l
}

// What is forwarded looks like what a callback gets, and what is answered goes back as its answer.
func TestListen_forward(t *testing.T) {
	g := startServe(t)
	alice := g.user("alice")
	bot := "bot@" + g.domain
	receiver := xmpptest.NewReceiver(t)
	l := g.listen("--forward-to", strings.TrimPrefix(receiver.URL(), "http://")+"/hook?x={kind}")
	secret := l.wait(`signed with +(whsec_\S+)\n`)
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	if probe := receiver.WaitProbe(patience); probe.Path != "/hook?x=meta" {
		t.Errorf("probed %s", probe.Path)
	}

	receiver.Answer(200, "text/plain", "plain & simple")
	alice.Send(`<message type="chat" id="m1" to="` + bot + `" xml:lang="de"><body>Hallo</body></message>`)
	c := receiver.Next(patience)
	if c.Path != "/hook?x=message" || c.Header.Get("Content-Type") != "application/xmpp+xml" || c.Header.Get("Content-Language") != "de" ||
		!strings.Contains(c.Body, "<body>Hallo</body>") {
		t.Errorf("posted %+v", c)
	}
	id, at := c.Header.Get("webhook-id"), c.Header.Get("webhook-timestamp")
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + at + "." + c.Body)) // a hash never fails
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); c.Header.Get("webhook-signature") != want {
		t.Errorf("signed %s, want %s", c.Header.Get("webhook-signature"), want)
	}
	if got := alice.WaitBody(patience, "plain & simple"); got.From != bot || got.Type != "chat" {
		t.Errorf("replied as %s", got)
	}
	l.wait(`← message chat alice@\S+ → \S+ "Hallo" 200 [\d.]+ ms answered: "plain & simple"\n`)

	receiver.Answer(200, "application/xmpp+xml", `<iq type="result"><ok xmlns="urn:test"/></iq>`)
	if got := alice.Request(patience, "get", "", bot, `<ask xmlns="urn:test"/>`); got.Type != "result" || !strings.Contains(got.Raw, "urn:test") {
		t.Errorf("answered %s", got)
	}
	receiver.Answer(204, "", "")
	if got := alice.Request(patience, "set", "", g.domain, `<ask xmlns="urn:test"/>`); got.Type != "result" {
		t.Errorf("answered %s", got)
	}
	receiver.Answer(403, "text/html", "<p>not for the user</p>")
	if got := alice.Request(patience, "get", "", bot, `<ask xmlns="urn:test"/>`); got.Err == nil || got.Err.Condition != "forbidden" || strings.Contains(got.Raw, "not for") {
		t.Errorf("answered %s", got)
	}
	alice.Send(`<message type="chat" id="m2" to="` + bot + `"><body>no</body></message>`)
	if got := alice.Wait(patience, func(s xmpptest.Stanza) bool { return s.ID == "m2" }); got.Err == nil || got.Err.Condition != "forbidden" {
		t.Errorf("answered %s", got)
	}
	receiver.Answer(200, "application/json", `{"xmpp":[{"body":"one"},{"kind":"message","to":"`+alice.Bare()+`","body":"two"}]}`)
	alice.SendMessage(bot, "a list")
	alice.WaitBody(patience, "one")
	alice.WaitBody(patience, "two")
	receiver.Answer(302, "", "")
	alice.Send(`<message type="chat" id="m3" to="` + bot + `"><body>elsewhere</body></message>`)
	if got := alice.Wait(patience, func(s xmpptest.Stanza) bool { return s.ID == "m3" }); got.Err == nil || got.Err.Condition != "undefined-condition" {
		t.Errorf("answered %s", got)
	}
	l.interrupt()
	l.wait(`stopped; to go on from here: --since [0-9a-z]+-[0-9a-z]+\n`)
	for _, c := range receiver.All() {
		if c.Header.Get("Authorization") != "" {
			t.Errorf("the gateway's credentials went to the program: %v", c.Header)
		}
	}
}

// A program that asks for JSON gets it, and one that is told by flag, too.
func TestListen_formats(t *testing.T) {
	g := startServe(t)
	alice := g.user("alice")
	for name, test := range map[string]struct {
		accept, flag, want string
	}{
		"asked": {"application/json", "xml", `{"`},
		"told":  {"", "json", `{"`},
		"text":  {"", "text", "hello"},
		"xml":   {"", "xml", "<message "},
	} {
		receiver := xmpptest.NewReceiver(t)
		receiver.HandleProbe(func(w http.ResponseWriter, _ *http.Request) {
			if test.accept != "" {
				w.Header().Set("Accept", test.accept)
			}
		})
		l := g.listen("-f", receiver.URL(), "--content-type", test.flag)
		l.wait(`callback is there`)
		alice.SendMessage("bot@"+g.domain, "hello "+name)
		if c := receiver.Next(patience); !strings.HasPrefix(c.Body, test.want) || !strings.Contains(c.Body, "hello "+name) {
			t.Errorf("%s: posted %s", name, c.Body)
		}
		l.interrupt()
	}
}

// While the program is down a message waits for it, and a query has its error at once. Without patience a
// message has it, too.
func TestListen_programDown(t *testing.T) {
	g := startServe(t)
	alice := g.user("alice")
	bot := "bot@" + g.domain
	receiver := xmpptest.NewReceiver(t)
	receiver.Down()
	l := g.listen("--forward-to", receiver.URL())
	alice.SendMessage(bot, "are you there?")
	if got := alice.Request(patience, "get", "", "other@"+g.domain, `<ask xmlns="urn:test"/>`); got.Err == nil || got.Err.Condition != "recipient-unavailable" || got.Err.Type != "wait" {
		t.Errorf("answered %s", got)
	}
	l.wait(`nothing listens at the callback yet; messages wait`)
	receiver.Answer(200, "text/plain", "now I am")
	receiver.Up()
	alice.WaitBody(patience, "now I am")
	l.interrupt()

	receiver.Down()
	l = g.listen("--forward-to", receiver.URL(), "--patience", "0s")
	alice.Send(`<message type="chat" id="lost" to="` + bot + `"><body>and now?</body></message>`)
	if got := alice.Wait(patience, func(s xmpptest.Stanza) bool { return s.ID == "lost" }); got.Err == nil || got.Err.Condition != "recipient-unavailable" || got.Err.Type != "wait" {
		t.Errorf("answered %s", got)
	}
	l.wait(`"and now\?" no answer [\d.]+ ms answered: recipient-unavailable`)

	// What waits for the program when the command ends is told its sender.
	l.interrupt()
	l = g.listen("--forward-to", receiver.URL())
	alice.Send(`<message type="chat" id="cut" to="` + bot + `"><body>too late</body></message>`)
	l.wait(`nothing listens at the callback yet`)
	if err := l.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if got := alice.Wait(patience, func(s xmpptest.Stanza) bool { return s.ID == "cut" }); got.Err == nil || got.Err.Condition != "recipient-unavailable" {
		t.Errorf("answered %s", got)
	}
	if code := l.code(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// A gateway that is stopped and started in the middle: nothing comes twice, nothing is missing, and each
// message has its answer once.
func TestListen_restart(t *testing.T) {
	g := startServe(t)
	const users, rounds, each = 3, 3, 20
	receiver := xmpptest.NewReceiver(t)
	receiver.Handle(func(w http.ResponseWriter, _ *http.Request, c xmpptest.Callback) {
		w.Header().Set("Content-Type", "text/plain")
		body := regexp.MustCompile(`<body>(.*)</body>`).FindStringSubmatch(c.Body)
		if body == nil {
			t.Errorf("posted %s", c.Body)
			return
		}
		_, _ = fmt.Fprint(w, "re: "+body[1])
	})
	l := g.listen("--forward-to", receiver.URL(), "--kind", "message", "--type", "chat")
	var want []string
	for i := range users * rounds * each {
		want = append(want, fmt.Sprintf("re: %d", i))
	}
	var people []*xmpptest.User
	for i := range users {
		people = append(people, g.user(fmt.Sprintf("user%d", i)))
	}
	for round := range rounds {
		for i := range users * each {
			n := round*users*each + i
			people[n%users].SendMessage("bot@"+g.domain, fmt.Sprint(n))
			if i == users*each/2 && round < rounds-1 {
				for _, u := range people {
					u.Sync()
				}
				g.roundTrip() // so that all of it is there before the end
				g.stop()
				g.start()
				// Until somebody reads again a gateway that has just started knows of nobody who does.
				until(t, "it is connected again", func() bool { return strings.Count(l.out.String(), "connected to the gateway again") == round+1 })
			}
		}
	}
	for i, u := range people {
		var got, mine []string
		for n := i; n < len(want); n += users {
			u.WaitBody(patience, want[n])
			mine = append(mine, want[n])
		}
		for _, s := range u.History() {
			if s.Err != nil {
				t.Errorf("%s", s)
			}
			if strings.HasPrefix(s.Body, "re: ") {
				got = append(got, s.Body)
			}
		}
		if !slices.Equal(got, mine) {
			t.Errorf("%s has got %v", u.Bare(), got)
		}
	}
	if n := len(receiver.All()); n != len(want) {
		t.Errorf("%d posts, want %d", n, len(want))
	}
	if out := l.out.String(); strings.Count(out, "connection to the gateway lost") != rounds-1 || strings.Count(out, "connected to the gateway again") != rounds-1 {
		t.Errorf("it wrote %s", out)
	}
	l.interrupt()
}

// roundTrip returns when the component has got what was sent to it before.
func (g *served) roundTrip() {
	g.t.Helper()
	if r := call(g.t, "", g.environ, "iq", "ping", g.server.Host()); r.code != exitOK {
		g.t.Fatalf("%+v", r)
	}
}

// A gateway that is killed, and comes back: the answer of the program, which was slower than that,
// arrives all the same.
func TestListen_replyWaits(t *testing.T) {
	g := startServe(t)
	alice := g.user("alice")
	receiver := xmpptest.NewReceiver(t)
	var once sync.Once
	release := make(chan struct{})
	receiver.Handle(func(w http.ResponseWriter, _ *http.Request, _ xmpptest.Callback) {
		once.Do(func() { <-release })
		w.Header().Set("Content-Type", "text/plain")
		_, _ = fmt.Fprint(w, "slow but sure")
	})
	l := g.listen("--forward-to", receiver.URL())
	alice.SendMessage("bot@"+g.domain, "take your time")
	receiver.Next(patience)
	g.stop()
	close(release)
	l.wait(`connection to the gateway lost`)
	g.start()
	alice.WaitBody(patience, "slow but sure")
	l.wait(`"take your time" 200 .* answered: "slow but sure"\n`)
	l.interrupt()
}

// Earlier events come with --since.
func TestListen_since(t *testing.T) {
	g := startServe(t)
	alice := g.user("alice")
	l := g.listen("--print-only")
	alice.SendMessage("bot@"+g.domain, "first")
	l.wait(`← message chat \S+ → \S+ "first" offered\n`)
	alice.SendMessage("bot@"+g.domain, "second")
	l.wait(`"second" offered\n`)
	l.interrupt()
	at := l.wait(`--since (\S+)\n`)
	alice.SendMessage("bot@"+g.domain, "third") // it is still taken for somebody who will be back
	g.roundTrip()
	receiver := xmpptest.NewReceiver(t)
	l = g.listen("--forward-to", receiver.URL(), "--since", at)
	if c := receiver.Next(patience); !strings.Contains(c.Body, "third") {
		t.Errorf("posted %s", c.Body)
	}
	l.interrupt()
	l = g.listen("--print-only", "--since", "1h", "--verbose")
	l.wait(`(?s)"first" offered\n +<message .*"second" offered\n.*"third" offered\n`)
	l.interrupt()
}

// What a command is told does no harm, whatever it is.
func TestListen_execHostile(t *testing.T) {
	g := startServe(t)
	alice := g.user("alice")
	dir := t.TempDir()
	script := filepath.Join(dir, "take.sh")
	if err := os.WriteFile(script, []byte(`#!/bin/sh
cd "`+dir+`" || exit 1
printf '%s' "$RESTANZA_BODY" > "$RESTANZA_ID.body"
printf '%s\n' "$RESTANZA_KIND" "$RESTANZA_TYPE" "$RESTANZA_FROM" "$RESTANZA_TO" "$RESTANZA_EVENT" "$RESTANZA_DIRECTION" "$RESTANZA_URL" > "$RESTANZA_ID.rest"
cat > "$RESTANZA_ID.input"
echo done > "$RESTANZA_ID.done"
`), 0o700); err != nil {
		t.Fatal(err)
	}
	l := g.listen("--exec", script+` `+`"$RESTANZA_BODY"`)
	bodies := []string{
		"$(touch pwned)", "`touch pwned`", `"; touch pwned; echo "`, "'; touch pwned; '", "&& touch pwned", "| touch pwned",
		"-rf /", "%s%n", "a\nb\ntouch pwned\n", "() { :; }; touch pwned", "${IFS}touch${IFS}pwned", "\\", "☕ <&>", "*", "~", "$RESTANZA_CREDENTIALS",
	}
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	for i, body := range bodies {
		alice.Send(fmt.Sprintf(`<message type="chat" id="x%d" to="bot@%s"><body>%s</body></message>`, i, g.domain, escape.Replace(body)))
	}
	long := strings.Repeat("ü", maxVariable) // twice as much as a variable holds
	alice.Send(`<message id="long" to="bot@` + g.domain + `"><body>` + long + `</body></message>`)
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return ""
		}
		return string(b)
	}
	for i, body := range bodies {
		id := fmt.Sprintf("x%d", i)
		until(t, id+" is done", func() bool { return read(id+".done") != "" })
		if got := read(id + ".body"); got != body {
			t.Errorf("%q came as %q", body, got)
		}
		if got := read(id + ".input"); !strings.Contains(got, "<body>"+escape.Replace(body)+"</body>") {
			t.Errorf("%q came as %q", body, got)
		}
	}
	if got := strings.Split(read("x0.rest"), "\n"); got[0] != "message" || got[1] != "chat" || got[2] != alice.JID() || got[3] != "bot@"+g.domain ||
		!strings.Contains(got[4], "-") || got[5] != "in" || got[6] != "http://"+g.addr {
		t.Errorf("variables: %q", got)
	}
	until(t, "the long one is done", func() bool { return read("long.done") != "" })
	if got := read("long.body"); got != strings.Repeat("ü", maxVariable/2) || !strings.HasPrefix(read("long.rest"), "message\nnormal\n") || !strings.Contains(read("long.input"), long) {
		t.Errorf("the long one came with %d bytes and %s", len(got), read("long.rest"))
	}
	for _, name := range []string{"pwned", filepath.Join(dir, "pwned")} {
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s is there", name)
		}
	}
	for _, s := range alice.History() {
		if s.Name == "message" {
			t.Errorf("alice got %s", s)
		}
	}
	l.interrupt()
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not in time: %s", what)
		}
	}
}

// With --reply the output of a command is sent back, and its failure is one. What takes too long is ended. Queries are
// not for commands, and get an error at once.
func TestListen_execReply(t *testing.T) {
	g := startServe(t)
	alice := g.user("alice")
	bot := "bot@" + g.domain
	l := g.listen("--reply", "--timeout", "1s", "--exec",
		`case "$RESTANZA_BODY" in fail) echo half; exit 3;; sleep) sleep 60;; quiet) ;; huge) head -c 100000 /dev/zero;; *) echo "you said: $RESTANZA_BODY"; echo bye;; esac`)
	alice.SendMessage(bot, "hello")
	alice.WaitBody(patience, "you said: hello\nbye")
	l.wait(`"hello" [\d.]+ ms answered: "you said: hello\\nbye"\n`)
	for id, shown := range map[string]string{"fail": "exit status 3", "sleep": "it took longer than 1s, and was ended", "huge": "it wrote more than 65536 bytes"} {
		alice.Send(`<message type="chat" id="` + id + `" to="` + bot + `"><body>` + id + `</body></message>`)
		if got := alice.Wait(patience, func(s xmpptest.Stanza) bool { return s.ID == id }); got.Err == nil || got.Err.Condition != "internal-server-error" {
			t.Errorf("%s: answered %s", id, got)
		}
		l.wait(`"` + id + `" no answer .*` + shown)
	}
	before := len(alice.History())
	alice.SendMessage(bot, "quiet")
	l.wait(`"quiet" [\d.]+ ms\n`)
	if got := alice.Request(patience, "get", "", bot, `<ask xmlns="urn:test"/>`); got.Err == nil || got.Err.Condition != "service-unavailable" {
		t.Errorf("answered %s", got)
	}
	if n := len(alice.History()) - before; n != 1 {
		t.Errorf("%d stanzas came back, want the error alone", n)
	}
	l.interrupt()
}

// A gateway with a callback of its own: the program here gets everything, and its answer is not sent.
func TestListen_besideCallback(t *testing.T) {
	callback, receiver := xmpptest.NewReceiver(t), xmpptest.NewReceiver(t)
	g := startServe(t, "--callback-url", callback.URL())
	alice := g.user("alice")
	callback.Answer(200, "text/plain", "from the callback")
	receiver.Answer(200, "text/plain", "from here")
	l := g.listen("--forward-to", receiver.URL())
	alice.SendMessage("bot@"+g.domain, "hello")
	alice.WaitBody(patience, "from the callback")
	l.wait(`"hello" 200 .* answered: "from here" not sent: the gateway has a callback, which answers`)
	alice.SendMessage("bot@"+g.domain, "bye")
	alice.WaitBody(patience, "from the callback")
	l.wait(`"bye" 200 `)
	for _, s := range alice.History() {
		if s.Body == "from here" {
			t.Errorf("alice got %s", s)
		}
	}
	l.interrupt()
}

// With dev without its bot one's own is somewhere else.
func TestListen_dev(t *testing.T) {
	d := startDev(t, "--no-bot")
	alice := xmpptest.Login(t, d.server(), "alice")
	d.wait(`the bot +bot@bot.localhost is nobody, unless a program reads events`)
	alice.Send(`<message type="chat" id="early" to="bot@bot.localhost"><body>anybody?</body></message>`)
	if got := alice.Wait(patience, func(s xmpptest.Stanza) bool { return s.ID == "early" }); got.Err == nil || got.Err.Condition != "service-unavailable" {
		t.Errorf("answered %s", got)
	}
	receiver := xmpptest.NewReceiver(t)
	receiver.Answer(200, "text/plain", "hello yourself")
	args := strings.Fields(strings.ReplaceAll(d.wait(`restanza (listen --url http://127.0.0.1:\d+ --credentials 'Bearer dev' --forward-to 5000)\n`), "'Bearer dev'", "Bearer_dev"))
	for i, a := range args {
		args[i] = strings.ReplaceAll(strings.ReplaceAll(a, "_", " "), "5000", strings.TrimPrefix(receiver.URL(), "http://127.0.0.1:"))
	}
	l := startProcess(t, nil, args...)
	l.wait(`Listening for bot.localhost at `)
	alice.SendMessage("bot@bot.localhost", "hello")
	alice.WaitBody(patience, "hello yourself")
	d.wait(`← message chat alice@localhost/\S+ → bot@bot.localhost "hello"`)
	l.interrupt()
	d.interrupt()
}

// What can't work is told at once, by the exit codes of all commands.
func TestListen_refusals(t *testing.T) {
	g := startServe(t)
	none := startServe(t, "--events-max-events", "0")
	wrong := append(slices.Clip(g.environ[:1]), "RESTANZA_CREDENTIALS=Bearer wrong-hunter2")
	nobody := []string{"RESTANZA_URL=http://" + xmpptest.FreeAddr(t)}
	for name, test := range map[string]struct {
		environ []string
		args    []string
		code    int
		stderr  string
	}{
		"wrong credentials":  {wrong, []string{"--print-only"}, exitRefused, "the gateway refuses it (HTTP 403): not-authorized"},
		"no credentials":     {g.environ[:1], []string{"--print-only"}, exitRefused, "give credentials: --credentials, RESTANZA_CREDENTIALS"},
		"no events":          {none.environ, []string{"--print-only"}, exitRefused, "keeps no log of events"},
		"nobody there":       {nobody, []string{"--print-only"}, exitFailure, "nobody listens at"},
		"no gateway":         {g.environ, []string{"--print-only", "--url", "http://" + g.addr + "/elsewhere"}, exitRefused, "there is nothing here"},
		"unknown since":      {g.environ, []string{"--print-only", "--since", "zz-zz"}, exitRefused, "(HTTP 410)"},
		"wrong since":        {g.environ, []string{"--print-only", "--since", "yesterday"}, exitRefused, "since: there are the id of an event"},
		"wrong type":         {g.environ, []string{"--print-only", "--from", "@"}, exitRefused, "(HTTP 400)"},
		"no target":          {g.environ, nil, exitUsage, "at least one of the flags in the group [forward-to exec print-only] is required"},
		"two targets":        {g.environ, []string{"--print-only", "--exec", "true"}, exitUsage, "if any flags in the group"},
		"bad target":         {g.environ, []string{"--forward-to", "70000"}, exitUsage, "--forward-to: a port is a number from 1 to 65535"},
		"bad scheme":         {g.environ, []string{"--forward-to", "ftp://localhost/"}, exitUsage, "must begin with http:// or https://"},
		"bad secret":         {g.environ, []string{"--forward-to", "1", "--signing-secret", "hunter2"}, exitUsage, "--signing-secret: a signing secret begins with whsec_"},
		"bad format":         {g.environ, []string{"--forward-to", "1", "--content-type", "yaml"}, exitUsage, "--content-type: there are xml, json"},
		"bad timeout":        {g.environ, []string{"--forward-to", "1", "--timeout", "0s"}, exitUsage, "--timeout"},
		"bad patience":       {g.environ, []string{"--forward-to", "1", "--patience", "-1s"}, exitUsage, "--patience"},
		"reply of a program": {g.environ, []string{"--forward-to", "1", "--reply"}, exitUsage, "--reply has no meaning with --forward-to"},
		"secret of command":  {g.environ, []string{"--exec", "true", "--signing-secret", "x"}, exitUsage, "--signing-secret has no meaning with --exec"},
		"format of nothing":  {g.environ, []string{"--print-only", "--content-type", "json"}, exitUsage, "--content-type has no meaning with --print-only"},
		"iq for a command":   {g.environ, []string{"--exec", "true", "--kind", "message,iq"}, exitUsage, "--kind: an iq wants an answer"},
		"outgoing":           {g.environ, []string{"--forward-to", "1", "--direction", "both"}, exitUsage, "--direction: only what comes in can be answered"},
		"a word":             {g.environ, []string{"--print-only", "x"}, exitUsage, "unknown command"},
	} {
		t.Run(name, func(t *testing.T) {
			r := call(t, "", test.environ, append([]string{"listen"}, test.args...)...)
			r.expect(t, test.code, "", test.stderr)
			if strings.Contains(r.stderr, "hunter2") {
				t.Errorf("%s", r.stderr)
			}
		})
	}
}

// Credentials that do not count any more in the middle end the command, since nobody can mend that from here.
func TestListen_revoked(t *testing.T) {
	g := startServe(t)
	l := g.listen("--print-only")
	g.stop()
	g.args = append(g.args, "--credentials", "Bearer another")
	g.environ[1] = "RESTANZA_CREDENTIALS=Bearer another"
	g.start()
	if code := l.code(); code != exitRefused {
		t.Errorf("exit code %d", code)
	}
	l.wait(`restanza: the gateway refuses it \(HTTP 403\): not-authorized`)
}

// What docs/receiving.md calls a flag or a variable is one, and it has all of them.
func TestReceivingDocument_names(t *testing.T) {
	raw, err := os.ReadFile("../../docs/receiving.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(raw), "\n## On your laptop\n")
	section, _, end := strings.Cut(section, "\n## Programs\n")
	if !ok || !end {
		t.Fatal("no section")
	}
	commands := commandList()
	for _, name := range regexp.MustCompile(`[^-\w]--[a-z][a-z-]+`).FindAllString(section, -1) {
		if !strings.Contains(commands, "`"+name[1:]) {
			t.Errorf("the document has %s, which no command has", name[1:])
		}
	}
	given := map[string]bool{urlVariable: true, credentialsVariable: true}
	for _, v := range variables(client.Event{}) {
		name, _, _ := strings.Cut(v, "=")
		given[name] = true
		if !strings.Contains(section, "`"+name+"`") {
			t.Errorf("the document does not have %s", name)
		}
	}
	for _, name := range regexp.MustCompile(`RESTANZA_[A-Z_]+`).FindAllString(section, -1) {
		if !given[name] {
			t.Errorf("the document has %s, which is no variable", name)
		}
	}
	for _, state := range []events.State{events.Posted, events.Offered, events.Sent, events.Bounced, events.Queued} {
		if !strings.Contains(section, "`"+string(state)+"`") {
			t.Errorf("the document does not have the state %s", state)
		}
	}
}
