package element

import (
	"encoding/binary"
	"unicode/utf8"
)

// The classes of bytes. A byte from 0x80 on is in none.
const (
	nameStart  = 1 << iota // may begin a name; a colon may not
	namePart               // may continue a name
	whiteSpace             // XML 1.0 §2.3
	plainText              // stands for itself in text, whatever surrounds it
	plainValue             // stands for itself in an attribute's value; white space but the space does not
)

var class = func() (t [256]uint8) {
	for c := range byte(0x80) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_':
			t[c] |= nameStart | namePart
		case c >= '0' && c <= '9', c == '-', c == '.':
			t[c] |= namePart
		case c == ' ', c == '\t', c == '\r', c == '\n':
			t[c] |= whiteSpace
		}
		if c < 0x20 && t[c]&whiteSpace == 0 {
			continue
		}
		if c != '<' && c != '&' && c != '>' {
			t[c] |= plainText
		}
		if c >= 0x20 && c != '<' && c != '&' && c != '"' && c != '\'' {
			t[c] |= plainValue
		}
	}
	return t
}()

func isSpace(c byte) bool { return class[c]&whiteSpace != 0 }

func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

// isChar reports whether XML 1.0 §2.2 allows a character in a document.
func isChar(r rune) bool {
	switch {
	case r < 0x20:
		return r == '\t' || r == '\n' || r == '\r'
	case r < 0xD800:
		return true
	}
	return r >= 0xE000 && r <= 0x10FFFF && r != 0xFFFE && r != 0xFFFF
}

// checkChar checks the character at i, which is beyond ASCII or not allowed, and
// returns its length.
func checkChar(b []byte, i int) (int, error) {
	switch c := b[i]; { // most characters need no closer look
	case c >= 0xC2 && c <= 0xDF && i+1 < len(b) && b[i+1]&0xC0 == 0x80:
		return 2, nil
	case c >= 0xE1 && c <= 0xEC && i+2 < len(b) && b[i+1]&0xC0 == 0x80 && b[i+2]&0xC0 == 0x80:
		return 3, nil
	}
	if !utf8.FullRune(b[i:]) {
		return 0, ErrIncomplete
	}
	r, size := utf8.DecodeRune(b[i:])
	switch {
	case r == utf8.RuneError && size == 1:
		return 0, fail(i, UnsupportedEncoding, "byte 0x%02X is not UTF-8 here", b[i])
	case !isChar(r):
		return 0, fail(i, NotWellFormed, "character U+%04X is not allowed in XML", r)
	}
	return size, nil
}

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// skipPlainText passes over whole words of plain text from i on. It may stop
// early. '<' and '>' differ in one bit.
func skipPlainText(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		brackets := (w | ('<'^'>')*ones) ^ ('>' * ones)
		amp := w ^ ('&' * ones)
		if (w|(w-0x20*ones)&^w|(brackets-ones)&^brackets|(amp-ones)&^amp)&tops != 0 {
			break
		}
	}
	return i
}

// skipPlainValue is skipPlainText for attribute values, where both quotes count
// and '>' does not.
func skipPlainValue(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		quotes := (w | (0x05 * ones)) ^ (0x27 * ones) // " & ' and, in vain, #
		less := w ^ ('<' * ones)
		if (w|(w-0x20*ones)&^w|(quotes-ones)&^quotes|(less-ones)&^less)&tops != 0 {
			break
		}
	}
	return i
}
