package jsonmap

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"github.com/restanza/restanza/stanza"
)

// cborReader refuses what JSON has no counterpart for, and bounds what a document
// may cost. That texts are UTF-8 is checked where their place is known.
var cborReader = must(cbor.DecOptions{
	DupMapKey:        cbor.DupMapKeyEnforcedAPF,
	TagsMd:           cbor.TagsForbidden,
	UTF8:             cbor.UTF8DecodeInvalid,
	MaxNestedLevels:  maxDepth,
	MaxArrayElements: maxValues,
	MaxMapPairs:      maxValues,
}.DecMode())

func must[T any](v T, err error) T {
	if err != nil {
		panic("jsonmap: " + err.Error())
	}
	return v
}

// parseCBOR reads a CBOR document as the JSON value that it stands for.
func parseCBOR(doc []byte) (*document, error) {
	var root any
	if err := cborReader.Unmarshal(doc, &root); err != nil {
		return nil, refuseCBOR(err)
	}
	d := &document{}
	if err := d.addCBOR(0, "", root); err != nil {
		return nil, err
	}
	return d, nil
}

// refuseCBOR says what is wrong with a document that is not to be decoded.
func refuseCBOR(err error) *stanza.Refusal {
	r := &stanza.Refusal{Reason: stanza.NotWellFormed, Err: err}
	what := strings.TrimPrefix(err.Error(), "cbor: ")
	switch {
	case is[*cbor.DupMapKeyError](err):
		what = "a member is there twice"
		twice, _ := errors.AsType[*cbor.DupMapKeyError](err)
		if key, ok := twice.Key.(string); ok {
			what = fmt.Sprintf("the member %.40q is there twice", strings.ToValidUTF8(key, "\uFFFD"))
		}
	case is[*cbor.TagsMdError](err):
		what = "tags are not supported"
	case is[*cbor.InvalidMapKeyTypeError](err):
		what = "the name of a member must be a text"
	case is[*cbor.MaxNestedLevelError](err):
		what = errTooDeep(maxDepth).Error()
	case is[*cbor.MaxArrayElementsError](err), is[*cbor.MaxMapPairsError](err):
		what = errTooMany(maxValues).Error()
	case is[*cbor.ExtraneousDataError](err):
		what = "something follows after the document's end"
	case errors.Is(err, io.EOF):
		what = "the document is empty: a map is missing"
	case errors.Is(err, io.ErrUnexpectedEOF), strings.Contains(what, "integer overflow"): // of a length
		what = "the document ends too early"
	}
	r.Text = "CBOR: " + what
	return r
}

func is[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// addCBOR adds a decoded value to parent under a key.
func (d *document) addCBOR(parent int32, key string, v any) error {
	if len(d.values) >= maxValues {
		return refuseCBOR(errTooMany(maxValues))
	}
	switch v := v.(type) {
	case nil:
		d.add(parent, value{kind: null, key: key})
	case bool:
		d.add(parent, value{kind: boolean, key: key, text: strconv.FormatBool(v)})
	case string:
		if !utf8.ValidString(v) {
			return d.failCBOR(parent, key, "the text is not UTF-8")
		}
		d.add(parent, value{kind: text, key: key, text: v})
	case uint64:
		d.add(parent, value{kind: number, key: key, text: strconv.FormatUint(v, 10)})
	case int64:
		d.add(parent, value{kind: number, key: key, text: strconv.FormatInt(v, 10)})
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return d.failCBOR(parent, key, "%v is no number that JSON has", v)
		}
		d.add(parent, value{kind: number, key: key, text: strconv.FormatFloat(v, 'g', -1, 64)})
	case []any:
		i := d.add(parent, value{kind: array, key: key})
		for _, item := range v {
			if err := d.addCBOR(i, "", item); err != nil {
				return err
			}
		}
	case map[any]any:
		return d.addMap(parent, key, v)
	case []byte:
		return d.failCBOR(parent, key, "a byte string has no counterpart in JSON")
	case big.Int:
		return d.failCBOR(parent, key, "%s does not fit into 64 bits", v.String())
	default:
		return d.failCBOR(parent, key, "this has no counterpart in JSON")
	}
	return nil
}

