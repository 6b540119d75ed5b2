package restanza_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// rawReader is a connection that reads a stream, with as little as possible on this side.
type rawReader struct {
	conn net.Conn
	r    *bufio.Reader
}

// openRaw requests a stream and returns when it has begun.
func openRaw(t *testing.T, addr, target string) *rawReader {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\n\r\n", target, credential); err != nil {
		t.Fatal(err)
	}
	c := &rawReader{conn, bufio.NewReaderSize(conn, 512)}
	c.await(t, "id: ")
	return c
}

// await reads up to a line that has a text.
func (c *rawReader) await(t *testing.T, text string) {
	t.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, text) {
			return
		}
	}
}
