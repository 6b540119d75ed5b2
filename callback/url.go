package callback

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// target is where requests go: a URL with placeholders in its path and query.
type target struct {
	origin        string // scheme and host: all of the URL that may be logged
	host          string // without brackets and port
	pieces        []piece
	length        int    // of all that is literal
	fixed         string // the whole, where nothing is to be filled in
	authorization string // value of the Authorization header; empty without credentials
}

// piece is a part of a URL: literal text, and the placeholder that follows it.
type piece struct {
	literal     string
	placeholder string // empty in the last piece
}

// fields are the values of the placeholders for one request.
type fields struct {
	kind, typ, to, from string
}

// stanzaFields returns the values for a stanza. A message without a type is of
// type normal (RFC 6121 §5.2.2); otherwise what the stanza lacks is empty.
func stanzaFields(st stanza.Stanza) fields {
	f := fields{kind: string(st.Kind()), typ: string(st.Type()), to: st.To().String(), from: st.From().String()}
	if f.typ == "" && st.Kind() == stanza.Message {
		f.typ = string(stanza.Normal)
	}
	return f
}

// probeFields returns the values for the probe of a component.
func probeFields(domain jid.JID) fields {
	return fields{kind: "meta", typ: "info", to: domain.String(), from: domain.String()}
}

// lookup returns the value of a placeholder.
func (f *fields) lookup(placeholder string) (value string, ok bool) {
	switch placeholder {
	case "kind":
		return f.kind, true
	case "type":
		return f.typ, true
	case "to":
		return f.to, true
	case "from":
		return f.from, true
	}
	return "", false
}

// errURL is all that is said about a URL that does not parse: the parser's own
// errors quote it, and it may hold a password.
var errURL = errors.New("the URL can't be read: write it as http://host:port/path, with credentials percent-encoded")

// parseTarget reads a URL template. Its errors don't show any part of the URL
// that could be a credential.
func parseTarget(template string) (*target, error) {
	u, err := url.Parse(template)
	if err != nil {
		return nil, errURL
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Opaque != "" {
		return nil, errors.New("the URL must begin with http:// or https://")
	}
	if u.Hostname() == "" {
		return nil, errors.New("the URL names no host")
	}
	if strings.Contains(template, "#") {
		return nil, errors.New("the URL has a fragment (#), which is never sent: remove it, or write %23")
	}
	t := &target{origin: origin(u), host: u.Hostname(), authorization: basicAuthorization(u.User)}
	path := "/"
	authority := template[len(u.Scheme)+len("://"):]
	if i := strings.IndexAny(authority, "/?"); i >= 0 {
		path = "/" + strings.TrimPrefix(authority[i:], "/")
	}
	if t.pieces, err = splitTemplate(path); err != nil {
		return nil, err
	}
	t.length = len(t.origin)
	for _, p := range t.pieces {
		t.length += len(p.literal)
	}
	if len(t.pieces) == 1 {
		t.fixed = t.origin + t.pieces[0].literal
	}
	return t, t.check()
}

// origin returns scheme and host as they stand in a URL: the percent sign before the zone of a link-local
// address is encoded there (RFC 6874 §2).
func origin(u *url.URL) string {
	host := u.Host
	if strings.HasPrefix(host, "[") {
		host = strings.Replace(host, "%", "%25", 1)
	}
	return u.Scheme + "://" + host
}

// basicAuthorization returns the header value for the credentials of a URL (RFC
// 7617 §2).
func basicAuthorization(user *url.Userinfo) string {
	if user == nil {
		return ""
	}
	password, _ := user.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password))
}

// splitTemplate cuts a path and query at its placeholders.
func splitTemplate(path string) ([]piece, error) {
	var pieces []piece
	for {
		literal, rest, found := strings.Cut(path, "{")
		if !found {
			return append(pieces, piece{literal: literal}), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, errors.New("the URL has a { without a }")
		}
		if _, known := new(fields).lookup(name); !known {
			return nil, fmt.Errorf("the URL has the unknown placeholder {%.20s}; there are {kind}, {type}, {to} and {from}", name)
		}
		pieces = append(pieces, piece{literal: literal, placeholder: name})
		path = after
	}
}

// check makes sure that every expansion is sent as it is written here: a URL
// with characters that package url would encode is encoded as a whole then,
// what was encoded already included.
func (t *target) check() error {
	expanded := t.url(fields{kind: "k/", typ: "t/", to: "a@b/c", from: "d@e/f"})
	wanted := expanded[len(t.origin):]
	for i := range len(wanted) {
		if wanted[i] <= ' ' || wanted[i] >= 0x7f {
			return errors.New("the path or query of the URL has a blank or a character beyond ASCII: percent-encode it")
		}
	}
	u, err := url.Parse(expanded)
	if err != nil {
		return errURL
	}
	if u.Hostname() != t.host {
		return errURL
	}
	if u.RequestURI() != wanted {
		return errors.New("the path of the URL has a character that must be percent-encoded")
	}
	return nil
}

// url returns the URL for one request, without credentials.
func (t *target) url(f fields) string {
	if t.fixed != "" {
		return t.fixed
	}
	const escapes = 3 * 8 // room for some
	var b strings.Builder
	b.Grow(t.length + escapes + len(f.kind) + len(f.typ) + len(f.to) + len(f.from))
	b.WriteString(t.origin)
	for _, p := range t.pieces {
		b.WriteString(p.literal)
		value, _ := f.lookup(p.placeholder)
		writeEscaped(&b, value)
	}
	return b.String()
}

// writeEscaped percent-encodes all but unreserved characters (RFC 3986 §2.3),
// with lower-case digits as mod_rest does.
func writeEscaped(b *strings.Builder, value string) {
	const digits = "0123456789abcdef"
	for i := range len(value) {
		c := value[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '.', c == '~', c == '_', c == '-':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&0xf])
		}
	}
}
