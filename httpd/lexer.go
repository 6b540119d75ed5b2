package httpd

import "strings"

// lexer reads the header fields that are comma-separated lists of tokens with
// parameters (RFC 9110 §5.6).
type lexer struct {
	rest string
}

// blanks skips optional white space.
func (l *lexer) blanks() { l.rest = strings.TrimLeft(l.rest, " \t") }

// done reports whether nothing is left.
func (l *lexer) done() bool { return l.rest == "" }

// atEnd reports whether the list's element ends here.
func (l *lexer) atEnd() bool {
	l.blanks()
	return l.rest == "" || l.rest[0] == ','
}

// eat takes c, if it comes next.
func (l *lexer) eat(c byte) bool {
	if l.rest == "" || l.rest[0] != c {
		return false
	}
	l.rest = l.rest[1:]
	return true
}

// token takes the longest token, which may be empty.
func (l *lexer) token() string {
	n := 0
	for n < len(l.rest) && isTokenChar(l.rest[n]) {
		n++
	}
	token := l.rest[:n]
	l.rest = l.rest[n:]
	return token
}

// word takes a token or a quoted string.
func (l *lexer) word() (string, bool) {
	if !l.eat('"') {
		token := l.token()
		return token, token != ""
	}
	var unescaped []byte
	for i := 0; i < len(l.rest); i++ {
		switch c := l.rest[i]; c {
		case '"':
			l.rest = l.rest[i+1:]
			return string(unescaped), true
		case '\\':
			if i++; i < len(l.rest) {
				unescaped = append(unescaped, l.rest[i])
			}
		default:
			unescaped = append(unescaped, c)
		}
	}
	l.rest = ""
	return "", false
}

// pair takes a name and, after an equals sign, its value.
func (l *lexer) pair() (name, value string, ok bool) {
	if name = l.token(); name == "" {
		return "", "", false
	}
	l.blanks()
	if !l.eat('=') {
		return name, "", true
	}
	l.blanks()
	value, ok = l.word()
	return name, value, ok
}

// nextElement skips what is left of the list's element, and the comma.
func (l *lexer) nextElement() {
	quoted := false
	for i := 0; i < len(l.rest); i++ {
		switch c := l.rest[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == ',' && !quoted:
			l.rest = l.rest[i+1:]
			return
		}
	}
	l.rest = ""
}

// isTokenChar reports whether c is a tchar of RFC 9110 §5.6.2.
func isTokenChar(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	default:
		return c != 0 && strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
	}
}
