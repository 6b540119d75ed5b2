package xmpptest

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
)

// elementReader takes an XML stream apart with encoding/xml. A strict one also
// refuses what a server refuses and encoding/xml lets pass (see checks.go); a lenient
// one takes undeclared prefixes, which ejabberd 23.01 can send.
type elementReader struct {
	src    *recorder
	dec    *xml.Decoder
	strict bool
	header Node
	scope  []binding // what the open elements declare, innermost last
}

// binding is a namespace declaration; the prefix "" is the default namespace.
type binding struct{ prefix, space string }

// errTooBig says that an element is over the limit.
var errTooBig = errors.New("element over the size limit")

// errNoStream says that the root isn't a stream.
var errNoStream = errors.New("no stream header")

// notWellFormed is what a strict reader refuses.
type notWellFormed struct{ reason string }

func (e *notWellFormed) Error() string { return "not well-formed: " + e.reason }

func malformed(format string, args ...any) error {
	return &notWellFormed{fmt.Sprintf(format, args...)}
}

// newElementReader reads from r; limit is for one element's bytes, 0 for none.
func newElementReader(r io.Reader, limit int, strict bool) *elementReader {
	e := &elementReader{src: &recorder{in: bufio.NewReader(r), limit: limit}, strict: strict}
	e.restart()
	return e
}

// restart makes ready for a new stream header on the same connection.
func (e *elementReader) restart() {
	e.src.drop(len(e.src.buf))
	e.src.base = 0
	e.dec = xml.NewDecoder(e.src)
	e.scope = nil
}

// open reads the stream header.
func (e *elementReader) open() error {
	for {
		start := e.dec.InputOffset()
		token, err := e.token()
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			raw := e.src.since(start, e.dec.InputOffset())
			if e.header, err = e.start(token, raw); err != nil {
				return err
			}
			e.src.discard(e.dec.InputOffset())
			if e.header.Space != nsStreams || e.header.Local != "stream" {
				return errNoStream
			}
			return nil
		case xml.ProcInst:
			if token.Target != "xml" || start != 0 {
				return malformed("processing instruction")
			}
		case xml.CharData:
			if !isSpace(token) {
				return malformed("text before the stream")
			}
		}
		e.src.discard(e.dec.InputOffset())
	}
}

// next reads one top-level element. It gives io.EOF at the proper end of the
// stream, and io.ErrUnexpectedEOF if the connection ends without.
func (e *elementReader) next() (Stanza, error) {
	for {
		start := e.dec.InputOffset()
		token, err := e.token()
		if err != nil {
			return Stanza{}, err
		}
		end := e.dec.InputOffset()
		switch token := token.(type) {
		case xml.StartElement:
			return e.stanza(token, start, end)
		case xml.EndElement:
			return Stanza{}, io.EOF
		case xml.CharData:
			if e.strict && isCDATA(e.src.since(start, end)) {
				return Stanza{}, malformed("CDATA between stanzas")
			}
		default:
			return Stanza{}, malformed("%T between stanzas", token)
		}
		e.src.discard(end)
	}
}

// stanza reads the rest of a top-level element.
func (e *elementReader) stanza(token xml.StartElement, start, end int64) (Stanza, error) {
	s := Stanza{rawName: rawName(token.Name), attrs: token.Copy().Attr, startLen: int(end - start)}
	root, err := e.element(token, e.src.since(start, end))
	if err != nil {
		return Stanza{}, err
	}
	end = e.dec.InputOffset()
	s.Root, s.Raw = root, string(e.src.since(start, end))
	e.src.discard(end)
	s.fill()
	return s, nil
}

