package stanza

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/jid"
)

func TestParse(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", `<message type="chat" to="user@example.org"><body>Hello!</body></message>`, `<message type="chat" to="user@example.org"><body>Hello!</body></message>`},
		{"empty", `<presence/>`, `<presence/>`},
		{"quotes and order", `<iq to='a@b' from='c.d' id='1' type='get'><x xmlns='y'/></iq>`, `<iq type="get" id="1" from="c.d" to="a@b"><x xmlns='y'/></iq>`},
		{"other attributes are dropped", `<message foo="1" xmlns:q="urn:q" q:bar="2" to="a@b" xml:lang="de" xml:space="preserve"/>`, `<message to="a@b" xml:lang="de"/>`},
		{"addresses are normalised", `<message to="USER@Example.ORG/Res" from="REST.example.net"/>`, `<message from="rest.example.net" to="user@example.org/Res"/>`},
		{"references in attributes", `<message id="a&amp;&quot;&#65;" type="x&lt;"/>`, `<message type="x&lt;" id="a&amp;&quot;A"/>`},
		{"namespace named", `<message xmlns="jabber:client" to="a@b"><body>x</body></message>`, `<message to="a@b"><body>x</body></message>`},
		{"declaration and white space", "\ufeff<?xml version='1.0'?>\n <message/> \n", `<message/>`},
		{"content byte for byte", "<message>\n <body>a &amp; <![CDATA[<b>]]></body>\t</message>", "<message>\n <body>a &amp; <![CDATA[<b>]]></body>\t</message>"},
		{"white space only", "<message> </message>", "<message> </message>"},
		{"prefix of the root moves to the children that use it", `<message xmlns:q="urn:q&amp;1"><q:a/> <b q:c="1"/><d/></message>`, `<message><q:a xmlns:q="urn:q&amp;1"/> <b xmlns:q="urn:q&amp;1" q:c="1"/><d/></message>`},
		{"a child's own prefix wins", `<message xmlns:q="urn:1"><q:a xmlns:q="urn:2"><q:b/></q:a></message>`, `<message><q:a xmlns:q="urn:2"><q:b/></q:a></message>`},
		{"prefix used deep inside", `<message xmlns:q="urn:1">t<a xmlns="urn:a" x='"'><b><q:c/></b></a>u</message>`, `<message>t<a xmlns:q="urn:1" xmlns="urn:a" x="&quot;"><b><q:c/></b></a>u</message>`},
		{"child that names the stream's namespace", `<message><body xmlns='jabber:client'>x</body></message>`, `<message><body>x</body></message>`},
		{"forwarded stanzas keep their namespace", `<message><f xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client"/></f></message>`, `<message><f xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client"/></f></message>`},
		{"text that looks like the child", `<message xmlns:q="urn:q"><![CDATA[<q:a/>]]><q:a/></message>`, `<message><![CDATA[<q:a/>]]><q:a xmlns:q="urn:q"/></message>`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st, err := Parse([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, st.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			again, err := Parse(st.XML())
			if err != nil {
				t.Fatalf("what it wrote is refused: %v", err)
			}
			if diff := cmp.Diff(st.String(), again.String()); diff != "" {
				t.Errorf("no fixed point (-first +second):\n%s", diff)
			}
		})
	}
}

