package element

import (
	"errors"
	"strings"
	"testing"
)

func TestDocument(t *testing.T) {
	for _, tt := range []struct{ name, doc, raw string }{
		{"element", `<a/>`, `<a/>`},
		{"white space around", "\r\n\t <a>b</a>\n", `<a>b</a>`},
		{"byte order mark", "\ufeff<a/>", `<a/>`},
		{"byte order mark and white space", "\ufeff\n<a/>", `<a/>`},
		{"declaration", `<?xml version="1.0"?><a/>`, `<a/>`},
		{"declaration with everything", "\ufeff<?xml\tversion = '1.0'\nencoding='utf-8'  standalone=\"no\" ?>\n<a/>", `<a/>`},
		{"declaration without encoding", `<?xml version='1.0' standalone='yes'?><a/>`, `<a/>`},
		{"element at the byte limit", "  <a b='" + strings.Repeat("x", 90) + "'/> ", "<a b='" + strings.Repeat("x", 90) + "'/>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sc := NewScanner(Limits{Bytes: 99}, Scope{})
			el, err := sc.Document([]byte(tt.doc))
			if err != nil {
				t.Fatal(err)
			}
			if string(el.Raw) != tt.raw || el != sc.Element() || string(el.Space) != "" {
				t.Errorf("got %q in %q, want %q", el.Raw, el.Space, tt.raw)
			}
		})
	}
}

