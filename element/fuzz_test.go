package element

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzScan states that no input makes a Scanner panic, that cutting it anywhere
// does not change the result, that nothing which is accepted begins with
// something that is not, and that encoding/xml accepts it and reads the same.
func FuzzScan(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed), uint16(7), uint16(20))
	}
	f.Fuzz(func(t *testing.T, doc []byte, cut1, cut2 uint16) {
		cuts := []int{int(cut1) % (len(doc) + 1), int(cut2) % (len(doc) + 1)}
		slices.Sort(cuts)
		for _, limits := range []Limits{{}, {AllowUnbound: true}, {Bytes: 40, Depth: 2, Attributes: 2}} {
			sc := NewScanner(limits, streamScope)
			whole := scanCut(t, sc, doc)
			if diff := cmp.Diff(whole, scanCut(t, sc, doc, cuts...)); diff != "" {
				t.Fatalf("%q cut at %v (-whole +cut):\n%s", doc, cuts, diff)
			}
			if whole.Err != "" {
				continue
			}
			sc.Reset()
			if n := cuts[0] % whole.N; n > 0 {
				if _, err := sc.Scan(doc[:n]); !errors.Is(err, ErrIncomplete) {
					t.Fatalf("%q is accepted, its beginning %q gives %v", doc, doc[:n], err)
				}
			}
			if limits.AllowUnbound {
				continue
			}
			if _, err := sc.Scan(doc); err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			writeCanonical(&b, "http://etherx.jabber.org/streams", "stream", nil, "", func() {
				canonical(t, &b, limits, sc.Element(), streamScope)
			})
			agrees(t, []byte(streamHeader+string(doc[:whole.N])+streamFooter), b.String())
		}
	})
}

// FuzzDocument states the same of documents, and that what is accepted is one
// element with nothing but white space and a declaration around it.
func FuzzDocument(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		tr := tryDocument(t, doc)
		if !tr.accepted {
			return
		}
		agrees(t, doc, tr.form)
		sc := NewScanner(Limits{}, Scope{})
		el, err := sc.Document(doc)
		if err != nil {
			t.Fatalf("%q is accepted first, then not: %v", doc, err)
		}
		before, after, _ := bytes.Cut(doc, el.Raw)
		if len(bytes.TrimSpace(after)) > 0 || bytes.Count(before, []byte("<")) > 1 {
			t.Fatalf("%q is around %q", [][]byte{before, after}, el.Raw)
		}
	})
}

// FuzzAppend states that what is written is accepted, and reads as it was but
// for what XML can't hold.
func FuzzAppend(f *testing.F) {
	for _, seed := range []string{"", "a<b>&\"'\t\n\r\n", "\x00\ufffe\xff", "]]>", "&amp;", "é\U0001f600"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		want := strings.Map(func(r rune) rune {
			if !isChar(r) {
				return '\ufffd'
			}
			return r
		}, in)
		doc := append(AppendAttr([]byte(`<a b="`), in), `" c='`...)
		doc = append(AppendAttr(doc, in), `'>`...)
		doc = append(AppendText(doc, in), `</a>`...)
		el, err := NewScanner(Limits{Bytes: 1 << 24}, Scope{}).Document(doc)
		if err != nil {
			t.Fatalf("%q is written as %q, which is refused: %v", in, doc, err)
		}
		for _, a := range el.Attrs {
			if got := Unescape(a.Value); got != want {
				t.Fatalf("%q reads as %q from %q", in, got, a.Value)
			}
		}
		if got := Text(el.Raw); got != want {
			t.Fatalf("%q reads as %q from %q", in, got, el.Raw)
		}
		Text([]byte(in))
		Unescape([]byte(in))
		again, err := NewScanner(Limits{Bytes: 1 << 24}, Scope{}).Document(AppendContent(nil, doc))
		if err != nil || Text(again.Raw) != want {
			t.Fatalf("%q does not survive AppendContent: %v", doc, err)
		}
	})
}
