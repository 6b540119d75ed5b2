package devhost

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/restanza/restanza/stream"
)

// door is a listener and what it lets in.
type door struct {
	net.Listener
	kind doorKind
}

// doorKind says which of the host's three listeners a connection came by.
type doorKind int

// The listeners, by their index in Host.doors.
const (
	clientDoor    doorKind = iota // STARTTLS or plain
	tlsDoor                       // direct TLS
	componentDoor                 // XEP-0114
)

// String returns whom the listener is for.
func (k doorKind) String() string {
	switch k {
	case tlsDoor:
		return "clients with direct TLS"
	case componentDoor:
		return "components"
	case clientDoor:
	}
	return "clients"
}

// listen opens the listeners, or none.
func (h *Host) listen() error {
	for kind, addr := range []string{h.o.ClientListen, h.o.TLSListen, h.o.ComponentListen} {
		ln, err := h.listenAt(doorKind(kind), addr)
		if err != nil {
			return errors.Join(err, h.closeDoors())
		}
		h.doors = append(h.doors, &door{ln, doorKind(kind)})
	}
	return nil
}

// listenAt opens one listener, at another port if the one asked for can't be had.
func (h *Host) listenAt(kind doorKind, addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listening for %v at %q: want host:port: %w", kind, addr, err)
	}
	if !h.o.AllowPublic && !loopbackName(host) {
		return nil, fmt.Errorf("listening for %v at %q: not a loopback address; this host is no server: use 127.0.0.1, or allow public addresses if you must", kind, addr)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", addr)
	if err == nil {
		return ln, nil
	}
	if port == "0" {
		return nil, fmt.Errorf("listening for %v: %w", kind, err)
	}
	ln, otherErr := config.Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if otherErr != nil {
		return nil, fmt.Errorf("listening for %v: %w", kind, err)
	}
	h.notices = append(h.notices, fmt.Sprintf("Port %s for %v can't be had (%v); %s is used instead.", port, kind, rootCause(err), ln.Addr()))
	return ln, nil
}

// rootCause returns what is behind an error of package net.
func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// loopbackName reports whether the host of an address to listen at is surely
// this machine's own.
func loopbackName(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// accept serves the connections of one listener until it is closed. It returns
// an error if the listener breaks before.
func (h *Host) accept(d *door) error {
	pause := 5 * time.Millisecond
	for {
		nc, err := d.Accept()
		switch {
		case err == nil:
			pause = 5 * time.Millisecond
			h.admit(d.kind, nc)
		case errors.Is(err, net.ErrClosed) && h.isStopping():
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("the listener for %v is gone: %w", d.kind, err)
		default: // such as too many open files: others' connections must go on
			h.odd("accepting a connection", "error", err.Error())
			select {
			case <-h.stopping:
			case <-time.After(pause):
			}
			pause = min(2*pause, time.Second)
		}
	}
}

func (h *Host) isStopping() bool {
	select {
	case <-h.stopping:
		return true
	default:
		return false
	}
}

// admit serves a new connection, or refuses it if there are too many.
func (h *Host) admit(kind doorKind, nc net.Conn) {
	c := newConn(h, kind, nc)
	h.mu.Lock()
	full := len(h.conns) >= h.o.MaxConnections+refusing
	crowded := len(h.conns) >= h.o.MaxConnections
	if !full {
		h.conns[c] = struct{}{}
	}
	h.mu.Unlock()
	switch {
	case full:
		nc.Close()
		return
	case crowded:
		h.odd("too many connections", "limit", h.o.MaxConnections)
		c.refusal = &stream.Error{Condition: stream.ResourceConstraint, Text: "too many connections"}
	}
	h.wg.Go(c.serve)
}

// refusing is how many connections beyond the limit are told so. Further ones
// are just closed.
const refusing = 50

// forget takes a connection out of the host's books.
func (h *Host) forget(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, c)
}

// tlsConfigs returns the configurations for STARTTLS and for direct TLS, where
// the protocol is named (XEP-0368 §4).
func tlsConfigs(cert tls.Certificate) (starttls, direct *tls.Config) {
	starttls = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	direct = starttls.Clone()
	direct.NextProtos = []string{"xmpp-client"}
	return starttls, direct
}