func TestDocument_refuses(t *testing.T) {
	for _, tt := range []struct {
		name, doc string
		kind      Kind
		err       string
	}{
		{"nothing", "", NotWellFormed, "the document is empty: an element is missing"},
		{"only white space", " \n", NotWellFormed, "the document is empty: an element is missing"},
		{"only a declaration", "<?xml version='1.0'?>\n", NotWellFormed, "the document is empty: an element is missing"},
		{"JSON", `{"to":"a"}`, NotWellFormed, "line 1, column 1: text beside the root element: a document begins with '<', not with '{'"},
		{"text before", "\n x<a/>", NotWellFormed, "line 2, column 2: text beside the root element: a document begins with '<', not with 'x'"},
		{"text after", "<a/>\n\nx", NotWellFormed, "line 3, column 1: text beside the root element"},
		{"byte order mark after", "<a/>\ufeff", NotWellFormed, "line 1, column 5: text beside the root element"},
		{"NUL after", "<a/>\x00", NotWellFormed, "line 1, column 5: text beside the root element"},
		{"a second element", "<a/>\n<b/>", NotWellFormed, "line 2, column 1: a second root element"},
		{"an end tag after", "<a/></a>", NotWellFormed, "line 1, column 5: an end tag without a start tag"},
		{"a bracket after", "<a/><", NotWellFormed, "line 1, column 5: a '<' after the root element"},
		{"CDATA after", "<a/><![CDATA[]]>", NotWellFormed, "line 1, column 5: CDATA section outside of an element"},
		{"comment before", "<!-- x --><a/>", Restricted, "line 1, column 1: comments are not allowed"},
		{"comment after", "<a/><!-- x -->", Restricted, "line 1, column 5: comments and document type declarations are not allowed"},
		{"instruction before", "<?x?><a/>", Restricted, "line 1, column 1: processing instructions are not allowed"},
		{"instruction after", "<a/><?x?>", Restricted, "line 1, column 5: processing instructions are not allowed"},
		{"declaration after white space", " <?xml version='1.0'?><a/>", Restricted, "line 1, column 2: an XML declaration can stand only at the very start"},
		{"two declarations", "<?xml version='1.0'?><?xml version='1.0'?><a/>", Restricted, "line 1, column 22: an XML declaration can stand only at the very start"},
		{"DTD", "<!DOCTYPE a><a/>", Restricted, "line 1, column 1: document type declarations are not allowed"},
		{"no version", "<?xml encoding='UTF-8'?><a/>", NotWellFormed, "line 1, column 6: bad XML declaration: version is missing"},
		{"version 1.1", "<?xml version='1.1'?><a/>", NotWellFormed, `line 1, column 7: bad XML declaration: version "1.1"`},
		{"another encoding", "<?xml version='1.0' encoding='ISO-8859-1'?><a/>", UnsupportedEncoding, `line 1, column 21: encoding "ISO-8859-1": a document must be UTF-8`},
		{"standalone", "<?xml version='1.0' standalone='maybe'?><a/>", NotWellFormed, `line 1, column 21: bad XML declaration: standalone "maybe"`},
		{"the wrong order", "<?xml version='1.0' standalone='yes' encoding='UTF-8'?><a/>", NotWellFormed, `line 1, column 38: bad XML declaration: "?>" is missing here`},
		{"a declaration without an end", "<?xml version='1.0'", NotWellFormed, `line 1, column 20: bad XML declaration: "?>" is missing here`},
		{"a declaration without a quote", "<?xml version='1.0", NotWellFormed, "line 1, column 6: bad XML declaration: version is missing"},
		{"UTF-16", "\xff\xfe<\x00a\x00/\x00>\x00", UnsupportedEncoding, "line 1, column 1: the document is not UTF-8"},
		{"UTF-16 without a mark", "\x00<\x00a\x00/\x00>", UnsupportedEncoding, "line 1, column 1: the document is not UTF-8"},
		{"no end tag", "<a>\n<b>x", NotWellFormed, "line 2, column 5: the document ends before </b>"},
		{"no end tag after CDATA", "<a><![CDATA[x", NotWellFormed, "line 1, column 14: the document ends before </a>"},
		{"half a reference", "<a>&am", NotWellFormed, "line 1, column 7: the document ends before </a>"},
		{"half a tag", "<a b='c'", NotWellFormed, "line 1, column 9: the document ends inside a tag"},
		{"half an end tag", "<a></a", NotWellFormed, "line 1, column 7: the document ends inside a tag"},
		{"only a bracket", "<", NotWellFormed, "line 1, column 2: the document ends inside a tag"},
		{"wrong in half a tag", "<a b=c", NotWellFormed, "line 1, column 6: the value of attribute b is not in quotes"},
		{"wrong in half an end tag", "<a></ a", NotWellFormed, "line 1, column 6: a name can't begin with ' '"},
		{"quote not closed", "\ufeff<a b='c></a>", NotWellFormed, "line 1, column 9: '<' in an attribute value: write &lt;, or close the quotes"},
		{"wrong after a declaration", "<?xml version='1.0'?>\n<a>\n</b>", NotWellFormed, "line 3, column 1: end tag </b> does not match <a>"},
		{"columns do not count the mark", "\ufeff<a></b>", NotWellFormed, "line 1, column 4: end tag </b> does not match <a>"},
		{"over the byte limit", "  <a>" + strings.Repeat("x", 100) + "</a>", TooBig, "line 1, column 102: the element is longer than 99 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sc := NewScanner(Limits{Bytes: 99}, Scope{})
			el, err := sc.Document([]byte(tt.doc))
			syntax, ok := errors.AsType[*SyntaxError](err)
			if !ok || el != nil || sc.Element() != nil {
				t.Fatalf("got %v, %v, want the error %q", el, err, tt.err)
			}
			if syntax.Error() != tt.err || syntax.Kind != tt.kind {
				t.Errorf("%q\ngot  %s: %s\nwant %s: %s", tt.doc, syntax.Kind, syntax, tt.kind, tt.err)
			}
		})
	}
}

func TestDocument_offsetIsThatOfTheDocument(t *testing.T) {
	_, err := NewScanner(Limits{}, Scope{}).Document([]byte("\ufeff\n<a></b>"))
	syntax, ok := errors.AsType[*SyntaxError](err)
	if !ok || syntax.Offset != len("\ufeff\n<a>") {
		t.Fatalf("%#v", err)
	}
}

// A Scanner of a pool serves one document after the other.
func TestDocument_afterAnother(t *testing.T) {
	sc := NewScanner(Limits{}, Scope{})
	for _, doc := range []string{`<a><b`, `<a/><b/>`, `x`, ``, `<a b="c">d</a>`} {
		_, _ = sc.Document([]byte(doc)) // whatever comes of it
		el, err := sc.Document([]byte(`<x/>`))
		if err != nil || string(el.Raw) != `<x/>` || len(el.Attrs) > 0 || el.Text {
			t.Fatalf("after %q: %v, %v", doc, el, err)
		}
	}
}