func TestParse_refusals(t *testing.T) {
	tests := []struct {
		name, in string
		reason   Reason
		words    string
	}{
		{"the message of mod_rest's first documentation", "<message type=\"chat\" to=\"user@example.org\">\n<body>Hello!</body>\n</body>", NotWellFormed, "line 3"},
		{"empty", "", NotWellFormed, ""},
		{"two roots", "<message/><message/>", NotWellFormed, ""},
		{"text beside the root", "<message/>x", NotWellFormed, ""},
		{"comment", "<message><!-- --></message>", NotWellFormed, "comment"},
		{"entity", "<message>&nbsp;</message>", NotWellFormed, "nbsp"},
		{"unbound prefix", "<message><q:a/></message>", NotWellFormed, "q"},
		{"other root", "<stanza/>", UnsupportedStanzaType, "stanza"},
		{"upper case", "<Message/>", UnsupportedStanzaType, "Message"},
		{"foreign namespace", `<message xmlns="jabber:server"/>`, InvalidNamespace, "jabber:server"},
		{"component namespace", `<message xmlns="jabber:component:accept"/>`, InvalidNamespace, "jabber:component:accept"},
		{"prefixed root", `<c:message xmlns:c="jabber:client"/>`, InvalidNamespace, "prefix"},
		{"malformed to", `<message to="@b"/>`, ImproperAddressing, "to: "},
		{"empty to", `<message to=""/>`, ImproperAddressing, "to: "},
		{"malformed from", `<message to="a@b" from="a@b@c"/>`, InvalidFrom, "from: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(tt.in))
			r, ok := errors.AsType[*Refusal](err)
			if !ok || r.Reason != tt.reason {
				t.Fatalf("%v, want the reason %q", err, tt.reason)
			}
			if !strings.Contains(r.Text, tt.words) {
				t.Errorf("%q does not speak of %q", r.Text, tt.words)
			}
		})
	}
}

