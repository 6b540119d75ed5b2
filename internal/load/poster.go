package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/restanza/restanza/stanza"
)

// requestTimeout limits one POST of the load.
const requestTimeout = 30 * time.Second

// poster is an HTTP client on one connection that posts one stanza over and over,
// with another number each time. It does as little as it can, since it shares the
// machine with what it measures.
type poster struct {
	conn    net.Conn
	in      *bufio.Reader
	request []byte
	number  []byte // the place in request
	body    []byte // of the last response; the buffer is used again
}

// dialPoster connects to a program's HTTP port. The stanza, in XML, holds blankNumber.
func dialPoster(ctx context.Context, p *program, path, xml string) (*poster, error) {
	st, err := stanza.Parse([]byte(xml))
	if err != nil {
		return nil, err
	}
	body := string(p.format.Append(nil, st))
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.address)
	if err != nil {
		return nil, err
	}
	request := "POST " + path + " HTTP/1.1\r\nHost: " + p.address + "\r\nAuthorization: " + authorization +
		"\r\nContent-Type: " + p.format.MediaType + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
	c := &poster{conn: conn, in: bufio.NewReader(conn), request: []byte(request)}
	i := bytes.Index(c.request, []byte(blankNumber))
	if i < 0 {
		panic("load: a stanza without a place for its number")
	}
	c.number = c.request[i : i+numberLength]
	return c, nil
}

// post posts the stanza with the number and returns the response's status. Its
// body is in c.body until the next post.
func (c *poster) post(u number) (status int, err error) {
	if err := c.send(u); err != nil {
		return 0, err
	}
	head, err := readHead(c.in)
	if err != nil {
		return 0, fmt.Errorf("reading a response: %w", err)
	}
	if status, err = head.status(); err != nil {
		return 0, err
	}
	c.body, err = head.readBody(c.in, c.body)
	return status, err
}

// send writes the request without waiting for the response.
func (c *poster) send(u number) error {
	u.put(c.number)
	if u.n%256 == 0 { // a system call less for the rest
		c.conn.SetDeadline(time.Now().Add(requestTimeout))
	}
	_, err := c.conn.Write(c.request)
	return err
}

// head is what a request or a response begins with.
type head struct {
	first  string // the first line
	length int    // of the body
}

// readHead reads up to the empty line.
func readHead(in *bufio.Reader) (head, error) {
	line, err := readLine(in)
	h := head{first: string(line)}
	for err == nil {
		if line, err = readLine(in); err != nil || len(line) == 0 {
			return h, err
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			h.length, err = strconv.Atoi(string(bytes.TrimSpace(value)))
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			return h, fmt.Errorf("%s: transfer encodings are more than this tool reads", h.first)
		}
	}
	return h, err
}

func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), err
}

// status reads a response's status out of its first line.
func (h head) status() (int, error) {
	if len(h.first) < len("HTTP/1.1 200") {
		return 0, fmt.Errorf("not a response: %q", h.first)
	}
	return strconv.Atoi(h.first[9:12])
}

// readBody reads the body into buf, which may grow.
func (h head) readBody(in *bufio.Reader, buf []byte) ([]byte, error) {
	if h.length > cap(buf) {
		buf = make([]byte, h.length)
	}
	buf = buf[:h.length]
	_, err := io.ReadFull(in, buf)
	return buf, err
}
