package element

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// result is what a Scanner says, in a form that can be compared.
type result struct {
	N       int
	Err     string
	Kind    Kind
	Offset  int
	Element string
}

func resultOf(sc *Scanner, n int, err error) result {
	r := result{N: n}
	if syntax, ok := errors.AsType[*SyntaxError](err); ok {
		r.Kind, r.Offset = syntax.Kind, syntax.Offset
	}
	if err != nil {
		r.Err = err.Error()
		return r
	}
	r.Element = summary(sc.Element())
	return r
}

// summary is all that an Element says, a line for each field that is not empty.
func summary(el *Element) string {
	var b strings.Builder
	line := func(name string, parts ...[]byte) {
		for _, p := range parts {
			name += fmt.Sprintf(" %s", p)
		}
		b.WriteString(strings.TrimRight(name, " ") + "\n")
	}
	line("raw", el.Raw)
	line("root", el.Prefix, el.Local, el.Space)
	line("content", el.Content)
	for _, a := range el.Attrs {
		line("attribute", a.Prefix, a.Local, a.Value)
	}
	for _, d := range el.Decls {
		line("declares", d.Prefix, d.Space)
	}
	for _, c := range el.Children {
		line("child", c.Space, c.Local, c.Raw)
	}
	for _, i := range el.Inherited {
		line("inherits", i.Prefix, i.Space)
	}
	if el.Unbound != nil {
		line("unbound", el.Unbound)
	}
	if el.Text {
		line("text")
	}
	return b.String()
}

// scanCut scans input that arrives in pieces which end at the given positions,
// each time in other memory.
func scanCut(t testing.TB, sc *Scanner, doc []byte, ends ...int) result {
	t.Helper()
	sc.Reset()
	var n int
	err := ErrIncomplete
	for _, end := range append(ends, len(doc)) {
		n, err = sc.Scan(bytes.Clone(doc[:end]))
		if (err == nil) != (sc.Element() != nil) {
			t.Fatalf("%q: %v, but Element is %v", doc[:end], err, sc.Element())
		}
		if !errors.Is(err, ErrIncomplete) {
			break
		}
	}
	r := resultOf(sc, n, err)
	if n, err := sc.Scan(doc); resultOf(sc, n, err) != r {
		t.Fatalf("%q: the result %v does not stay", doc, r)
	}
	return r
}

// scanAnyhow scans input whole, cut in two at every place, and byte by byte. It
// fails the test if that makes a difference.
func scanAnyhow(t testing.TB, sc *Scanner, doc string) result {
	t.Helper()
	whole := scanCut(t, sc, []byte(doc))
	var all []int
	for cut := range len(doc) {
		all = append(all, cut)
		if diff := cmp.Diff(whole, scanCut(t, sc, []byte(doc), cut)); diff != "" {
			t.Fatalf("%q cut at %d (-whole +cut):\n%s", doc, cut, diff)
		}
	}
	if diff := cmp.Diff(whole, scanCut(t, sc, []byte(doc), all...)); diff != "" {
		t.Fatalf("%q byte by byte (-whole +cut):\n%s", doc, diff)
	}
	return whole
}

