//go:build !linux

package main

import (
	"net"
	"syscall"
)

// quickAck does nothing: only Linux has such an option.
func quickAck(net.Conn) {}

// ownGroup starts a child in a process group of its own, where there is such a
// thing, so that an interrupt at the terminal reaches the tool alone, which then
// stops its children.
func ownGroup() *syscall.SysProcAttr { return nil }
