package httpd

import (
	"strconv"
	"strings"
)

// mediaRange is an element of an Accept header (RFC 9110 §12.5.1).
type mediaRange struct {
	mainType string // in lower case; "*" for any
	subtype  string
	quality  int // thousandths
	profile  string
}

// parseAccept reads the lines of an Accept header. Malformed elements are left
// out. Parameters other than q and profile are not looked at.
func parseAccept(lines []string) []mediaRange {
	var ranges []mediaRange
	for _, line := range lines {
		for l := (lexer{line}); !l.done(); l.nextElement() {
			if r, ok := l.mediaRange(); ok {
				ranges = append(ranges, r)
			}
		}
	}
	return ranges
}

// mediaRange takes one media range with its quality.
func (l *lexer) mediaRange() (mediaRange, bool) {
	l.blanks()
	r := mediaRange{quality: 1000}
	r.mainType = strings.ToLower(l.token())
	slash := l.eat('/')
	r.subtype = strings.ToLower(l.token())
	if r.mainType == "" || !slash || r.subtype == "" || r.mainType == "*" && r.subtype != "*" {
		return r, false
	}
	for !l.atEnd() {
		if !l.eat(';') {
			return r, false
		}
		l.blanks()
		if l.atEnd() || l.rest[0] == ';' {
			continue
		}
		name, value, ok := l.pair()
		if !ok {
			return r, false
		}
		if strings.EqualFold(name, "profile") {
			r.profile = value
		}
		if strings.EqualFold(name, "q") {
			if r.quality, ok = parseQuality(value); !ok {
				return r, false
			}
		}
	}
	return r, true
}

// parseQuality reads a qvalue: 0 to 1 with at most three decimals.
func parseQuality(s string) (int, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	if whole != "0" && whole != "1" || len(fraction) > 3 {
		return 0, false
	}
	n, err := strconv.ParseUint(whole+fraction+"000"[len(fraction):], 10, 16)
	return int(n), err == nil && n <= 1000
}

// specificity says how closely r names a media type: 0 not at all, 1 by */*,
// 2 by its main type, 3 exactly.
func (r *mediaRange) specificity(mainType, subtype string) int {
	switch {
	case r.mainType == "*":
		return 1
	case r.mainType != mainType:
		return 0
	case r.subtype == "*":
		return 2
	case r.subtype == subtype:
		return 3
	default:
		return 0
	}
}

// preferred returns the index of the media type that an Accept header asks for:
// the one of the highest quality; of several, the one whose range stands first
// in the header; of several still, the first of the list. If none is acceptable
// it is the first too: an error in the wrong form is better than none.
func preferred(lines, mediaTypes []string) int {
	if len(lines) == 0 {
		return 0
	}
	ranges := parseAccept(lines)
	chosen, quality, position := 0, 0, 0
	for i, mt := range mediaTypes {
		at := closest(ranges, mt)
		if at < 0 {
			continue
		}
		if q := ranges[at].quality; q > quality || q == quality && q > 0 && at < position {
			chosen, quality, position = i, q, at
		}
	}
	return chosen
}

// closest returns the index of the range that names a media type most closely,
// -1 if there is none.
func closest(ranges []mediaRange, mediaType string) int {
	mainType, subtype, _ := strings.Cut(mediaType, "/")
	found, most := -1, 0
	for i := range ranges {
		if n := ranges[i].specificity(mainType, subtype); n > most {
			found, most = i, n
		}
	}
	return found
}
