package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/restanza/restanza/internal/xmpptest"
)

// tail shows both directions, and changes nothing for those who send.
func TestTail(t *testing.T) {
	callback := xmpptest.NewReceiver(t)
	g := startServe(t, "--callback-url", callback.URL())
	alice := g.user("alice")
	bot := "bot@" + g.domain
	l := startProcess(t, g.environ, "tail", "--since", "all")
	callback.Answer(200, "text/plain", "pong\x1b[31m")
	alice.SendMessage(bot, "ping\u009b1m")
	l.wait(`\d\d:\d\d:\d\d ← message chat \S+ → \S+ "ping\\u009b1m" posted\n`)
	l.wait(`\d\d:\d\d:\d\d → message chat \S+ → \S+ "pong\S+" sent\n`)
	call(t, "", g.environ, "send", "nobody@"+g.server.Host(), "x").expect(t, exitReturned, "", "service-unavailable")
	l.wait(`→ message chat \S+ → nobody@\S+ "x" bounced\n`)

	j := startProcess(t, g.environ, "tail", "--json", "--since", "1h", "--direction", "in")
	line := j.wait(`(\{"event":"stanza".*\})\n`)
	var e struct {
		ID, Direction, State string
		Stanza               struct{ Body string }
	}
	if err := json.Unmarshal([]byte(line), &e); err != nil || e.Direction != "in" || e.State != "posted" || !strings.HasPrefix(e.Stanza.Body, "ping") {
		t.Errorf("%v: %s", err, line)
	}
	g.stop()
	for _, p := range []*devProcess{l, j} {
		p.wait(`connection to the gateway lost`)
	}
	g.start()
	alice.SendMessage(bot, "after all that")
	for _, p := range []*devProcess{l, j} {
		p.wait(`connected to the gateway again`)
		p.wait(`after all that`)
		p.interrupt()
		if n := strings.Count(p.out.String(), "after all that"); n != 1 {
			t.Errorf("%d times: %s", n, p.out)
		}
	}
	call(t, "", g.environ, "tail", "--json", "--verbose").expect(t, exitUsage, "", "--verbose has no meaning with --json")
	call(t, "", g.environ[:1], "tail", "--json").expect(t, exitRefused, "", "the gateway refuses it (HTTP 401)")
}

// Who looks on is nobody who receives: what nobody receives comes back.
func TestTail_isNobody(t *testing.T) {
	g := startServe(t)
	alice := g.user("alice")
	l := startProcess(t, g.environ, "tail")
	call(t, "", g.environ, "send", alice.Bare(), "first").expect(t, exitOK, "", "")
	until(t, "tail is there", func() bool {
		call(t, "", g.environ, "send", alice.Bare(), "again").expect(t, exitOK, "", "")
		return strings.Contains(l.out.String(), `"again" sent`)
	})
	alice.Send(`<message type="chat" id="m" to="bot@` + g.domain + `"><body>anybody?</body></message>`)
	if got := alice.Wait(patience, func(s xmpptest.Stanza) bool { return s.ID == "m" }); got.Err == nil || got.Err.Condition != "service-unavailable" {
		t.Errorf("answered %s", got)
	}
	if got := alice.Request(patience, "get", "", "bot@"+g.domain, `<ask xmlns="urn:test"/>`); got.Err == nil || got.Err.Condition != "service-unavailable" {
		t.Errorf("answered %s", got)
	}
	l.interrupt()
}
