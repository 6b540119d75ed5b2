package jid_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/restanza/restanza/jid"
)

var long = strings.Repeat("x", 1023)

func TestParse(t *testing.T) {
	for name, tc := range map[string]struct{ in, local, domain, resource string }{
		"domain":               {"example.org", "", "example.org", ""},
		"bare":                 {"romeo@example.org", "romeo", "example.org", ""},
		"full":                 {"romeo@example.org/orchard", "romeo", "example.org", "orchard"},
		"domain with resource": {"example.org/x", "", "example.org", "x"},

		"at in the resource":        {"a@b/c@d", "a", "b", "c@d"},
		"slash in the resource":     {"a@b/c/d/", "a", "b", "c/d/"},
		"resource without a local":  {"b/c@d", "", "b", "c@d"},
		"resource is one slash":     {"a@b//", "a", "b", "/"},
		"resource is a blank":       {"a@b/ ", "a", "b", " "},
		"resource keeps its blanks": {"a@b/ x  y ", "a", "b", " x  y "},
		"resource keeps its case":   {"A@B/CdE", "a", "b", "CdE"},
		"resource with every sign":  {"a@b/\"&'/:<>@\\", "a", "b", "\"&'/:<>@\\"},

		"upper case":              {"Romeo@EXAMPLE.Org", "romeo", "example.org", ""},
		"trailing dot":            {"a@example.org./r", "a", "example.org", "r"},
		"upper and trailing dot":  {"A@Example.ORG./R", "a", "example.org", "R"},
		"signs in the local part": {"a.b+c=d!#$%*?^`{|}~_-;(),[]\\@b", "a.b+c=d!#$%*?^`{|}~_-;(),[]\\", "b", ""},

		"underscore":           {"my_xmpp", "", "my_xmpp", ""},
		"hyphen first":         {"-x.example", "", "-x.example", ""},
		"hyphen last":          {"x-.example", "", "x-.example", ""},
		"IPv4":                 {"a@127.0.0.1", "a", "127.0.0.1", ""},
		"IPv4 in brackets":     {"[127.0.0.1]", "", "[127.0.0.1]", ""},
		"IPv6":                 {"a@[2001:DB8::1]/r", "a", "[2001:db8::1]", "r"},
		"xn-- as written":      {"XN--bcher-kva.example", "", "xn--bcher-kva.example", ""},
		"non-ASCII domain":     {"BÜCHER.example", "", "bücher.example", ""},
		"domain of both kinds": {"bücher.xn--bcher-kva.my_host", "", "bücher.bücher.my_host", ""},
		"sharp s":              {"faß@faß.example", "faß", "faß.example", ""},
		"final sigma":          {"ΣΟΦΟΣ@x", "σοφοσ", "x", ""},
		"ideographic full stop": {
			"a@b\u3002example\u3002", "a", "b.example", "",
		},
		"full-width domain":       {"\uff45\uff58ample.org", "", "example.org", ""},
		"full-width local part":   {"\uff21b@x", "ab", "x", ""},
		"decomposed local part":   {"u\u0308@x", "ü", "x", ""},
		"decomposed resource":     {"a@x/u\u0308", "a", "x", "ü"},
		"other blank in resource": {"a@x/\u00a0y\u3000", "a", "x", " y "},
		"emoji in resource":       {"a@x/📱", "a", "x", "📱"},
		"sharp S":                 {"Straẞe@x", "straße", "x", ""},
		"Cherokee":                {"\u13a0@x", "\uab70", "x", ""},
		"Hebrew":                  {"שלום@x", "שלום", "x", ""},
		"longest parts":           {long + "@" + long + "/" + long, long, long, long},
	} {
		t.Run(name, func(t *testing.T) {
			j, err := jid.Parse(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			if j.Local() != tc.local || j.Domain() != tc.domain || j.Resource() != tc.resource {
				t.Errorf("got %q @ %q / %q, want %q @ %q / %q", j.Local(), j.Domain(), j.Resource(), tc.local, tc.domain, tc.resource)
			}
		})
	}
}

func TestParse_refuses(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"empty":             {"", `address "": empty`},
		"no domain":         {"a@", `address "a@": domain missing`},
		"only a resource":   {"/r", `address "/r": domain missing`},
		"only an at":        {"@", `address "@": nothing before the @`},
		"empty local part":  {"@b", `address "@b": nothing before the @`},
		"empty resource":    {"a@b/", `address "a@b/": nothing after the slash`},
		"second at":         {"a@b@c/d", `address "a@b@c/d": a second @ before the resource`},
		"domain is a blank": {" ", `domain " ": blank not allowed`},
		"blank in domain":   {"exa mple.com", `domain "exa mple.com": blank not allowed`},
		"newline in domain": {"a@b\n", `domain "b\n": line break not allowed`},
		"port":              {"a@b:5222", `domain "b:5222": : not allowed (an address has no port; an IPv6 address stands in brackets)`},
		"bare IPv6":         {"::1", `domain "::1": : not allowed (an address has no port; an IPv6 address stands in brackets)`},
		"open bracket":      {"[::1", `domain "[::1": bracket not closed`},
		"name in brackets":  {"[x]", `domain "[x]": no IP address in the brackets`},
		"zone":              {"[fe80::1%eth0]", `domain "[fe80::1%eth0]": no IP address in the brackets`},
		"after brackets":    {"[::1].x", `domain "[::1].x": bracket not closed`},
		"one dot":           {".", `domain ".": empty label: nothing before, after or between dots`},
		"two trailing dots": {"a..", `domain "a..": empty label: nothing before, after or between dots`},
		"empty label":       {"a@a..b", `domain "a..b": empty label: nothing before, after or between dots`},
		"leading dot":       {".a", `domain ".a": empty label: nothing before, after or between dots`},
		"markup in domain":  {"a@b'c", `domain "b'c": ' not allowed`},
		"full-width slash":  {"b\uff0fc", "domain \"b\uff0fc\": / not allowed"},
		"only soft hyphens": {"\u00ad", `domain "\u00ad": empty label: nothing before, after or between dots`},
		"private use":       {"\ue000.example", `domain "\ue000.example": disallowed rune U+E000`},

		"blank in local part":   {"a b@c", `local part "a b": blank not allowed`},
		"quote in local part":   {`a"b@c`, `local part "a\"b": " not allowed`},
		"amp in local part":     {"a&b@c", `local part "a&b": & not allowed`},
		"apostrophe":            {"a'b@c", `local part "a'b": ' not allowed`},
		"colon in local part":   {"xmpp:a@c", `local part "xmpp:a": : not allowed`},
		"less in local part":    {"<a@c", `local part "<a": < not allowed`},
		"greater in local part": {"a>@c", `local part "a>": > not allowed`},
		"full-width at":         {"a\uff20b@c", "local part \"a\uff20b\": @ not allowed"},
		"chess king":            {"♚@x", `local part "♚": ♚ (U+265A) not allowed`},
		"roman four":            {"henry\u2163@x", "local part \"henry\u2163\": Ⅳ (U+2163) not allowed"},
		"ligature":              {"\ufb01@x", "local part \"\ufb01\": \ufb01 (U+FB01) not allowed"},
		"soft hyphen":           {"a\u00adb@x", `local part "a\u00adb": character U+00AD not allowed`},
		"zero width":            {"a\u200bb@x", `local part "a\u200bb": character U+200B not allowed`},
		"mixed directions":      {"aשb@x", `local part "aשb": characters not allowed in this combination (RFC 8265)`},
		"two kinds of digits":   {"\u0661\u06f1@x", "local part \"\u0661\u06f1\": characters not allowed in this combination (RFC 8265)"},

		"NUL":                   {"a\x00@x", `local part "a\x00": character U+0000 not allowed`},
		"DEL":                   {"a@x/\x7f", `resource "\x7f": character U+007F not allowed`},
		"tab in resource":       {"a@x/b\tc", `resource "b\tc": tab not allowed`},
		"C1 in resource":        {"a@x/\u0085", `resource "\u0085": character U+0085 not allowed`},
		"U+FFFE in resource":    {"a@x/\ufffe", `resource "\ufffe": character U+FFFE not allowed`},
		"U+FFFF in local part":  {"\uffff@x", `local part "\uffff": character U+FFFF not allowed`},
		"bad UTF-8 in local":    {"\xff@x", `local part "\xff": not valid UTF-8`},
		"bad UTF-8 in domain":   {"a@\xc3", `domain "\xc3": not valid UTF-8`},
		"bad UTF-8 in resource": {"a@x/\xed\xa0\x80", `resource "\xed\xa0\x80": not valid UTF-8`},

		"long local part": {long + "x@b", `local part "` + long[:64] + `"…: 1024 bytes, more than 1023`},
		"long domain":     {long + "x", `domain "` + long[:64] + `"…: 1024 bytes, more than 1023`},
		"long resource":   {"a@b/x" + long, `resource "` + long[:64] + `"…: 1024 bytes, more than 1023`},
		"long address":    {strings.Repeat("x", 10000), `address "` + long[:64] + `"…: too long`},
		"grows too long": {
			strings.Repeat("\u0958", 341) + "@x", `local part "` + strings.Repeat("\u0915\u093c", 10) + "\u0915" + `"…: 2046 bytes, more than 1023`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			j, err := jid.Parse(tc.in)
			if err == nil {
				t.Fatalf("accepted as %q", j)
			}
			if !j.IsZero() {
				t.Errorf("an error, and yet %q", j)
			}
			if _, ok := errors.AsType[*jid.Error](err); !ok {
				t.Errorf("error of type %T", err)
			}
			if err.Error() != tc.want {
				t.Errorf("error reads %s\nwant %s", err, tc.want)
			}
		})
	}
}

