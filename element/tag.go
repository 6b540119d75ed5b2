package element

import "bytes"

// attribute is an attribute as it stands in a start tag.
type attribute struct {
	name    name
	value   span
	escaped bool // Unescape changes the value
	decl    bool // a namespace declaration
	binding int  // what the prefix is bound to, -1 for nothing
}

// markup scans what begins with the '<' at s.pos.
func (s *Scanner) markup(buf []byte) error {
	if s.pos+1 == len(buf) {
		return ErrIncomplete
	}
	switch buf[s.pos+1] {
	case '!':
		return s.exclamation(buf)
	case '?':
		return question(buf, s.pos)
	case '/':
		return s.tag(buf, (*Scanner).endTag)
	}
	return s.tag(buf, (*Scanner).startTag)
}

// exclamation enters a CDATA section and refuses all else that begins with "<!".
func (s *Scanner) exclamation(buf []byte) error {
	if s.pos+2 == len(buf) {
		return ErrIncomplete
	}
	switch buf[s.pos+2] {
	case '[':
		return s.beginSection(buf)
	case '-':
		return fail(s.pos, Restricted, "comments are not allowed")
	}
	return fail(s.pos, Restricted, "document type declarations are not allowed")
}

var declarationStart = []byte("<?xml")

// question refuses what begins with "<?".
func question(buf []byte, i int) error {
	rest := buf[i:]
	n := min(len(rest), len(declarationStart))
	switch {
	case !bytes.Equal(rest[:n], declarationStart[:n]):
	case len(rest) <= len(declarationStart):
		return ErrIncomplete
	case isSpace(rest[n]):
		return fail(i, Restricted, "an XML declaration can stand only at the very start")
	}
	return fail(i, Restricted, "processing instructions are not allowed")
}

// tag scans a tag. If it is not all there, the search for its end goes on in
// the next call where this one leaves off, and only then is the tag scanned
// again. So each byte is looked at a fixed number of times.
func (s *Scanner) tag(buf []byte, scan func(*Scanner, []byte) error) error {
	if s.search.at > 0 && !s.search.found(buf) {
		return ErrIncomplete
	}
	err := scan(s, buf)
	if err == nil {
		s.search = endOfTag{}
		return nil
	}
	if s.search.at == 0 {
		s.search = endOfTag{at: s.pos + 1, noQuotes: buf[s.pos+1] == '/'}
		if !s.search.found(buf) {
			return ErrIncomplete
		}
	}
	return err
}

// endOfTag searches the end of a tag: its '>', or a '<', which is wrong there.
type endOfTag struct {
	at       int  // how far the search has come; 0: not begun
	quote    byte // the quote that opened the attribute value at this place, or 0
	noQuotes bool // in an end tag they mean nothing
}

func (e *endOfTag) found(buf []byte) bool {
	for i := e.at; i < len(buf); i++ {
		switch c := buf[i]; {
		case c == '<', c == '>' && e.quote == 0:
			e.at = i
			return true
		case c != '"' && c != '\'', e.noQuotes:
		case e.quote == 0:
			e.quote = c
		case e.quote == c:
			e.quote = 0
		}
	}
	e.at = len(buf)
	return false
}

// startTag scans the start tag, or the tag of an empty element, at s.pos.
func (s *Scanner) startTag(buf []byte) error {
	name, err := readName(buf, s.pos+1)
	if err != nil {
		return tagName(buf, s.pos, err)
	}
	i, err := s.attributes(buf, name.at.to)
	if err != nil {
		return err
	}
	empty := buf[i] == '/'
	if empty {
		if i++; i == len(buf) {
			return ErrIncomplete
		}
		if buf[i] != '>' {
			return fail(i, NotWellFormed, "%s after the '/' in <%s>", charAt(buf[i:]), clip(name.at.of(buf)))
		}
	}
	if len(s.open) == s.limits.Depth {
		return fail(s.pos, TooDeep, "<%s> is nested more than %d levels deep", clip(name.at.of(buf)), s.limits.Depth)
	}
	base, bound, err := s.namespaces(buf, name)
	if err != nil {
		return err
	}
	s.begin(name, base, bound, i+1)
	if empty {
		s.end(s.pos)
	}
	return nil
}

// tagName makes the error of a tag that has no name more helpful.
//
//go:noinline
func tagName(buf []byte, at int, err error) error {
	if at+1 < len(buf) && buf[at+1] < 0x80 && class[buf[at+1]]&nameStart == 0 {
		return fail(at, NotWellFormed, "'<' before %s begins no tag: write &lt; for the character", charAt(buf[at+1:]))
	}
	return err
}

// begin notes an element whose start tag ends at end. Base and bound are as
// namespaces returns them.
func (s *Scanner) begin(n name, base, bound, end int) {
	if len(s.open) < 2 {
		var space written
		if bound >= 0 {
			space = s.bindings[bound].space
		}
		s.remember(n, space, base, end)
	}
	s.open = append(s.open, openElement{n.at, len(s.bindings), base})
	s.pos, s.run = end, end
}

