//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package callback

import (
	"errors"
	"syscall"
)

// ended reports whether an idle connection has something to read: its end, or
// words that nobody asked for, such as TLS's goodbye. Neither can be answered
// with a request. It reads nothing.
func ended(raw syscall.RawConn) bool {
	var b [1]byte
	result := false
	err := raw.Control(func(fd uintptr) {
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		result = !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
	})
	return result || err != nil
}
