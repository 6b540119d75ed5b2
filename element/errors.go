package element

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrIncomplete is returned by Scanner.Scan while the element has not ended.
var ErrIncomplete = errors.New("element is incomplete")

// Kind sorts syntax errors by what a caller may want to do about them.
type Kind string

// The kinds of syntax errors.
const (
	// NotWellFormed is a breach of XML 1.0 or of Namespaces in XML 1.0 that no other kind names.
	NotWellFormed Kind = "not-well-formed"
	// Restricted is XML that XMPP leaves out (RFC 6120 §11.1): comments, processing
	// instructions, DTDs, entities that are not predefined, an XML declaration that is
	// not at the very start.
	Restricted Kind = "restricted-xml"
	// UnsupportedEncoding is a document in another encoding than UTF-8, or bytes that are not UTF-8.
	UnsupportedEncoding Kind = "unsupported-encoding"
	// UnboundPrefix is the use of a prefix that is not declared.
	UnboundPrefix Kind = "unbound-prefix"
	// TooBig is an element of more than Limits.Bytes bytes.
	TooBig Kind = "too-big"
	// TooDeep is an element nested more than Limits.Depth levels deep.
	TooDeep Kind = "too-deep"
	// TooManyAttributes is a start tag with more than Limits.Attributes attributes, or
	// too many namespace declarations in force at once.
	TooManyAttributes Kind = "too-many-attributes"
)

// SyntaxError says why input was refused. The text of Error is meant for whoever
// wrote the input.
type SyntaxError struct {
	// Offset counts bytes from the start of the element (Scanner.Scan) or of
	// the document (Scanner.Document).
	Offset int
	// Line and Column count from 1, and characters. Both are 0 where a position
	// says nothing.
	Line, Column int
	Kind         Kind
	Reason       string // what is wrong, in words; parts of the input in it are short
}

// Error returns the position and the reason.
func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Reason)
}

// fail makes a SyntaxError at an offset, still without line and column. Like its
// helpers it is not inlined, so that the frames of the scanner stay small: a
// thousand requests that wait keep the deepest stack that they ever had.
//
//go:noinline
func fail(offset int, kind Kind, format string, args ...any) *SyntaxError {
	return &SyntaxError{Offset: offset, Kind: kind, Reason: fmt.Sprintf(format, args...)}
}

// locate fills in line and column from the text before the error. A line ends
// with LF, CR or both (XML 1.0 §2.11).
func (e *SyntaxError) locate(text []byte) {
	before := bytes.TrimPrefix(text[:min(e.Offset, len(text))], byteOrderMark)
	e.Line = 1
	for {
		i := bytes.IndexAny(before, "\r\n")
		if i < 0 {
			break
		}
		if before[i] == '\r' && i+1 < len(before) && before[i+1] == '\n' {
			i++
		}
		before = before[i+1:]
		e.Line++
	}
	e.Column = 1 + utf8.RuneCount(before)
}

// clip shortens a checked name from the input for an error.
//
//go:noinline
func clip(name []byte) string {
	const most = 40
	n := 0
	for i := range string(name) {
		if n++; n > most {
			return string(name[:i]) + "…"
		}
	}
	return string(name)
}

// charAt names the character at the start of b for an error.
//
//go:noinline
func charAt(b []byte) string {
	r, size := utf8.DecodeRune(b)
	if r == utf8.RuneError && size <= 1 {
		return fmt.Sprintf("byte 0x%02X", b[0])
	}
	if r < 0x20 || !utf8.ValidRune(r) || r > 0x7E {
		return fmt.Sprintf("character U+%04X", r)
	}
	return fmt.Sprintf("%q", r)
}
