package element

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

const specialInValue = "&\t\n\r"

// Unescape returns an attribute's value as an XML parser gives it (XML 1.0
// §3.3.3): references are resolved, and each literal tab and line end is a
// space. Raw must come from a Scanner; in anything else what can't be resolved
// stays as it is.
func Unescape(raw []byte) string {
	if !bytes.ContainsAny(raw, specialInValue) {
		return string(raw)
	}
	var b strings.Builder
	b.Grow(len(raw))
	for i := 0; i < len(raw); {
		i += unescape(&b, raw[i:], ' ')
	}
	return b.String()
}

// unescape writes the first character, or run of characters, of raw, and
// returns its length in raw. lineEnd is written for what ends a line.
func unescape(b *strings.Builder, raw []byte, lineEnd byte) int {
	switch c := raw[0]; c {
	case '&':
		end := bytes.IndexByte(raw[:min(len(raw), maxReference)], ';')
		if end < 0 {
			break
		}
		if r, ok := resolve(raw[1:end]); ok && isChar(r) {
			b.WriteRune(r)
			return end + 1
		}
	case '\r', '\n':
		b.WriteByte(lineEnd)
		if c == '\r' && len(raw) > 1 && raw[1] == '\n' {
			return 2
		}
		return 1
	case '\t':
		if lineEnd == ' ' {
			b.WriteByte(' ')
			return 1
		}
	}
	n := 1
	if i := bytes.IndexAny(raw[1:], specialInValue); i >= 0 {
		n += i
	} else {
		n = len(raw)
	}
	b.Write(raw[:n])
	return n
}

// Text returns the text directly inside an element, as an XML parser gives it:
// references are resolved, CDATA sections are opened, lines end with LF
// (XML 1.0 §2.11). The text of elements within it is left out. Raw is
// Element.Raw or Child.Raw; what comes of anything else is undefined.
func Text(raw []byte) string {
	var b strings.Builder
	depth := 0
	for len(raw) > 0 {
		if raw[0] != '<' {
			end := bytes.IndexByte(raw, '<')
			if end < 0 {
				break
			}
			if depth == 1 {
				appendText(&b, raw[:end])
			}
			raw = raw[end:]
			continue
		}
		if rest, ok := bytes.CutPrefix(raw, sectionStart); ok {
			section, after, _ := bytes.Cut(rest, []byte("]]>"))
			if depth == 1 {
				b.WriteString(normalizeLines(string(section)))
			}
			raw = after
			continue
		}
		e := endOfTag{at: 1, noQuotes: len(raw) > 1 && raw[1] == '/'}
		if !e.found(raw) {
			break
		}
		switch {
		case e.noQuotes:
			depth--
		case raw[e.at-1] != '/':
			depth++
		}
		raw = raw[e.at+1:]
	}
	return b.String()
}

func appendText(b *strings.Builder, raw []byte) {
	for len(raw) > 0 {
		raw = raw[unescape(b, raw, '\n'):]
	}
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

func normalizeLines(s string) string { return lineEnds.Replace(s) }

// AppendAttr appends a value such that it can stand in an attribute, between
// quotes of either kind. Tab, LF and CR are written as references, since an XML
// parser would make spaces of them. What XML forbids becomes U+FFFD.
func AppendAttr(dst []byte, value string) []byte {
	return appendEscaped(dst, value, &attrEscapes)
}

// AppendText appends text such that it can stand in an element. CR is written
// as a reference, since an XML parser would make LF of it. What XML forbids
// becomes U+FFFD.
func AppendText(dst []byte, text string) []byte {
	return appendEscaped(dst, text, &textEscapes)
}

// AppendContent appends the content of an element with its line ends as an XML
// parser sees them (XML 1.0 §2.11): CR and CR LF become LF. References to CR
// stay, and so does everything else.
func AppendContent(dst, raw []byte) []byte {
	for {
		i := bytes.IndexByte(raw, '\r')
		if i < 0 {
			return append(dst, raw...)
		}
		dst = append(append(dst, raw[:i]...), '\n')
		raw = bytes.TrimPrefix(raw[i+1:], []byte("\n"))
	}
}

var (
	textEscapes = [utf8.RuneSelf]string{'&': "&amp;", '<': "&lt;", '>': "&gt;", '\r': "&#13;"}
	attrEscapes = [utf8.RuneSelf]string{
		'&': "&amp;", '<': "&lt;", '>': "&gt;", '\r': "&#13;",
		'"': "&quot;", '\'': "&apos;", '\t': "&#9;", '\n': "&#10;",
	}
)

func appendEscaped(dst []byte, s string, escapes *[utf8.RuneSelf]string) []byte {
	done := 0 // everything before is appended
	for i := 0; i < len(s); {
		escape, size := "", 1
		c := s[i]
		if c >= 0x20 && c < utf8.RuneSelf && len(escapes[c]) == 0 { // nearly always
			i++
			continue
		}
		if c < utf8.RuneSelf && (c >= 0x20 || isSpace(c)) {
			escape = escapes[c]
		} else {
			var r rune
			if r, size = utf8.DecodeRuneInString(s[i:]); !isChar(r) || r == utf8.RuneError && size == 1 {
				escape = "\uFFFD"
			}
		}
		if escape != "" {
			dst = append(append(dst, s[done:i]...), escape...)
			done = i + size
		}
		i += size
	}
	return append(dst, s[done:]...)
}
