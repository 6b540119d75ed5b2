package devhost

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stream"
)

// nsSASL is the namespace of SASL (RFC 6120 §6.3).
const nsSASL = "urn:ietf:params:xml:ns:xmpp-sasl"

// saslError is a defined SASL failure condition (RFC 6120 §6.5).
type saslError string

// The conditions that the host uses.
const (
	aborted            saslError = "aborted"
	encryptionRequired saslError = "encryption-required"
	incorrectEncoding  saslError = "incorrect-encoding"
	invalidAuthzid     saslError = "invalid-authzid"
	invalidMechanism   saslError = "invalid-mechanism"
	malformedRequest   saslError = "malformed-request"
	notAuthorized      saslError = "not-authorized"
)

// Error returns the condition.
func (e saslError) Error() string { return "login: " + string(e) }

// mechanism is a way to prove who one is.
type mechanism struct {
	name string
	// run goes through the mechanism. It returns the account and what goes with
	// the success, or a saslError, or why the stream has ended. The name is that
	// of the account that was tried, also with a saslError.
	run func(c *conn, x *exchange) (who *account, last []byte, err error)
}

// mechanisms are those offered, the best first. There is none with channel
// binding: slixmpp 1.8 would choose it and fail.
var mechanisms = []mechanism{
	{"SCRAM-SHA-256", func(c *conn, x *exchange) (*account, []byte, error) { return c.scram(x, scramSHA256) }},
	{"SCRAM-SHA-1", func(c *conn, x *exchange) (*account, []byte, error) { return c.scram(x, scramSHA1) }},
	{"PLAIN", (*conn).plain},
}

// exchange is one login under way.
type exchange struct {
	c       *conn
	initial []byte  // the initial response; nil if there is none
	tried   jid.JID // as whom; zero until that is known
}

// authenticate answers <auth/>. It returns nil and nil if the client may try
// again.
func (c *conn) authenticate(el *element.Element) (*account, error) {
	if !c.mayLogIn() {
		return nil, c.fail(encryptionRequired)
	}
	var chosen *mechanism
	for i := range mechanisms {
		if attr(el, "mechanism") == mechanisms[i].name {
			chosen = &mechanisms[i]
		}
	}
	if chosen == nil {
		return nil, c.fail(invalidMechanism)
	}
	initial, err := saslBytes(el)
	if err != nil {
		return nil, c.fail(incorrectEncoding)
	}
	x := &exchange{c: c, initial: initial}
	who, last, err := chosen.run(c, x)
	if reason, ok := errors.AsType[saslError](err); ok {
		return nil, c.failed(x.tried, reason)
	}
	if err != nil {
		return nil, err
	}
	c.host.tries.succeeded(c.peer, x.tried)
	return who, c.out.addElement(`<success xmlns="` + nsSASL + `">` + base64.StdEncoding.EncodeToString(last) + `</success>`)
}

// maxTries is how many logins may fail on one connection (RFC 6120 §6.4.5).
const maxTries = 5

// fail tells the client that its login has failed, and ends the stream if that
// happens too often.
func (c *conn) fail(reason saslError) error {
	if err := c.out.addElement(`<failure xmlns="` + nsSASL + `"><` + string(reason) + `/></failure>`); err != nil {
		return err
	}
	if c.tries++; c.tries > maxTries {
		return end(stream.PolicyViolation, "too many failed logins")
	}
	return nil
}

// failed is fail for a login as somebody. The answer comes the later the more
// often such logins have failed, so that passwords can't be tried fast.
func (c *conn) failed(tried jid.JID, reason saslError) error {
	if reason == notAuthorized {
		timer := time.NewTimer(c.host.tries.failed(c.peer, tried, time.Now()))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.host.stopping:
		}
		c.host.odd("a login failed", "peer", c.peer, "account", tried.String())
	}
	return c.fail(reason)
}

// first returns the client's first message, and asks for it if it did not come
// with <auth/>.
func (x *exchange) first() ([]byte, error) {
	if x.initial != nil {
		return x.initial, nil
	}
	return x.challenge(nil)
}

// challenge asks the client and returns its answer.
func (x *exchange) challenge(question []byte) ([]byte, error) {
	err := x.c.out.addElement(`<challenge xmlns="` + nsSASL + `">` + base64.StdEncoding.EncodeToString(question) + `</challenge>`)
	if err != nil {
		return nil, err
	}
	item, err := x.c.next()
	switch {
	case err != nil:
		return nil, err
	case item.Element == nil:
		return nil, end(stream.NotAuthorized, "log in first")
	case is(item.Element, nsSASL, "abort"):
		return nil, aborted
	case !is(item.Element, nsSASL, "response"):
		return nil, malformedRequest
	}
	answer, err := saslBytes(item.Element)
	if err != nil {
		return nil, incorrectEncoding
	}
	return answer, nil
}

// saslBytes decodes what a SASL element holds, nil if it is empty. "=" stands
// for no bytes at all (RFC 6120 §6.4.2).
func saslBytes(el *element.Element) ([]byte, error) {
	text := strings.TrimSpace(element.Text(el.Raw))
	switch text {
	case "":
		return nil, nil
	case "=":
		return []byte{}, nil
	}
	return base64.StdEncoding.DecodeString(text)
}

// plain is PLAIN (RFC 4616).
func (c *conn) plain(x *exchange) (*account, []byte, error) {
	message, err := x.first()
	if err != nil {
		return nil, nil, err
	}
	parts := bytes.Split(message, []byte{0})
	if len(parts) != 3 || len(parts[1]) == 0 || len(parts[2]) == 0 || !utf8.Valid(message) {
		return nil, nil, malformedRequest
	}
	who, creds := c.claim(x, string(parts[1]))
	if !creds.hasPassword(preparePassword(string(parts[2]))) || who == nil {
		return nil, nil, notAuthorized
	}
	if !who.is(string(parts[0])) {
		return nil, nil, invalidAuthzid
	}
	return who, nil, nil
}

// claim looks up the account that a client says it has. For one that is not
// there it returns nil and credentials that nobody can prove, so that the
// client is asked and answered the same.
func (c *conn) claim(x *exchange, name string) (*account, *credentials) {
	address, err := jid.Parse(name + "@" + c.host.o.Domain.Domain())
	if err != nil || address.Domain() != c.host.o.Domain.Domain() {
		return nil, &c.host.unknown
	}
	x.tried = address
	who := c.host.accounts[address]
	if who == nil {
		return nil, &c.host.unknown
	}
	return who, &who.credentials
}

// is reports whether an authorisation identity is the account's own: none, or
// its bare address (RFC 6120 §6.3.8).
func (a *account) is(authzid string) bool {
	if authzid == "" {
		return true
	}
	address, err := jid.Parse(authzid)
	return err == nil && address == a.jid
}

// attr returns an attribute without a prefix, empty if there is none.
func attr(el *element.Element, local string) string {
	for _, a := range el.Attrs {
		if len(a.Prefix) == 0 && string(a.Local) == local {
			return element.Unescape(a.Value)
		}
	}
	return ""
}
