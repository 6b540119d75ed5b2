package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/restanza/restanza/internal/client"
	"github.com/restanza/restanza/internal/listen"
	"github.com/restanza/restanza/stanza"
)

const (
	// maxVariable bounds what a variable of a command holds, in bytes. Systems have limits of
	// their own: Linux takes 128 KiB for one.
	maxVariable = 64 << 10
	// maxOutput bounds the text that a command replies with, in bytes.
	maxOutput = 64 << 10
)

// execCommand is what --exec runs for each stanza.
type execCommand struct {
	line    string   // for the shell
	environ []string // that it begins with
	reply   bool     // its output is the text of a reply
	stdout  io.Writer
	stderr  io.Writer
}

// command returns it as package listen wants it. The line is the user's, and all that others wrote
// is in standard input and in variables: nothing of that is ever parsed by a shell.
func (x *execCommand) command() listen.Command {
	return func(ctx context.Context, e client.Event, input []byte) ([]byte, error) {
		shell := []string{"/bin/sh", "-c"}
		if runtime.GOOS == "windows" {
			shell = []string{"cmd", "/C"}
		}
		cmd := exec.CommandContext(ctx, shell[0], shell[1], x.line) //nolint:gosec // the user's own command line
		cmd.Env = append(slices.Clip(x.environ), variables(e)...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), x.stdout, x.stderr
		var output firstBytes
		if x.reply {
			cmd.Stdout = &output
		}
		cmd.WaitDelay = programDelay
		inGroup(cmd)
		runtime.LockOSThread() // see endWithParent: the thread has to last as long as the program
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			err = waitGroup(ctx, cmd)
		}
		switch {
		case output.more:
			return nil, fmt.Errorf("it wrote more than %d bytes", maxOutput)
		case err != nil && !errors.Is(err, exec.ErrWaitDelay): // which is that it left somebody behind who kept its output
			return nil, err
		}
		return bytes.TrimRight(output.kept, "\r\n"), nil
	}
}

// variables returns what a command is told of an event.
func variables(e client.Event) []string {
	st := e.Stanza
	kind, typ := st.Kind(), string(st.Type())
	switch {
	case typ == "" && kind == stanza.Message:
		typ = string(stanza.Normal)
	case typ == "" && kind == stanza.Presence:
		typ = "available"
	}
	var list []string
	for _, v := range [][2]string{
		{"EVENT", e.ID},
		{"TIME", e.Time.Format(time.RFC3339Nano)},
		{"DIRECTION", e.Direction},
		{"KIND", string(kind)},
		{"TYPE", typ},
		{"ID", st.ID()},
		{"FROM", st.From().String()},
		{"TO", st.To().String()},
		{"BODY", st.Body()},
	} {
		list = append(list, "RESTANZA_"+v[0]+"="+shortened(v[1]))
	}
	return list
}

// shortened returns at most maxVariable bytes of a text, and whole characters.
func shortened(text string) string {
	text = strings.ReplaceAll(text, "\x00", "") // no variable can hold it, and no stanza has it
	if len(text) <= maxVariable {
		return text
	}
	end := maxVariable
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// firstBytes keeps the first maxOutput bytes that are written to it, and fails after them.
type firstBytes struct {
	kept []byte
	more bool
}

// Write implements io.Writer.
func (b *firstBytes) Write(p []byte) (int, error) {
	if len(b.kept)+len(p) > maxOutput {
		b.more = true
		return 0, errors.New("too much output")
	}
	b.kept = append(b.kept, p...)
	return len(p), nil
}
