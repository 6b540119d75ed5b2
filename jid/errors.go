package jid

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Part names the part of an address that an [Error] is about.
type Part string

// The parts of an address.
const (
	PartAddress  Part = "address" // the address as a whole: a part is missing or there is one too many
	PartLocal    Part = "local part"
	PartDomain   Part = "domain"
	PartResource Part = "resource"
)

// Error tells why something is not an address. Its text may be shown to whoever
// wrote the address.
type Error struct {
	Part   Part   // the part at fault
	Value  string // that part as it was written, ASCII letters of local part and domain folded
	Reason string // what is wrong, e.g. "blank not allowed"
}

// maxQuoted is the number of bytes of a part that Error.Error shows.
const maxQuoted = 64

// Error returns part, value and reason, e.g. `domain "exa mple.com": blank not
// allowed`. A value longer than 64 bytes is cut.
func (e *Error) Error() string {
	value, dots := e.Value, ""
	if len(value) > maxQuoted {
		cut := maxQuoted
		for cut > 0 && !utf8.RuneStart(value[cut]) {
			cut--
		}
		value, dots = value[:cut], "…"
	}
	return fmt.Sprintf("%s %q%s: %s", e.Part, value, dots, e.Reason)
}

// refuse returns the error for a part's value.
func refuse(part Part, value, reason string) error {
	return &Error{Part: part, Value: value, Reason: reason}
}

// refuseLength returns the error for a part that is too long.
func refuseLength(part Part, value string) error {
	return refuse(part, value, fmt.Sprintf("%d bytes, more than %d", len(value), maxPart))
}

// refuseRune returns the error for a part that holds a forbidden character.
func refuseRune(part Part, value string, r rune) error {
	return refuse(part, value, describe(r)+" not allowed")
}

// describe names a character in a way that can be read even if the character
// can't be seen.
func describe(r rune) string {
	switch {
	case r == ' ':
		return "blank"
	case r == '\t':
		return "tab"
	case r == '\n', r == '\r':
		return "line break"
	case r < utf8.RuneSelf && unicode.IsPrint(r):
		return string(r)
	case unicode.IsPrint(r):
		return fmt.Sprintf("%c (U+%04X)", r, r)
	}
	return fmt.Sprintf("character U+%04X", r)
}
