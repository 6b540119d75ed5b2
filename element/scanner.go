package element

import (
	"errors"
	"maps"
	"slices"
	"unicode/utf8"
)

// The defaults of Limits.
const (
	DefaultBytes      = 256 << 10
	DefaultDepth      = 64
	DefaultAttributes = 64
)

// Limits bound what a Scanner takes. A field that is not positive means its
// default.
type Limits struct {
	Bytes      int // of one element; default 256 KiB
	Depth      int // levels of elements, the root being the first; default 64
	Attributes int // of one start tag, with its namespace declarations; default 64

	// AllowUnbound makes an undeclared prefix no error: the first one is
	// recorded in Element.Unbound. ejabberd 23.01 can emit such elements, and
	// then they should cost one stanza rather than the stream.
	AllowUnbound bool
}

func (l Limits) orDefaults() Limits {
	for _, f := range []struct {
		limit     *int
		otherwise int
	}{
		{&l.Bytes, DefaultBytes},
		{&l.Depth, DefaultDepth},
		{&l.Attributes, DefaultAttributes},
	} {
		if *f.limit <= 0 {
			*f.limit = f.otherwise
		}
	}
	return l
}

// Scope is the namespaces declared around an element, such as those of a stream
// header. The values are namespace names with references resolved. The prefix
// xml needs no entry.
type Scope struct {
	Default  string            // the default namespace; empty for none
	Prefixes map[string]string // namespace by prefix
}

// Scanner scans one element after the other. Reset makes it ready for the next
// one and keeps its memory, so that a Scanner in use allocates nothing. It must
// not be used concurrently.
//
// Time grows with the square of the number of attributes in one tag: keep that
// limit low.
type Scanner struct {
	limits Limits
	err    error // the final *SyntaxError
	done   bool

	// Where the scan is. Everything before pos is checked, and is never looked
	// at again but for names.
	pos     int
	run     int      // where the text or CDATA section around pos begins
	section bool     // pos is inside a CDATA section
	search  endOfTag // in the tag at pos, if it was not all there
	open    []openElement
	attrs   []attribute // of the root, then those of the latest tag
	// bindings are those in force, the innermost last: the first `outside` of
	// them come from the scope.
	bindings []binding
	outside  int

	// What is to be told about the element.
	root      name
	rootSpace written
	rootBase  written
	rootAttrs int
	content   span
	children  []child
	unbound   span
	hasText   bool
	element   Element
}

// openElement is an element whose end tag is to come.
type openElement struct {
	name     span
	bindings int // how many bindings are in force inside it
	base     int // the index of the default namespace among them
}

// NewScanner returns a Scanner of elements that stand in the given scope.
func NewScanner(l Limits, scope Scope) *Scanner {
	s := &Scanner{limits: l.orDefaults()}
	s.bindings = append(s.bindings, fixedBinding("xml", nsXML), fixedBinding("", scope.Default))
	for _, prefix := range slices.Sorted(maps.Keys(scope.Prefixes)) {
		if prefix != "" && prefix != "xml" && prefix != "xmlns" {
			s.bindings = append(s.bindings, fixedBinding(prefix, scope.Prefixes[prefix]))
		}
	}
	s.outside = len(s.bindings)
	return s
}

// Reset makes the Scanner ready for another element. What Element returned is
// no longer valid.
func (s *Scanner) Reset() {
	s.err, s.done = nil, false
	s.pos, s.run, s.section, s.search = 0, 0, false, endOfTag{}
	s.open = s.open[:0]
	s.attrs = s.attrs[:0]
	s.bindings = s.bindings[:s.outside]
	for i := range s.bindings {
		s.bindings[i].used = false
	}
	s.rootAttrs, s.content, s.unbound, s.hasText = 0, span{}, span{}, false

	// The slices of an Element would keep the buffer alive, and rare large
	// elements should not cost memory for ever.
	const most = 256
	el := &s.element
	if cap(s.children) > most || cap(el.Children) > most {
		s.children, el.Children = nil, nil
	}
	clear(el.Attrs)
	clear(el.Decls)
	clear(el.Children)
	s.children = s.children[:0]
	*el = Element{
		Attrs: el.Attrs[:0], Decls: el.Decls[:0], Children: el.Children[:0], Inherited: el.Inherited[:0],
	}
}

// Scan scans the element that begins buf. On each further call buf holds the
// same bytes and more, not necessarily in the same memory. Scan returns the
// length of the element once it is complete; until then ErrIncomplete, or
// *SyntaxError as soon as it is certain that no element will come of it. Both
// results stay until Reset. More than Limits.Bytes bytes are never needed.
//
// An error in a tag is found when the tag is complete, so that it does not
// depend on how the input is cut.
func (s *Scanner) Scan(buf []byte) (n int, err error) {
	if err := s.scan(buf); err != nil {
		if errors.Is(err, ErrIncomplete) && len(buf) >= s.limits.Bytes {
			err = s.tooBig()
		}
		return 0, s.refuse(err, 0, buf)
	}
	return s.pos, nil
}

// Element describes the element after Scan or Document have returned without
// an error; before, it returns nil. It is valid until Reset.
func (s *Scanner) Element() *Element {
	if !s.done {
		return nil
	}
	return &s.element
}

// scan is Scan, but gives errors without line and column.
func (s *Scanner) scan(buf []byte) error {
	if s.done || s.err != nil {
		return s.err
	}
	if len(buf) > s.limits.Bytes {
		buf = buf[:s.limits.Bytes]
	}
	for !s.done {
		if err := s.step(buf); err != nil {
			return err
		}
	}
	s.describe(buf)
	return nil
}

// step goes on by one tag, one run of text or one CDATA section.
func (s *Scanner) step(buf []byte) error {
	switch {
	case s.section:
		return s.endSection(buf)
	case s.pos == len(buf):
		return ErrIncomplete
	case buf[s.pos] == '<':
		return s.markup(buf)
	case len(s.open) == 0 && !utf8.FullRune(buf[s.pos:]):
		return ErrIncomplete
	case len(s.open) == 0:
		return fail(s.pos, NotWellFormed, "an element begins with '<', not with %s", charAt(buf[s.pos:]))
	}
	return s.text(buf)
}

// refuse keeps a SyntaxError for later calls, and completes it. The text begins
// `before` bytes before the element.
func (s *Scanner) refuse(err error, before int, text []byte) error {
	syntax, ok := errors.AsType[*SyntaxError](err)
	if !ok || s.err != nil {
		return err
	}
	syntax.Offset += before
	syntax.locate(text)
	s.err = syntax
	return syntax
}

func (s *Scanner) tooBig() *SyntaxError {
	return fail(s.limits.Bytes, TooBig, "the element is longer than %d bytes", s.limits.Bytes)
}
