package link

import (
	"context"
	"crypto/sha1" //nolint:gosec // XEP-0114 §3 demands it
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/restanza/restanza/stanza"
	"github.com/restanza/restanza/stream"
)

const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
)

var (
	errDialTimeout = errors.New("the server did not accept the connection in time")
	errNoHandshake = errors.New("what answers does not follow the component protocol (XEP-0114)")
)

// connect dials the server and shakes hands.
func (c *Component) connect(ctx context.Context) (*session, error) {
	dialCtx, cancel := context.WithTimeoutCause(ctx, dialTimeout, errDialTimeout)
	defer cancel()
	conn, err := c.o.Dial(dialCtx, c.o.Address)
	if err != nil {
		return nil, err
	}
	s := newSession(c, conn)
	if err := s.handshake(ctx); err != nil {
		s.hangUp(err)
		return nil, err
	}
	return s, nil
}

// handshake opens the stream and proves that we know the secret (XEP-0114 §3).
// The end of ctx interrupts it.
func (s *session) handshake(ctx context.Context) error {
	if err := s.conn.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return err
	}
	interrupt := context.AfterFunc(ctx, func() {
		_ = s.conn.Close() // whatever that says, the handshake is over
	})
	defer interrupt()

	open := stream.AppendOpen(nil, stream.Open{Default: stanza.NSComponent, To: s.c.o.Domain.String()})
	if _, err := s.conn.Write(open); err != nil {
		return err
	}
	header, err := s.in.Header()
	if err != nil {
		return err
	}
	if header.ID != "" {
		// COMPAT(prosody 0.12): the id is empty if the domain is unknown; the
		// stream error follows.
		if _, err := fmt.Fprintf(s.conn, "<handshake>%s</handshake>", digest(header.ID, s.c.o.Secret)); err != nil {
			return s.reason(err)
		}
	}
	item, err := s.in.Next()
	if err != nil {
		return err
	}
	if header.ID == "" || item.Element == nil || string(item.Element.Local) != "handshake" {
		return errNoHandshake
	}
	return s.conn.SetDeadline(time.Time{})
}

// reason returns the stream error that a failed write may have kept us from
// reading, or else err.
func (s *session) reason(err error) error {
	if _, readErr := s.in.Next(); conditionOf(readErr) != "" {
		return readErr
	}
	return err
}

// digest returns what proves the secret for the stream with this id.
func digest(id, secret string) string {
	sum := sha1.Sum([]byte(id + secret)) //nolint:gosec // XEP-0114 §3 demands it
	return hex.EncodeToString(sum[:])
}

// dial is the Dial of ComponentOptions if none is given.
func dial(ctx context.Context, address string) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}}
	return d.DialContext(ctx, "tcp", address) // which sets TCP_NODELAY
}
