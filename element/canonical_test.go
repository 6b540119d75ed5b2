package element

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// The canonical form of an element: its expanded name, its attributes in order,
// the text directly inside, its children. It is the same for all parsers that
// understand a document alike.

type canonicalAttr struct{ space, local, value string }

func writeCanonical(b *strings.Builder, space, local string, attrs []canonicalAttr, text string, children func()) {
	slices.SortFunc(attrs, func(x, y canonicalAttr) int {
		return cmp.Or(cmp.Compare(x.space, y.space), cmp.Compare(x.local, y.local))
	})
	fmt.Fprintf(b, "E\x00%s\x00%s\x00", space, local)
	for _, a := range attrs {
		fmt.Fprintf(b, "A\x00%s\x00%s\x00%s\x00", a.space, a.local, a.value)
	}
	fmt.Fprintf(b, "T\x00%s\x00", text)
	children()
	b.WriteString("/")
}

// canonical is the form of an element as this package sees it, read level by
// level with the scope that each element gives its children.
func canonical(t testing.TB, b *strings.Builder, l Limits, el *Element, outer Scope) {
	t.Helper()
	spaces := map[string]string{"xml": nsXML}
	scope := el.Scope()
	for prefix, space := range scope.Prefixes {
		spaces[prefix] = space
	}
	for _, inherited := range el.Inherited {
		if got, want := Unescape(inherited.Space), outer.Prefixes[string(inherited.Prefix)]; got != want {
			t.Fatalf("inherited prefix %s is %q, in the scope it is %q", inherited.Prefix, got, want)
		}
	}
	var attrs []canonicalAttr
	for _, a := range el.Attrs {
		space, ok := "", true
		if a.Prefix != nil {
			space, ok = spaces[string(a.Prefix)]
		}
		if !ok {
			t.Fatalf("the prefix of attribute %s:%s is in no list", a.Prefix, a.Local)
		}
		attrs = append(attrs, canonicalAttr{space, string(a.Local), Unescape(a.Value)})
	}
	writeCanonical(b, Unescape(el.Space), string(el.Local), attrs, Text(el.Raw), func() {
		for _, c := range el.Children {
			sc := NewScanner(l, scope)
			n, err := sc.Scan(c.Raw)
			if err != nil || n != len(c.Raw) {
				t.Fatalf("child %q does not scan alone: %d bytes, %v", c.Raw, n, err)
			}
			child := sc.Element()
			if !bytes.Equal(child.Local, c.Local) || Unescape(child.Space) != Unescape(c.Space) {
				t.Fatalf("child {%s}%s reads as {%s}%s when scanned alone", c.Space, c.Local, child.Space, child.Local)
			}
			canonical(t, b, l, child, scope)
		}
	})
}

// goCanonical is the same by encoding/xml. It gives an error for what that
// refuses.
func goCanonical(doc []byte) (string, error) {
	d := xml.NewDecoder(bytes.NewReader(doc))
	var b strings.Builder
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return b.String(), nil
		}
		if err != nil {
			return "", err
		}
		if start, ok := token.(xml.StartElement); ok {
			if err := goElement(d, &b, start.Copy()); err != nil {
				return "", err
			}
		}
	}
}

func goElement(d *xml.Decoder, b *strings.Builder, start xml.StartElement) error {
	var attrs []canonicalAttr
	for _, a := range start.Attr {
		if a.Name.Space != "xmlns" && (a.Name.Space != "" || a.Name.Local != "xmlns") {
			attrs = append(attrs, canonicalAttr{a.Name.Space, a.Name.Local, a.Value})
		}
	}
	var text, children strings.Builder
	for {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if err := goElement(d, &children, token.Copy()); err != nil {
				return err
			}
		case xml.CharData:
			text.Write(token)
		case xml.EndElement:
			writeCanonical(b, start.Name.Space, start.Name.Local, attrs, text.String(), func() { b.WriteString(children.String()) })
			return nil
		}
	}
}

// spaced makes the one difference between encoding/xml and XML vanish: the
// former leaves white space in attribute values as it is.
var spaced = strings.NewReplacer("\t", " ", "\n", " ", "\r", " ")

// agrees checks an accepted document against encoding/xml.
func agrees(t testing.TB, doc []byte, ours string) {
	t.Helper()
	theirs, err := goCanonical(doc)
	if err != nil {
		t.Fatalf("%q is accepted, encoding/xml says: %v", doc, err)
	}
	if bytes.Contains(doc, []byte("<xmlns")) {
		return // encoding/xml leaves the default namespace out for an element of this name
	}
	if spaced.Replace(ours) != spaced.Replace(theirs) {
		t.Fatalf("%q\nreads as       %q\nby encoding/xml %q", doc, ours, theirs)
	}
}
