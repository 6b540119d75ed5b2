package xmpptest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"
)

// Ports are taken from below the range from which Linux and other systems take the
// local port of an outgoing connection. While a killed server is down its
// port can then neither be given to somebody else's connection nor be
// connected to itself, which happens to a client that redials a free port of that range
// often enough.
const (
	firstPort = 10_000
	lastPort  = 30_000
)

// loopback gives the address of a loopback port.
func loopback(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// freePorts gives n loopback ports on which nobody listens at the moment. Somebody else
// may take one before its user listens: callers that start a process check its log
// for that and try again.
func freePorts(tb TB, n int) []int {
	tb.Helper()
	var held []net.Listener
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()

	var ports []int
	for tries := 0; len(ports) < n; tries++ {
		port := firstPort + rand.IntN(lastPort-firstPort)
		l, err := listenOnce(loopback(port))
		if err != nil {
			if tries > 1000 {
				tb.Fatalf("no free loopback port: %v", err)
			}
			continue
		}
		held = append(held, l)
		ports = append(ports, port)
	}
	return ports
}

// FreeAddr gives a loopback address, host:port, on which nobody listens at the moment. It is
// stable under restarts: the system gives it to no outgoing connection.
func FreeAddr(tb TB) string {
	tb.Helper()
	return loopback(freePorts(tb, 1)[0])
}

// listen listens on an address that was free a moment ago, or that the caller has just given up.
func listen(addr string) (net.Listener, error) {
	var l net.Listener
	var err error
	if !poll(5*time.Second, func() bool {
		l, err = listenOnce(addr)
		return err == nil
	}) {
		return nil, fmt.Errorf("listening on %s: %w", addr, err)
	}
	return l, nil
}

func listenOnce(addr string) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(context.Background(), "tcp", addr)
}

func dial(addr string, limit time.Duration) (net.Conn, error) {
	d := net.Dialer{Timeout: limit}
	return d.DialContext(context.Background(), "tcp", addr)
}

// answers reports whether a server answers a stream header at addr with a text
// that contains want.
func answers(addr, header, want string) error {
	conn, err := dial(addr, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, header); err != nil {
		return err
	}

	var got strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(got.String(), want) {
		n, err := conn.Read(buf)
		got.Write(buf[:n])
		if err != nil {
			return fmt.Errorf("%s answered %q, then: %w", addr, got.String(), err)
		}
		if strings.Contains(got.String(), "stream:error") {
			return errors.New(addr + " answered " + got.String())
		}
	}
	_, err = io.WriteString(conn, "</stream:stream>")
	return err
}
