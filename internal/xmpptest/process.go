package xmpptest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is a program that a test has started. Each of them is written or
// configured to end when its standard input ends, so that none
// outlives a test process that was killed.
type process struct {
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	logPath string
	done    chan struct{} // closed when the program has ended
	err     error         // how it ended; read after done
}

// startProcess starts a program. Its output is appended to dir/<label>.log, unless stdout takes
// its standard output.
func startProcess(cmd *exec.Cmd, dir, label string, stdout io.Writer) (*process, error) {
	p := &process{cmd: cmd, logPath: filepath.Join(dir, label+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own copy

	cmd.Dir = dir
	cmd.Stderr = log
	cmd.Stdout = log
	if stdout != nil {
		cmd.Stdout = stdout
	}
	// A helper process that inherited our end of the output must not make Wait hang.
	cmd.WaitDelay = 2 * time.Second
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// ended reports whether the program has ended.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// log gives all that the program has written so far, also in earlier lives.
func (p *process) log() string {
	text, err := os.ReadFile(p.logPath)
	if err != nil {
		return fmt.Sprintf("(no log: %v)", err)
	}
	return string(text)
}

// kill ends the program with SIGKILL and waits for it.
func (p *process) kill() error {
	return p.end(syscall.SIGKILL)
}

// stop ends the program with SIGTERM and waits for it; after 20 s it gets a SIGKILL and stop an error.
func (p *process) stop() error {
	return p.end(syscall.SIGTERM)
}

func (p *process) end(sig syscall.Signal) error {
	if p.ended() {
		return nil
	}
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %v to process %d: %w", sig, p.cmd.Process.Pid, err)
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(20 * time.Second):
	}
	pid := p.cmd.Process.Pid
	if err := p.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	<-p.done
	return fmt.Errorf("process %d did not end within 20 s after %v and was killed", pid, sig)
}
