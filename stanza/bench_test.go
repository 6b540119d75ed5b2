package stanza

import "testing"

// chat is a chat message as clients send it: 355 bytes.
const chat = `<message type="chat" id="f3a1d9c2-6f0f-4c5e" from="bot@rest.example.net/restanza" to="romeo.montague@example.org/orchard">` +
	`<body>Art thou not Romeo, and a Montague? &amp; more to read.</body>` +
	`<active xmlns="http://jabber.org/protocol/chatstates"/><request xmlns="urn:xmpp:receipts"/>` +
	`<origin-id xmlns="urn:xmpp:sid:0" id="f3a1d9c2"/><store xmlns="urn:xmpp:hints"/></message>`

func BenchmarkParse(b *testing.B) {
	doc := []byte(chat)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendXML(b *testing.B) {
	st, err := Parse([]byte(chat))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(chat)))
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf = st.AppendXML(buf[:0])
	}
}
