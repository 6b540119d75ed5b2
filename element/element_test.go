package element

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func lines(l ...string) string { return strings.Join(l, "\n") + "\n" }

func TestScanner_describes(t *testing.T) {
	for _, tt := range []struct{ name, doc, want string }{
		{"nothing in it", `<a/>`, lines("raw <a/>", "root  a jabber:client", "content")},
		{
			"nothing in it, and an end tag", `<a></a>x`,
			lines("raw <a></a>", "root  a jabber:client", "content"),
		},
		{
			"children", `<a> <b/><c d='e'>f<g/></c > </a>`,
			lines(`raw <a> <b/><c d='e'>f<g/></c > </a>`, "root  a jabber:client", `content  <b/><c d='e'>f<g/></c >`,
				"child jabber:client b <b/>", "child jabber:client c <c d='e'>f<g/></c >"),
		},
		{
			"attributes and declarations", `<p:a b='&lt;' xmlns='u' p:c="&#x20;d " xmlns:p='v'/>`,
			lines(`raw <p:a b='&lt;' xmlns='u' p:c="&#x20;d " xmlns:p='v'/>`, "root p a v", "content",
				"attribute  b &lt;", "attribute p c &#x20;d", "declares  u", "declares p v"),
		},
		{
			"namespaces of children", `<a xmlns='u' xmlns:p='v'><b/><b xmlns=''/><b xmlns='w'/><p:b/><p:b xmlns:p='x'/><db:b/></a>`,
			lines(`raw <a xmlns='u' xmlns:p='v'><b/><b xmlns=''/><b xmlns='w'/><p:b/><p:b xmlns:p='x'/><db:b/></a>`, "root  a u",
				`content <b/><b xmlns=''/><b xmlns='w'/><p:b/><p:b xmlns:p='x'/><db:b/>`, "declares  u", "declares p v",
				"child u b <b/>", "child  b <b xmlns=''/>", "child w b <b xmlns='w'/>", "child v b <p:b/>",
				"child x b <p:b xmlns:p='x'/>", "child jabber:server:dialback b <db:b/>", "inherits db jabber:server:dialback"),
		},
		{
			"prefixes of the scope, used deep inside", `<a><b e:c=''><stream:d/></b></a>`,
			lines(`raw <a><b e:c=''><stream:d/></b></a>`, "root  a jabber:client", `content <b e:c=''><stream:d/></b>`,
				"child jabber:client b <b e:c=''><stream:d/></b>",
				"inherits e a&amp;&quot;&lt;b", "inherits stream http://etherx.jabber.org/streams"),
		},
		{
			"prefixes of the scope, declared anew", `<a><stream:b xmlns:stream='u'/></a>`,
			lines(`raw <a><stream:b xmlns:stream='u'/></a>`, "root  a jabber:client", `content <stream:b xmlns:stream='u'/>`,
				"child u b <stream:b xmlns:stream='u'/>"),
		},
		{
			"xml is not inherited", `<a xml:lang='en'/>`,
			lines(`raw <a xml:lang='en'/>`, "root  a jabber:client", "content", "attribute xml lang en"),
		},
		{"text", "<a> x</a>", lines("raw <a> x</a>", "root  a jabber:client", "content  x", "text")},
		{"text in CDATA", "<a><![CDATA[ x]]></a>", lines("raw <a><![CDATA[ x]]></a>", "root  a jabber:client", "content <![CDATA[ x]]>", "text")},
		{"white space in CDATA", "<a><![CDATA[\n]]></a>", lines("raw <a><![CDATA[\n]]></a>", "root  a jabber:client", "content <![CDATA[\n]]>")},
		{"text by reference", "<a>&#65;</a>", lines("raw <a>&#65;</a>", "root  a jabber:client", "content &#65;", "text")},
		{"text deeper", "<a><b>x</b></a>", lines("raw <a><b>x</b></a>", "root  a jabber:client", "content <b>x</b>", "child jabber:client b <b>x</b>")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := scanAnyhow(t, NewScanner(Limits{}, streamScope), tt.doc)
			if r.Err != "" {
				t.Fatal(r.Err)
			}
			if diff := cmp.Diff(tt.want, r.Element); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// ejabberd 23.01 can send such elements. They must not look like good ones.
func TestScanner_allowUnbound(t *testing.T) {
	for _, tt := range []struct{ name, doc, unbound, err string }{
		{"element", `<p:a><q:b/></p:a>`, "p", ""},
		{"attribute", `<a><b q:c='' p:d=''/></a>`, "q", ""},
		{"two of one local name", `<a p:b='' q:b=''/>`, "p", ""},
		{"none", `<a db:b=''/>`, "", ""},
		{"the same attribute twice", `<a p:b='' p:b=''/>`, "", "line 1, column 11: attribute p:b is there twice"},
		{"wrong nesting", `<a><p:b></a></p:b>`, "", "line 1, column 9: end tag </a> does not match <p:b>"},
		{"prefix xmlns", `<xmlns:a/>`, "", "line 1, column 2: prefix xmlns can't be used for elements"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sc := NewScanner(Limits{AllowUnbound: true}, streamScope)
			if r := scanAnyhow(t, sc, tt.doc); r.Err != tt.err {
				t.Fatalf("error %q, want %q", r.Err, tt.err)
			}
			if el := sc.Element(); el != nil && string(el.Unbound) != tt.unbound {
				t.Errorf("Unbound is %q, want %q", el.Unbound, tt.unbound)
			}
		})
	}
}

// The scope of an element is that of its children, also where names hold
// references.
func TestElement_scope(t *testing.T) {
	sc := NewScanner(Limits{}, streamScope)
	if _, err := sc.Scan([]byte(`<p:a xmlns="u&amp;amp;" xmlns:p="&lt;v>"><b e:x="" p:y=""/></p:a>`)); err != nil {
		t.Fatal(err)
	}
	want := Scope{Default: "u&amp;", Prefixes: map[string]string{"p": "<v>", "e": `a&"<b`}}
	got := sc.Element().Scope()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	child := NewScanner(Limits{}, got)
	if _, err := child.Scan(sc.Element().Children[0].Raw); err != nil {
		t.Fatal(err)
	}
	if got, want := Unescape(child.Element().Space), "u&amp;"; got != want {
		t.Errorf("the child's namespace is %q, want %q", got, want)
	}
}

func TestElement_scopeWithoutPrefixes(t *testing.T) {
	sc := NewScanner(Limits{}, streamScope)
	if _, err := sc.Scan([]byte(`<a/>`)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Scope{Default: "jabber:client"}, sc.Element().Scope()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Who holds a Scanner of a pool must not hold the buffers that went through it.
func TestScanner_resetLetsGo(t *testing.T) {
	sc := NewScanner(Limits{}, streamScope)
	buf := []byte(`<a xmlns:p="u"><b/></a>`)
	if _, err := sc.Scan(buf); err != nil {
		t.Fatal(err)
	}
	sc.Reset()
	if sc.Element() != nil {
		t.Error("Element after Reset is not nil")
	}
	el := &sc.element
	if el.Raw != nil || el.Decls[:1][0].Space != nil || el.Children[:1][0].Raw != nil {
		t.Errorf("after Reset the Scanner still refers to %q", buf)
	}
}

func TestScanner_limits(t *testing.T) {
	attrs := func(n int, format string) string {
		var b strings.Builder
		b.WriteString("<a")
		for i := range n {
			b.WriteString(" " + strings.ReplaceAll(format, "#", string(rune('a'+i%26))+string(rune('a'+i/26))))
		}
		return b.String() + "/>"
	}
	nested := func(n int, declares bool) string {
		tag := "<a>"
		if declares {
			tag = strings.Replace(attrs(8, "xmlns:#='u'"), "/>", ">", 1)
		}
		return strings.Repeat(tag, n) + strings.Repeat("</a>", n)
	}
	text := func(n int) string { return "<a>" + strings.Repeat("x", n-7) + "</a>" }
	small := Limits{Bytes: 100, Depth: 3, Attributes: 4}
	for _, tt := range []struct {
		name   string
		limits Limits
		doc    string
		kind   Kind
		err    string
	}{
		{"bytes", small, text(100), "", ""},
		{"a byte too many", small, text(101), TooBig, "line 1, column 101: the element is longer than 100 bytes"},
		{"bytes in a tag", small, "<a b='" + strings.Repeat("x", 100), TooBig, "line 1, column 101: the element is longer than 100 bytes"},
		{"wrong after too many bytes", small, text(200) + "</b>", TooBig, "line 1, column 101: the element is longer than 100 bytes"},
		{"wrong before too many bytes", small, "<a>&;" + text(200), NotWellFormed, "line 1, column 4: bad reference &;"},
		{"depth", small, nested(3, false), "", ""},
		{"a level too many", small, nested(4, false), TooDeep, "line 1, column 10: <a> is nested more than 3 levels deep"},
		{"an empty element too deep", small, "<a><b><c><d/></c></b></a>", TooDeep, "line 1, column 10: <d> is nested more than 3 levels deep"},
		{"attributes", small, attrs(4, "#=''"), "", ""},
		{"an attribute too many", small, attrs(5, "#=''"), TooManyAttributes, "line 1, column 28: more than 4 attributes in one tag"},
		{"declarations count as attributes", small, "<a b='' c='' d='' xmlns='' xmlns:e='u'/>", TooManyAttributes, "line 1, column 28: more than 4 attributes in one tag"},
		{"default attributes", Limits{}, attrs(64, "#=''"), "", ""},
		{"default attributes and one", Limits{}, attrs(65, "#=''"), TooManyAttributes, "line 1, column 388: more than 64 attributes in one tag"},
		{"default depth", Limits{}, nested(64, false), "", ""},
		{"default depth and one", Limits{}, nested(65, false), TooDeep, "line 1, column 193: <a> is nested more than 64 levels deep"},
		{"declarations in force", Limits{Bytes: 1 << 20}, nested(32, true), "", ""},
		{"declarations in force and more", Limits{Bytes: 1 << 20}, nested(33, true), TooManyAttributes, "more than 256 namespace declarations in force"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := scanAnyhow(t, NewScanner(tt.limits, Scope{}), tt.doc)
			if r.Kind != tt.kind || !strings.HasSuffix(r.Err, tt.err) || (tt.err == "") != (r.Err == "") {
				t.Errorf("got %q, %q, want %q, %q", r.Kind, r.Err, tt.kind, tt.err)
			}
		})
	}
}

// Whoever fills the buffer must be told to stop at the limit, not beyond it.
func TestScanner_stopsAtTheLimit(t *testing.T) {
	sc := NewScanner(Limits{}, Scope{})
	buf := append([]byte("<a b='"), bytes.Repeat([]byte("x"), DefaultBytes)...)
	if _, err := sc.Scan(buf[:DefaultBytes-1]); !errors.Is(err, ErrIncomplete) {
		t.Fatalf("below the limit: %v", err)
	}
	syntax, ok := errors.AsType[*SyntaxError](func() error { _, err := sc.Scan(buf[:DefaultBytes]); return err }())
	if !ok || syntax.Kind != TooBig {
		t.Fatalf("at the limit without an end: %v", syntax)
	}
}
