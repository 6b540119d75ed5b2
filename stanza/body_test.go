package stanza

import "testing"

func TestStanza_Body(t *testing.T) {
	for _, c := range []struct{ name, doc, want string }{
		{"plain", `<message><body>Hello</body></message>`, "Hello"},
		{"references, CDATA, line ends", "<message><body>a &lt;b&gt; &#x1F600;<![CDATA[<c>]]>\r\nd</body></message>", "a <b> 😀<c>\nd"},
		{"the first of several", `<message><subject>s</subject><body>one</body><body xml:lang="de">eins</body></message>`, "one"},
		{"in another namespace", `<message><body xmlns="http://www.w3.org/1999/xhtml">html</body></message>`, ""},
		{"spelled out", `<message><body xmlns="jabber:client">Hello</body></message>`, "Hello"},
		{"deeper down", `<message><forwarded xmlns="urn:xmpp:forward:0"><body xmlns="jabber:client">x</body></forwarded></message>`, ""},
		{"none", `<message><active xmlns="http://jabber.org/protocol/chatstates"/></message>`, ""},
		{"no message", `<presence><body>x</body></presence>`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			st, err := Parse([]byte(c.doc))
			if err != nil {
				t.Fatal(err)
			}
			if got := st.Body(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestStanza_ChildAttr(t *testing.T) {
	name := Name{"urn:x", "r"}
	for _, c := range []struct {
		doc, want string
		found     bool
	}{
		{`<message><r xmlns="urn:x" a="1"/></message>`, "1", true},
		{`<message><body>b</body><p:r xmlns:p="urn&#58;x" p:a="2" a="&lt;1"/><r xmlns="urn:x" a="3"/></message>`, "<1", true},
		{`<message xmlns:p="urn:x"><p:r/></message>`, "", true},
		{`<presence><r a="1"/><r xmlns="urn:y" a="1"/><s xmlns="urn:x" a="1"/></presence>`, "", false},
		{`<message><s xmlns="urn:x"><r a="1"/></s></message>`, "", false},
		{`<message/>`, "", false},
	} {
		st, err := Parse([]byte(c.doc))
		if err != nil {
			t.Fatal(err)
		}
		if got, found := st.ChildAttr(name, "a"); got != c.want || found != c.found {
			t.Errorf("%s: %q, %v; want %q, %v", c.doc, got, found, c.want, c.found)
		}
	}
}
