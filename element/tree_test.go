package element

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// FuzzTree states that a Tree takes apart whatever a Scanner accepts, and that
// encoding/xml reads the same names, namespaces, attributes and texts; and that nothing
// else makes it panic.
func FuzzTree(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var tree Tree
		_ = tree.Parse(string(doc), "urn:x")
		el, err := NewScanner(Limits{}, Scope{}).Document(doc)
		if err != nil {
			return
		}
		if err := tree.Parse(string(el.Raw), ""); err != nil {
			t.Fatalf("%q is accepted by the Scanner, not by the Tree: %v", el.Raw, err)
		}
		var b strings.Builder
		checkNode(t, tree.Root())
		for n := range tree.Root().Children() {
			writeNode(&b, n)
		}
		want := byEncodingXML(t, string(el.Raw))
		if strings.Contains(want, "{}xmlns") {
			return // see agrees
		}
		if spaced.Replace(b.String()) != spaced.Replace(want) {
			t.Fatalf("%q\n      reads as %s\nby encoding/xml %s", el.Raw, b.String(), want)
		}
	})
}

// checkNode holds the methods of a Node against each other.
func checkNode(t *testing.T, n Node) {
	t.Helper()
	var text strings.Builder
	only, wasText := true, false
	for c := range n.Children() {
		if c.IsText() {
			s, _ := c.Text()
			if s == "" || wasText {
				t.Fatal("a text is empty, or adjoins another one")
			}
			text.WriteString(s)
			wasText = true
			continue
		}
		only, wasText = false, false
		if first := n.Child(c.Space(), c.Local()); first.IsZero() || !c.Is(first.Space(), first.Local()) {
			t.Fatalf("%s is no child", c.Local())
		}
		checkNode(t, c)
	}
	if got, onlyText := n.Text(); got != text.String() || onlyText != only {
		t.Fatalf("the text is %q, %t, want %q, %t", got, onlyText, text.String(), only)
	}
}

func writeNode(b *strings.Builder, n Node) {
	if n.IsText() {
		s, _ := n.Text()
		fmt.Fprintf(b, " [%s]", s)
		return
	}
	var attrs []string
	for _, a := range n.Attrs() {
		attrs = append(attrs, fmt.Sprintf(" {%s}%s=[%s]", a.Space, a.Local, a.Value))
	}
	fmt.Fprintf(b, " <{%s}%s%s>", n.Space(), n.Local(), strings.Join(attrs, ""))
	for c := range n.Children() {
		writeNode(b, c)
	}
	b.WriteString("</>")
}

// byEncodingXML writes a document as writeNode does.
func byEncodingXML(t *testing.T, doc string) string {
	t.Helper()
	var b, text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			fmt.Fprintf(&b, " [%s]", text.String())
		}
		text.Reset()
	}
	d := xml.NewDecoder(strings.NewReader(doc))
	for {
		token, err := d.Token()
		if token == nil {
			flush()
			return b.String()
		}
		if err != nil {
			t.Fatalf("%q: %v", doc, err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			flush()
			var attrs []string
			for _, a := range token.Attr {
				if a.Name.Space != "xmlns" && (a.Name.Space != "" || a.Name.Local != "xmlns") {
					attrs = append(attrs, fmt.Sprintf(" {%s}%s=[%s]", a.Name.Space, a.Name.Local, a.Value))
				}
			}
			fmt.Fprintf(&b, " <{%s}%s%s>", token.Name.Space, token.Name.Local, strings.Join(attrs, ""))
		case xml.EndElement:
			flush()
			b.WriteString("</>")
		case xml.CharData:
			text.Write(token)
		}
	}
}

func TestTree_text(t *testing.T) {
	var tree Tree
	if err := tree.Parse("a&lt;<![CDATA[<b>]]>\r\nc<d/>e<![CDATA[]]><f/>", ""); err != nil {
		t.Fatal(err)
	}
	var got []string
	for n := range tree.Root().Children() {
		s, _ := n.Text()
		got = append(got, n.Local()+":"+s)
	}
	if want := []string{":a<<b>\nc", "d:", ":e", "f:"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for _, unchecked := range []string{"<", "<a", "<a>", "</a>", "<a b>", "<a b=>", "<a b='>", "<p:a/>", "<a/", "<a /x>", "<!x>", "<![CDATA[", "<a p:b=''/>", "< a/>"} {
		if err := tree.Parse(unchecked, ""); err == nil {
			t.Errorf("%q is accepted", unchecked)
		}
	}
}
