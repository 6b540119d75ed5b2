package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// programGrace is how long a program may take to end after it was asked to, and
// programDelay what holds its output open after that.
const (
	programGrace = time.Second
	programDelay = programGrace + 200*time.Millisecond
)

// program is a bot's program that dev starts.
type program struct {
	args    []string
	environ []string
	port    int
	stdout  io.Writer
	stderr  io.Writer
}

// newProgram returns a program that is not started yet, with a free port for it.
func newProgram(args, environ []string, stdout, stderr io.Writer) (*program, error) {
	if _, err := exec.LookPath(args[0]); err != nil {
		return nil, &failure{code: exitUsage, err: fmt.Errorf("can't start %s: %w", args[0], err)}
	}
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("a port for %s: %w", args[0], err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	if err := ln.Close(); err != nil {
		return nil, fmt.Errorf("a port for %s: %w", args[0], err)
	}
	return &program{args: args, environ: environ, port: port, stdout: stdout, stderr: stderr}, nil
}

// url returns where the program is expected to listen.
func (p *program) url() string { return fmt.Sprintf("http://127.0.0.1:%d/", p.port) }

// run starts the program and waits for its end. When ctx ends the program and
// whatever it has started are asked to end, and after programGrace ended; that
// is no error then.
func (p *program) run(ctx context.Context, url, credentials string) error {
	cmd := exec.CommandContext(ctx, p.args[0], p.args[1:]...) //nolint:gosec // the user's own command line
	cmd.Env = p.environment(url, credentials)
	cmd.Stdout, cmd.Stderr = p.stdout, p.stderr
	cmd.WaitDelay = programDelay
	inGroup(cmd)
	runtime.LockOSThread() // see endWithParent: the thread has to last as long as the program
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	if err == nil {
		err = waitGroup(ctx, cmd)
	}
	if ctx.Err() != nil || errors.Is(err, exec.ErrWaitDelay) { // it left somebody behind who kept its output
		return nil
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code := exit.ExitCode()
		if code < 0 { // ended by a signal
			code = exitFailure
		}
		return &failure{code: code, err: fmt.Errorf("%s: %w", p.args[0], err)}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", p.args[0], err)
	}
	return nil
}

// waitGroup waits for the end of a command. What it has started is ended with it,
// and all of it when programGrace is over after the end of ctx.
func waitGroup(ctx context.Context, cmd *exec.Cmd) error {
	ended := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-ctx.Done():
		case <-ended:
			return
		}
		grace := time.NewTimer(programGrace)
		defer grace.Stop()
		select {
		case <-grace.C:
			endGroup(cmd)
		case <-ended:
		}
	})
	err := cmd.Wait()
	close(ended)
	watch.Wait()
	endGroup(cmd)
	return err
}

// environment returns what the program is told. A later line of a name counts.
func (p *program) environment(url, credentials string) []string {
	return append(slices.Clip(p.environ),
		"RESTANZA_URL="+url,
		"RESTANZA_CREDENTIALS="+credentials,
		"PORT="+strconv.Itoa(p.port))
}

// ending says in a line how the program ended.
func (p *program) ending(err error) string {
	if err == nil {
		return strings.Join(p.args, " ") + " has ended"
	}
	return strings.Join(p.args, " ") + " has ended: " + err.Error()
}
