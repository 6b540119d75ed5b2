package devhost

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"time"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
	"github.com/restanza/restanza/stream"
)

// conn is a connection with one stream after the other on it. Its goroutine
// reads and acts; everybody else may write to it, and end it, by its outbox.
type conn struct {
	host     *Host
	kind     doorKind
	raw      net.Conn // the socket
	net      net.Conn // the socket, or TLS over it
	in       *stream.Reader
	input    *input
	out      *outbox
	self     jid.JID       // who the peer is, once that is settled
	peer     string        // its network address without the port
	loopback bool          // the peer is on this machine
	secure   bool          // TLS is on
	tries    int           // failed logins on this connection
	lang     string        // of its stanzas that name none (RFC 6120 §8.1.5)
	received uint32        // stanzas, since the login or since stream management is on (XEP-0198 §4)
	refusal  *stream.Error // why it is ended at once; usually nil
}

// peerError is why the host ends a stream. The peer is told. A bare
// *stream.Error is what the peer has told the host.
type peerError struct{ told *stream.Error }

// Error returns what the peer is told.
func (e *peerError) Error() string { return "ended with " + e.told.Error() }

// end returns the error that ends a stream with a condition.
func end(c stream.Condition, text string) error {
	return &peerError{&stream.Error{Condition: c, Text: text}}
}

func newConn(h *Host, kind doorKind, raw net.Conn) *conn {
	c := &conn{host: h, kind: kind, raw: raw, net: raw, loopback: isLoopback(raw.RemoteAddr())}
	c.peer, _, _ = net.SplitHostPort(raw.RemoteAddr().String())
	header := stream.Open{Default: stanza.NSClient, ID: streamID(), From: h.o.Domain.String(), Version: "1.0", Lang: "en"}
	if kind == componentDoor {
		header = stream.Open{Default: stanza.NSComponent}
	}
	c.out = newOutbox(&h.writers, raw, header)
	c.input = &input{conn: c, login: time.Now().Add(h.o.LoginTimeout), budget: handshakeBytes, limit: h.o.MaxStanza}
	c.in = c.newReader()
	return c
}

// Limits of what a peer may send.
const (
	handshakeBytes = 32 << 10 // before the login, on each layer
	quietBuffer    = 2 << 10  // what is read ahead of a quiet client
	maxDepth       = 50       // levels of elements in a stanza: it must stay acceptable when it is wrapped
)

func (c *conn) newReader() *stream.Reader {
	return stream.NewReader(c.input, stream.ReaderOptions{MaxStanza: c.host.o.MaxStanza, MaxDepth: maxDepth, Buffer: quietBuffer})
}

// serve runs a connection from beginning to end.
func (c *conn) serve() {
	defer c.host.forget(c)
	defer c.cut()
	err := c.guarded()
	c.out.close(c.explain(err))
	<-c.out.done // each write has its deadline
	c.linger()
}

// guarded is work. A panic ends this connection alone.
func (c *conn) guarded() (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.host.log.Error("serving a connection panicked", "peer", c.peer, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			c.host.panicked.Add(1)
			err = end(stream.InternalServerError, "")
		}
	}()
	return c.work()
}

// work serves the peer until the stream ends, and returns why it did.
func (c *conn) work() error {
	if c.kind == tlsDoor {
		if err := c.startTLS(c.host.direct); err != nil {
			return err
		}
	}
	if c.refusal != nil {
		return &peerError{c.refusal}
	}
	if c.kind == componentDoor {
		return c.serveComponent()
	}
	return c.serveClient()
}

// explain turns the reason why a stream ends into what the peer is told, nil
// for nothing more than the end.
func (c *conn) explain(err error) *stream.Error {
	if ours, ok := errors.AsType[*peerError](err); ok {
		c.host.odd("its stream was ended", "peer", c.peer, "condition", string(ours.told.Condition), "text", ours.told.Text)
		return ours.told
	}
	if fault, ok := errors.AsType[*stream.Fault](err); ok {
		c.host.odd("its stream was ended", "peer", c.peer, "condition", string(fault.Condition), "text", fault.Error())
		return &stream.Error{Condition: fault.Condition, Text: fault.Err.Error()}
	}
	return nil // the peer closed the stream or is gone, or has been told
}

