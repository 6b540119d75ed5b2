package main

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // XEP-0114 prescribes it
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// handshakeTimeout limits dialling and the handshake.
const handshakeTimeout = 10 * time.Second

// component is an external component (XEP-0114): of the receiving side, and of the
// limit. It checks nothing.
type component struct {
	domain string
	conn   net.Conn
	in     *inbox
	out    *outbox
}

// dialComponent connects to a server and shakes hands.
func dialComponent(ctx context.Context, server, domain, secret string) (*component, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", server)
	if err != nil {
		return nil, err
	}
	c := &component{domain: domain, conn: conn, in: newInbox(conn), out: newOutbox(conn)}
	conn.SetDeadline(time.Now().Add(handshakeTimeout))
	if err := c.shakeHands(secret); err != nil {
		conn.Close()
		return nil, fmt.Errorf("component %s at %s: %w", domain, server, err)
	}
	conn.SetDeadline(time.Time{})
	return c, nil
}

func (c *component) shakeHands(secret string) error {
	if err := c.out.write([]byte("<stream:stream xmlns='jabber:component:accept'" +
		" xmlns:stream='http://etherx.jabber.org/streams' to='" + c.domain + "'>")); err != nil {
		return err
	}
	header, err := c.in.header()
	if err != nil {
		return fmt.Errorf("no stream header: %w", err)
	}
	digest := handshakeDigest(attribute(header, " id="), secret)
	if err := c.out.write([]byte("<handshake>" + digest + "</handshake>")); err != nil {
		return err
	}
	element, err := c.in.element()
	if err != nil {
		return fmt.Errorf("no handshake: %w", err)
	}
	if !bytes.HasPrefix(element, []byte("<handshake")) {
		return fmt.Errorf("refused with %s", element)
	}
	return nil
}

// handshakeDigest is what proves the secret (XEP-0114 §3).
func handshakeDigest(streamID []byte, secret string) string {
	sum := sha1.Sum(append(bytes.Clone(streamID), secret...)) //nolint:gosec // XEP-0114 prescribes it
	return hex.EncodeToString(sum[:])
}

// read calls handle for each element, and batch when all that one read has brought
// was handled, until the connection ends. It returns nil if that was close's work
// or in good order.
func (c *component) read(handle func(element []byte), batch func()) error {
	for {
		for element := c.in.next(); element != nil; element = c.in.next() {
			if bytes.HasPrefix(element, []byte("</")) {
				return nil
			}
			if bytes.HasPrefix(element, []byte("<stream:error")) {
				return fmt.Errorf("component %s: the server ended the stream: %s", c.domain, element)
			}
			handle(element)
		}
		batch()
		switch err := c.in.fill(); {
		case errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("component %s: %w", c.domain, err)
		}
	}
}

// close ends the stream and the connection.
func (c *component) close() {
	c.conn.SetWriteDeadline(time.Now().Add(time.Second))
	_ = c.out.write([]byte("</stream:stream>")) // nobody is left to hear of it
	c.conn.Close()
}
