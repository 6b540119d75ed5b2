package devhost

import (
	"bytes"
	"errors"
	"os"
	"time"

	"github.com/restanza/restanza/stream"
)

// input is the reading side of a connection, below the stream's Reader. It
// keeps the peer to its limits: of time and bytes until the login, and of time
// and bytes for a stanza.
type input struct {
	conn   *conn
	login  time.Time // until when the login must be done; zero once it is
	budget int       // bytes that may still be read before the login
	limit  int       // bytes of a stanza
	read   int       // bytes since the last element
	since  time.Time // since when an element is incomplete; zero if there is none
	armed  bool      // a read deadline is set
}

// slack is how many bytes may be read while an element within the limit is
// incomplete: all that the Reader's buffer takes ahead.
const slack = 128 << 10

// Read reads from the peer within the limits. Errors are such that explain
// knows what to tell the peer.
func (in *input) Read(p []byte) (int, error) {
	p, err := in.check(p)
	if err != nil {
		return 0, err
	}
	in.arm()
	if in.conn.out.isEnded() { // after arm, so that the deadline that finish sets counts
		return 0, errEnded
	}
	partial := in.conn.in.Partial()
	n, err := in.conn.net.Read(p)
	if partial || len(bytes.TrimLeft(p[:n], " \t\r\n")) > 0 { // keepalives are no part of a stanza
		in.read += n
	}
	if in.login.IsZero() {
		return n, in.explain(err)
	}
	in.budget -= n
	return n, in.explain(err)
}

// check applies the limits of bytes. It returns the part of p that may be
// filled.
func (in *input) check(p []byte) ([]byte, error) {
	switch {
	case !in.login.IsZero() && in.budget <= 0:
		return nil, end(stream.PolicyViolation, "too many bytes before the login")
	case !in.login.IsZero():
		return p[:min(len(p), in.budget)], nil
	case in.read > in.limit+slack:
		return nil, end(stream.PolicyViolation, "the stanza is too big")
	}
	return p, nil
}

// arm sets the read deadline: that of the login, or that of an incomplete
// element, or none.
func (in *input) arm() {
	switch {
	case !in.login.IsZero():
		in.conn.net.SetReadDeadline(in.login)
		in.armed = true
	case in.conn.in.Partial():
		if in.since.IsZero() {
			in.since = time.Now()
			in.conn.net.SetReadDeadline(in.since.Add(in.conn.host.o.StanzaTimeout))
			in.armed = true
		}
	case in.armed:
		in.conn.net.SetReadDeadline(time.Time{})
		in.armed, in.since = false, time.Time{}
	}
}

func (in *input) explain(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	switch {
	case in.conn.out.isEnded():
		return errEnded
	case !in.login.IsZero():
		return end(stream.ConnectionTimeout, "the login takes too long")
	}
	return end(stream.ConnectionTimeout, "the rest of a stanza does not come")
}

// item says that the next element begins.
func (in *input) item() { in.read, in.since = 0, time.Time{} }

// authenticated lifts the limit of bytes that holds before the login. The one
// of time holds until a resource is bound.
func (in *input) authenticated() { in.budget = in.limit + slack }

// done says that the login is complete.
func (in *input) done() { in.login = time.Time{} }

// loggedIn reports whether the login is complete.
func (in *input) loggedIn() bool { return in.login.IsZero() }
