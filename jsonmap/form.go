package jsonmap

import (
	"bytes"
	"fmt"
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
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; c {
		case '+':
			out = append(out, ' ')
		case '%':
			if i+2 >= len(raw) || !isHex(raw[i+1]) || !isHex(raw[i+2]) {
				return "", fmt.Errorf("%.10q is no percent-encoding", raw[i:])
			}
			out = append(out, unhex(raw[i+1])<<4|unhex(raw[i+2]))
			i += 2
		default:
			out = append(out, c)
		}
	}
	if !utf8.Valid(out) {
		return "", fmt.Errorf("this is not UTF-8")
	}
	return string(out), nil
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// AppendForm appends the members of a stanza's object that a form can hold:
// strings, numbers and trues at the top level. A true is an empty value.
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
		dst = append(appendEscaped(dst, m.key()), '=')
		if !m.isTrue() {
			dst = appendEscaped(dst, m.str())
		}
	}
	return dst
}

// appendEscaped percent-encodes all but unreserved characters (RFC 3986 §2.3), and a
// blank as "+".
func appendEscaped(dst []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '~', c == '_', c == '-':
			dst = append(dst, c)
		case c == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', digits[c>>4], digits[c&0xf])
		}
	}
	return dst
}

// trimJSON cuts the white space around a JSON text.
func trimJSON(s string) string {
	return string(bytes.Trim([]byte(s), " \t\r\n"))
}
