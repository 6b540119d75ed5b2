//go:build !linux

package link

import "net"

// quickAck does nothing: TCP_QUICKACK is an option of Linux.
func quickAck(net.Conn) func() { return func() {} }
