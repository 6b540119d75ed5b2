package devhost

import (
	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
	"github.com/restanza/restanza/stream"
)

// serveClient serves a client from its first stream on.
func (c *conn) serveClient() error {
	who, err := c.login()
	if err != nil {
		return err
	}
	c.input.authenticated()
	c.in.Restart()
	if err := c.open(c.judgeClient(boundFeatures)); err != nil {
		return err
	}
	s, err := c.bind(who)
	if err != nil {
		return err
	}
	defer s.leave()
	c.input.done()
	return s.serve()
}

// judgeClient returns the judge of a client's stream header (RFC 6120 §4.7):
// it must be for this host. The features are told at once.
func (c *conn) judgeClient(features func(*conn) string) func(stream.Header) (stream.Open, string, error) {
	return func(h stream.Header) (stream.Open, string, error) {
		domain := c.host.o.Domain
		answer := stream.Open{Default: stanza.NSClient, ID: streamID(), From: domain.String(), Version: "1.0", Lang: "en"}
		to, err := jid.Parse(h.To)
		switch {
		case h.Default != stanza.NSClient:
			return answer, "", end(stream.InvalidNamespace, "the stream's default namespace must be "+stanza.NSClient)
		case h.To == "":
			return answer, "", end(stream.ImproperAddressing, "the stream header must say to which host")
		case err != nil || to != domain:
			return answer, "", end(stream.HostUnknown, "this host is "+domain.String())
		case h.Version != "1.0":
			return answer, "", end(stream.UnsupportedVersion, "the stream's version must be 1.0")
		}
		return answer, "<stream:features>" + features(c) + "</stream:features>", nil
	}
}

// mayLogIn reports whether the peer may log in on this connection as it is:
// with TLS, or on loopback unless TLS is required.
func (c *conn) mayLogIn() bool {
	return c.secure || c.loopback && !c.host.o.RequireTLS
}

// loginFeatures lists what a client can do before it is logged in (RFC 6120
// §5.3.1, §6.4.1).
func loginFeatures(c *conn) string {
	features := ""
	switch {
	case c.secure:
	case c.mayLogIn():
		features = `<starttls xmlns="` + nsTLS + `"/>`
	default:
		return `<starttls xmlns="` + nsTLS + `"><required/></starttls>`
	}
	features += `<mechanisms xmlns="` + nsSASL + `">`
	for _, m := range mechanisms {
		features += "<mechanism>" + m.name + "</mechanism>"
	}
	return features + "</mechanisms>"
}

// boundFeatures lists what a client can do once it is logged in (RFC 6120
// §7.4, RFC 3921 §3, XEP-0198 §2).
func boundFeatures(*conn) string {
	return `<bind xmlns="` + nsBind + `"/><session xmlns="` + nsSession + `"><optional/></session><sm xmlns="` + nsSM + `"/>`
}

// login serves a client until it has proved who it is.
func (c *conn) login() (*account, error) {
	if err := c.open(c.judgeClient(loginFeatures)); err != nil {
		return nil, err
	}
	for {
		item, err := c.next()
		if err != nil {
			return nil, err
		}
		el := item.Element
		switch {
		case el == nil:
			return nil, end(stream.NotAuthorized, "log in first")
		case is(el, nsTLS, "starttls"):
			if err := c.proceed(); err != nil {
				return nil, err
			}
			if err := c.open(c.judgeClient(loginFeatures)); err != nil {
				return nil, err
			}
		case is(el, nsSASL, "auth"):
			who, err := c.authenticate(el)
			if err != nil || who != nil {
				return who, err
			}
		case string(el.Space) == nsSASL: // a response or an abort without a beginning
			if err := c.fail(malformedRequest); err != nil {
				return nil, err
			}
		default:
			return nil, end(stream.UnsupportedStanzaType, "log in first")
		}
	}
}

// is reports whether an element has a name.
func is(el *element.Element, space, local string) bool {
	return string(el.Local) == local && string(el.Space) == space
}