// What servers route is wider than what Parse takes.
func TestParseRouted(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"domain folded":            {"A@EXAMPLE.org/R", "A@example.org/R"},
		"non-ASCII letters stay":   {"BÜCHER.example", "bÜcher.example"},
		"blank in domain":          {"a@exa mple.com", "a@exa mple.com"},
		"one blank":                {" ", " "},
		"trailing dot":             {"a@example.org.", "a@example.org."},
		"empty label":              {"a@a..b", "a@a..b"},
		"underscore":               {"my_xmpp", "my_xmpp"},
		"address in brackets":      {"[127.0.0.1]", "[127.0.0.1]"},
		"chess king":               {"♚@x", "♚@x"},
		"emoji":                    {"a@x/📱", "a@x/📱"},
		"compatibility characters": {"\u2163\ufb01@x/\ufb01", "\u2163\ufb01@x/\ufb01"},
		"mixed directions":         {"aשb@x", "aשb@x"},
		"xn--":                     {"xn--bcher-kva.example", "xn--bcher-kva.example"},
		"tab":                      {"a@x/\t", "a@x/\t"},
	} {
		t.Run(name, func(t *testing.T) {
			j, err := jid.ParseRouted(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			if j.String() != tc.want {
				t.Errorf("got %q, want %q", j, tc.want)
			}
		})
	}
}

func TestParseRouted_refuses(t *testing.T) {
	for name, in := range map[string]string{
		"empty":          "",
		"no domain":      "a@",
		"no local part":  "@b",
		"only resource":  "/r",
		"empty resource": "a@b/",
		"second at":      "a@b@c",
		"bad UTF-8":      "a@b/\xff",
		"NUL":            "a\x00@b",
		"U+FFFE":         "a@b\ufffe",
		"U+FFFF":         "a@b/\uffff",
		"long local":     long + "x@b",
		"long domain":    "a@x" + long,
		"long resource":  "a@b/x" + long,
	} {
		t.Run(name, func(t *testing.T) {
			j, err := jid.ParseRouted(in)
			if _, ok := errors.AsType[*jid.Error](err); !ok || !j.IsZero() {
				t.Errorf("got %q, %v; want an *Error", j, err)
			}
		})
	}
}

func TestMustParse_panics(t *testing.T) {
	defer func() {
		if r := recover(); r == nil || !strings.Contains(r.(string), `domain "a b": blank not allowed`) {
			t.Errorf("recovered %v", r)
		}
	}()
	jid.MustParse("a b")
}
