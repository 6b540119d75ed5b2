package stream

import "bytes"

// Partial reports whether bytes of an element that is not complete were read:
// the peer owes the rest. It is meant for the source of the Reader's bytes,
// which is asked for more only when the Reader has used all that it can, and
// for after Next.
func (r *Reader) Partial() bool {
	return len(bytes.TrimLeft(r.in.bytes()[r.used:], " \t\r\n")) > 0
}
