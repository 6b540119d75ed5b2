package jid_test

import (
	"testing"

	"github.com/restanza/restanza/jid"
)

// The first column is what Parse or a PRECIS server gives, the second what a
// stringprep server makes of it.
func TestJID_FoldKey_sameAddress(t *testing.T) {
	for _, pair := range [][2]string{
		{"straße@x", "strasse@x"},
		{"faß.example", "fass.example"},
		{"σοφος@x", "σοφοσ@x"},
		{"bücher.example", "xn--bcher-kva.example"},
		{"a@bücher.example/r", "a@BÜCHER.example/r"},
		{"a@b。example", "a@b.example"},
		{"ŉ@x", "ʼn@x"},
		{"Ⅳ@x", "iv@x"},
		{"a\u00adb@x", "ab@x"},
		{"a@x/ﬁ", "a@x/fi"},
		{"a@x/\u200bb", "a@x/b"},
		{"Bob@x", "bob@x"},
	} {
		if a, b := routed(t, pair[0]), routed(t, pair[1]); a.FoldKey() != b.FoldKey() {
			t.Errorf("%q has key %q, %q has key %q", a, a.FoldKey(), b, b.FoldKey())
		}
	}
}

func TestJID_FoldKey_otherAddress(t *testing.T) {
	for _, pair := range [][2]string{
		{"straße@x", "strase@x"},
		{"a@x/É", "a@x/é"}, // the case of resources counts
		{"a@x/R", "a@x/r"},
		{"a＠b@x", "a@b/x"},
		{"a／b", "a/b"},
		{"a@x", "a.x"},
		{"\u00ad@x", "x"},
	} {
		if a, b := routed(t, pair[0]), routed(t, pair[1]); a.FoldKey() == b.FoldKey() {
			t.Errorf("%q and %q both have key %q", a, b, a.FoldKey())
		}
	}
}

func TestJID_FoldKey_ASCIIIsItself(t *testing.T) {
	for _, s := range []string{"x", "a@x", "a@x/R", "a.b+c@my_host/A b", "[::1]"} {
		if got := jid.MustParse(s).FoldKey(); got != s {
			t.Errorf("%q has key %q", s, got)
		}
	}
}

func routed(t *testing.T, s string) jid.JID {
	t.Helper()
	j, err := jid.ParseRouted(s)
	if err != nil {
		t.Fatal(err)
	}
	return j
}
