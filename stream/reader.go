package stream

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/stanza"
)

// Defaults of ReaderOptions.
const (
	// DefaultMaxStanza is twice what Prosody and ejabberd let in from other
	// servers as they are packaged (512 KiB), because both write quotes and
	// apostrophes as references, which are longer.
	DefaultMaxStanza = 1 << 20
	// DefaultMaxDepth is far beyond what any protocol extension nests.
	DefaultMaxDepth = 64
	// DefaultMaxAttributes bounds one start tag.
	DefaultMaxAttributes = 64
	// DefaultBuffer suits a busy stream. Where there are thousands of quiet ones
	// less is better: the buffer grows with what comes.
	DefaultBuffer = 8 << 10
)

// ReaderOptions bound what a Reader takes. An element beyond a limit is skipped.
type ReaderOptions struct {
	MaxStanza     int // bytes of one top-level element; 0: DefaultMaxStanza
	MaxDepth      int // levels of one top-level element; 0: DefaultMaxDepth
	MaxAttributes int // attributes of one start tag; 0: DefaultMaxAttributes
	Buffer        int // bytes of the buffer while little comes; 0: DefaultBuffer
}

// Reader reads one XML stream after the other from a connection. It is not
// safe for concurrent use.
type Reader struct {
	in      buffer
	limits  element.Limits
	scanner *element.Scanner // nil until the header is read
	header  Header
	name    string // of the stream's tags, as written
	used    int    // bytes of the last item, which are still in the buffer
	err     error  // the end of the stream
}

// Item is what Next read: exactly one of its fields is set, unless something was
// skipped that could be read.
type Item struct {
	// Stanza is a message, presence or iq. It stays valid.
	Stanza stanza.Stanza
	// Element is any other element of the stream's top level: features, a
	// handshake, an acknowledgement. It is valid until the next call of Next.
	Element *element.Element
	// Skipped says why an element was left out that only itself is hurt by. It
	// is a *stanza.Refusal if it was a stanza of acceptable form, an
	// *element.SyntaxError if not even that could be told. In the first case
	// Element is the stanza as it came, for who wants to answer it.
	Skipped error
}