// failCBOR refuses a value that would stand in parent under a key.
func (d *document) failCBOR(parent int32, key, format string, args ...any) error {
	return inCBOR(fail(val{d, d.add(parent, value{key: key})}, format, args...))
}

func inCBOR(r *stanza.Refusal) error {
	r.Text = "CBOR, " + r.Text
	return r
}

// addMap adds the pairs of a map in the order of their names.
func (d *document) addMap(parent int32, key string, pairs map[any]any) error {
	i := d.add(parent, value{kind: object, key: key})
	names := make([]string, 0, len(pairs))
	for name := range pairs {
		s, ok := name.(string)
		switch {
		case !ok:
			return inCBOR(fail(val{d, i}, "the name of a member must be a text"))
		case !utf8.ValidString(s):
			return inCBOR(fail(val{d, i}, "the name of a member is not UTF-8"))
		}
		names = append(names, s)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := d.addCBOR(i, name, pairs[name]); err != nil {
			return err
		}
	}
	return nil
}

// The major types of CBOR (RFC 8949 §3.1) that are written here.
const (
	cborUnsigned = 0 << 5
	cborNegative = 1 << 5
	cborText     = 3 << 5
	cborArray    = 4 << 5
	cborMap      = 5 << 5
)

// AppendCBOR appends the object of a stanza in CBOR, its members in the same order as
// in JSON.
func AppendCBOR(dst []byte, st stanza.Stanza, p Profile) []byte {
	d := parseOwn(Append(nil, st, p))
	defer d.release()
	return d.root().appendCBOR(dst)
}

func (v val) appendCBOR(dst []byte) []byte {
	switch v.kind() {
	case null:
		return append(dst, 0xf6)
	case boolean:
		if v.isTrue() {
			return append(dst, 0xf5)
		}
		return append(dst, 0xf4)
	case number:
		return appendCBORNumber(dst, v.str())
	case text:
		return appendCBORText(dst, v.str())
	case array, object:
	}
	n, major := uint64(0), byte(cborArray)
	for range v.items() {
		n++
	}
	if v.kind() == object {
		major = cborMap
	}
	dst = appendCBORHead(dst, major, n)
	for item := range v.items() {
		if v.kind() == object {
			dst = appendCBORText(dst, item.key())
		}
		dst = item.appendCBOR(dst)
	}
	return dst
}

func appendCBORText(dst []byte, s string) []byte {
	return append(appendCBORHead(dst, cborText, uint64(len(s))), s...)
}

func appendCBORNumber(dst []byte, literal string) []byte {
	if n, err := strconv.ParseInt(literal, 10, 64); err == nil {
		if n < 0 {
			return appendCBORHead(dst, cborNegative, uint64(-(n + 1)))
		}
		return appendCBORHead(dst, cborUnsigned, uint64(n))
	}
	if n, err := strconv.ParseUint(literal, 10, 64); err == nil {
		return appendCBORHead(dst, cborUnsigned, n)
	}
	x, err := strconv.ParseFloat(literal, 64)
	if err != nil {
		return append(dst, 0xf6) // out of all bounds: null
	}
	return appendBig(append(dst, 0xfb), math.Float64bits(x), 8)
}

// appendCBORHead appends the head of an item: its type and its length or value.
func appendCBORHead(dst []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n <= math.MaxUint8:
		return append(dst, major|24, byte(n))
	case n <= math.MaxUint16:
		return appendBig(append(dst, major|25), n, 2)
	case n <= math.MaxUint32:
		return appendBig(append(dst, major|26), n, 4)
	}
	return appendBig(append(dst, major|27), n, 8)
}

func appendBig(dst []byte, n uint64, size int) []byte {
	for i := size - 1; i >= 0; i-- {
		dst = append(dst, byte(n>>(8*i)))
	}
	return dst
}
