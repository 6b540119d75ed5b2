package jsonmap

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"unicode/utf8"

	"github.com/restanza/restanza/stanza"
)

// parseForm reads the fields of a form as an object of strings.
func parseForm(doc []byte) (*document, error) {
	d := &document{loose: true, values: []value{{kind: object}}}
	seen := map[string]bool{}
	n := 0
	for pair := range bytes.SplitSeq(doc, []byte("&")) {
		n++
		if len(pair) == 0 {
			continue
		}
		name, content, _ := bytes.Cut(pair, []byte("="))
		key, err := unescapeForm(name)
		if err == nil && key == "" {
			err = fmt.Errorf("it has no name")
		}
		value, pointer := "", ""
		if err == nil {
			pointer = bounded("/" + pointerEscape.Replace(key))
			value, err = unescapeForm(content)
		}
		if err == nil && seen[key] {
			err = fmt.Errorf("the field %.40q is there twice", key)
		}
		if err == nil {
			err = d.addField(key, value)
		}
		if err != nil {
			return nil, &stanza.Refusal{
				Reason: stanza.NotWellFormed, Text: fmt.Sprintf("field %d: %s", n, err),
				Place: stanza.Place{Pointer: pointer}, Err: err,
			}
		}
		seen[key] = true
	}
	return d, nil
}

func (d *document) addField(key, content string) error {
	if len(d.values) >= maxValues {
		return fmt.Errorf("there are more than %d fields", maxValues)
	}
	d.add(0, value{kind: text, key: key, text: content})
	return nil
}

// unescapeForm decodes a name or value of a form.
func unescapeForm(raw []byte) (string, error) {
	out, err := url.QueryUnescape(string(raw))
	if bad, ok := errors.AsType[url.EscapeError](err); ok {
		return "", fmt.Errorf("%q is no percent-encoding", string(bad))
	}
	if err == nil && !utf8.ValidString(out) {
		err = errors.New("this is not UTF-8")
	}
	return out, err
}

// AppendForm appends the members of a stanza's object that a form can hold:
// strings, numbers and trues at the top level. A true is an empty value. Names and values are
// percent-encoded but for unreserved characters (RFC 3986 §2.3).
func AppendForm(dst []byte, st stanza.Stanza) []byte {
	d := parseOwn(Append(nil, st, Strict))
	defer d.release()
	start := len(dst)
	for m := range d.root().members() {
		if m.kind() != text && m.kind() != number && !m.isTrue() {
			continue
		}
		if len(dst) > start {
			dst = append(dst, '&')
		}
		dst = append(append(dst, url.QueryEscape(m.key())...), '=')
		if !m.isTrue() {
			dst = append(dst, url.QueryEscape(m.str())...)
		}
	}
	return dst
}

// trimJSON cuts the white space around a JSON text.
func trimJSON(s string) string {
	return string(bytes.Trim([]byte(s), " \t\r\n"))
}
