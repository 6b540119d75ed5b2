package element

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// Input that arrives byte by byte must not be looked at again and again. With
// eight times as much of it, a scan takes eight times as long, not 64 times.
func TestScanner_isLinear(t *testing.T) {
	const size, times = 25_000, 8
	fill := func(s string, n int) string { return strings.Repeat(s, n/len(s)+1)[:n] }
	for _, tt := range []struct {
		name string
		doc  func(n int) string
	}{
		{"attribute", func(n int) string { return `<a b="` + fill("x", n) + `"/>` }},
		{"other quotes", func(n int) string { return `<a b="` + fill("'", n) + `"/>` }},
		{"references in an attribute", func(n int) string { return `<a b="` + strings.Repeat("&#65;", n/5) + `"/>` }},
		{"name", func(n int) string { return `<` + fill("x", n) + `/>` }},
		{"white space in a tag", func(n int) string { return `<a` + fill(" ", n) + `/>` }},
		{"white space in an end tag", func(n int) string { return `<a></a` + fill(" ", n) + `>` }},
		{"text", func(n int) string { return `<a>` + fill("x", n) + `</a>` }},
		{"brackets", func(n int) string { return `<a>` + fill("]", n) + `</a>` }},
		{"references", func(n int) string { return `<a>` + strings.Repeat("&#65;", n/5) + `</a>` }},
		{"beyond ASCII", func(n int) string { return `<a>` + strings.Repeat("é", n/2) + `</a>` }},
		{"CDATA", func(n int) string { return `<a><![CDATA[` + fill("]", n) + `]]></a>` }},
		{"children", func(n int) string { return `<a>` + strings.Repeat("<b/>", n/4) + `</a>` }},
		{"children with attributes", func(n int) string { return `<a>` + strings.Repeat("<b c=''/>", n/9) + `</a>` }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			short := fastest(t, tt.doc(size))
			long := fastest(t, tt.doc(size*times))
			if ratio := float64(long) / float64(short); ratio > 4*times {
				t.Errorf("%d bytes take %v, %d times as many take %v", size, short, times, long)
			}
		})
	}
}

// fastest is the shortest of a few scans, byte by byte.
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
