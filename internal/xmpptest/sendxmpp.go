package xmpptest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"time"
)

const sendXMPPBinary = "/usr/bin/go-sendxmpp"

// SendXMPP sends a message of type chat with go-sendxmpp, which logs in with SASL PLAIN inside TLS, and
// out again. The certificate is not looked at.
func SendXMPP(tb TB, a Account, to, body string) {
	tb.Helper()
	runSendXMPP(tb, a, body, to)
}

// SendXMPPToRoom is SendXMPP to all in a room, which go-sendxmpp joins for
// that. room is its full bare address.
func SendXMPPToRoom(tb TB, a Account, room, nick, body string) {
	tb.Helper()
	runSendXMPP(tb, a, body, "-a", nick, "-c", room)
}

func runSendXMPP(tb TB, a Account, body string, args ...string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := sendXMPPCommand(ctx, tb, a, args...)
	cmd.Stdin = strings.NewReader(body)
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("go-sendxmpp as %s: %v\n%s", a.JID, err, out)
	}
}

// sendXMPPCommand is the command with what all uses of it have in common. Its
// home is an empty folder, so that it finds no configuration.
func sendXMPPCommand(ctx context.Context, tb TB, a Account, args ...string) *exec.Cmd {
	tb.Helper()
	requireBinary(tb, sendXMPPBinary, "apt-get install go-sendxmpp")
	common := []string{"-n", "-j", a.Addr, "-u", a.JID, "-p", a.Password}
	if a.DirectTLS {
		common = append(common, "-t")
	}
	cmd := exec.CommandContext(ctx, sendXMPPBinary, append(common, args...)...)
	cmd.Env = []string{"HOME=" + tb.TempDir()}
	return cmd
}

// SendXMPPListener is a user who is logged in with go-sendxmpp to listen.
type SendXMPPListener struct {
	tb    TB
	jid   string
	inbox *inbox[string]
}

// ListenXMPP logs a user in with go-sendxmpp, to print what he is sent. It says nothing
// when it is ready: what is sent before is shown if the server keeps messages for who is
// offline. It ends with the test.
func ListenXMPP(tb TB, a Account) *SendXMPPListener {
	tb.Helper()
	l := &SendXMPPListener{tb: tb, jid: a.JID, inbox: newInbox[string]()}
	cmd := sendXMPPCommand(context.Background(), tb, a, "-l")
	// All output goes into a pipe of ours. When its connection ends go-sendxmpp 0.5 complains
	// in an endless loop, and should fill no disk; nor should it outlive us, and it dies writing into a broken pipe.
	out, in := io.Pipe()
	cmd.Stderr = in
	p, err := startProcess(cmd, tb.TempDir(), "go-sendxmpp", in)
	if err != nil {
		tb.Fatalf("go-sendxmpp: %v", err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		l.read(out)
	}()
	endWithTest(tb, "go-sendxmpp", p, func() {
		_ = in.Close() // never fails
		<-read
	})
	return l
}

// read takes the program's output line by line. After the first complaint it
// takes no more, and the program is stuck until it is killed.
func (l *SendXMPPListener) read(out *io.PipeReader) {
	defer func() { _ = out.Close() }() // never fails
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if bytes.HasSuffix(lines.Bytes(), []byte(" EOF")) {
			break
		}
		l.inbox.put(lines.Text())
	}
	l.inbox.end(errors.New("the connection has ended"))
}

// WaitLine takes the first line in its output that contains text, and waits for
// one as long as limit. If none comes the test fails.
func (l *SendXMPPListener) WaitLine(limit time.Duration, text string) string {
	l.tb.Helper()
	line, err := l.inbox.wait(limit, func(line string) bool { return strings.Contains(line, text) })
	if err != nil {
		l.tb.Fatalf("go-sendxmpp as %s: waiting %v for %q: %v; its output:\n%s",
			l.jid, limit, text, err, strings.Join(l.inbox.history(), "\n"))
	}
	return line
}
