package stream

import (
	"bytes"
	"errors"

	"github.com/restanza/restanza/element"
)

// skipElement decides what an error of the scanner costs: the element, if that
// is only too large in some way, else the stream. In the first case it discards
// the element, however long it is, without holding it.
func (r *Reader) skipElement(err error) (Item, error) {
	syntax, ok := errors.AsType[*element.SyntaxError](err)
	if !ok {
		return Item{}, err
	}
	if !overLimit(syntax) {
		return Item{}, faultOf(err)
	}
	r.scanner.Reset()
	var s skipper
	for {
		n, done, err := s.skip(r.in.bytes())
		if err != nil {
			return Item{}, err
		}
		r.in.discard(n)
		if done {
			return Item{Skipped: syntax}, nil
		}
		if err := r.in.fill(); err != nil {
			return Item{}, err
		}
	}
}

// skipper finds the end of an element by its tags alone. It checks nothing else.
type skipper struct {
	where place
	depth int  // open elements
	last  byte // the byte before, where that counts
	run   int  // matched bytes of "[CDATA[", or consecutive ']' within a section
}

// errRestricted ends a stream in which a skipper can't find its way.
var errRestricted = &Fault{RestrictedXML, errors.New("a comment or processing instruction within an element over the limits")}

// place is where in an element a skipper is.
type place int

const (
	inText     place = iota
	inMarkup         // after '<'
	inStartTag       // outside of quotes
	inSingle         // in a start tag, after '
	inDouble         // in a start tag, after "
	inEndTag
	inSection // after "<!", in the opening of a CDATA section
	inCDATA
)

const sectionStart = "[CDATA["

// skip returns how many bytes of b belong to the element, and whether it ends
// there.
func (s *skipper) skip(b []byte) (n int, done bool, err error) {
	for n < len(b) {
		if jump := s.jump(b[n:]); jump > 0 {
			n += jump
			continue
		}
		c := b[n]
		n++
		switch s.where {
		case inText:
			s.where = inMarkup // jump stops nowhere else
		case inMarkup:
			if err := s.markup(c); err != nil {
				return n, false, err
			}
		case inStartTag, inEndTag:
			if s.tag(c) {
				return n, true, nil
			}
		case inSingle, inDouble:
			s.where = inStartTag
		case inSection:
			if err := s.section(c); err != nil {
				return n, false, err
			}
		case inCDATA:
			s.cdata(c)
		}
		s.last = c
	}
	return n, false, nil
}

// jump returns how many bytes can be passed over at once.
func (s *skipper) jump(b []byte) int {
	var stop byte
	switch s.where {
	case inText:
		stop = '<'
	case inSingle:
		stop = '\''
	case inDouble:
		stop = '"'
	default:
		return 0
	}
	if i := bytes.IndexByte(b, stop); i >= 0 {
		return i
	}
	return len(b)
}

func (s *skipper) markup(c byte) error {
	switch c {
	case '/':
		s.where = inEndTag
	case '!':
		s.where, s.run = inSection, 0
	case '?':
		return errRestricted
	default:
		s.where = inStartTag
		s.depth++
	}
	return nil
}

// tag takes a byte of a tag and reports whether it ends the element.
func (s *skipper) tag(c byte) bool {
	switch c {
	case '\'', '"':
		if s.where == inStartTag {
			s.where = inSingle
			if c == '"' {
				s.where = inDouble
			}
		}
	case '>':
		if s.where == inEndTag || s.last == '/' {
			s.depth--
		}
		s.where = inText
		return s.depth <= 0
	}
	return false
}

// section takes a byte of the opening of a CDATA section.
func (s *skipper) section(c byte) error {
	if c != sectionStart[s.run] {
		return errRestricted
	}
	if s.run++; s.run == len(sectionStart) {
		s.where, s.run = inCDATA, 0
	}
	return nil
}

func (s *skipper) cdata(c byte) {
	switch {
	case c == ']':
		s.run++
		return
	case c == '>' && s.run >= 2:
		s.where = inText
	}
	s.run = 0
}

// overLimit reports whether an element is refused for its size alone.
func overLimit(err *element.SyntaxError) bool {
	switch err.Kind {
	case element.TooBig, element.TooDeep, element.TooManyAttributes:
		return true
	default:
		return false
	}
}

// faultOf turns an error of the scanner into the fault that ends the stream.
func faultOf(err error) *Fault {
	if syntax, ok := errors.AsType[*element.SyntaxError](err); ok {
		switch {
		case overLimit(syntax):
			return &Fault{PolicyViolation, err}
		case syntax.Kind == element.Restricted:
			return &Fault{RestrictedXML, err}
		}
	}
	return &Fault{NotWellFormed, err}
}
