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
