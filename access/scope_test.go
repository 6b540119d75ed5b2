package access_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/restanza/restanza/access"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

func scope(t *testing.T, spec access.Spec) access.Scope {
	t.Helper()
	s, wrong := spec.Scope()
	if len(wrong) > 0 {
		t.Fatal(wrong[0])
	}
	return s
}

func parse(t *testing.T, xml string) stanza.Stanza {
	t.Helper()
	st, err := stanza.Parse([]byte(xml))
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// lackText says what is missing in a word.
func lackText(l *access.Lack) string {
	switch {
	case l == nil:
		return ""
	case l.Right != "":
		return string(l.Right)
	case l.Kind != "":
		return string(l.Kind)
	}
	return "to " + l.To.String()
}

func TestScope_maySend(t *testing.T) {
	stanzas := map[string]stanza.Stanza{
		"message":  parse(t, `<message to="user@example.org"/>`),
		"presence": parse(t, `<presence to="user@example.org"/>`),
		"nobody":   parse(t, `<presence/>`),
		"get":      parse(t, `<iq type="get" id="1" to="user@example.org"><ping xmlns="urn:xmpp:ping"/></iq>`),
		"set":      parse(t, `<iq type="set" id="1" to="elsewhere.example"><x xmlns="y"/></iq>`),
		"result":   parse(t, `<iq type="result" id="1" to="elsewhere.example"/>`),
	}
	for name, test := range map[string]struct {
		spec access.Spec
		want map[string]string // what is missing; all others may be sent
	}{
		"usual":   {access.Spec{}, nil},
		"nothing": {access.Spec{Rights: []string{"admin"}}, map[string]string{"message": "send", "presence": "send", "nobody": "send", "get": "iq", "set": "iq", "result": "iq"}},
		"send":    {access.Spec{Rights: []string{"send"}}, map[string]string{"get": "iq", "set": "iq", "result": "iq"}},
		"iq":      {access.Spec{Rights: []string{"iq"}}, map[string]string{"message": "send", "presence": "send", "nobody": "send"}},
		"receive": {access.Spec{Rights: []string{"receive"}}, map[string]string{"message": "send", "presence": "send", "nobody": "send", "get": "iq", "set": "iq"}},
		"kinds":   {access.Spec{Kinds: []string{"message", "iq"}}, map[string]string{"presence": "presence", "nobody": "presence"}},
		"no iq":   {access.Spec{Rights: []string{"send", "receive"}, Kinds: []string{"message"}}, map[string]string{"presence": "presence", "nobody": "presence", "get": "iq", "set": "iq", "result": "iq"}},
		"to":      {access.Spec{To: []string{"*.example.org", "example.org"}}, map[string]string{"set": "to elsewhere.example", "nobody": "to "}},
		"to else": {access.Spec{To: []string{"elsewhere.example"}}, map[string]string{"message": "to user@example.org", "presence": "to user@example.org", "nobody": "to ", "get": "to user@example.org"}},
	} {
		s := scope(t, test.spec)
		for of, st := range stanzas {
			if got := lackText(s.MaySend(st)); got != test.want[of] {
				t.Errorf("%s: %s lacks %q, want %q", name, of, got, test.want[of])
			}
		}
	}
}

func TestScope_mayReceive(t *testing.T) {
	messages := scope(t, access.Spec{Rights: []string{"receive"}, Kinds: []string{"message"}})
	for _, test := range []struct {
		scope access.Scope
		kinds []stanza.Kind
		want  string
	}{
		{scope(t, access.Spec{}), []stanza.Kind{stanza.IQ, stanza.Presence}, ""},
		{messages, nil, ""},
		{messages, []stanza.Kind{stanza.Message}, ""},
		{messages, []stanza.Kind{stanza.Message, stanza.Presence}, "presence"},
		{scope(t, access.Spec{Rights: []string{"send", "iq", "admin"}}), nil, "receive"},
		{access.Scope{}, nil, "receive"},
	} {
		if got := lackText(test.scope.MayReceive(test.kinds)); got != test.want {
			t.Errorf("%v of %v lacks %q, want %q", test.kinds, test.scope, got, test.want)
		}
	}
}

func TestScope_from(t *testing.T) {
	s := scope(t, access.Spec{Networks: []string{"192.0.2.0/24", "2001:db8::/32", "203.0.113.7", "::ffff:198.51.100.1"}})
	for address, want := range map[string]bool{
		"192.0.2.255": true, "192.0.3.0": false, "::ffff:192.0.2.1": true, "2001:db8:1::1%eth0": true, "2001:db9::": false,
		"203.0.113.7": true, "203.0.113.8": false, "198.51.100.1": true, "::ffff:198.51.100.2": false,
	} {
		if got := s.From(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
	if s.From(netip.Addr{}) {
		t.Error("no address is in a network")
	}
	if !(&access.Scope{}).From(netip.Addr{}) {
		t.Error("without networks it matters where somebody is")
	}
}

func TestScope_expired(t *testing.T) {
	end := time.Date(2026, 12, 31, 12, 0, 0, 0, time.UTC)
	s := scope(t, access.Spec{Expires: "2026-12-31T13:00:00+01:00"})
	for at, want := range map[time.Time]bool{end.Add(-1): false, end: true, end.Add(1): true} {
		if s.Expired(at) != want {
			t.Errorf("at %s expired is %t", at, !want)
		}
	}
	if (&access.Scope{}).Expired(end) {
		t.Error("what never expires has expired")
	}
}

func TestSpec_refuses(t *testing.T) {
	many := make([]string, access.MaxList+1)
	for i := range many {
		many[i] = "d" + strings.Repeat("x", i+1) + ".example"
	}
	for want, spec := range map[string]access.Spec{
		"rights: the list is empty":           {Rights: []string{}},
		`rights: "sent" is none of send`:      {Rights: []string{"sent"}},
		`rights: "send" stands there twice`:   {Rights: []string{"send", "send"}},
		"to: the list is empty":               {To: []string{}},
		"to: it is empty":                     {To: []string{""}},
		"to: there are 101 entries":           {To: many},
		`to: "EXAMPLE.org" stands there`:      {To: []string{"example.org", "EXAMPLE.org"}},
		`kinds: "Message" is none of message`: {Kinds: []string{"Message"}},
		"kinds: the list is empty":            {Kinds: []string{}},
		"kinds: the right send is of no use":  {Kinds: []string{"iq"}},
		"kinds: the right iq is of no use":    {Kinds: []string{"message"}},
		`expires: "tomorrow" is no time`:      {Expires: "tomorrow"},
		`expires: "2026-12-31" is no time`:    {Expires: "2026-12-31"},
		`expires: "0001-01-01T`:               {Expires: "0001-01-01T00:00:00Z"},
		"networks: the list is empty":         {Networks: []string{}},
		`networks: "localhost" is no`:         {Networks: []string{"localhost"}},
		`networks: "10.0.0.1/8" has bits`:     {Networks: []string{"10.0.0.1/8"}},
		`networks: "::ffff:10.0.0.0/104"`:     {Networks: []string{"::ffff:10.0.0.0/104"}},
		`networks: "fe80::1%eth0" is no`:      {Networks: []string{"fe80::1%eth0"}},
		`networks: "::ffff:10.0.0.1" stands`:  {Networks: []string{"10.0.0.1", "::ffff:10.0.0.1"}},
		`rate: "often" is no rate`:            {Rate: "often"},
		"burst: there is no rate":             {Burst: 5},
		"burst: -1 is no burst":               {Rate: "1/s", Burst: -1},
		"burst: 1000001 is no burst":          {Rate: "1/s", Burst: access.MaxRate + 1},
	} {
		_, wrong := spec.Scope()
		if !slices.ContainsFunc(wrong, func(e *access.SpecError) bool { return strings.HasPrefix(e.Error(), want) }) || len(wrong) != 1 {
			t.Errorf("%v, want one that begins %q", wrong, want)
		}
	}
}

// A wrong field does not hide another one.
func TestSpec_allThatIsWrong(t *testing.T) {
	_, wrong := (&access.Spec{Rights: []string{"x"}, To: []string{"*"}, Kinds: []string{"y"}, Expires: "z", Networks: []string{"a"}, Rate: "b"}).Scope()
	var fields []string
	for _, e := range wrong {
		fields = append(fields, e.Field)
	}
	if diff := cmp.Diff([]string{"rights", "to", "kinds", "expires", "networks", "rate"}, fields); diff != "" {
		t.Error(diff)
	}
}

// What a scope prints is read as the same scope.
func TestScope_spec(t *testing.T) {
	for _, spec := range []access.Spec{
		{Rights: []string{"send", "receive", "iq"}},
		{
			Rights: []string{"send", "admin"}, To: []string{"user@example.org/phone", "*.example.org"}, Kinds: []string{"message"},
			Expires: "2026-12-31T12:00:00.5Z", Networks: []string{"192.0.2.0/24", "2001:db8::1"}, Rate: "60/m", Burst: 5,
		},
	} {
		s := scope(t, spec)
		if diff := cmp.Diff(spec, s.Spec()); diff != "" {
			t.Errorf("the spec (-) and what is printed (+):\n%s", diff)
		}
		printed := s.Spec()
		again := scope(t, printed)
		if diff := cmp.Diff(s, again, cmp.AllowUnexported(access.Pattern{}), cmpopts.EquateComparable(jid.JID{}, netip.Prefix{})); diff != "" {
			t.Error(diff)
		}
	}
}

// What is allowed costs no allocation.
func TestScope_allocations(t *testing.T) {
	s := scope(t, access.Spec{To: []string{"*.example.org", "user@example.org"}, Kinds: []string{"message"}, Rights: []string{"send", "receive"}, Networks: []string{"192.0.2.0/24"}, Rate: "1000000/s"})
	st, b, here, now := parse(t, `<message to="user@example.org/phone"/>`), access.NewBucket(s.Rate), netip.MustParseAddr("::ffff:192.0.2.1"), time.Now()
	allocs := testing.AllocsPerRun(100, func() {
		if s.MaySend(st) != nil || s.Expired(now) || !s.From(here) {
			t.Fatal("refused")
		}
		b.Take()
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
