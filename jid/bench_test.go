package jid_test

import (
	"testing"

	"github.com/restanza/restanza/jid"
)

var addresses = map[string]string{
	"domain": "rest.example.net",
	"bare":   "romeo@montague.example",
	"full":   "romeo@montague.example/orchard-4f2a91",
}

func TestParse_fastPathDoesNotAllocate(t *testing.T) {
	for name, s := range addresses {
		t.Run(name, func(t *testing.T) {
			want := jid.MustParse(s)
			assertAllocs(t, 0, "Parse", func() {
				if j, err := jid.Parse(s); err != nil || j != want {
					t.Errorf("Parse: %q, %v", j, err)
				}
			})
			assertAllocs(t, 0, "ParseRouted", func() {
				if j, err := jid.ParseRouted(s); err != nil || j != want {
					t.Errorf("ParseRouted: %q, %v", j, err)
				}
			})
			assertAllocs(t, 0, "FoldKey, Bare, DomainJID", func() {
				if want.FoldKey() != s || want.Bare().IsZero() || want.DomainJID().IsZero() {
					t.Error("wrong parts")
				}
			})
		})
	}
}

func TestParse_upperCaseAllocatesOnce(t *testing.T) {
	assertAllocs(t, 1, "Parse", func() {
		if _, err := jid.Parse("Romeo@Montague.example/Orchard"); err != nil {
			t.Error(err)
		}
	})
}

func assertAllocs(t *testing.T, want float64, what string, f func()) {
	t.Helper()
	if got := testing.AllocsPerRun(100, f); got != want {
		t.Errorf("%s: %v allocations, want %v", what, got, want)
	}
}

func BenchmarkParse(b *testing.B) {
	for name, s := range addresses {
		b.Run(name, func(b *testing.B) { benchmark(b, s, jid.Parse) })
	}
	b.Run("upper", func(b *testing.B) { benchmark(b, "Romeo@Montague.example/Orchard", jid.Parse) })
	b.Run("precis", func(b *testing.B) { benchmark(b, "romeó@montague.example/orchärd", jid.Parse) })
	b.Run("idna", func(b *testing.B) { benchmark(b, "romeo@bücher.example", jid.Parse) })
}

func BenchmarkParseRouted(b *testing.B) {
	for name, s := range addresses {
		b.Run(name, func(b *testing.B) { benchmark(b, s, jid.ParseRouted) })
	}
	b.Run("non-ASCII", func(b *testing.B) { benchmark(b, "romeó@montague.example/orchärd", jid.ParseRouted) })
}

func BenchmarkFoldKey(b *testing.B) {
	for name, s := range map[string]string{"ascii": addresses["full"], "non-ASCII": "straße@bücher.example"} {
		j := jid.MustParse(s)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				j.FoldKey()
			}
		})
	}
}

func benchmark(b *testing.B, s string, parse func(string) (jid.JID, error)) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parse(s); err != nil {
			b.Fatal(err)
		}
	}
}