func TestScanner_accepts(t *testing.T) {
	for _, tt := range []struct{ name, doc string }{
		{"empty element", `<a/>`},
		{"white space in tags", "<a\n b\t=\r'c' ><b /></a\t>"},
		{"both quotes, each inside the other", `<a b="'" c='"'/>`},
		{"greater-than in values and text", `<a b=">">></a>`},
		{"brackets in text", `<a>] ]] ] >]></a>`},
		{"end of CDATA in pieces", `<a>]]&gt; ]&#93;> &#93;]></a>`},
		{"predefined entities", `<a b="&lt;&gt;&amp;&quot;&apos;">&lt;&gt;&amp;&quot;&apos;</a>`},
		{"character references", `<a>&#65;&#x41;&#x1f600;&#x1F600;&#0000000065;&#9;&#10;&#13;&#x85;</a>`},
		{"the longest reference", `<a>&#` + strings.Repeat("0", maxReference-5) + `65;</a>`},
		{"highest characters", "<a>\ud7ff\ue000\ufffd\U00010000\U0010ffff&#xD7FF;&#xE000;&#xFFFD;&#x10FFFF;</a>"},
		{"C1 controls, DEL, line separator, noncharacters", "<a b='\u0080\u0085'>\x7f\u0080\u009f\u2028\ufdd0\U0001fffe</a>"},
		{"byte order mark inside", "<a b='\ufeff'>\ufeff</a>"},
		{"CDATA", `<a><![CDATA[<b>&amp;]] > ]]]]><![CDATA[]]></a>`},
		{"greater-than straight after CDATA", `<a><![CDATA[]]]]>>]></a>`},
		{"names of the fourth edition", "<é\u0301.-_9 中·='1'/>"},
		{"colon in a prefix's place", `<p:a xmlns:p='urn:p' p:a='1' a='2'/>`},
		{"prefix declared after its use", `<a p:b='1' xmlns:p='urn:p'/>`},
		{"same local name in two namespaces", `<a xmlns:p='urn:p' xmlns:q='urn:q' p:b='1' q:b='2' b='3'/>`},
		{"default namespace does not hold for attributes", `<a xmlns='urn:p' xmlns:p='urn:p' p:b='1' b='2'/>`},
		{"default namespace taken away", `<a xmlns='urn:a'><b xmlns=''/></a>`},
		{"prefix declared anew", `<a xmlns:p='urn:p'><p:b xmlns:p='urn:q'/></a>`},
		{"xml prefix", `<a xml:lang='en' xml:space='preserve'/>`},
		{"xml prefix declared as what it is", `<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>`},
		{"prefix of the scope", `<stream:a db:b=''/>`},
		{"a name that begins with xml", `<xmla xmlb='c' xmlnsd='e'/>`},
		{"what follows is not looked at", "<a/></b>\x00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := scanAnyhow(t, NewScanner(Limits{}, streamScope), tt.doc)
			if r.Err != "" {
				t.Errorf("%q: %s", tt.doc, r.Err)
			}
		})
	}
}

