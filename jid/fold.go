package jid

import (
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// FoldKey returns a key by which addresses can be compared loosely: two
// addresses that a stringprep server (RFC 6122) takes for one have the same
// key, so that straße@example.org asked and strasse@example.org answering are
// seen as equal. Local part and domain are folded by full case folding and
// NFKC, the domain is brought into its ASCII form, and the resource is
// normalised by NFKC with its case kept.
//
// The key is for comparing, not for sending: it need not be a valid address.
// For an address of ASCII as Parse gives it, the key is String(), and nothing
// is allocated.
func (j JID) FoldKey() string {
	if _, some := scan(j.full[:j.bareLen()]); some&upper == 0 && isASCII(j.full) {
		return j.full
	}
	p := parts{
		local:    foldPart(j.Local(), foldCase),
		domain:   foldPart(j.Domain(), foldDomain),
		resource: prepareMapped(j.Resource()),
	}
	return p.join("").full
}

// foldPart folds a local part or a domain. One that would fold to something
// with a separator in it is kept, so that addresses with different parts never
// have the same key.
func foldPart(s string, fold func(string) string) string {
	folded := fold(s)
	if folded == "" || strings.ContainsAny(folded, "@/") {
		return s
	}
	return folded
}

// foldCase folds case and compatibility forms (RFC 3454 table B.2).
func foldCase(s string) string {
	return norm.NFKC.String(cases.Fold().String(prepareMapped(s)))
}

// dots are the characters that IDNA2003 takes for a dot (RFC 3490 §3.1).
var dots = strings.NewReplacer("\u3002", ".", "\uff61", ".")

// foldDomain folds a domain and brings it into its ASCII form where it has one.
func foldDomain(s string) string {
	s = dots.Replace(foldCase(s))
	if ascii, err := idna.Punycode.ToASCII(s); err == nil {
		return ascii
	}
	return s
}

// prepareMapped removes what stringprep maps to nothing and brings the rest
// into NFKC (RFC 3454 table B.1 and §4).
func prepareMapped(s string) string {
	if isASCII(s) {
		return s
	}
	mapped := strings.Map(func(r rune) rune {
		if mapsToNothing(r) {
			return -1
		}
		return r
	}, s)
	if mapped == "" {
		return s
	}
	return norm.NFKC.String(mapped)
}

// mapsToNothing reports whether r stands in RFC 3454 table B.1.
func mapsToNothing(r rune) bool {
	switch r {
	case 0x00ad, 0x034f, 0x1806, 0x2060, 0xfeff:
		return true
	}
	return r >= 0x180b && r <= 0x180d || r >= 0x200b && r <= 0x200d || r >= 0xfe00 && r <= 0xfe0f
}

// isASCII reports whether s is ASCII.
func isASCII(s string) bool {
	_, some := scan(s)
	return some&nonASCII == 0
}
