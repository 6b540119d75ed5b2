package config

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/restanza/restanza/internal/signing"
)

// checkAuthorization says what is wrong with a complete Authorization value (RFC 9110 §11.6.2); empty: nothing. It
// does not show the value.
func checkAuthorization(s string) string {
	scheme, rest, _ := strings.Cut(s, " ")
	rest = strings.TrimLeft(rest, " ")
	switch {
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }):
		return "only visible ASCII characters and blanks may stand in an Authorization value"
	case rest == "" && strings.EqualFold(scheme, "Bearer"), rest == "" && strings.EqualFold(scheme, "Basic"):
		return "the scheme stands there alone; write it with its value, as in \"Bearer xyz\""
	case rest == "", scheme == "", strings.ContainsFunc(scheme, notInToken):
		return "the scheme is missing; write the complete Authorization value, as in \"Bearer xyz\""
	case strings.HasSuffix(rest, " "):
		return "it ends with a blank, which HTTP does not carry"
	}
	return ""
}

// checkAdmin refuses a credential for operating that is none, or that sends too.
func (d *draft) checkAdmin(path string, admin Secret) {
	if admin == "" {
		return
	}
	if wrong := checkAuthorization(admin.Reveal()); wrong != "" {
		d.fail(path, "%s", wrong)
	}
	for i, c := range d.config.Components {
		for j, credential := range c.Credentials {
			if foldAuthorization(credential.Authorization.Reveal()) == foldAuthorization(admin.Reveal()) {
				place := index(index("component", i)+".credential", j) + ".authorization"
				d.fail(path, "this is a credential's value already (%s); operating needs one of its own", d.where(place))
			}
		}
	}
}

// notInToken reports whether r, which is ASCII, can't stand in a token (RFC 9110 §5.6.2).
func notInToken(r rune) bool { return strings.ContainsRune(" \"(),/:;<=>?@[\\]{}", r) }

// foldAuthorization makes equal what HTTP takes for equal: the scheme has no case (RFC 9110 §11.1).
func foldAuthorization(s string) string {
	scheme, rest, _ := strings.Cut(s, " ")
	if scheme == "" {
		return ""
	}
	return strings.ToLower(scheme) + " " + strings.TrimLeft(rest, " ")
}

// placeholders are what is filled in in a callback's URL.
var placeholders = []string{"{kind}", "{type}", "{to}", "{from}"}

func (d *draft) checkCallback(path string, c *Callback) {
	d.checkCallbackAuthorization(path+".authorization", c)
	d.checkHeaders(path+".headers", c.Headers)
	d.checkSigningSecrets(path, c)
	d.checkRetries(path, c)
	if c.URL != "" {
		if wrong := checkURL(c.URL.Reveal()); wrong != "" {
			d.fail(path+".url", "%s", wrong)
		}
		return
	}
	for place := range d.origins {
		if strings.HasPrefix(place, path+".") {
			d.warn("%s: no url, so that the other settings there have no effect", d.key(path))
			return
		}
	}
}

// checkRetries blames the one of the two that was set.
func (d *draft) checkRetries(path string, c *Callback) {
	if c.RetryFirst <= c.RetryMax {
		return
	}
	if _, set := d.origins[path+".retry_first"]; set {
		d.fail(path+".retry_first", "%s is more than retry_max, %s", c.RetryFirst, c.RetryMax)
		return
	}
	d.fail(path+".retry_max", "%s is less than retry_first, %s; set that too", c.RetryMax, c.RetryFirst)
}

func (d *draft) checkCallbackAuthorization(path string, c *Callback) {
	if c.Authorization == "" {
		return
	}
	if wrong := checkAuthorization(c.Authorization.Reveal()); wrong != "" {
		d.fail(path, "%s", wrong)
		return
	}
	plain, _ := fillIn(c.URL.Reveal())
	if u, err := url.Parse(plain); err == nil && u.User != nil {
		d.fail(path, "the url has user and password too; leave one of them out")
	}
}

// maxSigningSecrets is how many signatures a request may have. Two are needed while one secret takes the
// place of another.
const maxSigningSecrets = 8

