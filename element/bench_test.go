package element

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// chatMessage has 355 bytes and five children, as messages between people have.
const chatMessage = `<message from='juliet@capulet.example/balcony' to='romeo@montague.example' type='chat' id='c9a0b1f2-4e61' xml:lang='en'>` +
	`<body>Wherefore art thou, Romeo? The walls are hi</body>` +
	`<active xmlns='http://jabber.org/protocol/chatstates'/>` +
	`<request xmlns='urn:xmpp:receipts'/>` +
	`<origin-id xmlns='urn:xmpp:sid:0' id='c9a0b1'/>` +
	`<store xmlns='urn:xmpp:hints'/>` +
	`</message>`

// textMessage is a message of 4 KB that is nearly all text.
var textMessage = `<message from='juliet@capulet.example/balcony' to='romeo@montague.example' type='chat'><body>` +
	strings.Repeat("What's in a name? That which we call a rose, by any other word would smell as sweet.\n", 47) +
	`</body></message>`

// cyrillicMessage is a message of 4 KB of text beyond ASCII.
var cyrillicMessage = `<message from='juliet@capulet.example/balcony' to='romeo@montague.example' type='chat'><body>` +
	strings.Repeat("Что в имени? То, что зовём мы розой, и под другим названьем сохраняло б свой сладкий запах.\n", 25) +
	`</body></message>`

// discoAnswer is an IQ of 4 KB that is nearly all tags.
var discoAnswer = func() string {
	var b strings.Builder
	b.WriteString(`<iq type='result' from='conference.example.org' to='romeo@montague.example/home' id='disco1'>` +
		`<query xmlns='http://jabber.org/protocol/disco#items'>`)
	for i := range 43 {
		fmt.Fprintf(&b, `<item jid='room-number-%02d@conference.example.org' name='Room number %02d of the building'/>`, i, i)
	}
	b.WriteString(`</query></iq>`)
	return b.String()
}()

var benchmarked = []struct{ name, doc string }{
	{"message355", chatMessage},
	{"text4K", textMessage},
	{"cyrillic4K", cyrillicMessage},
	{"disco4K", discoAnswer},
}

func BenchmarkScanner(b *testing.B) {
	for _, bm := range benchmarked {
		b.Run(bm.name, func(b *testing.B) {
			doc := []byte(bm.doc)
			sc := NewScanner(Limits{}, streamScope)
			b.SetBytes(int64(len(doc)))
			b.ReportAllocs()
			for b.Loop() {
				sc.Reset()
				if n, err := sc.Scan(doc); err != nil || n != len(doc) {
					b.Fatal(n, err)
				}
			}
		})
	}
}

// endless repeats one document.
type endless struct {
	doc []byte
	at  int
}

func (r *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], r.doc[r.at:])
		n += c
		if r.at += c; r.at == len(r.doc) {
			r.at = 0
		}
	}
	return n, nil
}

// BenchmarkEncodingXML is for comparison: the tokens of one element in a stream
// of many.
func BenchmarkEncodingXML(b *testing.B) {
	for _, bm := range benchmarked {
		b.Run(bm.name, func(b *testing.B) {
			d := xml.NewDecoder(io.MultiReader(bytes.NewReader([]byte(streamHeader)), &endless{doc: []byte(bm.doc)}))
			if _, err := d.Token(); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(bm.doc)))
			b.ReportAllocs()
			for b.Loop() {
				for depth := -1; depth != 0; {
					token, err := d.Token()
					if err != nil {
						b.Fatal(err)
					}
					switch token.(type) {
					case xml.StartElement:
						depth = max(depth, 0) + 1
					case xml.EndElement:
						depth--
					}
				}
			}
		})
	}
}

// A Scanner in use allocates nothing, however the input is cut.
func TestScanner_allocatesNothing(t *testing.T) {
	for _, bm := range benchmarked {
		t.Run(bm.name, func(t *testing.T) {
			doc := []byte(bm.doc)
			sc := NewScanner(Limits{}, streamScope)
			allocs := testing.AllocsPerRun(100, func() {
				sc.Reset()
				for _, n := range []int{1, 50, 100, len(doc) - 1} {
					if _, err := sc.Scan(doc[:n]); !errors.Is(err, ErrIncomplete) {
						t.Fatal(err)
					}
				}
				if n, err := sc.Scan(doc); err != nil || n != len(doc) {
					t.Fatal(n, err)
				}
				if len(sc.Element().Attrs) < 3 {
					t.Fatal("attributes are missing")
				}
			})
			if allocs != 0 {
				t.Errorf("%v allocations for one element, want none", allocs)
			}
		})
	}
}
