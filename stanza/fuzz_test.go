package stanza

import (
	"testing"

	"github.com/restanza/restanza/element"
)

// FuzzParse states that whatever Parse accepts can be written and read again
// without a change, stands on its own in a component's stream, and that none of
// the methods panics on it.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`<message type="chat" to="user@example.org"><body>Hello!</body></message>`,
		`<iq type="get" to="example.net"><ping xmlns="urn:xmpp:ping"/></iq>`,
		`<message xmlns:q="urn:q"><q:a q:b="1"/>x<c xmlns="jabber:client"/></message>`,
		`<message type="error"><error type="cancel"><gone xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></message>`,
		`<presence xml:lang="en" id='"'>&#65;<![CDATA[x]]></presence>`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		st, err := Parse(doc)
		if err != nil {
			return
		}
		once := st.String()
		again, err := Parse([]byte(once))
		if err != nil {
			t.Fatalf("%q was accepted as %q, which is refused: %v", doc, once, err)
		}
		if again.String() != once {
			t.Fatalf("%q became %q and then %q", doc, once, again)
		}
		if !st.FitsIn(len(once)) || st.FitsIn(len(once)-1) {
			t.Fatalf("%q has %d bytes, FitsIn says otherwise", once, len(once))
		}
		st.PayloadAttr("node")
		if value, found := st.ChildAttr(st.FirstChild(), "node"); found != (st.Children() > 0) || value != st.PayloadAttr("node") {
			t.Fatalf("the first child of %q has the node %q, found: %v", once, value, found)
		}
		if e := st.Err(); e != nil {
			if answer, ok := st.With(Header{Kind: st.Kind(), From: st.To()}).ErrorReply(e); ok && answer.Err() == nil {
				t.Fatalf("%q gives the error %v, which can't be read back from %q", doc, e, answer)
			}
		}
		sc := element.NewScanner(element.Limits{}, element.Scope{Default: NSComponent})
		if n, err := sc.Scan([]byte(once)); err != nil || n != len(once) {
			t.Fatalf("%q does not stand in a stream: %d of %d bytes, %v", once, n, len(once), err)
		}
	})
}
