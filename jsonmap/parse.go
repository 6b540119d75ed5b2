package jsonmap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/restanza/restanza/stanza"
)

// Limits of a document. They bound what its tree costs.
const (
	maxDepth  = 160     // levels; an element in the generic form has two, and XML has 64 of them
	maxValues = 1 << 16 // values of any kind
)

// limits are those of one document.
type limits struct{ depth, values int }

// ownLimits are for what was written here. Nothing in it can be deeper or have more
// values than the stanza that it was written for.
var ownLimits = limits{depth: 8_000, values: math.MaxInt32}

// reader reads a JSON document into a tree.
type reader struct {
	decoder jsontext.Decoder
	input   bytes.Buffer
	src     string // the document, of which most texts are a part
	doc     document
	limits  limits
}

var readers = sync.Pool{New: func() any { return &reader{doc: document{values: make([]value, 0, 32)}} }}

// Sizes up to which memory is kept for the next document.
const (
	keptBytes  = 64 << 10
	keptValues = 1 << 10
)

// release gives the document's memory to the next one. The strings in it stay.
func (d *document) release() {
	r := d.reader
	if r == nil || len(d.src) > keptBytes || cap(d.values) > keptValues {
		return
	}
	clear(d.values)
	r.doc = document{values: d.values[:0]}
	r.src, r.input = "", bytes.Buffer{}
	readers.Put(r)
}

// parseJSON reads a JSON document (RFC 8259) as strictly as RFC 7493 wants it:
// UTF-8, no lone surrogates, no member twice. The caller releases the document when he
// is done with it.
//
// COMPAT(mod_rest): a comma after the last member of an object is tolerated.
func parseJSON(doc []byte) (*document, error) {
	most := limits{maxDepth, maxValues}
	d, err := readJSON(doc, most)
	if err == nil {
		return d, nil
	}
	if mended, changed := withoutTrailingCommas(doc); changed {
		return readJSON(mended, most) // the commas were not what is wrong
	}
	return nil, err
}

// parseOwn reads what was written here. The caller may release the document.
func parseOwn(doc []byte) *document {
	d, err := readJSON(doc, ownLimits)
	if err != nil {
		panic("jsonmap: what was written can't be read: " + err.Error())
	}
	return d
}

func readJSON(doc []byte, most limits) (*document, error) {
	r := readers.Get().(*reader)
	r.src, r.limits = string(doc), most
	r.input = *bytes.NewBuffer(doc)
	r.decoder.Reset(&r.input)
	r.doc.src, r.doc.reader = doc, r
	err := r.value(0, "")
	if err == nil {
		if _, err = r.decoder.ReadToken(); errors.Is(err, io.EOF) {
			return &r.doc, nil
		} else if err == nil {
			err = errors.New("something follows after the document's end")
		}
	}
	err = r.refuse(err)
	r.doc.release()
	return nil, err
}

// value reads one value and adds it to parent under a key.
func (r *reader) value(parent int32, key string) error {
	v := value{key: key, from: int32(r.decoder.InputOffset())}
	t, err := r.decoder.ReadToken()
	if err != nil {
		return err
	}
	if r.decoder.StackDepth() > r.limits.depth {
		return errTooDeep(r.limits.depth)
	}
	if len(r.doc.values) >= r.limits.values {
		return errTooMany(r.limits.values)
	}
	switch t.Kind() {
	case '"':
		v.kind, v.text = text, r.text(t, v.from)
	case '0':
		v.kind, v.text = number, t.String()
	case 't', 'f':
		v.kind, v.text = boolean, t.String()
	case '{':
		v.kind = object
	case '[':
		v.kind = array
	default: // null
	}
	v.to = int32(r.decoder.InputOffset())
	i := r.doc.add(parent, v)
	if v.kind == object || v.kind == array {
		return r.items(i)
	}
	return nil
}

func errTooDeep(most int) error {
	return fmt.Errorf("the document is nested more than %d levels deep", most)
}

func errTooMany(most int) error { return fmt.Errorf("the document has more than %d values", most) }

// text returns the string of a token that was found after an offset: as a part of the
// document, if it has no escapes.
func (r *reader) text(t jsontext.Token, after int32) string {
	_, quoted, _ := strings.Cut(r.src[after:r.decoder.InputOffset()], `"`)
	quoted = strings.TrimSuffix(quoted, `"`)
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted
	}
	return t.String()
}

