package element

import (
	"strings"
	"testing"
)

func TestUnescape(t *testing.T) {
	for _, tt := range []struct{ name, raw, want string }{
		{"nothing", "", ""},
		{"nothing to do", "a b>c", "a b>c"},
		{"entities", "&lt;&gt;&amp;&quot;&apos;", `<>&"'`},
		{"numbers", "&#65;&#x42;&#x1F600;", "AB\U0001f600"},
		{"once only", "&amp;lt;&#38;lt;", "&lt;&lt;"},
		{"literal white space", "a\tb\nc\rd\r\ne\n\rf", "a b c d e  f"},
		{"white space by reference", "a&#9;b&#10;c&#13;d&#13;&#10;e&#x20;", "a\tb\nc\rd\r\ne "},
		{"what no scanner accepts stays", "&;&nbsp;&#0;&#xD800;& &amp", "&;&nbsp;&#0;&#xD800;& &amp"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Unescape([]byte(tt.raw)); got != tt.want {
				t.Errorf("%q gives %q, want %q", tt.raw, got, tt.want)
			}
		})
	}
}

func TestText(t *testing.T) {
	for _, tt := range []struct{ name, raw, want string }{
		{"empty element", `<a/>`, ""},
		{"empty", `<a></a>`, ""},
		{"text", `<a b='c>d'>e</a>`, "e"},
		{"references", `<a>&lt;&#x1F600;&amp;amp;</a>`, "<\U0001f600&amp;"},
		{"line ends", "<a>1\r\n2\r3\n4&#13;5\t</a>", "1\n2\n3\n4\r5\t"},
		{"CDATA", "<a>1<![CDATA[<b>&amp;\r\n]]]]>2</a>", "1<b>&amp;\n]]2"},
		{"children are left out", `<a>1<b c="/">x<d/>y</b>2<b/>3<![CDATA[4]]><b><![CDATA[z]]></b></a >`, "1234"},
		{"no element", `abc`, ""},
		{"half an element", `<a>b<c`, "b"},
		{"nothing", ``, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Text([]byte(tt.raw)); got != tt.want {
				t.Errorf("%q gives %q, want %q", tt.raw, got, tt.want)
			}
		})
	}
}

func TestAppend(t *testing.T) {
	const in = "a<b>&\"'\t\n\rc é\U0001f600\ufeff\x00\x1f\x7f\ufffe\uffff\xff\xed\xa0\x80d"
	want := "x" + `a&lt;b&gt;&amp;&quot;&apos;&#9;&#10;&#13;c é` + "\U0001f600\ufeff\ufffd\ufffd\x7f\ufffd\ufffd\ufffd\ufffd\ufffd\ufffdd"
	if got := string(AppendAttr([]byte("x"), in)); got != want {
		t.Errorf("AppendAttr:\ngot  %q\nwant %q", got, want)
	}
	want = strings.NewReplacer("&quot;", `"`, "&apos;", "'", "&#9;", "\t", "&#10;", "\n").Replace(want)
	if got := string(AppendText([]byte("x"), in)); got != want {
		t.Errorf("AppendText:\ngot  %q\nwant %q", got, want)
	}
}

func TestAppendContent(t *testing.T) {
	for in, want := range map[string]string{
		"":                    "x",
		"<a>b</a>":            "x<a>b</a>",
		"1\r\n2\r3\r\r\n4\r":  "x1\n2\n3\n\n4\n",
		"<a\r\nb='\r'/>&#13;": "x<a\nb='\n'/>&#13;",
	} {
		if got := string(AppendContent([]byte("x"), []byte(in))); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}