// NewReader returns a Reader of the streams in r. It reads ahead.
func NewReader(r io.Reader, o ReaderOptions) *Reader {
	return &Reader{
		in: buffer{src: r, idle: orDefault(o.Buffer, DefaultBuffer)},
		limits: element.Limits{
			Bytes:        orDefault(o.MaxStanza, DefaultMaxStanza),
			Depth:        orDefault(o.MaxDepth, DefaultMaxDepth),
			Attributes:   orDefault(o.MaxAttributes, DefaultMaxAttributes),
			AllowUnbound: true,
		},
	}
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// Header returns what the stream's opening tag says, reading it if need be.
// Before it there may be a byte order mark, white space and an XML declaration.
// Errors are as those of Next.
func (r *Reader) Header() (Header, error) {
	if r.scanner == nil && r.err == nil {
		r.readHeader()
	}
	return r.header, r.err
}

func (r *Reader) readHeader() {
	header, name, err := readHeader(&r.in)
	if err != nil {
		r.err = endOfInput(err)
		return
	}
	r.header, r.name = header, name
	r.scanner = element.NewScanner(r.limits, element.Scope{Default: header.Default, Prefixes: header.Prefixes})
}

// Next returns the next top-level element of the stream. White space between
// elements is a keepalive (RFC 6120 §4.6.1) and passed over, and so is text,
// which real servers ignore there.
//
// The error is io.EOF after the stream's end tag, an *Error if the peer ended
// the stream with a stream error, a *Fault if it broke the rules,
// io.ErrUnexpectedEOF if the connection ended before the stream, or what the
// connection's Read returned. Each is final: it is returned again until Restart.
func (r *Reader) Next() (Item, error) {
	if _, err := r.Header(); err != nil {
		return Item{}, err
	}
	r.release()
	item, err := r.next()
	if err != nil {
		if _, ended := errors.AsType[endTag](err); ended {
			err = io.EOF
		} else {
			err = endOfInput(err)
		}
		r.err = err
		return Item{}, err
	}
	return item, nil
}

// Restart makes the Reader expect a new stream on the same connection, as it
// begins after STARTTLS and SASL (RFC 6120 §4.3.3). Bytes already read count
// as part of the new stream.
func (r *Reader) Restart() {
	r.release()
	r.scanner, r.header, r.name, r.err = nil, Header{}, "", nil
}

// endTag is the error by which readEndTag says that all is well.
type endTag struct{}

func (endTag) Error() string { return "end of stream" }

// release gives up the last item.
func (r *Reader) release() {
	if r.scanner != nil {
		r.scanner.Reset()
	}
	r.in.discard(r.used)
	r.used = 0
}

func (r *Reader) next() (Item, error) {
	if err := r.skipText(); err != nil {
		return Item{}, err
	}
	if err := r.in.need(2); err != nil {
		return Item{}, err
	}
	if r.in.bytes()[1] == '/' {
		return Item{}, r.readEndTag()
	}
	n, err := r.scan()
	if err != nil {
		return r.skipElement(err)
	}
	r.used = n
	return r.itemOf(r.scanner.Element())
}

// skipText discards everything up to the next '<'.
func (r *Reader) skipText() error {
	for {
		unused := r.in.bytes()
		if i := bytes.IndexByte(unused, '<'); i >= 0 {
			r.in.discard(i)
			return nil
		}
		r.in.discard(len(unused))
		if err := r.in.fill(); err != nil {
			return err
		}
	}
}

// scan scans the element that begins the buffer and returns its length.
func (r *Reader) scan() (int, error) {
	for {
		unused := r.in.bytes()
		if r.nested(unused) {
			return 0, &Fault{BadFormat, fmt.Errorf("<%s> within the stream", r.name)}
		}
		n, err := r.scanner.Scan(unused)
		if !errors.Is(err, element.ErrIncomplete) {
			return n, err
		}
		if err := r.in.fill(); err != nil {
			return 0, err
		}
	}
}

// nested reports whether the stream's own opening tag stands at the beginning
// of b. It has to be known early: as an element it would never end.
func (r *Reader) nested(b []byte) bool {
	n := 1 + len(r.name)
	if len(b) <= n || string(b[1:n]) != r.name {
		return false
	}
	return isSpace(b[n]) || b[n] == '>' || b[n] == '/'
}

// readEndTag reads the stream's end tag, with "</" already in the buffer.
func (r *Reader) readEndTag() error {
	for {
		unused := r.in.bytes()
		i := bytes.IndexByte(unused, '>')
		if i < 0 && len(unused) <= maxHeader {
			if err := r.in.fill(); err != nil {
				return err
			}
			continue
		}
		if i < 0 || i > maxHeader {
			return &Fault{NotWellFormed, errors.New("an end tag has no end")}
		}
		if string(bytes.TrimRight(unused[2:i], " \t\r\n")) != r.name {
			return &Fault{NotWellFormed, fmt.Errorf("end tag %.40q does not match <%s>", unused[:i+1], r.name)}
		}
		r.in.discard(i + 1)
		return endTag{}
	}
}

// itemOf sorts what was scanned.
func (r *Reader) itemOf(el *element.Element) (Item, error) {
	if string(el.Space) == NSStreams {
		switch string(el.Local) {
		case "stream":
			return Item{}, &Fault{BadFormat, errors.New("a stream within the stream")}
		case "error":
			return Item{}, readError(el)
		}
	}
	if len(el.Unbound) == 0 && !isStanza(el) {
		return Item{Element: el}, nil
	}
	st, err := stanza.FromElement(el)
	if err != nil {
		return Item{Skipped: err, Element: el}, nil
	}
	return Item{Stanza: st}, nil
}

// isStanza reports whether an element is named like a stanza and in a stanzas'
// namespace.
func isStanza(el *element.Element) bool {
	switch string(el.Local) {
	case "message", "presence", "iq":
		return string(el.Space) == stanza.NSClient || string(el.Space) == stanza.NSComponent
	}
	return false
}
