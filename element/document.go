package element

import (
	"bytes"
	"errors"
	"strings"
)

var byteOrderMark = []byte("\uFEFF")

// Document scans a whole document: a byte order mark and an XML declaration, if
// there are any, one element, and white space around it. Errors are
// *SyntaxError. The Element is valid until the next Reset, which Document
// begins with. Limits.Bytes bounds the element, not what is around it.
func (s *Scanner) Document(doc []byte) (*Element, error) {
	s.Reset()
	start, err := prolog(doc)
	if err != nil {
		return nil, s.refuse(err, 0, doc)
	}
	if start == len(doc) {
		s.err = &SyntaxError{Offset: start, Kind: NotWellFormed, Reason: "the document is empty: an element is missing"}
		return nil, s.err
	}
	rest := doc[start:]
	if err := s.scan(rest); err != nil {
		return nil, s.refuse(s.atEnd(rest, err), start, doc)
	}
	if err := epilog(doc, start+s.pos); err != nil {
		s.done = false
		return nil, s.refuse(err, 0, doc)
	}
	return &s.element, nil
}

// atEnd turns ErrIncomplete into the error of a document that ends there.
func (s *Scanner) atEnd(rest []byte, err error) error {
	if !errors.Is(err, ErrIncomplete) {
		return err
	}
	if len(rest) > s.limits.Bytes {
		return s.tooBig()
	}
	if s.search.at > 0 { // in a tag: whatever is wrong in it was not told yet
		scan := (*Scanner).startTag
		if s.search.noQuotes {
			scan = (*Scanner).endTag
		}
		if err := scan(s, rest); !errors.Is(err, ErrIncomplete) {
			return err
		}
		return fail(len(rest), NotWellFormed, "the document ends inside a tag")
	}
	if len(s.open) == 0 {
		return fail(len(rest), NotWellFormed, "the document ends inside a tag")
	}
	return fail(len(rest), NotWellFormed, "the document ends before </%s>", clip(s.open[len(s.open)-1].name.of(rest)))
}

// prolog returns where the root element begins; the end of the document if it
// holds none.
func prolog(doc []byte) (int, error) {
	if bytes.HasPrefix(doc, []byte("\xFE\xFF")) || bytes.HasPrefix(doc, []byte("\xFF\xFE")) || bytes.HasPrefix(doc, []byte("\x00")) {
		return 0, fail(0, UnsupportedEncoding, "the document is not UTF-8")
	}
	i := 0
	if bytes.HasPrefix(doc, byteOrderMark) {
		i = len(byteOrderMark)
	}
	if rest, ok := bytes.CutPrefix(doc[i:], declarationStart); ok && len(rest) > 0 && isSpace(rest[0]) {
		end, err := declaration(doc, i+len(declarationStart))
		if err != nil {
			return 0, err
		}
		i = end
	}
	i = skipSpace(doc, i)
	if i < len(doc) && doc[i] != '<' {
		return 0, fail(i, NotWellFormed, "text beside the root element: a document begins with '<', not with %s", charAt(doc[i:]))
	}
	return i, nil
}

// epilog refuses all but white space from i on.
func epilog(doc []byte, i int) error {
	i = skipSpace(doc, i)
	switch {
	case i == len(doc):
		return nil
	case doc[i] != '<':
		return fail(i, NotWellFormed, "text beside the root element")
	case i+1 == len(doc):
		return fail(i, NotWellFormed, "a '<' after the root element")
	}
	switch doc[i+1] {
	case '/':
		return fail(i, NotWellFormed, "an end tag without a start tag")
	case '?':
		return fail(i, Restricted, "processing instructions are not allowed")
	case '!':
		if i+2 < len(doc) && doc[i+2] == '[' {
			return fail(i, NotWellFormed, "CDATA section outside of an element")
		}
		return fail(i, Restricted, "comments and document type declarations are not allowed")
	}
	return fail(i, NotWellFormed, "a second root element")
}

// declaration checks an XML declaration (XML 1.0 §2.8) from after its "<?xml",
// and returns its end.
func declaration(doc []byte, i int) (int, error) {
	parts := []struct {
		name    string
		must    bool
		allowed func(string) bool
	}{
		{"version", true, func(v string) bool { return v == "1.0" }},
		{"encoding", false, func(v string) bool { return strings.EqualFold(v, "UTF-8") }},
		{"standalone", false, func(v string) bool { return v == "yes" || v == "no" }},
	}
	for _, part := range parts {
		value, start, end, ok := pseudoAttribute(doc, i, part.name)
		switch {
		case !ok && part.must:
			return 0, fail(i, NotWellFormed, "bad XML declaration: version is missing")
		case !ok:
			continue
		case !part.allowed(value) && part.name == "encoding":
			return 0, fail(start, UnsupportedEncoding, "encoding %.40q: a document must be UTF-8", value)
		case !part.allowed(value):
			return 0, fail(start, NotWellFormed, "bad XML declaration: %s %.40q", part.name, value)
		}
		i = end
	}
	i = skipSpace(doc, i)
	if !bytes.HasPrefix(doc[i:], []byte("?>")) {
		return 0, fail(i, NotWellFormed, "bad XML declaration: \"?>\" is missing here")
	}
	return i + 2, nil
}

// pseudoAttribute reads white space, the name, '=' and a quoted value from i on.
func pseudoAttribute(doc []byte, i int, name string) (value string, start, end int, ok bool) {
	start = skipSpace(doc, i)
	after, found := bytes.CutPrefix(doc[start:], []byte(name))
	if !found || start == i {
		return "", start, i, false
	}
	j := skipSpace(doc, len(doc)-len(after))
	if j == len(doc) || doc[j] != '=' {
		return "", start, i, false
	}
	j = skipSpace(doc, j+1)
	if j == len(doc) || doc[j] != '"' && doc[j] != '\'' {
		return "", start, i, false
	}
	n := bytes.IndexByte(doc[j+1:], doc[j])
	if n < 0 {
		return "", start, i, false
	}
	return string(doc[j+1 : j+1+n]), start, j + n + 2, true
}
