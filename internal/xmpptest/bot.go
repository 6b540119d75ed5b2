package xmpptest

import (
	"context"
	_ "embed" // for the programs
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed testdata/run_bot.py
var runBotProgram string

//go:embed testdata/echobot.py
var echobot string

// Bot is a Flask program that answers callbacks.
type Bot struct {
	addr    string
	process *process
}

// EchobotFile writes the sample bot, as mod_rest's documentation has it, into a file and gives its path.
func EchobotFile(tb TB) string {
	tb.Helper()
	return writeProgram(tb, tb.TempDir(), "echobot.py", echobot)
}

// StartBot runs a Flask program, unmodified, on a loopback port, and returns when it answers there. path is a .py file, or a
// document whose first fenced block of python that mentions flask is the program. It ends with the test.
func StartBot(tb TB, path string) *Bot {
	tb.Helper()
	requirePython(tb, "flask")
	dir := tb.TempDir()
	program, err := filepath.Abs(path)
	if err != nil {
		tb.Fatalf("bot: %v", err)
	}
	if filepath.Ext(path) != ".py" {
		document, err := os.ReadFile(path)
		if err != nil {
			tb.Fatalf("bot: %v", err)
		}
		text := fencedFlask(string(document))
		if text == "" {
			tb.Fatalf("bot: %s has no block of python with a Flask program", path)
		}
		program = writeProgram(tb, dir, "bot.py", text)
	}

	b := &Bot{addr: FreeAddr(tb)}
	_, port, _ := strings.Cut(b.addr, ":")
	runner := writeProgram(tb, dir, "run_bot.py", runBotProgram)
	b.process, err = startProcess(exec.CommandContext(context.Background(), pythonBinary, runner, program, port), dir, "bot", nil)
	if err != nil {
		tb.Fatalf("bot: %v", err)
	}
	endWithTest(tb, "bot", b.process, nil)
	if !poll(patience, func() bool { return b.process.ended() || connects(b.addr) }) || b.process.ended() {
		tb.Fatalf("bot: %s does not answer; the end of its log:\n%s", path, tail(b.Log(), 20))
	}
	return b
}

// URL is where the bot answers callbacks: http://127.0.0.1:12345/.
func (b *Bot) URL() string { return "http://" + b.addr + "/" }

// Log gives all that the bot has written: Flask writes a line for each request.
func (b *Bot) Log() string { return b.process.log() }

// fencedFlask finds the Flask program in a Markdown document.
func fencedFlask(document string) string {
	for {
		_, rest, ok := strings.Cut(document, "```python\n")
		if !ok {
			return ""
		}
		program, rest, ok := strings.Cut(rest, "\n```")
		if ok && strings.Contains(program, "flask") {
			return program + "\n"
		}
		document = rest
	}
}

// connects reports whether somebody listens at an address.
func connects(addr string) bool {
	conn, err := dial(addr, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