func TestScanner_refuses(t *testing.T) {
	for _, tt := range []struct {
		name, doc string
		kind      Kind
		err       string
	}{
		{"wrong end tag", "<message>\n  <body>x</bodi></message>", NotWellFormed, "line 2, column 10: end tag </bodi> does not match <body>"},
		{"end tag too early", "<message>\n  <body></message>", NotWellFormed, "line 2, column 9: end tag </message> does not match <body>"},
		{"longer end tag", "<a></ab>", NotWellFormed, "line 1, column 4: end tag </ab> does not match <a>"},
		{"only an end tag", "</a>", NotWellFormed, "line 1, column 1: an end tag without a start tag"},
		{"attribute in an end tag", "<a></a b='c'>", NotWellFormed, "line 1, column 8: 'b' in the end tag </a>"},
		{"end tag without a name", "<a></>", NotWellFormed, "line 1, column 6: a name can't begin with '>'"},
		{"text in front", "x<a/>", NotWellFormed, "line 1, column 1: an element begins with '<', not with 'x'"},
		{"less-than in text", "<a>1 < 2</a>", NotWellFormed, "line 1, column 6: '<' before ' ' begins no tag: write &lt; for the character"},
		{"less-than in a value", "<a b='<'/>", NotWellFormed, "line 1, column 7: '<' in an attribute value: write &lt;, or close the quotes"},
		{"quote not closed", "<a b='c><d/></a>", NotWellFormed, "line 1, column 9: '<' in an attribute value: write &lt;, or close the quotes"},
		{"tag not closed", "<a b='c' <d/></a>", NotWellFormed, "line 1, column 10: a name can't begin with '<'"},
		{"no quotes", "<a b=c/>", NotWellFormed, "line 1, column 6: the value of attribute b is not in quotes"},
		{"no value", "<a b/>", NotWellFormed, "line 1, column 5: '=' is missing after attribute b"},
		{"no space between attributes", "<a b='c'd='e'/>", NotWellFormed, "line 1, column 9: white space is missing before 'd'"},
		{"slash inside a tag", "<a / b='c'>", NotWellFormed, "line 1, column 5: ' ' after the '/' in <a>"},
		{"ampersand in text", "<a>this & that</a>", NotWellFormed, "line 1, column 9: '&' begins no reference: write &amp; for the character"},
		{"ampersand in a value", "<a b='c?d=e&f=g'/>", NotWellFormed, "line 1, column 12: '&' begins no reference: write &amp; for the character"},
		{"empty reference", "<a>&;</a>", NotWellFormed, "line 1, column 4: bad reference &;"},
		{"number without digits", "<a>&#;</a>", NotWellFormed, "line 1, column 4: bad reference &#;"},
		{"number without hex digits", "<a>&#x;</a>", NotWellFormed, "line 1, column 4: bad reference &#x;"},
		{"capital X", "<a>&#X41;</a>", NotWellFormed, "line 1, column 4: bad reference &#X41;"},
		{"hex digit in a decimal number", "<a>&#4A;</a>", NotWellFormed, "line 1, column 4: bad reference &#4A;"},
		{"HTML's entity", "<a>&nbsp;</a>", Restricted, "line 1, column 4: unknown entity &nbsp;: only &lt; &gt; &amp; &quot; &apos; are defined"},
		{"HTML's entity in a value", "<a b='&nbsp;'/>", Restricted, "line 1, column 7: unknown entity &nbsp;: only &lt; &gt; &amp; &quot; &apos; are defined"},
		{"endless reference", "<a>&#" + strings.Repeat("0", 100), NotWellFormed, "line 1, column 4: reference longer than 32 bytes"},
		{"NUL by reference", "<a>&#0;</a>", NotWellFormed, "line 1, column 4: reference &#0; to a character that is not allowed in XML"},
		{"control by reference", "<a b='&#x1F;'/>", NotWellFormed, "line 1, column 7: reference &#x1F; to a character that is not allowed in XML"},
		{"surrogate by reference", "<a>&#xD800;</a>", NotWellFormed, "line 1, column 4: reference &#xD800; to a character that is not allowed in XML"},
		{"U+FFFE by reference", "<a>&#xFFFE;</a>", NotWellFormed, "line 1, column 4: reference &#xFFFE; to a character that is not allowed in XML"},
		{"U+FFFF by reference", "<a>&#65535;</a>", NotWellFormed, "line 1, column 4: reference &#65535; to a character that is not allowed in XML"},
		{"beyond Unicode", "<a>&#x110000;</a>", NotWellFormed, "line 1, column 4: reference &#x110000; to a character that is not allowed in XML"},
		{"beyond any number", "<a>&#99999999999999999999;</a>", NotWellFormed, "line 1, column 4: reference &#99999999999999999999; to a character that is not allowed in XML"},
		{"control", "<a>12345678\x0b</a>", NotWellFormed, "line 1, column 12: character U+000B is not allowed in XML"},
		{"control in a value", "<a b='\x00'/>", NotWellFormed, "line 1, column 7: character U+0000 is not allowed in XML"},
		{"control in a tag", "<a\x01/>", NotWellFormed, "line 1, column 3: white space is missing before character U+0001"},
		{"control in CDATA", "<a><![CDATA[\x1b]]></a>", NotWellFormed, "line 1, column 13: character U+001B is not allowed in XML"},
		{"U+FFFE", "<a>\ufffe</a>", NotWellFormed, "line 1, column 4: character U+FFFE is not allowed in XML"},
		{"U+FFFF", "<a b='\uffff'/>", NotWellFormed, "line 1, column 7: character U+FFFF is not allowed in XML"},
		{"surrogate", "<a>\xed\xa0\x80</a>", UnsupportedEncoding, "line 1, column 4: byte 0xED is not UTF-8 here"},
		{"over-long", "<a>\xc0\xbc</a>", UnsupportedEncoding, "line 1, column 4: byte 0xC0 is not UTF-8 here"},
		{"over-long in three bytes", "<a>\xe0\x80\xbc</a>", UnsupportedEncoding, "line 1, column 4: byte 0xE0 is not UTF-8 here"},
		{"beyond Unicode in UTF-8", "<a>\xf4\x90\x80\x80</a>", UnsupportedEncoding, "line 1, column 4: byte 0xF4 is not UTF-8 here"},
		{"Latin-1", "<a>caf\xe9</a>", UnsupportedEncoding, "line 1, column 7: byte 0xE9 is not UTF-8 here"},
		{"Latin-1 before a bracket", "<a>\xc3(</a>", UnsupportedEncoding, "line 1, column 4: byte 0xC3 is not UTF-8 here"},
		{"three bytes, the last missing", "<a>\xe4\xb8(</a>", UnsupportedEncoding, "line 1, column 4: byte 0xE4 is not UTF-8 here"},
		{"three bytes, two missing", "<a>\xe4(\x80</a>", UnsupportedEncoding, "line 1, column 4: byte 0xE4 is not UTF-8 here"},
		{"Latin-1 in a value", "<a b='caf\xe9'/>", UnsupportedEncoding, "line 1, column 10: byte 0xE9 is not UTF-8 here"},
		{"Latin-1 in a name", "<caf\xe9/>", UnsupportedEncoding, "line 1, column 5: byte 0xE9 is not UTF-8 here"},
		{"columns count characters", "<a>é中\U0001f600<b></a>", NotWellFormed, "line 1, column 10: end tag </a> does not match <b>"},
		{"lines end with CR as well", "<a>\r\n\r\n\r<b></a>", NotWellFormed, "line 4, column 4: end tag </a> does not match <b>"},
		{"end of CDATA in text", "<a>x]]>y</a>", NotWellFormed, "line 1, column 5: \"]]>\" in text: write ]]&gt;"},
		{"three brackets", "<a>]]]></a>", NotWellFormed, "line 1, column 5: \"]]>\" in text: write ]]&gt;"},
		{"end of CDATA after CDATA", "<a><![CDATA[]]>]]></a>", NotWellFormed, "line 1, column 16: \"]]>\" in text: write ]]&gt;"},
		{"not quite CDATA", "<a><![cdata[]]></a>", NotWellFormed, "line 1, column 4: \"<![\" that begins no CDATA section"},
		{"CDATA alone", "<![CDATA[x]]>", NotWellFormed, "line 1, column 1: CDATA section outside of an element"},
		{"comment", "<a><!-- x --></a>", Restricted, "line 1, column 4: comments are not allowed"},
		{"DTD", "<!DOCTYPE a><a/>", Restricted, "line 1, column 1: document type declarations are not allowed"},
		{"DTD inside", "<a><!DOCTYPE a></a>", Restricted, "line 1, column 4: document type declarations are not allowed"},
		{"processing instruction", "<a><?php x?></a>", Restricted, "line 1, column 4: processing instructions are not allowed"},
		{"XML declaration inside", "<a><?xml version='1.0'?></a>", Restricted, "line 1, column 4: an XML declaration can stand only at the very start"},
		{"style sheet", "<a><?xml-stylesheet href='x'?></a>", Restricted, "line 1, column 4: processing instructions are not allowed"},
		{"emoji in a name", "<\U0001f600/>", NotWellFormed, "line 1, column 2: character U+1F600 is not allowed in a name here"},
		{"name of the fifth edition", "<\u037f/>", NotWellFormed, "line 1, column 2: character U+037F is not allowed in a name here"},
		{"byte order mark in a name", "<a\ufeff/>", NotWellFormed, "line 1, column 3: character U+FEFF is not allowed in a name here"},
		{"combining character first", "<\u0301/>", NotWellFormed, "line 1, column 2: character U+0301 is not allowed in a name here"},
		{"digit first", "<a 1='b'/>", NotWellFormed, "line 1, column 4: a name can't begin with '1'"},
		{"colon first", "<:b/>", NotWellFormed, "line 1, column 1: '<' before ':' begins no tag: write &lt; for the character"},
		{"colon last", "<b:/>", NotWellFormed, "line 1, column 4: a name can't begin with '/'"},
		{"two colons", "<a:b:c/>", NotWellFormed, "line 1, column 5: a second colon in a name"},
		{"digit after the colon", "<stream:1/>", NotWellFormed, "line 1, column 9: a name can't begin with '1'"},
		{"attribute twice", "<a b='1' c='2' b='3'/>", NotWellFormed, "line 1, column 16: attribute b is there twice"},
		{"declaration twice", "<a xmlns='1' xmlns='1'/>", NotWellFormed, "line 1, column 14: attribute xmlns is there twice"},
		{"attribute twice by namespace", "<a p:b='1' q:b='2' xmlns:p='u' xmlns:q='u'/>", NotWellFormed, "line 1, column 12: attributes p:b and q:b are the same"},
		{"attribute twice by namespace as written otherwise", "<a p:b='1' q:b='2' xmlns:p='u v' xmlns:q='u\n&#118;'/>", NotWellFormed, "line 1, column 12: attributes p:b and q:b are the same"},
		{"attribute twice by namespace with other white space", "<a p:b='1' q:b='2' xmlns:p='u v' xmlns:q='u\tv'/>", NotWellFormed, "line 1, column 12: attributes p:b and q:b are the same"},
		{"attribute twice by the scope's namespace", "<a db:b='1' q:b='2' xmlns:q='jabber:server:dialback'/>", NotWellFormed, "line 1, column 13: attributes db:b and q:b are the same"},
		{"undeclared prefix", "<p:a/>", UnboundPrefix, `line 1, column 2: prefix p is not declared: add xmlns:p="..."`},
		{"undeclared prefix of an attribute", "<a p:b=''/>", UnboundPrefix, `line 1, column 4: prefix p is not declared: add xmlns:p="..."`},
		{"prefix of a sibling", "<a><b xmlns:p='u'/><p:c/></a>", UnboundPrefix, `line 1, column 21: prefix p is not declared: add xmlns:p="..."`},
		{"prefix of a child", "<a><b xmlns:p='u'></b><c p:d=''/></a>", UnboundPrefix, `line 1, column 26: prefix p is not declared: add xmlns:p="..."`},
		{"prefix xmlns of an element", "<xmlns:a/>", NotWellFormed, "line 1, column 2: prefix xmlns can't be used for elements"},
		{"prefix xmlns declared", "<a xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>", NotWellFormed, "line 1, column 4: prefix xmlns can't be declared"},
		{"prefix xml bound otherwise", "<a xmlns:xml='u'/>", NotWellFormed, "line 1, column 4: prefix xml can't be bound to another namespace"},
		{"namespace of xml", "<a xmlns:p='http://www.w3.org/XML/1998/namespac&#101;'/>", NotWellFormed, "line 1, column 4: the namespace of prefix xml can't be bound to another one"},
		{"namespace of xml as default", "<a xmlns='http://www.w3.org/XML/1998/namespace'/>", NotWellFormed, "line 1, column 4: the namespace of prefix xml can't be bound to another one"},
		{"namespace of xmlns", "<a xmlns='http://www.w3.org/2000/xmlns/'/>", NotWellFormed, "line 1, column 4: the namespace of prefix xmlns can't be declared"},
		{"prefix taken away", "<a xmlns:stream=''/>", NotWellFormed, "line 1, column 4: prefix stream is bound to nothing"},
		{"line break in a namespace", "<a xmlns:p='a&#10;b'/>", NotWellFormed, "line 1, column 4: a namespace name with a line break"},
		{"long names are cut", "<" + strings.Repeat("é", 50) + "></a>", NotWellFormed, "line 1, column 53: end tag </a> does not match <" + strings.Repeat("é", 40) + "…>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := scanAnyhow(t, NewScanner(Limits{}, streamScope), tt.doc)
			if r.Err != tt.err || r.Kind != tt.kind {
				t.Errorf("%q\ngot  %s: %s\nwant %s: %s", tt.doc, r.Kind, r.Err, tt.kind, tt.err)
			}
		})
	}
}

