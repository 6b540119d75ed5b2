package stream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/restanza/restanza/element"
)

const (
	maxHeader      = 16 << 10 // bytes of a stream's opening tag
	maxDeclaration = 256      // bytes of an XML declaration
)

// Header is what the opening tag of a stream says (RFC 6120 §4.7). The
// addresses are as the peer wrote them.
type Header struct {
	ID       string
	From     string
	To       string
	Lang     string            // xml:lang: the language of stanzas that name none
	Version  string            // empty for none, as in component streams (XEP-0114)
	Default  string            // the default namespace, that of the stanzas
	Prefixes map[string]string // further namespaces that stanzas may use, by prefix
}

// readHeader reads from where the header is expected up to the end of the
// opening tag. It returns the tag's name as it is written, which the end tag
// must repeat.
func readHeader(b *buffer) (Header, string, error) {
	if err := skipMark(b); err != nil {
		return Header{}, "", err
	}
	if err := b.skipSpace(); err != nil {
		return Header{}, "", err
	}
	if err := readDeclaration(b); err != nil {
		return Header{}, "", err
	}
	if err := b.skipSpace(); err != nil {
		return Header{}, "", err
	}
	tag, err := readTag(b)
	if err != nil {
		return Header{}, "", err
	}
	el, err := scanTag(tag)
	if err != nil {
		return Header{}, "", err
	}
	return headerOf(el), tagName(el), nil
}

// skipMark discards a byte order mark (RFC 6120 §11.6), and refuses what can't
// be UTF-8.
func skipMark(b *buffer) error {
	if err := b.need(1); err != nil {
		return err
	}
	switch b.bytes()[0] {
	case 0xEF:
		if err := b.need(3); err != nil {
			return err
		}
		if string(b.bytes()[:3]) == "\uFEFF" {
			b.discard(3)
		}
	case 0xFE, 0xFF, 0:
		return &Fault{UnsupportedEncoding, errors.New("the stream is not UTF-8")}
	}
	return nil
}

// readDeclaration reads an XML declaration if there is one (XML 1.0 §2.8).
func readDeclaration(b *buffer) error {
	const start = "<?xml"
	for i := range len(start) {
		if err := b.need(i + 1); err != nil {
			return err
		}
		if b.bytes()[i] != start[i] {
			return nil // readTag says what is wrong, if it is no tag
		}
	}
	for i := len(start); i < maxDeclaration; i++ {
		if err := b.need(i + 1); err != nil {
			return err
		}
		if unused := b.bytes(); unused[i] == '>' && unused[i-1] == '?' {
			text := string(unused[len(start) : i-1])
			b.discard(i + 1)
			return checkDeclaration(text)
		}
	}
	return &Fault{NotWellFormed, errors.New("the XML declaration has no end")}
}

// checkDeclaration checks what stands between "<?xml" and "?>".
func checkDeclaration(text string) error {
	bad := &Fault{NotWellFormed, fmt.Errorf("bad XML declaration %.80q", "<?xml"+text+"?>")}
	version := false
	for rest := text; ; {
		trimmed := strings.TrimLeft(rest, " \t\r\n")
		if trimmed == "" {
			break
		}
		name, value, ok := strings.Cut(trimmed, "=")
		value = strings.TrimLeft(value, " \t\r\n")
		if !ok || len(trimmed) == len(rest) || value == "" || value[0] != '"' && value[0] != '\'' {
			return bad
		}
		quoted, after, ok := strings.Cut(value[1:], value[:1])
		if !ok {
			return bad
		}
		switch name = strings.TrimRight(name, " \t\r\n"); {
		case name == "version" && !version && strings.HasPrefix(quoted, "1."):
			version = true
		case name == "encoding" && version && strings.EqualFold(quoted, "UTF-8"):
		case name == "encoding" && version:
			return &Fault{UnsupportedEncoding, fmt.Errorf("the stream's encoding is %.40q; it must be UTF-8", quoted)}
		case name == "standalone" && version && (quoted == "yes" || quoted == "no"):
		default:
			return bad
		}
		rest = after
	}
	if !version {
		return bad
	}
	return nil
}

// readTag returns the opening tag, up to and including its '>'.
func readTag(b *buffer) ([]byte, error) {
	if err := b.need(1); err != nil {
		return nil, err
	}
	if c := b.bytes()[0]; c != '<' {
		return nil, &Fault{BadFormat, fmt.Errorf("a stream begins with <stream:stream>, not with %q", c)}
	}
	quote := byte(0)
	for i := 1; ; i++ {
		if i >= maxHeader {
			return nil, &Fault{PolicyViolation, fmt.Errorf("the stream's opening tag is over %d bytes", maxHeader)}
		}
		if err := b.need(i + 1); err != nil {
			return nil, err
		}
		switch c := b.bytes()[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			tag := bytes.Clone(b.bytes()[:i+1])
			b.discard(i + 1)
			return tag, nil
		}
	}
}

// scanTag checks an opening tag, by scanning it as if the element ended there.
func scanTag(tag []byte) (*element.Element, error) {
	if bytes.HasSuffix(tag, []byte("/>")) {
		return nil, &Fault{BadFormat, errors.New("the stream ends in its opening tag")}
	}
	whole := append(tag[:len(tag)-1:len(tag)-1], "/>"...)
	scanner := element.NewScanner(element.Limits{Bytes: maxHeader + 1}, element.Scope{})
	n, err := scanner.Scan(whole)
	if err == nil && n != len(whole) {
		err = errors.New("no stream header")
	}
	if err != nil {
		return nil, faultOf(err)
	}
	el := scanner.Element()
	if string(el.Local) != "stream" {
		return nil, &Fault{BadFormat, fmt.Errorf("a stream begins with <stream:stream>, not with <%.40s>", tagName(el))}
	}
	if string(el.Space) != NSStreams {
		return nil, &Fault{InvalidNamespace, fmt.Errorf("the namespace of <stream> is %.80q, not %q", el.Space, NSStreams)}
	}
	return el, nil
}

// tagName returns an element's name as it is written.
func tagName(el *element.Element) string {
	if len(el.Prefix) == 0 {
		return string(el.Local)
	}
	return string(el.Prefix) + ":" + string(el.Local)
}

// headerOf reads the attributes of an opening tag.
func headerOf(el *element.Element) Header {
	h := Header{Prefixes: map[string]string{}}
	for _, a := range el.Attrs {
		value := element.Unescape(a.Value)
		switch {
		case string(a.Prefix) == "xml" && string(a.Local) == "lang":
			h.Lang = value
		case len(a.Prefix) > 0:
		case string(a.Local) == "id":
			h.ID = value
		case string(a.Local) == "from":
			h.From = value
		case string(a.Local) == "to":
			h.To = value
		case string(a.Local) == "version":
			h.Version = value
		}
	}
	for _, d := range el.Decls {
		if len(d.Prefix) == 0 {
			h.Default = element.Unescape(d.Space)
		} else {
			h.Prefixes[string(d.Prefix)] = element.Unescape(d.Space)
		}
	}
	return h
}

// endOfInput turns the end of the connection inside of a stream into the error
// that says so: only an end tag ends a stream.
func endOfInput(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
