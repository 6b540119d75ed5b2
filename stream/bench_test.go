package stream

import (
	"io"
	"strings"
	"testing"
)

// chat is a message of 355 bytes with five children, as clients send it.
var chat = func() string {
	const head = `<message from='juliet@capulet.example/balcony' to='bot.example.net' type='chat' id='ktx72v49'><body>`
	const tail = `</body><active xmlns='http://jabber.org/protocol/chatstates'/><origin-id xmlns='urn:xmpp:sid:0' id='ktx72v49'/>` +
		`<request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/></message>`
	return head + strings.Repeat("w", 355-len(head)-len(tail)) + tail
}()

// repeated delivers a header and then the same stanza for ever.
type repeated struct {
	stanza string
	rest   string
}

func (r *repeated) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if r.rest == "" {
			r.rest = r.stanza
		}
		m := copy(p[n:], r.rest)
		r.rest = r.rest[m:]
		n += m
	}
	return n, nil
}

func BenchmarkReader_Next(b *testing.B) {
	for name, st := range map[string]string{
		"355B": chat,
		"4KB":  strings.Replace(chat, "<body>", "<body>"+strings.Repeat("text ", 750), 1),
	} {
		b.Run(name, func(b *testing.B) {
			r := NewReader(&repeated{stanza: st, rest: open}, ReaderOptions{})
			b.SetBytes(int64(len(st)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReader_framing leaves out making a stanza of the element.
func BenchmarkReader_framing(b *testing.B) {
	st := strings.ReplaceAll(chat, "message", "massage")
	r := NewReader(&repeated{stanza: st, rest: open}, ReaderOptions{})
	b.SetBytes(int64(len(st)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReader_slow reads a large attribute in small pieces: the time per
// byte must not depend on the size.
func BenchmarkReader_slow(b *testing.B) {
	for _, size := range []int{20_000, 200_000} {
		b.Run(map[int]string{20_000: "20KB", 200_000: "200KB"}[size], func(b *testing.B) {
			doc := open + `<message a='` + strings.Repeat("x", size) + `'/>`
			b.SetBytes(int64(len(doc)))
			for b.Loop() {
				r := NewReader(pieces{strings.NewReader(doc)}, ReaderOptions{})
				if _, err := r.Next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// pieces delivers at most 8 bytes a read.
type pieces struct{ io.Reader }

func (p pieces) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(len(b), 8)]) }
