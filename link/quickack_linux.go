package link

import (
	"net"
	"syscall"
)

// quickAck returns a function to be called after each read from conn. It has
// the kernel acknowledge at once: Prosody leaves Nagle's algorithm on, and would
// otherwise wait for acknowledgements that are delayed by up to 40 ms. The
// option (tcp(7), TCP_QUICKACK) does not last, and costs little.
func quickAck(conn net.Conn) func() {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return func() {}
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return func() {}
	}
	set := func(fd uintptr) {
		// Without it the link is slower, not wrong.
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	}
	return func() { _ = raw.Control(set) }
}
