package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"unicode"
)

// Kind says who is to blame for an Error. The set is closed.
type Kind string

// The kinds of Error.
const (
	Unreachable Kind = "unreachable" // there is no connection to the gateway, or it broke
	Failed      Kind = "failed"      // the gateway can't do it now, or is none
	Refused     Kind = "refused"     // the gateway does not take the request
	Returned    Kind = "returned"    // the recipient or a server returned a stanza error
	NoAnswer    Kind = "no-answer"   // nobody answered in time
)

// maxText is how much of somebody else's text is shown, in characters.
const maxText = 600

// Error is why a request came to nothing. Its texts hold printable characters only.
type Error struct {
	Kind      Kind
	Status    int    // of HTTP; 0 if there was no response
	Condition string // XMPP's word for it; may be empty
	Type      string // of the stanza error, RFC 6120 §8.3.2; may be empty
	Text      string // in words; may be empty
	Hint      string // what to try; may be empty
	XML       string // the stanza error as it came, for Returned
	err       error
}

// Error returns all in one line: who, what, and what to try.
func (e *Error) Error() string {
	parts := make([]string, 0, 3)
	switch e.Kind {
	case Returned:
		parts = append(parts, "returned with an error")
	case Refused:
		parts = append(parts, "the gateway refuses it")
	case Failed:
		parts = append(parts, "the gateway failed")
	case NoAnswer:
		parts = append(parts, "no answer in time")
	case Unreachable:
		parts = append(parts, "the gateway can't be reached")
	}
	if e.Status >= http.StatusMultipleChoices && e.Kind != Returned {
		parts[0] += fmt.Sprintf(" (HTTP %d)", e.Status)
	}
	if e.Condition != "" {
		parts = append(parts, e.Condition)
	}
	if e.Text != "" {
		parts = append(parts, e.Text)
	}
	line := strings.Join(parts, ": ")
	if e.Hint != "" {
		line += "; " + e.Hint
	}
	return line
}

// Unwrap returns what is behind the error; nil if that is an answer.
func (e *Error) Unwrap() error { return e.err }

// broken explains a request without a whole response.
func (c *Client) broken(ctx context.Context, err error, connected bool) *Error {
	e := &Error{Kind: Unreachable, err: err}
	where := c.url.Scheme + "://" + c.url.Host
	var op *net.OpError
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.Is(context.Cause(ctx), errTooSlow) && connected:
		e.Kind = NoAnswer
		e.Text = where + " took the request and said nothing"
	case errors.As(err, &dns): // before what may be wrapped in it: a resolver that does not listen
		e.Text = fmt.Sprintf("the name %q can't be resolved", dns.Name)
		e.Hint = "check the URL"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Text = "nobody listens at " + where
		e.Hint = "is restanza running? `restanza dev` starts one"
	case errors.As(err, &cert):
		e.Text = fmt.Sprintf("the certificate of %s is not to be trusted: %v", where, cert.Err)
		e.Hint = "check the name in the URL, and the certificate authorities of this machine"
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		e.Text = where + " does not speak TLS"
		e.Hint = "try http:// in the URL"
	case errors.As(err, &op) && op.Op == "dial":
		e.Text = fmt.Sprintf("no connection to %s: %v", where, op.Err)
		e.Hint = "check the URL, and whether a firewall is between"
	default:
		e.Text = fmt.Sprintf("the connection to %s broke: %v", where, err)
	}
	e.Text = Printable(e.Text)
	return e
}

// hint says what to try after an HTTP status.
func (c *Client) hint(status int) string {
	switch status {
	case http.StatusUnauthorized:
		if c.options.Credentials == "" {
			return "give credentials: --credentials, RESTANZA_CREDENTIALS, or client.toml"
		}
		return "check the credentials: the whole header, such as 'Bearer TOKEN'"
	case http.StatusForbidden:
		return "check the credentials, and whether they may send as this --from"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return "is there a gateway at " + c.url.String() + "?"
	case http.StatusBadGateway, http.StatusServiceUnavailable:
		return "is the gateway's link to the XMPP server up? its /readyz?verbose tells"
	}
	return ""
}

// Printable replaces what could do harm on a terminal, joins lines, and cuts what is
// too long to be read.
func Printable(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > maxText {
			b.WriteString("…")
			break
		}
		if !unicode.IsPrint(r) {
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
	}
	return b.String()
}