// Of what is accepted, no beginning is refused or taken for the whole.
func TestScanner_prefixesAreIncomplete(t *testing.T) {
	sc := NewScanner(Limits{}, streamScope)
	for _, seed := range seeds {
		sc.Reset()
		n, err := sc.Scan([]byte(seed))
		if err != nil {
			continue
		}
		for i := range n {
			sc.Reset()
			if _, err := sc.Scan([]byte(seed[:i])); !errors.Is(err, ErrIncomplete) {
				t.Fatalf("%q is accepted, its beginning %q gives %v", seed, seed[:i], err)
			}
		}
	}
}

func TestScanner_resetAfterAnything(t *testing.T) {
	fresh := sample(t, NewScanner(Limits{}, streamScope))
	for _, before := range seeds {
		for cut := range len(before) {
			sc := NewScanner(Limits{}, streamScope)
			_, _ = sc.Scan([]byte(before[:cut])) // whatever comes of it
			sc.Reset()
			if diff := cmp.Diff(fresh, sample(t, sc)); diff != "" {
				t.Fatalf("after %q (-fresh +reset):\n%s", before[:cut], diff)
			}
		}
	}
}

func sample(t *testing.T, sc *Scanner) result {
	t.Helper()
	n, err := sc.Scan([]byte(`<stream:a xmlns:p='u' p:b='c'>x<d>y</d></stream:a>`))
	if err != nil {
		t.Fatal(err)
	}
	return resultOf(sc, n, err)
}
