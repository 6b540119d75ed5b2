package element

import "bytes"

// maxReference bounds a reference in bytes, from '&' to ';'. Leading zeros
// are legal, and would be without end.
const maxReference = 32

// text checks text from s.pos to the next '<', and leaves s.pos there.
func (s *Scanner) text(buf []byte) error {
	i := s.pos
	for i < len(buf) {
		n, err := 1, error(nil)
		switch c := buf[i]; {
		case class[c]&plainText != 0:
			i = skipPlainText(buf, i+1)
			continue
		case c == '<':
			s.textTo(buf, i)
			return nil
		case c == '&':
			n, err = checkReference(buf, i)
		case c != '>':
			n, err = checkChar(buf, i)
		case i-2 >= s.run && buf[i-1] == ']' && buf[i-2] == ']':
			err = fail(i-2, NotWellFormed, "\"]]>\" in text: write ]]&gt;")
		}
		if err != nil {
			s.textTo(buf, i)
			return err
		}
		i += n
	}
	s.textTo(buf, i)
	return ErrIncomplete
}

// textTo notes that there is text up to i.
func (s *Scanner) textTo(buf []byte, i int) {
	if len(s.open) == 1 && !s.hasText {
		s.hasText = skipSpace(buf[:i], s.pos) < i
	}
	s.pos = i
}

var sectionStart = []byte("<![CDATA[")

// beginSection enters the CDATA section at s.pos.
func (s *Scanner) beginSection(buf []byte) error {
	rest := buf[s.pos:]
	n := min(len(rest), len(sectionStart))
	if !bytes.Equal(rest[:n], sectionStart[:n]) {
		return fail(s.pos, NotWellFormed, "\"<![\" that begins no CDATA section")
	}
	if n < len(sectionStart) {
		return ErrIncomplete
	}
	if len(s.open) == 0 {
		return fail(s.pos, NotWellFormed, "CDATA section outside of an element")
	}
	s.pos += n
	s.run = s.pos
	s.section = true
	return nil
}

// endSection checks a CDATA section from s.pos to its end.
func (s *Scanner) endSection(buf []byte) error {
	for i := s.pos; i < len(buf); {
		switch c := buf[i]; {
		case class[c]&plainText != 0:
			i = skipPlainText(buf, i+1)
		case c == '>' && i-2 >= s.run && buf[i-1] == ']' && buf[i-2] == ']':
			s.hasText = s.hasText || len(s.open) == 1 && skipSpace(buf, s.run) < i-2
			s.pos = i + 1
			s.run = s.pos
			s.section = false
			return nil
		case c == '<', c == '>', c == '&':
			i++
		default:
			n, err := checkChar(buf, i)
			if err != nil {
				s.pos = i
				return err
			}
			i += n
		}
		s.pos = i
	}
	return ErrIncomplete
}

// checkReference checks the reference at i, where '&' stands, and returns its
// length.
func checkReference(b []byte, i int) (int, error) {
	for n := 1; ; n++ {
		if i+n == len(b) {
			return 0, ErrIncomplete
		}
		c := b[i+n]
		if c == ';' {
			return n + 1, judgeReference(i, b[i+1:i+n])
		}
		if class[c]&namePart == 0 && (c != '#' || n != 1) {
			return 0, fail(i, NotWellFormed, "'&' begins no reference: write &amp; for the character")
		}
		if n == maxReference-1 {
			return 0, fail(i, NotWellFormed, "reference longer than %d bytes", maxReference)
		}
	}
}

// judgeReference checks the reference at offset i, given what is between '&'
// and ';'.
func judgeReference(i int, name []byte) error {
	r, ok := resolve(name)
	switch {
	case ok && isChar(r):
		return nil
	case ok:
		return fail(i, NotWellFormed, "reference &%s; to a character that is not allowed in XML", name)
	case len(name) == 0 || class[name[0]]&nameStart == 0:
		return fail(i, NotWellFormed, "bad reference &%s;", name)
	}
	return fail(i, Restricted, "unknown entity &%s;: only &lt; &gt; &amp; &quot; &apos; are defined", name)
}

// resolve returns the character that a reference stands for. Numbers beyond Unicode give a character that isChar
// refuses.
func resolve(name []byte) (r rune, ok bool) {
	switch string(name) {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	if len(name) < 2 || name[0] != '#' {
		return 0, false
	}
	digits, base := name[1:], rune(10)
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	for _, c := range digits {
		d := digit(c)
		if d >= base {
			return 0, false
		}
		r = min(r*base+d, 0x110000)
	}
	return r, len(digits) > 0
}

func digit(c byte) rune {
	switch {
	case c >= '0' && c <= '9':
		return rune(c - '0')
	case c >= 'a' && c <= 'f':
		return rune(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return rune(c-'A') + 10
	}
	return 16
}
