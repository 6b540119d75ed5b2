package jid_test

import (
	"encoding/json"
	"testing"

	"github.com/restanza/restanza/jid"
)

func TestJID_zero(t *testing.T) {
	var j jid.JID
	if !j.IsZero() || j.String() != "" || j.Local() != "" || j.Domain() != "" || j.Resource() != "" {
		t.Errorf("the zero value has parts: %q", j)
	}
	if !j.Bare().IsZero() || !j.DomainJID().IsZero() || j.FoldKey() != "" {
		t.Errorf("something came out of the zero value")
	}
	if jid.MustParse("x").IsZero() {
		t.Error("an address is taken for none")
	}
}

func TestJID_parts(t *testing.T) {
	for in, want := range map[string]struct{ bare, domain string }{
		"a@b.example/c": {"a@b.example", "b.example"},
		"a@b.example":   {"a@b.example", "b.example"},
		"b.example/c":   {"b.example", "b.example"},
		"b.example":     {"b.example", "b.example"},
		"ä@ö.example/ü": {"ä@ö.example", "ö.example"},
	} {
		j := jid.MustParse(in)
		if got := j.Bare(); got != jid.MustParse(want.bare) {
			t.Errorf("bare of %q is %q", j, got)
		}
		if got := j.DomainJID(); got != jid.MustParse(want.domain) {
			t.Errorf("domain of %q is %q", j, got)
		}
	}
}

// Equal addresses are equal values, whichever way they were made.
func TestJID_comparable(t *testing.T) {
	seen := map[jid.JID]bool{jid.MustParse("a@b/c"): true, jid.MustParse("a@b"): true}
	routed, err := jid.ParseRouted("a@B/c")
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range []jid.JID{routed, routed.Bare(), jid.MustParse("A@b./c")} {
		if !seen[j] {
			t.Errorf("%q not found", j)
		}
	}
	for _, other := range []string{"b/c", "b", "a@b/C", "a@b/a@b/c", "a.b"} {
		if seen[jid.MustParse(other)] {
			t.Errorf("%q found", other)
		}
	}
}

func TestJID_Covers(t *testing.T) {
	for _, tc := range []struct {
		identity, from string
		want           bool
	}{
		{"rest.example", "rest.example", true},
		{"rest.example", "rest.example/x", true},
		{"rest.example", "bot@rest.example", true},
		{"rest.example", "bot@rest.example/x", true},
		{"rest.example", "bot@sub.rest.example", false},
		{"rest.example", "bot@example", false},
		{"bot@rest.example", "bot@rest.example", true},
		{"bot@rest.example", "bot@rest.example/x", true},
		{"bot@rest.example", "rest.example", false},
		{"bot@rest.example", "other@rest.example", false},
		{"bot@rest.example", "bot@other.example", false},
		{"bot@rest.example/x", "bot@rest.example/x", true},
		{"bot@rest.example/x", "bot@rest.example/X", false},
		{"bot@rest.example/x", "bot@rest.example", false},
		{"rest.example/x", "bot@rest.example/x", true},
		{"rest.example/x", "bot@rest.example/y", false},
	} {
		if got := jid.MustParse(tc.identity).Covers(jid.MustParse(tc.from)); got != tc.want {
			t.Errorf("%q covers %q: %v", tc.identity, tc.from, got)
		}
	}
	var zero jid.JID
	if zero.Covers(zero) || zero.Covers(jid.MustParse("x")) || jid.MustParse("x").Covers(zero) {
		t.Error("the zero value takes part")
	}
}

func TestJID_text(t *testing.T) {
	type settings struct {
		Domain, Identity jid.JID
	}
	var got settings
	if err := json.Unmarshal([]byte(`{"Domain":"REST.example.","Identity":""}`), &got); err != nil {
		t.Fatal(err)
	}
	if got.Domain.String() != "rest.example" || !got.Identity.IsZero() {
		t.Errorf("read %+v", got)
	}
	out, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if string(out) != `{"Domain":"rest.example","Identity":""}` {
		t.Errorf("wrote %s", out)
	}

	before := jid.MustParse("a@b")
	j := before
	if err := j.UnmarshalText([]byte("a b")); err == nil || j != before {
		t.Errorf("got %q, %v from a wrong address", j, err)
	}
}
