package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopTimeout is how long a process may take to end when told to, before it is
// killed.
const stopTimeout = 5 * time.Second

// process is a child of the tool. One that somebody else looks after has a name and
// an id only, and ends nil.
type process struct {
	name   string
	id     int
	cmd    *exec.Cmd
	stdin  io.Closer // its end tells the tool's own children to end; nil for others
	output *tail
	ended  chan struct{} // closed when the process has ended
}

// startProcess starts a child. What it writes is kept for error messages, except
// what cmd directs elsewhere.
func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{name: cmd.Args[0], cmd: cmd, output: &tail{}, ended: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = p.output
	}
	cmd.Stderr = p.output
	cmd.SysProcAttr = ownGroup()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p.id = cmd.Process.Pid
	return p, nil
}

// watch waits for the end in the background.
func (p *process) watch() {
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // what it said last is in output, which is what helps
	}()
}

// stop ends the process, by force if need be.
func (p *process) stop() {
	if p.stdin != nil {
		p.stdin.Close()
	} else {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	}
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// failed describes an end that was not asked for.
func (p *process) failed() error {
	return fmt.Errorf("%s ended by itself: %s", p.name, p.output.String())
}

// startSelf starts the tool itself with a subcommand that listens on a port and
// says so in its first line. It returns the address.
func startSelf(ctx context.Context, args ...string) (*process, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), self, args...) //nolint:gosec // the tool itself
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, "", err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	p, err := startProcess(cmd)
	if err != nil {
		return nil, "", err
	}
	p.name, p.stdin = args[0], stdin
	line, err := bufio.NewReader(stdout).ReadString('\n')
	p.watch()
	address, ok := strings.CutPrefix(strings.TrimSpace(line), listening)
	if err != nil || !ok {
		p.stop()
		return nil, "", errors.Join(p.failed(), err)
	}
	return p, address, nil
}

// listening begins the first line of the tool's own children.
const listening = "listening on "

// tail keeps the end of what a process writes.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailLimit = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if excess := len(t.text) - tailLimit; excess > 0 {
		t.text = append(t.text[:0], t.text[excess:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.text) == 0 {
		return "it said nothing"
	}
	return string(t.text)
}

// await calls try until it returns nil, at intervals, or the time or ctx ends. The
// error is then try's last.
func await(ctx context.Context, limit, interval time.Duration, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return err
		}
	}
}