// element reads what follows a start tag, to the end tag.
func (e *elementReader) element(token xml.StartElement, raw []byte) (Node, error) {
	depth := len(e.scope)
	name := rawName(token.Name)
	n, err := e.start(token, raw)
	if err != nil {
		return Node{}, err
	}
	for {
		start := e.dec.InputOffset()
		token, err := e.token()
		if err != nil {
			return Node{}, err
		}
		raw := e.src.since(start, e.dec.InputOffset())
		switch token := token.(type) {
		case xml.StartElement:
			child, err := e.element(token, raw)
			if err != nil {
				return Node{}, err
			}
			n.Children = append(n.Children, child)
		case xml.EndElement:
			if got := rawName(token.Name); got != name {
				return Node{}, malformed("</%s> ends <%s>", got, name)
			}
			e.scope = e.scope[:depth]
			return n, nil
		case xml.CharData:
			if err := e.checkReferences(raw); err != nil {
				return Node{}, err
			}
			n.Text += string(token)
		default:
			return Node{}, malformed("%T in a stanza", token)
		}
	}
}

// start resolves a start tag's namespaces.
func (e *elementReader) start(token xml.StartElement, raw []byte) (Node, error) {
	if err := e.checkStart(token, raw); err != nil {
		return Node{}, err
	}
	for _, a := range token.Attr {
		switch {
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			e.scope = append(e.scope, binding{"", a.Value})
		case a.Name.Space == "xmlns":
			e.scope = append(e.scope, binding{a.Name.Local, a.Value})
		}
	}

	space, err := e.resolve(token.Name.Space)
	if err != nil {
		return Node{}, err
	}
	n := Node{Space: space, Local: token.Name.Local}
	for _, a := range token.Copy().Attr {
		if a.Name.Space != "" && a.Name.Space != "xmlns" {
			if a.Name.Space, err = e.resolve(a.Name.Space); err != nil {
				return Node{}, err
			}
		}
		n.Attrs = append(n.Attrs, a)
	}
	return n, e.checkDuplicates(n)
}

// resolve gives a prefix's namespace.
func (e *elementReader) resolve(prefix string) (string, error) {
	if prefix == "xml" {
		return nsXML, nil
	}
	for i := len(e.scope) - 1; i >= 0; i-- {
		if e.scope[i].prefix == prefix {
			return e.scope[i].space, nil
		}
	}
	if prefix == "" || !e.strict {
		return prefix, nil
	}
	return "", malformed("prefix %s is not bound", prefix)
}

// token reads one token. What encoding/xml does not like becomes a notWellFormed.
func (e *elementReader) token() (xml.Token, error) {
	token, err := e.dec.RawToken()
	var syntax *xml.SyntaxError
	switch {
	case e.src.err != nil && !errors.Is(e.src.err, io.EOF):
		return nil, e.src.err
	case errors.Is(e.src.err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	case errors.As(err, &syntax):
		return nil, malformed("%s", syntax.Msg)
	case err != nil:
		return nil, malformed("%v", err)
	}
	return token, nil
}

// rawName is a name as it was written.
func rawName(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

// recorder keeps the bytes that a decoder has read.
type recorder struct {
	in    *bufio.Reader
	buf   []byte
	base  int64 // the decoder's offset of buf[0]
	limit int
	err   error // what the last read gave
}

// ReadByte implements io.ByteReader: a decoder that finds it reads no byte ahead.
func (r *recorder) ReadByte() (byte, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.limit > 0 && len(r.buf) >= r.limit {
		r.err = errTooBig
		return 0, r.err
	}
	b, err := r.in.ReadByte()
	if err != nil {
		r.err = err
		return 0, err
	}
	r.buf = append(r.buf, b)
	return b, nil
}

// Read implements io.Reader; decoders use ReadByte instead.
func (r *recorder) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := r.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = b
	return 1, nil
}

// since gives the bytes between two of the decoder's offsets.
func (r *recorder) since(start, end int64) []byte { return r.buf[start-r.base : end-r.base] }

// discard forgets the bytes up to one of the decoder's offsets.
func (r *recorder) discard(to int64) { r.drop(int(to - r.base)) }

func (r *recorder) drop(n int) {
	r.buf = append(r.buf[:0], r.buf[n:]...)
	r.base += int64(n)
}
