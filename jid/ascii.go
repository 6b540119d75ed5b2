package jid

import "strings"

// class says where a byte may stand. Bytes beyond ASCII have all the
// permissions, so that permissions speak of the ASCII bytes only.
type class uint8

const (
	inLocal    class = 1 << iota // RFC 7622 §3.3: visible, without " & ' / : < > @
	inDomain                     // letters, digits, hyphen, underscore, dot
	inResource                   // RFC 7622 §3.4: visible, and blank
	plain                        // visible ASCII and blank
	upper                        // A to Z
	nonASCII                     // first or further byte of a character beyond ASCII
)

// classes holds the class of each byte.
var classes = classTable()

func classTable() [256]class {
	var t [256]class
	for b := range t {
		switch {
		case b >= 0x80:
			t[b] = inLocal | inDomain | inResource | nonASCII
			continue
		case b < ' ' || b == 0x7f:
			continue
		}
		t[b] = inResource | plain
		if b != ' ' && !strings.ContainsRune("\"&'/:<>@", rune(b)) {
			t[b] |= inLocal
		}
		switch {
		case b >= 'A' && b <= 'Z':
			t[b] |= inDomain | upper
		case b >= 'a' && b <= 'z', b >= '0' && b <= '9', b == '-', b == '_', b == '.':
			t[b] |= inDomain
		}
	}
	return t
}

// scan returns the classes that all bytes of s have, and those that at least
// one has.
func scan(s string) (all, some class) {
	all = ^class(0)
	for i := range len(s) {
		c := classes[s[i]]
		all &= c
		some |= c
	}
	return all, some
}

// firstOutside returns the first ASCII character of s that may not stand in the
// place where.
func firstOutside(s string, where class) rune {
	for i := range len(s) {
		if classes[s[i]]&where == 0 {
			return rune(s[i])
		}
	}
	return -1
}

// lowerASCII folds A to Z in s[from:to]. It returns s itself if there is
// nothing to fold and allocates once if there is.
func lowerASCII(s string, from, to int) string {
	if _, some := scan(s[from:to]); some&upper == 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	b.WriteString(s[:from])
	for i := from; i < to; i++ {
		c := s[i]
		if classes[c]&upper != 0 {
			c += 'a' - 'A'
		}
		b.WriteByte(c)
	}
	b.WriteString(s[to:])
	return b.String()
}