// checkSigningSecrets blames the file if they come from there.
func (d *draft) checkSigningSecrets(path string, c *Callback) {
	path += ".signing_secret"
	if c.SigningSecretFile == "" {
		path += "s"
	} else {
		path += "_file"
	}
	if len(c.SigningSecrets) > maxSigningSecrets {
		d.fail(path, "%d secrets; at most %d are used at once", len(c.SigningSecrets), maxSigningSecrets)
	}
	for i, secret := range c.SigningSecrets {
		if _, err := signing.Parse(secret.Reveal()); err != nil {
			d.fail(path, "secret %d: %s; make one with: restanza config secret", i+1, err)
		} else if slices.Contains(c.SigningSecrets[:i], secret) {
			d.fail(path, "secret %d stands there twice", i+1)
		}
	}
}

// Header returns the further header fields of each request.
func (c *Callback) Header() http.Header {
	header := http.Header{}
	for _, line := range c.Headers {
		name, text, _ := strings.Cut(line.Reveal(), ":")
		header.Add(strings.TrimSpace(name), strings.TrimSpace(text))
	}
	return header
}

// ownHeaders are the fields that the gateway sets itself, or that HTTP has for the way of a message.
var ownHeaders = []string{
	"Accept", "Accept-Encoding", "Authorization", "Connection", "Content-Encoding", "Content-Language", "Content-Length", "Content-Type", "Expect", "Host",
	"Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent",
}

// checkHeaders finds what can't stand in a header (RFC 9110 §5.1, §5.5), or must not. It shows names only.
func (d *draft) checkHeaders(path string, lines []Secret) {
	seen := map[string]bool{}
	for i, line := range lines {
		name, text, found := strings.Cut(line.Reveal(), ":")
		name, text = http.CanonicalHeaderKey(strings.TrimSpace(name)), strings.TrimSpace(text)
		switch {
		case !found, name == "", strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || notInToken(r) }):
			d.fail(path, "entry %d has no proper name; write it as in \"X-Token: xyz\"", i+1)
		case name == "Authorization":
			d.fail(path, "write the value of Authorization in the setting authorization")
		case slices.Contains(ownHeaders, name), strings.HasPrefix(name, "Webhook-"):
			d.fail(path, "%s is set by the gateway itself", name)
		case text == "":
			d.fail(path, "%s has no value", name)
		case strings.ContainsFunc(text, func(r rune) bool { return r != '\t' && (r < ' ' || r > '~') }):
			d.fail(path, "the value of %s has something else than visible ASCII characters and blanks", name)
		case seen[name]:
			d.fail(path, "%s stands there twice", name)
		}
		seen[name] = true
	}
}

// checkURL says what is wrong with a callback's URL; empty: nothing. It does not show the URL, which
// may hold a password.
func checkURL(s string) string {
	plain, unknown := fillIn(s)
	if unknown != "" {
		return unknown + " is no placeholder; there are " + strings.Join(placeholders, " ")
	}
	u, err := url.Parse(plain)
	switch {
	case err != nil:
		return "this is no URL; write one as in \"http://127.0.0.1:8080/stanzas\""
	case u.Scheme != "http" && u.Scheme != "https":
		return "the URL must begin with http:// or https://"
	case u.Hostname() == "":
		return "the URL has no host"
	case u.Port() == "" && strings.HasSuffix(u.Host, ":"):
		return "the URL has a colon without a port"
	case u.Fragment != "":
		return "the URL has a part behind #, which HTTP does not carry"
	}
	authority := s[strings.Index(s, "://")+len("://"):]
	if end := strings.IndexAny(authority, "/?"); end >= 0 {
		authority = authority[:end]
	}
	if strings.Contains(authority, "{") {
		return "placeholders may stand in the path and the query only"
	}
	return ""
}

// fillIn replaces the placeholders in a URL. It returns the first that is unknown, if any.
func fillIn(s string) (plain, unknown string) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "{")
		b.WriteString(before)
		if !found {
			return b.String(), ""
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", "{ without }"
		}
		if !slices.Contains(placeholders, "{"+name+"}") {
			return "", "{" + name + "}"
		}
		b.WriteString("x")
		s = after
	}
}