// remember keeps what is to be told about the root, or about a child of it.
func (s *Scanner) remember(n name, space written, base, end int) {
	if len(s.open) == 0 {
		s.root, s.rootSpace = n, space
		s.rootBase = s.bindings[base].space
		s.rootAttrs = len(s.attrs)
		s.content.from = end
		return
	}
	local := n.at
	if n.colon >= 0 {
		local.from = n.colon + 1
	}
	s.children = append(s.children, child{span{s.pos, end}, local, space})
}

// end notes that the element opened last has ended before s.pos, and its
// content at contentEnd.
func (s *Scanner) end(contentEnd int) {
	s.open = s.open[:len(s.open)-1]
	switch len(s.open) {
	case 0:
		s.content.to = max(contentEnd, s.content.from)
		s.done = true
	case 1:
		s.children[len(s.children)-1].at.to = s.pos
	}
}

// endTag scans the end tag at s.pos.
func (s *Scanner) endTag(buf []byte) error {
	if len(s.open) == 0 {
		return fail(s.pos, NotWellFormed, "an end tag without a start tag")
	}
	want := s.open[len(s.open)-1].name.of(buf)
	start := s.pos
	i := start + 2 + len(want)
	if i >= len(buf) || buf[i] != '>' || !bytes.Equal(buf[start+2:i], want) {
		n, err := readName(buf, start+2)
		if err != nil {
			return err
		}
		if i = skipSpace(buf, n.at.to); i == len(buf) {
			return ErrIncomplete
		}
		got := n.at.of(buf)
		if buf[i] != '>' {
			return fail(i, NotWellFormed, "%s in the end tag </%s>", charAt(buf[i:]), clip(got))
		}
		if !bytes.Equal(got, want) {
			return fail(start, NotWellFormed, "end tag </%s> does not match <%s>", clip(got), clip(want))
		}
	}
	s.pos, s.run = i+1, i+1
	s.end(start)
	return nil
}

// attributes reads the attributes from i on, and returns the position of the '>'
// or '/' after them.
func (s *Scanner) attributes(buf []byte, i int) (end int, err error) {
	s.attrs = s.attrs[:s.rootAttrs]
	for {
		start := skipSpace(buf, i)
		if start == len(buf) {
			return 0, ErrIncomplete
		}
		if c := buf[start]; c == '>' || c == '/' {
			return start, nil
		}
		if start == i {
			return 0, fail(i, NotWellFormed, "white space is missing before %s", charAt(buf[i:]))
		}
		if len(s.attrs)-s.rootAttrs == s.limits.Attributes {
			return 0, fail(start, TooManyAttributes, "more than %d attributes in one tag", s.limits.Attributes)
		}
		s.attrs = append(s.attrs, attribute{binding: -1})
		if i, err = s.attrs[len(s.attrs)-1].read(buf, start); err != nil {
			return 0, err
		}
	}
}

// read reads the attribute at i, and returns its end.
func (a *attribute) read(buf []byte, i int) (end int, err error) {
	if a.name, err = readName(buf, i); err != nil {
		return 0, err
	}
	if i = skipSpace(buf, a.name.at.to); i == len(buf) {
		return 0, ErrIncomplete
	}
	if buf[i] != '=' {
		return 0, fail(i, NotWellFormed, "'=' is missing after attribute %s", clip(a.name.at.of(buf)))
	}
	if i = skipSpace(buf, i+1); i == len(buf) {
		return 0, ErrIncomplete
	}
	if buf[i] != '"' && buf[i] != '\'' {
		return 0, fail(i, NotWellFormed, "the value of attribute %s is not in quotes", clip(a.name.at.of(buf)))
	}
	a.decl = isDeclaration(buf, a.name)
	a.value.from = i + 1
	a.value.to, a.escaped, err = readValue(buf, i)
	return a.value.to + 1, err
}

// readValue reads the attribute value whose opening quote stands at i. It
// returns the position of the other quote, and whether Unescape changes the
// value.
func readValue(buf []byte, i int) (end int, escaped bool, err error) {
	quote := buf[i]
	for i++; i < len(buf); {
		n := 1
		switch c := buf[i]; {
		case class[c]&plainValue != 0:
			i = skipPlainValue(buf, i+1)
			continue
		case c == quote:
			return i, escaped, nil
		case c == '"', c == '\'':
		case isSpace(c):
			escaped = true
		case c == '&':
			escaped = true
			n, err = checkReference(buf, i)
		case c == '<':
			err = fail(i, NotWellFormed, "'<' in an attribute value: write &lt;, or close the quotes")
		default:
			n, err = checkChar(buf, i)
		}
		if err != nil {
			return 0, false, err
		}
		i += n
	}
	return 0, false, ErrIncomplete
}
