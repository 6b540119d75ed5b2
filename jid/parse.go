package jid

import (
	"strings"
	"unicode/utf8"
)

// maxPart is the longest part in bytes (RFC 7622 §3.1).
const maxPart = 1023

// maxAddress is the longest address: three parts and the two separators.
const maxAddress = 3*maxPart + 2

// Parse reads an address as a person or a program writes it: it checks every
// part and returns the normalised address. See the package documentation for
// the form. Addresses of plain ASCII that are normalised already cost no
// allocation. Each part may have at most 1023 bytes, both as written and when
// normalised. Errors are of type *[Error].
func Parse(s string) (JID, error) {
	if len(s) > maxAddress {
		return JID{}, refuse(PartAddress, s, "too long")
	}
	bare := len(s)
	if slash := strings.IndexByte(s, '/'); slash >= 0 {
		bare = slash
	}
	s = lowerASCII(s, 0, bare)
	p, err := split(s)
	if err != nil {
		return JID{}, err
	}
	if p.local, err = prepareLocal(p.local); err != nil {
		return JID{}, err
	}
	if p.domain, err = prepareDomain(p.domain); err != nil {
		return JID{}, err
	}
	if p.resource, err = prepareResource(p.resource); err != nil {
		return JID{}, err
	}
	return p.join(s), nil
}

// ParseRouted reads an address as an XMPP server writes it. The server has
// prepared it, so it is taken as canonical: only the ASCII letters of the
// domain are folded. Refused is what no server routes: a missing domain, an
// empty part, a second @ before the resource, a part of more than 1023 bytes,
// and anything but valid UTF-8 of characters that XML can carry. Errors are of
// type *[Error].
func ParseRouted(s string) (JID, error) {
	if len(s) > maxAddress {
		return JID{}, refuse(PartAddress, s, "too long")
	}
	p, err := split(s)
	if err != nil {
		return JID{}, err
	}
	if err := checkText(s); err != nil {
		return JID{}, err
	}
	start := 0
	if p.local != "" {
		start = len(p.local) + len("@")
	}
	s = lowerASCII(s, start, start+len(p.domain))
	return JID{full: s, local: uint16(len(p.local)), domain: uint16(len(p.domain))}, nil
}

// MustParse is Parse for constants: it panics where Parse returns an error.
func MustParse(s string) JID {
	j, err := Parse(s)
	if err != nil {
		panic("jid: MustParse: " + err.Error())
	}
	return j
}

// parts is an address taken apart. The domain is never empty.
type parts struct {
	local, domain, resource string
}

// split takes an address apart: the resource is all after the first slash, the
// local part all before the first @ of the rest (RFC 7622 §3.1). It checks that
// no part is empty or too long, not what the parts hold.
func split(s string) (parts, error) {
	p := parts{domain: s}
	if slash := strings.IndexByte(s, '/'); slash >= 0 {
		p.domain, p.resource = s[:slash], s[slash+1:]
		if p.resource == "" {
			return p, refuse(PartAddress, s, "nothing after the slash")
		}
	}
	if at := strings.IndexByte(p.domain, '@'); at >= 0 {
		p.local, p.domain = p.domain[:at], p.domain[at+1:]
		if p.local == "" {
			return p, refuse(PartAddress, s, "nothing before the @")
		}
	}
	switch {
	case s == "":
		return p, refuse(PartAddress, s, "empty")
	case p.domain == "":
		return p, refuse(PartAddress, s, "domain missing")
	case strings.IndexByte(p.domain, '@') >= 0:
		return p, refuse(PartAddress, s, "a second @ before the resource")
	case len(p.local) > maxPart:
		return p, refuseLength(PartLocal, p.local)
	case len(p.domain) > maxPart:
		return p, refuseLength(PartDomain, p.domain)
	case len(p.resource) > maxPart:
		return p, refuseLength(PartResource, p.resource)
	}
	return p, nil
}

// join puts checked parts together. It returns s itself where that is what
// comes out, so that nothing is copied.
func (p parts) join(s string) JID {
	j := JID{full: s, local: uint16(len(p.local)), domain: uint16(len(p.domain))}
	if j.matches(s, p) {
		return j
	}
	var full strings.Builder
	full.Grow(len(p.local) + len(p.domain) + len(p.resource) + 2)
	if p.local != "" {
		full.WriteString(p.local)
		full.WriteByte('@')
	}
	full.WriteString(p.domain)
	if p.resource != "" {
		full.WriteByte('/')
		full.WriteString(p.resource)
	}
	j.full = full.String()
	return j
}

// matches reports whether s is the address that p makes, where j has the
// lengths of p's parts.
func (j JID) matches(s string, p parts) bool {
	end := j.bareLen()
	switch {
	case p.resource != "":
		if len(s) != end+1+len(p.resource) || s[end] != '/' || s[end+1:] != p.resource {
			return false
		}
	case len(s) != end:
		return false
	}
	if p.local != "" && (s[j.local] != '@' || s[:j.local] != p.local) {
		return false
	}
	return s[j.domainStart():end] == p.domain
}

// checkText refuses an address that an XML document can't carry: invalid UTF-8
// and what is no Char (XML 1.0 §2.2).
func checkText(s string) error {
	if all, _ := scan(s); all&plain != 0 {
		return nil
	}
	if !utf8.ValidString(s) {
		return refuse(PartAddress, s, "not valid UTF-8")
	}
	for _, r := range s {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '\uFFFE' || r == '\uFFFF' {
			return refuseRune(PartAddress, s, r)
		}
	}
	return nil
}
