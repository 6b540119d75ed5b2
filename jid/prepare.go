package jid

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/runes"
	"golang.org/x/text/secure/precis"
)

// domains maps domains beyond ASCII (UTS #46, not transitional, so that ß stays
// ß). Which ASCII characters and hyphens a domain may have is not its affair:
// see checkDomain.
var domains = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.StrictDomainName(false),
	idna.CheckHyphens(false),
	idna.BidiRule(),
)

// maxPasses bounds how often a part is normalised in search of its fixed point:
// once, and three times more (RFC 8264 §7). Once is enough for nearly all.
const maxPasses = 4

// prepareLocal returns a local part normalised. ASCII letters are folded
// already. An empty one is allowed.
func prepareLocal(s string) (string, error) {
	all, some := scan(s)
	if all&inLocal == 0 {
		return "", refuseRune(PartLocal, s, firstOutside(s, inLocal))
	}
	if some&nonASCII == 0 {
		return s, nil
	}
	out, err := enforce(PartLocal, s, precis.UsernameCaseMapped)
	if err != nil {
		return "", err
	}
	// Full-width forms of the excluded characters fold to the excluded
	// ones.
	if all, _ := scan(out); all&inLocal == 0 {
		return "", refuseRune(PartLocal, s, firstOutside(out, inLocal))
	}
	return out, nil
}

// prepareResource returns a resource normalised. An empty one is allowed.
func prepareResource(s string) (string, error) {
	all, some := scan(s)
	if all&inResource == 0 {
		return "", refuseRune(PartResource, s, firstOutside(s, inResource))
	}
	if some&nonASCII == 0 {
		return s, nil
	}
	return enforce(PartResource, s, precis.OpaqueString)
}

// enforce applies a PRECIS profile until nothing changes any more.
func enforce(part Part, s string, profile *precis.Profile) (string, error) {
	if !utf8.ValidString(s) {
		return "", refuse(part, s, "not valid UTF-8")
	}
	in := s
	for range maxPasses {
		out, err := profile.String(in)
		switch {
		case err != nil:
			return "", explain(part, s, in, profile.Allowed())
		case len(out) > maxPart:
			return "", refuseLength(part, out)
		case out == in:
			return out, nil
		}
		in = out
	}
	return "", refuse(part, s, "has no stable normalised form")
}

// explain says which character PRECIS refuses, or that the trouble is the
// company that characters keep.
func explain(part Part, s, in string, allowed runes.Set) error {
	for _, r := range in {
		if !allowed.Contains(r) && !contextual(r) {
			return refuseRune(part, s, r)
		}
	}
	return refuse(part, s, "characters not allowed in this combination (RFC 8265)")
}

// contextual reports whether r is allowed beside certain other characters only
// (RFC 5892 appendix A).
func contextual(r rune) bool {
	switch r {
	case 0x00b7, 0x0375, 0x05f3, 0x05f4, 0x200c, 0x200d, 0x30fb:
		return true
	}
	return r >= 0x0660 && r <= 0x0669 || r >= 0x06f0 && r <= 0x06f9
}

// prepareDomain returns a domain normalised. ASCII letters are folded already.
// The domain is not empty.
func prepareDomain(s string) (string, error) {
	out := strings.TrimSuffix(s, ".")
	if out != "" && out[0] == '[' {
		return out, checkLiteral(s, out)
	}
	all, some := scan(out)
	if all&inDomain == 0 {
		return "", refuseDomainByte(s, out)
	}
	if some&nonASCII != 0 {
		var err error
		if out, err = mapDomain(s, out); err != nil {
			return "", err
		}
	}
	return out, checkDomain(s, out)
}

// mapDomain maps a domain beyond ASCII until nothing changes any more. The
// result may be ASCII.
func mapDomain(s, in string) (string, error) {
	if !utf8.ValidString(s) {
		return "", refuse(PartDomain, s, "not valid UTF-8")
	}
	for range maxPasses {
		out, err := domains.ToUnicode(in)
		out = strings.TrimSuffix(out, ".")
		switch {
		case err != nil:
			return "", refuse(PartDomain, s, strings.TrimPrefix(err.Error(), "idna: "))
		case len(out) > maxPart:
			return "", refuseLength(PartDomain, out)
		case out == in:
			return out, nil
		}
		in = out
	}
	return "", refuse(PartDomain, s, "has no stable normalised form")
}

// checkDomain checks the normalised domain out of the domain written s. DNS
// would ask for more, but hosts such as my_xmpp and -x.internal exist and are
// routed by every server.
func checkDomain(s, out string) error {
	if all, _ := scan(out); all&inDomain == 0 {
		return refuseDomainByte(s, out)
	}
	if out == "" || out[0] == '.' || out[len(out)-1] == '.' || strings.Contains(out, "..") {
		return refuse(PartDomain, s, "empty label: nothing before, after or between dots")
	}
	return nil
}

// checkLiteral checks an IP address in brackets (RFC 7622 §3.2, RFC 3986
// §3.2.2). It is kept as written, as servers do.
func checkLiteral(s, literal string) error {
	inner, ok := strings.CutSuffix(literal[1:], "]")
	if !ok {
		return refuse(PartDomain, s, "bracket not closed")
	}
	addr, err := netip.ParseAddr(inner)
	if err != nil || addr.Zone() != "" {
		return refuse(PartDomain, s, "no IP address in the brackets")
	}
	return nil
}

// refuseDomainByte returns the error for a domain with an ASCII character that
// may not stand in one.
func refuseDomainByte(s, out string) error {
	r := firstOutside(out, inDomain)
	if r == ':' {
		return refuse(PartDomain, s, ": not allowed (an address has no port; an IPv6 address stands in brackets)")
	}
	return refuseRune(PartDomain, s, r)
}