// items reads what is in the object or array of index i.
func (r *reader) items(i int32) error {
	isObject := r.doc.values[i].kind == object
	for {
		if k := r.decoder.PeekKind(); k == '}' || k == ']' {
			_, err := r.decoder.ReadToken()
			r.doc.values[i].to = int32(r.decoder.InputOffset())
			return err
		}
		key := ""
		if isObject {
			before := int32(r.decoder.InputOffset())
			t, err := r.decoder.ReadToken()
			if err != nil {
				return err
			}
			key = r.text(t, before)
		}
		if err := r.value(i, key); err != nil {
			return err
		}
	}
}

// refuse says what is wrong with the document, and where.
func (r *reader) refuse(err error) *stanza.Refusal {
	offset := int(r.decoder.InputOffset())
	pointer := string(r.decoder.StackPointer())
	what := err.Error()
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		offset, pointer, what = int(syntax.ByteOffset), string(syntax.JSONPointer), syntax.Err.Error()
		switch {
		case errors.Is(syntax.Err, jsontext.ErrDuplicateName):
			what = "the member is there twice"
		case strings.HasPrefix(what, "invalid surrogate pair"):
			what = "invalid surrogate pair " + surrogates(r.doc.src[min(offset, len(r.doc.src)):])
		case offset == 0 && bytes.HasPrefix(r.doc.src, []byte("\ufeff")):
			what = "the document begins with a byte-order mark: leave it out"
		}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		what = "the document ends too early"
		if len(bytes.TrimSpace(r.doc.src)) == 0 {
			what = "the document is empty: a JSON object is missing"
		}
	}
	place := placeAt(r.doc.src, offset)
	place.Pointer = bounded(pointer)
	where := fmt.Sprintf("line %d, column %d", place.Line, place.Column)
	if pointer != "" {
		where += " (" + nameOf(pointer) + ")"
	}
	return &stanza.Refusal{Reason: stanza.NotWellFormed, Text: "JSON, " + where + ": " + what, Place: place, Err: err}
}

var surrogateEscapes = regexp.MustCompile(`^\\u[0-9A-Fa-f]{4}(\\u[0-9A-Fa-f]{4})?`)

// surrogates returns the escapes with which a text begins, at most two.
func surrogates(text []byte) string { return string(surrogateEscapes.Find(text)) }

// placeAt returns line and column of an offset.
func placeAt(doc []byte, offset int) stanza.Place {
	before := doc[:min(offset, len(doc))]
	line := bytes.LastIndexByte(before, '\n') + 1
	return stanza.Place{
		Line:   1 + bytes.Count(before, []byte("\n")),
		Column: 1 + utf8.RuneCount(before[line:]),
	}
}

// withoutTrailingCommas makes a blank of each comma that stands between the last member
// of an object and its end.
func withoutTrailingCommas(doc []byte) (mended []byte, changed bool) {
	quoted, comma := false, -1
	before := byte('{') // what stood last outside of strings, but for white space
	for i := 0; i < len(doc); i++ {
		c := doc[i]
		if !quoted && strings.IndexByte(" \t\r\n", c) >= 0 {
			continue
		}
		last := before
		before = c
		switch {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted, comma = !quoted, -1
		case quoted:
		case c == ',' && last != '{' && last != ',':
			comma = i
		case c == '}' && comma >= 0:
			if !changed {
				mended, changed = bytes.Clone(doc), true
			}
			mended[comma] = ' '
			comma = -1
		default:
			comma = -1
		}
	}
	return mended, changed
}

// raw returns a value as JSON text: as it was written, if it comes from JSON.
func (v val) raw() []byte {
	if src := v.doc.src; src != nil {
		at := v.get()
		return bytes.TrimLeft(src[at.from:at.to], " \t\r\n:,")
	}
	return v.append(nil)
}

// append appends the value as JSON text.
func (v val) append(dst []byte) []byte {
	switch v.kind() {
	case null:
		return append(dst, "null"...)
	case boolean, number:
		return append(dst, v.str()...)
	case text:
		return appendString(dst, v.str())
	case array, object:
	}
	open, end := byte('['), byte(']')
	if v.kind() == object {
		open, end = '{', '}'
	}
	dst = append(dst, open)
	for item := range v.items() {
		if item.i != v.get().first {
			dst = append(dst, ',')
		}
		if v.kind() == object {
			dst = append(appendString(dst, item.key()), ':')
		}
		dst = item.append(dst)
	}
	return append(dst, end)
}

// appendString appends a string as JSON. What is no UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s) // the error only tells of that replacement
	return dst
}
