package xmpptest

import (
	"bufio"
	"context"
	_ "embed" // for the programs
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// pythonBinary is Debian's Python, which has Debian's python3-slixmpp and python3-flask.
const pythonBinary = "/usr/bin/python3"

//go:embed testdata/slixmpp_user.py
var slixmppProgram string

// SlixmppUser is a user logged in with slixmpp, an XMPP library for Python that has
// nothing in common with this package's [User].
type SlixmppUser struct {
	tb      TB
	jid     string
	process *process
	inbox   *inbox[Stanza]
	mu      sync.Mutex // for writing commands
}

// StartSlixmpp is [LoginSlixmpp] on a server, without TLS. name is the local part, perhaps with a resource.
func StartSlixmpp(tb TB, srv Server, name string) *SlixmppUser {
	tb.Helper()
	return LoginSlixmpp(tb, AccountOn(tb, srv, name, ""))
}

// LoginSlixmpp logs a user in with slixmpp, and returns when the session has started and presence is
// sent. With a certificate the server has to show it. It ends with the test.
func LoginSlixmpp(tb TB, a Account) *SlixmppUser {
	tb.Helper()
	requirePython(tb, "slixmpp")
	host, port, err := net.SplitHostPort(a.Addr)
	if err != nil {
		tb.Fatalf("slixmpp: %v", err)
	}
	security := "none"
	switch {
	case a.DirectTLS:
		security = "direct"
	case a.Certificate != "":
		security = "starttls"
	}

	dir := tb.TempDir()
	program := writeProgram(tb, dir, "slixmpp_user.py", slixmppProgram)
	u := &SlixmppUser{tb: tb, inbox: newInbox[Stanza]()}
	ready := make(chan struct{})
	out, in := io.Pipe()
	u.process, err = startProcess(exec.CommandContext(context.Background(), pythonBinary, program, host, port, a.JID, a.Password, security, a.Certificate), dir, "slixmpp", in)
	if err != nil {
		tb.Fatalf("slixmpp: %v", err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		u.read(out, ready)
	}()
	endWithTest(tb, "slixmpp", u.process, func() {
		_ = in.Close() // never fails
		<-read
	})
	select {
	case <-ready:
	case <-u.process.done:
		u.fail("logging in", errors.Join(errors.New("it has ended"), u.process.err))
	case <-time.After(patience):
		u.fail("logging in", errTimeout)
	}
	return u
}

// JID is the user's full address.
func (u *SlixmppUser) JID() string { return u.jid }

// SendMessage sends a message of type chat.
func (u *SlixmppUser) SendMessage(to, body string) {
	u.tb.Helper()
	u.command(map[string]string{"to": to, "body": body})
}

// JoinRoom enters a room, which is made if need be, and returns when the user is in it. room
// is its full bare address.
func (u *SlixmppUser) JoinRoom(room, nick string) {
	u.tb.Helper()
	u.command(map[string]string{"join": room, "nick": nick})
	s := u.Wait(patience, func(s Stanza) bool {
		return s.Name == "presence" && s.From == room+"/"+nick && (s.Type == "error" || hasStatus(s, "110"))
	})
	if s.Type == "error" {
		u.fail("joining "+room, s.Err)
	}
	if hasStatus(s, "201") { // a new room may be locked until its owner has accepted the settings (XEP-0045 §10.1.2)
		u.Send("<iq type='set' id='unlock' to='" + escape(room) + "'>" + acceptSettings + "</iq>")
		answer := u.Wait(patience, func(s Stanza) bool { return s.Name == "iq" && s.ID == "unlock" })
		if answer.Type == "error" {
			u.fail("unlocking "+room, answer.Err)
		}
	}
}

// SendGroupchat sends a message to all in a room.
func (u *SlixmppUser) SendGroupchat(room, body string) {
	u.tb.Helper()
	u.command(map[string]string{"to": room, "body": body, "type": "groupchat"})
}

// Send writes raw bytes into the user's stream.
func (u *SlixmppUser) Send(raw string) {
	u.tb.Helper()
	u.command(map[string]string{"raw": raw})
}

// Wait takes the first stanza in the queue for which match is true (nil:
// any), and waits for one as long as limit. If none comes the test fails.
func (u *SlixmppUser) Wait(limit time.Duration, match func(Stanza) bool) Stanza {
	u.tb.Helper()
	s, err := u.inbox.wait(limit, match)
	if err != nil {
		u.fail(fmt.Sprintf("waiting %v for a stanza, %d others came", limit, len(u.History())), err)
	}
	return s
}

// WaitBody takes the next message with that body.
func (u *SlixmppUser) WaitBody(limit time.Duration, body string) Stanza {
	u.tb.Helper()
	return u.Wait(limit, func(s Stanza) bool { return s.Name == "message" && s.Body == body })
}

// History gives all stanzas received so far.
func (u *SlixmppUser) History() []Stanza { return u.inbox.history() }

func (u *SlixmppUser) command(c map[string]string) {
	u.tb.Helper()
	line, err := json.Marshal(c)
	if err != nil {
		u.fail("a command", err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, err := u.process.stdin.Write(append(line, '\n')); err != nil {
		u.fail("a command", err)
	}
}

// read takes the program's output until that ends.
func (u *SlixmppUser) read(out io.Reader, ready chan struct{}) {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			u.inbox.end(err)
			return
		}
		var event struct{ Event, JID, XML, Reason string }
		if err := json.Unmarshal(line, &event); err != nil {
			u.inbox.end(fmt.Errorf("%w in %q", err, line))
			return
		}
		switch event.Event {
		case "ready":
			u.jid = event.JID
			close(ready)
		case "stanza":
			s, err := parseStanza(event.XML)
			if err != nil {
				u.inbox.end(fmt.Errorf("%w in %s", err, event.XML))
				return
			}
			u.inbox.put(s)
		case "failed":
			u.inbox.end(errors.New(event.Reason))
		}
	}
}

func (u *SlixmppUser) fail(doing string, err error) {
	u.tb.Helper()
	u.tb.Fatalf("slixmpp: %s: %v (%v)\nthe end of its log:\n%s",
		doing, err, u.inbox.ended(0), tail(u.process.log(), 20))
}

// requirePython fails the test if Python or one of its modules is missing.
func requirePython(tb TB, module string) {
	tb.Helper()
	if out, err := exec.CommandContext(context.Background(), pythonBinary, "-c", "import "+module).CombinedOutput(); err != nil {
		tb.Fatalf("%s with the module %s is needed; on Debian: apt-get install python3-%s (%v: %s)",
			pythonBinary, module, module, err, out)
	}
}

func writeProgram(tb TB, dir, name, text string) string {
	tb.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatalf("writing a program: %v", err)
	}
	return path
}

// endWithTest has a process killed at the end of the test, and its log shown if the test has failed.
func endWithTest(tb TB, label string, p *process, after func()) {
	tb.Cleanup(func() {
		if err := p.kill(); err != nil {
			tb.Errorf("%s: %v", label, err)
		}
		if after != nil {
			after()
		}
		if tb.Failed() {
			tb.Logf("the end of %s's log:\n%s", label, tail(p.log(), 20))
		}
	})
}
