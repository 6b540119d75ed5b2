//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// inGroup makes a command start a process group of its own, and end with it: what
// the command has started is asked to end, too.
func inGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr)
	cmd.Cancel = func() error { return signalGroup(cmd, syscall.SIGTERM) }
}

// endGroup ends what is left of the group of a command that was started.
func endGroup(cmd *exec.Cmd) {
	_ = signalGroup(cmd, syscall.SIGKILL) // usually nothing is left
}

func signalGroup(cmd *exec.Cmd, sig syscall.Signal) error {
	err := syscall.Kill(-cmd.Process.Pid, sig)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}
