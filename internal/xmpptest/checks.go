package xmpptest

import (
	"bytes"
	"encoding/xml"
	"regexp"
	"strconv"
	"strings"
)

// What encoding/xml lets pass and libexpat, which real servers use, does not:
// undeclared and reserved prefixes, duplicate attributes, no space between
// attributes, references to surrogates, names that begin with a colon, CDATA between stanzas.

var reference = regexp.MustCompile(`&#(x?)([0-9A-Fa-f]+);`)

// checkReferences refuses references to surrogates, which encoding/xml turns
// into U+FFFD.
func (e *elementReader) checkReferences(raw []byte) error {
	if !e.strict || isCDATA(raw) {
		return nil
	}
	for _, m := range reference.FindAllSubmatch(raw, -1) {
		base := 10
		if len(m[1]) > 0 {
			base = 16
		}
		n, err := strconv.ParseUint(string(m[2]), base, 32)
		if err != nil || n >= 0xD800 && n <= 0xDFFF || n > 0x10FFFF {
			return malformed("reference %s is no character", m[0])
		}
	}
	return nil
}

// checkStart refuses what is wrong with a start tag as it is written.
func (e *elementReader) checkStart(token xml.StartElement, raw []byte) error {
	if !e.strict {
		return nil
	}
	if err := checkName(token.Name); err != nil {
		return err
	}
	for _, a := range token.Attr {
		if err := checkName(a.Name); err != nil {
			return err
		}
		if err := checkDeclaration(a); err != nil {
			return err
		}
	}
	if err := checkSpacing(raw); err != nil {
		return err
	}
	return e.checkReferences(raw)
}

func checkName(n xml.Name) error {
	if n.Local == "" || strings.Contains(n.Local, ":") || strings.HasPrefix(rawName(n), ":") {
		return malformed("name %q", rawName(n))
	}
	return nil
}

// checkDeclaration refuses abuse of the reserved prefixes and namespaces, and
// unbinding of a prefix (Namespaces in XML 1.0 §3).
func checkDeclaration(a xml.Attr) error {
	const nsXMLNS = "http://www.w3.org/2000/xmlns/"
	isDefault := a.Name.Space == "" && a.Name.Local == "xmlns"
	if !isDefault && a.Name.Space != "xmlns" {
		return nil
	}
	switch {
	case a.Value == nsXMLNS,
		!isDefault && a.Value == "",
		!isDefault && a.Name.Local == "xmlns",
		(a.Value == nsXML) != (!isDefault && a.Name.Local == "xml"):
		return malformed("declaration %s=%q", rawName(a.Name), a.Value)
	}
	return nil
}

// checkSpacing refuses attributes that follow one another without a space.
func checkSpacing(tag []byte) error {
	var quote byte
	for i, c := range tag {
		switch {
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
			if i+1 < len(tag) && !strings.ContainsRune(" \t\r\n/>", rune(tag[i+1])) {
				return malformed("no space between attributes")
			}
		}
	}
	return nil
}

// checkDuplicates refuses two attributes of one name, prefixes resolved.
func (e *elementReader) checkDuplicates(n Node) error {
	if !e.strict {
		return nil
	}
	seen := make(map[xml.Name]bool, len(n.Attrs))
	for _, a := range n.Attrs {
		if seen[a.Name] {
			return malformed("attribute %s twice", a.Name.Local)
		}
		seen[a.Name] = true
	}
	return nil
}

func isCDATA(raw []byte) bool { return bytes.Contains(raw, []byte("<![CDATA[")) }

func isSpace(text []byte) bool { return len(bytes.TrimSpace(text)) == 0 }
