package jid_test

import (
	"testing"
	"unicode/utf8"

	"github.com/restanza/restanza/jid"
)

// Parse never panics, what it accepts is a fixed point of parse and print, and
// ParseRouted takes it as the same address.
func FuzzParse(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, s string) {
		j, err := jid.Parse(s)
		if err != nil {
			if err.Error() == "" || !j.IsZero() {
				t.Errorf("%q: error %q with address %q", s, err, j)
			}
			return
		}
		checkForm(t, j)
		if again, err := jid.Parse(j.String()); err != nil || again != j {
			t.Errorf("%q parses to %q, and that to %q (%v)", s, j, again, err)
		}
		if routed, err := jid.ParseRouted(j.String()); err != nil || routed != j {
			t.Errorf("%q parses to %q, routed as %q (%v)", s, j, routed, err)
		}
		if bare, err := jid.Parse(j.Bare().String()); err != nil || bare != j.Bare() {
			t.Errorf("the bare form of %q parses to %q (%v)", j, bare, err)
		}
	})
}

// ParseRouted never panics, and what it accepts is a fixed point of parse and
// print with a key for comparison.
func FuzzParseRouted(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, s string) {
		j, err := jid.ParseRouted(s)
		if err != nil {
			return
		}
		checkForm(t, j)
		if again, err := jid.ParseRouted(j.String()); err != nil || again != j {
			t.Errorf("%q parses to %q, and that to %q (%v)", s, j, again, err)
		}
		if j.FoldKey() == "" {
			t.Errorf("%q has no key", j)
		}
		if !j.DomainJID().Covers(j) || !j.Bare().Covers(j) || !j.Covers(j) {
			t.Errorf("%q is not covered by its own parts", j)
		}
	})
}

// checkForm checks what holds for every address.
func checkForm(t *testing.T, j jid.JID) {
	t.Helper()
	printed := j.Domain()
	if j.Local() != "" {
		printed = j.Local() + "@" + printed
	}
	if j.Resource() != "" {
		printed += "/" + j.Resource()
	}
	if printed != j.String() {
		t.Errorf("the parts of %q make %q", j, printed)
	}
	if !utf8.ValidString(j.String()) {
		t.Errorf("%q is not UTF-8", j)
	}
	if j.Domain() == "" || max(len(j.Local()), len(j.Domain()), len(j.Resource())) > 1023 {
		t.Errorf("%q has a part of wrong length", j)
	}
	for _, r := range j.String() {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '\ufffe' || r == '\uffff' {
			t.Errorf("%q holds %U", j, r)
		}
	}
}

func seed(f *testing.F) {
	f.Helper()
	for _, s := range []string{
		"a@b/c", "b", "A@B./C", "@b", "a@", "a@b/", "a@b@c", "a@b/c@d/e", "[::1]", "[::1", "faß@faß.example/ß",
		"Σς@ΣΣ", "\uff21\uff20@b", "a@b\u3002", "xn--bcher-kva", "bü.xn--a", "a@x/\u00a0", "\u0661@x", "ﬁ@ﬁ/ﬁ", "\xff@\xff", "♚@♚/♚",
	} {
		f.Add(s)
	}
}

// Every character of the basic plane, in every part.
func TestParse_everyCharacter(t *testing.T) {
	for r := range rune(0x10000) {
		c := string(r) // U+FFFD for a surrogate
		for _, s := range []string{c + "@x", "a" + c + "b@x", "a" + c + ".b", "a@x/" + c, "a@x/e" + c} {
			j, err := jid.Parse(s)
			if err != nil {
				continue
			}
			checkForm(t, j)
			if again, err := jid.Parse(j.String()); err != nil || again != j {
				t.Errorf("%q parses to %q, and that to %q (%v)", s, j, again, err)
			}
			if routed, err := jid.ParseRouted(j.String()); err != nil || routed != j {
				t.Errorf("%q parses to %q, routed as %q (%v)", s, j, routed, err)
			}
		}
	}
}