func TestParseReply_ignoresAddresses(t *testing.T) {
	st, err := ParseReply([]byte(`<message to="@" from="" id="x"><body/></message>`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := st.String(), `<message id="x"><body/></message>`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// scan is an element as a server's stream holds it.
func scan(t *testing.T, xml, space string) *element.Element {
	t.Helper()
	sc := element.NewScanner(element.Limits{AllowUnbound: true}, element.Scope{
		Default: space, Prefixes: map[string]string{"stream": "http://etherx.jabber.org/streams"},
	})
	if _, err := sc.Scan([]byte(xml)); err != nil {
		t.Fatal(err)
	}
	return sc.Element()
}

func TestFromElement(t *testing.T) {
	tests := []struct{ name, space, in, want string }{
		{"component stream", NSComponent, `<message from='a@b/c' to='d.e'><body>x</body></message>`, `<message from="a@b/c" to="d.e"><body>x</body></message>`},
		{"client stream", NSClient, `<message><body>x</body></message>`, `<message><body>x</body></message>`},
		{"named namespace on a component stream", NSComponent, `<message xmlns='jabber:client'><body>x</body></message>`, `<message><body>x</body></message>`},
		{"prefix of the stream's header", NSComponent, `<message><a xmlns='x'><stream:b/></a></message>`, `<message><a xmlns:stream="http://etherx.jabber.org/streams" xmlns="x"><stream:b/></a></message>`},
		{"an address that only a server would take", NSComponent, `<message from='a b@exa_mple'/>`, `<message from="a b@exa_mple"/>`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st, err := FromElement(scan(t, tt.in, tt.space))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, st.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFromElement_costsOneStanza(t *testing.T) {
	for _, in := range []string{
		`<message q:x="1"/>`,
		`<message><q:a/></message>`,
		`<message from="@"/>`,
		`<message xmlns="jabber:server"/>`,
		`<c:message xmlns:c="jabber:client" xmlns="urn:x"><body/></c:message>`,
		`<features/>`,
	} {
		if _, err := FromElement(scan(t, in, NSComponent)); err == nil {
			t.Errorf("%s: no refusal", in)
		}
	}
}

// The buffer that was scanned is used again for the next stanza.
func TestFromElement_sharesNoMemory(t *testing.T) {
	buf := []byte(`<iq id='1' type='get' from='a@b/c'><query xmlns='urn:x' node='n'/></iq>`)
	sc := element.NewScanner(element.Limits{}, element.Scope{Default: NSComponent})
	if _, err := sc.Scan(buf); err != nil {
		t.Fatal(err)
	}
	st, err := FromElement(sc.Element())
	if err != nil {
		t.Fatal(err)
	}
	clear(buf)
	want := `<iq type="get" id="1" from="a@b/c"><query xmlns='urn:x' node='n'/></iq>`
	if st.String() != want || st.Payload() != (Name{"urn:x", "query"}) || st.PayloadAttr("node") != "n" {
		t.Errorf("%s, payload %v", st, st.Payload())
	}
}

func TestErrorReply(t *testing.T) {
	e := &Error{Type: Wait, Condition: RecipientUnavailable, Text: `<"no">`}
	tests := []struct{ in, want string }{
		{`<message type="chat" id="1" from="a@b/c" to="d.e"><body/></message>`, `<message type="error" id="1" from="d.e" to="a@b/c"><error type="wait"><recipient-unavailable xmlns="` + NSStanzas + `"/><text xmlns="` + NSStanzas + `">&lt;"no"&gt;</text></error></message>`},
		{`<iq type="set" from="a@b/c" to="d.e"/>`, `<iq type="error" from="d.e" to="a@b/c"><error type="wait"><recipient-unavailable xmlns="` + NSStanzas + `"/><text xmlns="` + NSStanzas + `">&lt;"no"&gt;</text></error></iq>`},
		{`<message type="error" from="a@b/c" to="d.e"/>`, ""},
		{`<iq type="result" from="a@b/c" to="d.e"/>`, ""},
		{`<iq type="error" from="a@b/c" to="d.e"/>`, ""},
		{`<message to="d.e"/>`, ""},
	}
	for _, tt := range tests {
		st, err := Parse([]byte(tt.in))
		if err != nil {
			t.Fatal(err)
		}
		answer, ok := st.ErrorReply(e)
		if ok != (tt.want != "") {
			t.Errorf("%s: answered: %v", tt.in, ok)
			continue
		}
		if ok && !sameXML(t, answer.String(), tt.want) {
			t.Errorf("%s\n got %s\nwant %s", tt.in, answer, tt.want)
		}
		if ok {
			if diff := cmp.Diff(e, answer.Err(), cmp.AllowUnexported(jid.JID{})); diff != "" {
				t.Errorf("read back (-want +got):\n%s", diff)
			}
		}
	}
}

func TestErr(t *testing.T) {
	tests := []struct {
		name, in string
		want     *Error
	}{
		{"no error", `<message><error/></message>`, nil},
		{"no element", `<message type="error"><body/></message>`, nil},
		{"no condition", `<message type="error"><error type="cancel"/></message>`, &Error{Type: Cancel, Condition: UndefinedCondition}},
		{"by and text", `<iq type="error"><x/><error by="b.c" type="wait"><a xmlns="app"/><text xmlns="` + NSStanzas + `">a&amp;b</text><gone xmlns="` + NSStanzas + `">u</gone></error></iq>`, &Error{Type: Wait, Condition: Gone, Text: "a&b", By: jid.MustParse("b.c")}},
		{"prefixed condition", `<iq type="error" xmlns:s="` + NSStanzas + `"><error type="auth"><s:forbidden/></error></iq>`, &Error{Type: Auth, Condition: Forbidden}},
		{"unknown condition", `<iq type="error"><error type="auth"><nonsense xmlns="` + NSStanzas + `"/></error></iq>`, &Error{Type: Auth, Condition: UndefinedCondition}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st, err := Parse([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, st.Err(), cmp.AllowUnexported(jid.JID{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNew_panicsOnBadContent(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	New(Header{Kind: IQ}, "<a>")
}

func TestFitsIn(t *testing.T) {
	st, err := Parse([]byte(`<message to="a@b" id='""""'><body>x</body></message>`))
	if err != nil {
		t.Fatal(err)
	}
	n := len(st.XML())
	if !st.FitsIn(n) || st.FitsIn(n-1) {
		t.Errorf("%d bytes: fits in %d: %v, in %d: %v", n, n, st.FitsIn(n), n-1, st.FitsIn(n-1))
	}
}

// sameXML compares documents by their encoding/xml tokens.
func sameXML(t *testing.T, a, b string) bool {
	t.Helper()
	return cmp.Equal(tokens(t, a), tokens(t, b))
}

func tokens(t *testing.T, doc string) (out []xml.Token) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(doc))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		if start, ok := token.(xml.StartElement); ok {
			kept := start.Attr[:0:0]
			for _, a := range start.Attr {
				if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
					kept = append(kept, a)
				}
			}
			start.Attr = kept
			token = start
		}
		out = append(out, xml.CopyToken(token))
	}
}
