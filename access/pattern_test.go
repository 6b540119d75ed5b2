package access_test

import (
	"strings"
	"testing"

	"github.com/restanza/restanza/access"
	"github.com/restanza/restanza/jid"
)

func pattern(t *testing.T, s string) access.Pattern {
	t.Helper()
	p, err := access.ParsePattern(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPattern_matches(t *testing.T) {
	for _, test := range []struct {
		pattern  string
		yes, not []string
	}{
		{"user@example.org/phone", []string{"user@example.org/phone"}, []string{"user@example.org", "user@example.org/tablet", "example.org"}},
		{
			"User@EXAMPLE.org",
			[]string{"user@example.org", "user@example.org/phone", "USER@example.org/x"},
			[]string{"example.org", "other@example.org", "user@sub.example.org", "user@example.org.evil.example"},
		},
		{"example.org", []string{"example.org", "user@example.org/phone", "example.org/res"}, []string{"sub.example.org", "u@sub.example.org", "badexample.org", "example.org.evil.example"}},
		{
			"*.example.org",
			[]string{"sub.example.org", "u@sub.example.org/r", "a.b.example.org", "u@xn--mnchen-3ya.example.org"},
			[]string{"example.org", "u@example.org", "badexample.org", "u@badexample.org", "sub.example.org.evil.example"},
		},
		{"*.münchen.example", []string{"u@a.münchen.example"}, []string{"u@münchen.example"}},
		{"[::1]", []string{"u@[::1]"}, []string{"u@[::2]"}},
	} {
		p := pattern(t, test.pattern)
		for want, list := range map[bool][]string{true: test.yes, false: test.not} {
			for _, to := range list {
				if p.Matches(jid.MustParse(to)) != want {
					t.Errorf("%s matches %s: %t", p, to, !want)
				}
			}
		}
		if p.Matches(jid.JID{}) {
			t.Errorf("%s matches no address", p)
		}
	}
	if (access.Pattern{}).Matches(jid.MustParse("example.org")) {
		t.Error("the zero pattern matches something")
	}
}

func TestParsePattern_refuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "empty",
		"*":                  "leave the list out",
		"*.":                 "no XMPP address",
		"**.example.org":     "asterisk",
		"*.*.example.org":    "asterisk",
		"sub.*.example.org":  "asterisk",
		"*example.org":       "asterisk",
		"*.user@example.org": "a domain alone",
		"*.example.org/x":    "a domain alone",
		"*.[::1]":            "IP address",
		"@example.org":       "no XMPP address",
		"a b@example.org":    "no XMPP address",
		strings.Repeat("x", 1024) + "@example.org": "no XMPP address",
		"example.org\xff":                          "no XMPP address",
	} {
		if p, err := access.ParsePattern(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.50q: %v and %v, want an error about %q", text, p, err, want)
		}
	}
}

// What is parsed prints as what parses to the same; a pattern fits what it names, and one of
// subdomains never its own domain, nor one that only ends alike.
func FuzzParsePattern(f *testing.F) {
	for _, s := range []string{"user@example.org/phone", "user@example.org", "example.org", "*.example.org", "*.", "*", "*.*.a", "*.[::1]", "*.münchen.example", "a@*.b", "x/*.y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := access.ParsePattern(s)
		if err != nil {
			return
		}
		again, err := access.ParsePattern(p.String())
		if err != nil || again != p {
			t.Fatalf("%q prints as %q, which parses to %v, %v", s, p, again, err)
		}
		text, below := strings.CutPrefix(p.String(), "*.")
		own := jid.MustParse(text)
		if p.Matches(own) == below {
			t.Errorf("%s matches %s: %t", p, own, below)
		}
		if !below {
			return
		}
		if sub, err := jid.Parse("u@a." + text); err == nil && !p.Matches(sub) {
			t.Errorf("%s does not match %s", p, sub)
		}
		if alike, err := jid.Parse("a" + text); err == nil && alike.Domain() == "a"+text && p.Matches(alike) {
			t.Errorf("%s matches %s", p, alike)
		}
	})
}