// linger lets the peer read what was written last: closing a socket with
// unread bytes in it would make the peer's system forget them.
func (c *conn) linger() {
	half, ok := c.net.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	if tcp, ok := c.raw.(*net.TCPConn); ok && c.secure && tcp.CloseWrite() != nil {
		return
	}
	c.raw.SetReadDeadline(time.Now().Add(lingerTime))
	_, err := io.CopyN(io.Discard, c.raw, lingerBytes)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.host.log.Debug("reading a connection to its end", "peer", c.peer, "error", err.Error())
	}
}

// Limits of linger.
const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 16 << 20
)

// cut closes the connection at once. It may be called by any goroutine.
func (c *conn) cut() { c.raw.Close() }

// open reads the header of a stream and answers it, with rest behind the
// answer. The peer's header is checked by judge, whose error ends the stream
// once it is open.
func (c *conn) open(judge func(stream.Header) (answer stream.Open, rest string, err error)) error {
	h, err := c.in.Header()
	if err != nil {
		return err
	}
	c.lang = h.Lang
	answer, rest, err := judge(h)
	if openErr := c.out.open(answer, rest); openErr != nil {
		return openErr
	}
	return err
}

// next returns the next stanza or element. What can't be taken ends the stream,
// but for a stanza of which only an address is wrong: its sender is told.
func (c *conn) next() (stream.Item, error) {
	for {
		c.input.item()
		item, err := c.in.Next()
		if err != nil || item.Skipped == nil {
			return item, err
		}
		if err := c.skipped(item); err != nil {
			return stream.Item{}, err
		}
	}
}

// skipped judges what the Reader has left out.
func (c *conn) skipped(item stream.Item) error {
	if _, ok := errors.AsType[*element.SyntaxError](item.Skipped); ok {
		return end(stream.PolicyViolation, item.Skipped.Error())
	}
	refusal, _ := errors.AsType[*stanza.Refusal](item.Skipped)
	switch {
	case refusal == nil:
		return end(stream.BadFormat, item.Skipped.Error())
	case refusal.Reason == stanza.InvalidFrom:
		return end(stream.InvalidFrom, refusal.Text)
	case refusal.Reason == stanza.ImproperAddressing && item.Element != nil && c.input.loggedIn():
		return c.refuseAddress(item.Element, refusal.Text)
	case refusal.Reason == stanza.ImproperAddressing:
		return end(stream.ImproperAddressing, refusal.Text)
	case refusal.Reason == stanza.InvalidNamespace:
		return end(stream.InvalidNamespace, refusal.Text)
	}
	return end(stream.NotWellFormed, refusal.Text)
}

// refuseAddress answers a stanza whose addressee can't be read (RFC 6120
// §8.3.3.8).
func (c *conn) refuseAddress(el *element.Element, why string) error {
	h := stanza.Header{Kind: stanza.Kind(el.Local)}
	for _, a := range el.Attrs {
		switch {
		case len(a.Prefix) > 0:
		case string(a.Local) == "id":
			h.ID = element.Unescape(a.Value)
		case string(a.Local) == "type":
			h.Type = stanza.Type(element.Unescape(a.Value))
		}
	}
	h.From, h.To = c.self, c.host.o.Domain
	c.received++
	return c.refuse(stanza.New(h, ""), &stanza.Error{Type: stanza.Modify, Condition: stanza.JIDMalformed, Text: why})
}

// refuse answers a stanza of the peer with an error, unless it may not be
// answered.
func (c *conn) refuse(st stanza.Stanza, e *stanza.Error) error {
	reply, ok := st.ErrorReply(e)
	if !ok {
		return nil
	}
	if err := c.out.add(reply); !errors.Is(err, errFull) { // a lasting stream goes on without it
		return err
	}
	return nil
}

// streamID returns an id for a stream that nobody can guess (RFC 6120 §4.7.3).
func streamID() string { return rand.Text() }
