package main

import (
	"bytes"
	"fmt"
	"net"
)

// How much of a stream is read at once, and how long an element may be.
const (
	inboxSize  = 64 << 10
	inboxLimit = 1 << 20
)

// inbox reads a stream in large pieces and cuts it into elements. It re-arms
// quick acknowledgements after each read: Prosody 0.12 leaves Nagle's algorithm
// on and would wait for delayed ones.
type inbox struct {
	conn       net.Conn
	buf        []byte
	start, end int // the bytes of buf that are not consumed
	cut        cutter
}

func newInbox(conn net.Conn) *inbox {
	quickAck(conn)
	return &inbox{conn: conn, buf: make([]byte, inboxSize)}
}

// fill reads once.
func (in *inbox) fill() error {
	if in.start == in.end {
		in.start, in.end = 0, 0
	}
	if in.end == len(in.buf) {
		if err := in.makeRoom(); err != nil {
			return err
		}
	}
	n, err := in.conn.Read(in.buf[in.end:])
	in.end += n
	quickAck(in.conn)
	return err
}

func (in *inbox) makeRoom() error {
	if in.start == 0 {
		if len(in.buf) >= inboxLimit {
			return fmt.Errorf("an element is longer than %d bytes", inboxLimit)
		}
		in.buf = append(in.buf, make([]byte, len(in.buf))...)
		return nil
	}
	in.end = copy(in.buf, in.buf[in.start:in.end])
	in.start = 0
	return nil
}

// next returns the next element if all of it has been read, else nil. The bytes
// are valid until the next fill.
func (in *inbox) next() []byte {
	if in.cut == (cutter{}) {
		for in.start < in.end && in.buf[in.start] <= ' ' {
			in.start++
		}
	}
	n := in.cut.end(in.buf[in.start:in.end])
	if n == 0 {
		return nil
	}
	element := in.buf[in.start : in.start+n]
	in.start += n
	return element
}

// element returns the next element, and reads until it is there.
func (in *inbox) element() ([]byte, error) {
	for {
		if element := in.next(); element != nil {
			return element, nil
		}
		if err := in.fill(); err != nil {
			return nil, err
		}
	}
}

// header returns the stream's opening tag, and reads until it is there.
func (in *inbox) header() ([]byte, error) {
	for {
		unread := in.buf[in.start:in.end]
		if i := bytes.Index(unread, []byte("<stream:stream")); i >= 0 {
			if length := bytes.IndexByte(unread[i:], '>') + 1; length > 0 {
				in.start += i + length
				return unread[i : i+length], nil
			}
		}
		if err := in.fill(); err != nil {
			return nil, err
		}
	}
}
