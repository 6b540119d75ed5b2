package element

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// longInputs are elements of about n bytes, each long in another way.
var longInputs = []struct {
	name string
	doc  func(n int) string
}{
	{"attribute", func(n int) string { return `<a b="` + fill("x", n) + `"/>` }},
	{"other quotes", func(n int) string { return `<a b="` + fill("'", n) + `"/>` }},
	{"references in an attribute", func(n int) string { return `<a b="` + fill("&#65;", n) + `"/>` }},
	{"name", func(n int) string { return `<` + fill("x", n) + `/>` }},
	{"white space in a tag", func(n int) string { return `<a` + fill(" ", n) + `/>` }},
	{"white space in an end tag", func(n int) string { return `<a></a` + fill(" ", n) + `>` }},
	{"text", func(n int) string { return `<a>` + fill("x", n) + `</a>` }},
	{"brackets", func(n int) string { return `<a>` + fill("]", n) + `</a>` }},
	{"references", func(n int) string { return `<a>` + fill("&#65;", n) + `</a>` }},
	{"beyond ASCII", func(n int) string { return `<a>` + fill("é", n) + `</a>` }},
	{"white space in CDATA", func(n int) string { return `<a><![CDATA[` + fill(" ", n) + `]]></a>` }},
	{"brackets in CDATA", func(n int) string { return `<a><![CDATA[` + fill("]", n) + `]]></a>` }},
	{"children", func(n int) string { return `<a>` + fill("<b/>", n) + `</a>` }},
	{"children with attributes", func(n int) string { return `<a>` + fill("<b c=''/>", n) + `</a>` }},
}

func fill(s string, n int) string { return strings.Repeat(s, n/len(s)) }

// A Scanner keeps up with input that comes byte by byte: what it has yet to look
// at again is never longer than a reference.
func TestScanner_keepsUp(t *testing.T) {
	for _, tt := range longInputs {
		t.Run(tt.name, func(t *testing.T) {
			buf := []byte(tt.doc(5_000))
			sc := NewScanner(Limits{}, Scope{})
			for n := range buf {
				if _, err := sc.Scan(buf[:n]); !errors.Is(err, ErrIncomplete) {
					t.Fatalf("after %d bytes: %v", n, err)
				}
				if behind := n - max(sc.pos, sc.search.at); behind > maxReference {
					t.Fatalf("after %d bytes the scanner is %d behind", n, behind)
				}
			}
		})
	}
}

// What it has looked at, it does not look at again: 64 times the input takes 64
// times as long, not 4096 times. Ten times as much as that is allowed, for the
// sake of busy machines.
func TestScanner_isLinear(t *testing.T) {
	const size, times = 4_000, 64
	for _, tt := range longInputs {
		t.Run(tt.name, func(t *testing.T) {
			short, long := fastest(t, tt.doc(size)), fastest(t, tt.doc(size*times))
			if long > 10*times*short {
				t.Errorf("%d bytes take %v, %d times as many take %v", size, short, times, long)
			}
		})
	}
}

// fastest is the shortest of a few scans byte by byte.
func fastest(t *testing.T, doc string) time.Duration {
	t.Helper()
	buf := []byte(doc)
	best := time.Hour
	for range 5 {
		sc := NewScanner(Limits{Bytes: 1 << 20}, Scope{})
		start := time.Now()
		for n := range buf {
			if _, err := sc.Scan(buf[:n]); !errors.Is(err, ErrIncomplete) {
				t.Fatalf("after %d bytes: %v", n, err)
			}
		}
		if _, err := sc.Scan(buf); err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(start))
	}
	return best
}
