package stream

import "io"

const (
	busyBuffer = 64 << 10 // bytes up to which a buffer grows because reads fill it
	quietReads = 16       // reads in a row that leave most of the buffer empty before it shrinks
)

// buffer holds the bytes that were read and not yet used. It grows while an
// element needs it, or while reads fill it, and shrinks back when it is empty.
// What it holds is bounded by its user, who stops filling at his limit; the
// memory stays under four times that.
type buffer struct {
	src        io.Reader
	idle       int // bytes that the buffer holds on to while nothing comes
	data       []byte
	start, end int   // data[start:end] is unused
	quiet      int   // consecutive small reads
	err        error // from src, to be reported once its last bytes are used
}

// bytes returns what is unused. The slice is valid until the next fill.
func (b *buffer) bytes() []byte { return b.data[b.start:b.end] }

// discard marks the first n unused bytes as used.
func (b *buffer) discard(n int) { b.start += n }

// fill reads more behind what is unused, once. It returns an error only if it
// adds nothing.
func (b *buffer) fill() error {
	if b.err != nil {
		return b.err
	}
	b.makeRoom()
	for range 100 {
		n, err := b.src.Read(b.data[b.end:])
		if n > 0 {
			b.err = err
			b.noteRead(n)
			b.end += n
			return nil
		}
		if err != nil {
			b.err = err
			return err
		}
	}
	b.err = io.ErrNoProgress
	return b.err
}

// makeRoom leaves at least a quarter of the buffer free behind the unused bytes.
// Bytes are moved only when about as many are freed, so that the cost of moving
// stays linear for input of any size in pieces of any size.
func (b *buffer) makeRoom() {
	unused := b.end - b.start
	size := len(b.data)
	switch {
	case size == 0:
		size = b.idle
	case unused == 0 && (size > busyBuffer || b.quiet >= quietReads):
		size = b.idle
	case unused > 0 && size-b.end >= size/4:
		return
	case unused > size/2 || b.quiet < 0 && size < busyBuffer:
		size *= 2
	}
	if size == len(b.data) {
		copy(b.data, b.bytes())
	} else {
		data := make([]byte, size)
		copy(data, b.bytes())
		b.data, b.quiet = data, 0
	}
	b.start, b.end = 0, unused
}

// noteRead keeps count of how well reads use the buffer: below zero after one
// that filled it, above after small ones.
func (b *buffer) noteRead(n int) {
	switch free := len(b.data) - b.end; {
	case n == free:
		b.quiet = -1
	case n < len(b.data)/4:
		b.quiet = max(b.quiet, 0) + 1
	default:
		b.quiet = 0
	}
}

// need fills until at least n bytes are unused.
func (b *buffer) need(n int) error {
	for b.end-b.start < n {
		if err := b.fill(); err != nil {
			return err
		}
	}
	return nil
}

// skipSpace discards white space, and fills until something else comes.
func (b *buffer) skipSpace() error {
	for {
		unused := b.bytes()
		for i, c := range unused {
			if !isSpace(c) {
				b.discard(i)
				return nil
			}
		}
		b.discard(len(unused))
		if err := b.fill(); err != nil {
			return err
		}
	}
}

// isSpace reports whether c is white space in XML (XML 1.0 §2.3).
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
