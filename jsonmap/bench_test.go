package jsonmap_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

// benchStanzas are the same as element's benchmarks have: a chat message, and the answer
// to a disco#info query of 4 KB.
func benchStanzas(tb testing.TB) map[string]stanza.Stanza {
	tb.Helper()
	var disco strings.Builder
	disco.WriteString(`<iq type="result" id="disco1" to="bot@rest.example.net" from="example.net"><query xmlns="http://jabber.org/protocol/disco#info">` +
		`<identity category="server" type="im" name="Prosody"/><identity category="pubsub" type="pep" name="Prosody"/>`)
	for i := 0; disco.Len() < 4000; i++ {
		fmt.Fprintf(&disco, `<feature var="http://jabber.org/protocol/feature-number-%d#of-many"/>`, i)
	}
	disco.WriteString(`</query></iq>`)
	docs := map[string]string{
		"message": `<message type="chat" id="a1b2c3d4" to="user@example.org/phone" from="bot@rest.example.net" xml:lang="en"><body>Hello, how are you today?</body>` +
			`<active xmlns="http://jabber.org/protocol/chatstates"/><request xmlns="urn:xmpp:receipts"/><origin-id xmlns="urn:xmpp:sid:0" id="a1b2c3d4"/><markable xmlns="urn:xmpp:chat-markers:0"/></message>`,
		"disco": disco.String(),
	}
	all := map[string]stanza.Stanza{}
	for name, doc := range docs {
		st, err := stanza.Parse([]byte(doc))
		if err != nil {
			tb.Fatal(err)
		}
		all[name] = st
	}
	return all
}

func BenchmarkAppend(b *testing.B) {
	for name, st := range benchStanzas(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(st.XML())))
			var dst []byte
			for b.Loop() {
				dst = jsonmap.Append(dst[:0], st, jsonmap.Full)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for name, st := range benchStanzas(b) {
		doc := jsonmap.Append(nil, st, jsonmap.Full)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(doc)))
			for b.Loop() {
				if _, err := jsonmap.Parse(doc, jsonmap.Envelope{}, jsonmap.Full); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkScan is what the scanner takes for the same stanzas, to compare.
func BenchmarkScan(b *testing.B) {
	for name, st := range benchStanzas(b) {
		doc := st.XML()
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(doc)))
			sc := element.NewScanner(element.Limits{}, element.Scope{})
			for b.Loop() {
				sc.Reset()
				if _, err := sc.Scan(doc); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What the mapping costs, in what the scanner takes for the same stanza: at most four
// times as much, where the machine is quiet for a moment.
func TestAppend_cost(t *testing.T) {
	st := benchStanzas(t)["disco"]
	doc := st.XML()
	sc := element.NewScanner(element.Limits{}, element.Scope{})
	var dst []byte
	scan, write := time.Hour, time.Hour
	for range 3_000 {
		scan = min(scan, elapsed(func() {
			sc.Reset()
			if _, err := sc.Scan(doc); err != nil {
				t.Fatal(err)
			}
		}))
		write = min(write, elapsed(func() { dst = jsonmap.Append(dst[:0], st, jsonmap.Full) }))
	}
	t.Logf("%d bytes: %v to scan, %v to write as JSON: %.1f times", len(doc), scan, write, float64(write)/float64(scan))
	if write > 4*scan {
		t.Error("more than 4 times")
	}
}
