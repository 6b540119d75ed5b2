package config

import (
	"net/url"
	"slices"
	"strings"
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
