package xmpptest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	profanityBinary = "/usr/bin/profanity"
	tmuxBinary      = "/usr/bin/tmux"
)

// Profanity is a user who is logged in with profanity, an XMPP client for the terminal, in
// a tmux of its own. It is worked by typing and by reading the screen.
type Profanity struct {
	tb      TB
	dir     string
	process *process // a client of tmux, whose end is the end of tmux
}

// StartProfanity logs a user in with profanity, by STARTTLS with any certificate, and
// returns when he is online. Everything that profanity keeps is in a folder
// of the test, with which it ends.
func StartProfanity(tb TB, a Account) *Profanity {
	tb.Helper()
	requireBinary(tb, profanityBinary, "apt-get install profanity")
	requireBinary(tb, tmuxBinary, "apt-get install tmux")
	if a.DirectTLS {
		tb.Fatalf("profanity: with direct TLS it trusts no certificate of our making")
	}
	p := &Profanity{tb: tb, dir: tb.TempDir()}
	if err := p.configure(a); err != nil {
		tb.Fatalf("profanity: %v", err)
	}
	// -C gives a client that talks in lines and needs no terminal.
	process, err := startProcess(p.tmux("-f", "tmux.conf", "-C", "new-session", "-x", "200", "-y", "50", profanityBinary+" -a test -l DEBUG -f log"),
		p.dir, "tmux", nil)
	if err != nil {
		tb.Fatalf("profanity: %v", err)
	}
	process.logPath = filepath.Join(p.dir, "log") // profanity's, rather than what tmux says
	p.process = process
	endWithTest(tb, "profanity", process, nil)
	p.WaitScreen(patience, "logged in successfully")
	return p
}

// configure writes the account and tmux's configuration: without a client attached there is no session,
// so that nothing outlives a test process that was killed.
func (p *Profanity) configure(a Account) error {
	host, port, err := net.SplitHostPort(a.Addr)
	if err != nil {
		return err
	}
	bare, resource, _ := strings.Cut(a.JID, "/")
	if resource == "" {
		resource = "profanity"
	}
	account := fmt.Sprintf("[test]\nenabled=true\njid=%s\nresource=%s\npassword=%s\nserver=%s\nport=%s\ntls.policy=trust\n",
		bare, resource, a.Password, host, port)
	data := filepath.Join(p.dir, "profanity")
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(data, "accounts"), []byte(account), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.dir, "tmux.conf"), []byte("set -g destroy-unattached on\n"), 0o600)
}

// tmux is a command for the user's tmux. Its socket has a relative name, because
// a path may have no more than about 100 bytes.
func (p *Profanity) tmux(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), tmuxBinary, append([]string{"-S", "socket"}, args...)...)
	cmd.Dir = p.dir
	cmd.Env = []string{
		"HOME=" + p.dir, "XDG_DATA_HOME=" + p.dir, "XDG_CONFIG_HOME=" + p.dir, "XDG_CACHE_HOME=" + p.dir,
		"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "SHELL=/bin/sh", "TERM=screen",
	}
	return cmd
}

// run runs a command of tmux and returns its output.
func (p *Profanity) run(args ...string) (string, error) {
	var complaint bytes.Buffer
	cmd := p.tmux(args...)
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("tmux %s: %w: %s", args[0], err, complaint.Bytes())
	}
	return string(out), nil
}

// Do types a line and Enter: a command, or a message to whom the window shown is about.
func (p *Profanity) Do(line string) {
	p.tb.Helper()
	for _, keys := range [][]string{{"-l", "--", line}, {"Enter"}} {
		if _, err := p.run(append([]string{"send-keys"}, keys...)...); err != nil {
			p.tb.Fatalf("profanity: typing %q: %v", line, err)
		}
	}
}

// WaitScreen waits as long as limit until text is on the screen, in one line,
// and gives that line. If it does not come the test fails.
func (p *Profanity) WaitScreen(limit time.Duration, text string) string {
	p.tb.Helper()
	return p.wait(limit, text, func() {})
}

// WaitWindow is WaitScreen in the window about a contact or a room. The window need not be there yet.
func (p *Profanity) WaitWindow(limit time.Duration, jid, text string) string {
	p.tb.Helper()
	return p.wait(limit, text, func() { p.Do("/win " + jid) })
}

// wait waits until text is on the screen, and calls again every second or so.
func (p *Profanity) wait(limit time.Duration, text string, again func()) string {
	p.tb.Helper()
	var screen string
	var err error // at the start there is no screen yet
	looks := 0
	if !poll(limit, func() bool {
		if looks%40 == 0 {
			again()
		}
		looks++
		screen, err = p.run("capture-pane", "-p")
		return p.process.ended() || strings.Contains(screen, text)
	}) || p.process.ended() {
		p.tb.Fatalf("profanity: %q is not on the screen within %v (%v):\n%s", text, limit, err, screen)
	}
	before, after, _ := strings.Cut(screen, text)
	rest, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(before[strings.LastIndex(before, "\n")+1:] + text + rest)
}

// SendMessage sends a message of type chat, and shows the window for that.
func (p *Profanity) SendMessage(to, body string) {
	p.tb.Helper()
	p.Do("/msg " + to + " " + body)
}

// JoinRoom enters a room, which is made if need be, and returns when the user
// is in it and its window is shown. room is its full bare address.
func (p *Profanity) JoinRoom(room, nick string) {
	p.tb.Helper()
	p.Do("/join " + room + " nick " + nick)
	p.WaitScreen(patience, "You have joined the room as "+nick)
	p.WaitScreen(patience, "Room subject") // the last of what is shown to who has joined
	if screen, err := p.run("capture-pane", "-p"); err == nil && strings.Contains(screen, "Room locked") {
		p.Do("/room accept")
		p.WaitScreen(patience, "Room unlocked.")
	}
}

// Quit logs out and waits for the end.
func (p *Profanity) Quit() {
	p.tb.Helper()
	p.Do("/quit")
	select {
	case <-p.process.done:
	case <-time.After(patience):
		p.tb.Fatalf("profanity: does not quit within %v", patience)
	}
}
