package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/restanza/restanza/stream"
)

// errNoPong is what a Trial's ping comes to that is not routed back.
var errNoPong = errors.New("the server has not routed a ping back in time")

// noPongHint is what to look at when pongs are missing although the link is up.
const noPongHint = "is another connection open for the domain, so that answers go there? On ejabberd, does the listener have global_routes: false?"

// explain says in words what an error means for the operator of a link to
// server for domain, and what to do about it. connected tells whether the
// handshake had succeeded.
func explain(err error, server, domain string, connected bool) string {
	if e, ok := errors.AsType[*stream.Error](err); ok {
		if connected {
			return explainEnd(e)
		}
		return explainHandshake(e, domain)
	}
	if fault, ok := errors.AsType[*stream.Fault](err); ok {
		if connected {
			return "the server sent something that is no XMPP stream: " + fault.Err.Error()
		}
		return fmt.Sprintf("what answers at %s does not speak XMPP: is it the component port (XEP-0114), often 5347 on Prosody or 5275 or 8888 on ejabberd?", server)
	}
	if connected {
		return explainLoss(err)
	}
	return explainDial(err, server)
}

// explainHandshake explains stream errors of a server that refuses us.
func explainHandshake(e *stream.Error, domain string) string {
	switch e.Condition {
	case stream.HostUnknown:
		return fmt.Sprintf("the server knows no component %s: Prosody needs a line Component %q with component_secret, and a restart (a reload is not enough); a host of users can't be a component as well", domain, domain)
	case stream.NotAuthorized:
		return fmt.Sprintf("the server refuses the secret: compare it with component_secret (Prosody) or the password of %s under hosts of the ejabberd_service listener; ejabberd says the same if it does not know the domain %s", domain, domain)
	case stream.Conflict:
		return fmt.Sprintf("%s is taken: another gateway may be running for it (Prosody lets one connection in), or it is a host of users (ejabberd)", domain)
	case stream.InvalidNamespace:
		return "the server refuses the component protocol: is this its component port (XEP-0114), not one for clients or servers?"
	}
	return "the server refuses the connection: " + e.Error()
}

// explainEnd explains stream errors that end a working stream.
func explainEnd(e *stream.Error) string {
	switch e.Condition {
	case stream.Conflict:
		return "the server gave the domain to a newer connection: is another gateway running for it?"
	case stream.NotWellFormed, stream.InvalidXML, stream.RestrictedXML:
		return "the server could not read a stanza; Prosody says so too if one is over component_stanza_size_limit, which must be larger than the gateway's own limit: " + e.Error()
	case stream.PolicyViolation:
		return "the server ended the stream by its rules; the likeliest is a stanza over its max_stanza_size, which must be larger than the gateway's own limit: " + e.Error()
	case stream.InvalidFrom, stream.ImproperAddressing:
		return "the server refused the sender or addressee of a stanza: " + e.Error()
	case stream.SystemShutdown:
		return "the server is shutting down"
	}
	return "the server ended the stream: " + e.Error()
}

// explainLoss explains the end of a working connection without a reason given.
func explainLoss(err error) string {
	switch {
	case errors.Is(err, errNoPong):
		return errNoPong.Error() + ": " + noPongHint
	case errors.Is(err, io.EOF):
		return "the server ended the stream without a reason"
	case errors.Is(err, errSilent), errors.Is(err, errStalled):
		return err.Error()
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the server closed the connection without a word: it may have been stopped"
	}
	return "the connection broke: " + err.Error()
}

// explainDial explains why there is no connection, or no answer on it.
func explainDial(err error, server string) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return fmt.Sprintf("the server's name %s is not known: check the address %s", dns.Name, server)
		}
		return fmt.Sprintf("the server's name %s could not be looked up: %s", dns.Name, dns.Err)
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("nothing listens at %s: is the server running, and its component port open (component_ports on Prosody, an ejabberd_service listener on ejabberd)?", server)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return fmt.Sprintf("there is no route to %s: check the address and the network", server)
	case errors.Is(err, errNoHandshake):
		return err.Error()
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return fmt.Sprintf("%s does not answer: check the address, firewalls, and that it is the component port", server)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Sprintf("%s closed the connection during the handshake: is it the component port?", server)
	}
	return "no connection: " + err.Error()
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}
