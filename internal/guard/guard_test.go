package guard_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/restanza/restanza/internal/guard"
)

// kinds has every prefix at its borders.
var kinds = map[string]guard.Kind{
	// IPv4.
	"0.0.0.0":         guard.Unspecified,
	"0.1.2.3":         guard.Unspecified,
	"0.255.255.255":   guard.Unspecified,
	"1.0.0.0":         guard.Allowed,
	"8.8.8.8":         guard.Allowed,
	"10.0.0.1":        guard.Allowed,
	"100.64.0.1":      guard.Allowed,
	"100.100.100.199": guard.Allowed,
	"100.100.100.200": guard.Metadata,
	"127.0.0.1":       guard.Allowed,
	"127.255.255.254": guard.Allowed,
	"168.63.129.16":   guard.Metadata,
	"169.253.255.255": guard.Allowed,
	"169.254.0.0":     guard.LinkLocal,
	"169.254.169.253": guard.LinkLocal,
	"169.254.169.254": guard.Metadata,
	"169.254.170.2":   guard.LinkLocal,
	"169.254.255.255": guard.LinkLocal,
	"169.255.0.0":     guard.Allowed,
	"172.16.0.1":      guard.Allowed,
	"192.0.0.192":     guard.Metadata,
	"192.168.1.1":     guard.Allowed,
	"223.255.255.255": guard.Allowed,
	"224.0.0.0":       guard.Multicast,
	"239.255.255.255": guard.Multicast,
	"255.255.255.255": guard.Broadcast,

	// IPv6.
	"::":                             guard.Unspecified,
	"::1":                            guard.Allowed,
	"2001:db8::1":                    guard.Allowed,
	"2606:4700:4700::1111":           guard.Allowed,
	"fc00::1":                        guard.Allowed,
	"fd00:ec2::253":                  guard.Allowed,
	"fd00:ec2::254":                  guard.Metadata,
	"fd00:ec2::23":                   guard.Metadata,
	"fd20:ce::254":                   guard.Metadata,
	"fe7f:ffff::":                    guard.Allowed,
	"fe80::":                         guard.LinkLocal,
	"fe80::1%eth0":                   guard.LinkLocal,
	"febf:ffff::ffff":                guard.LinkLocal,
	"fec0::1":                        guard.Allowed,
	"feff::1":                        guard.Allowed,
	"ff00::":                         guard.Multicast,
	"ff02::1":                        guard.Multicast,
	"ffff:ffff::":                    guard.Multicast,
	"fd00:ec2:0:0:1::254":            guard.Allowed,
	"::ffff:127.0.0.1":               guard.Allowed, // mapped
	"::ffff:0.0.0.0":                 guard.Unspecified,
	"::ffff:169.254.1.1":             guard.LinkLocal,
	"::ffff:a9fe:a9fe":               guard.Metadata,
	"::ffff:100.100.100.200":         guard.Metadata,
	"::ffff:224.0.0.1":               guard.Multicast,
	"::ffff:255.255.255.255":         guard.Broadcast,
	"::169.254.169.254":              guard.Metadata, // compatible
	"::192.168.0.1":                  guard.Allowed,
	"::ffff:0:169.254.0.1":           guard.LinkLocal, // SIIT
	"::ffff:0:192.0.2.1":             guard.Allowed,
	"64:ff9b::169.254.169.254":       guard.Metadata, // NAT64
	"64:ff9b::a9fe:1":                guard.LinkLocal,
	"64:ff9b::192.0.2.1":             guard.Allowed,
	"64:ff9b::10.0.0.1":              guard.Allowed,
	"64:ff9b:1::169.254.0.1":         guard.LinkLocal, // the same by a network's own prefix, of each length
	"64:ff9b:1::192.0.2.1":           guard.Allowed,
	"64:ff9b:1:a9fe:a9:fe00::":       guard.Metadata,
	"64:ff9b:1:a9:fe:a9fe::":         guard.Metadata,
	"64:ff9b:1:0:a9:fea9:fe00:0":     guard.Metadata,
	"64:ff9b:1:ae0:1:100::":          guard.Allowed, // 10.224.1.1, and not 224.1.1.0
	"64:ff9b:1:c000:2:100::":         guard.Allowed,
	"2002:a9fe:a9fe::1":              guard.Metadata, // 6to4
	"2002:a9fe:1::":                  guard.LinkLocal,
	"2002:c000:201::1":               guard.Allowed,
	"2001:0:a9fe:1::1":               guard.LinkLocal, // Teredo: the server; the client has its bits inverted
	"2001:0:c000:201:0:0:5601:5601":  guard.Metadata,
	"2001:0:c000:201:0:0:3fff:fdfe":  guard.Allowed,
	"2001:db8::5efe:a9fe:a9fe":       guard.Metadata, // ISATAP
	"2001:db8::200:5efe:169.254.0.1": guard.LinkLocal,
	"2001:db8::5efe:192.0.2.1":       guard.Allowed,
	"2001:db8::a9fe:a9fe":            guard.Allowed, // bytes that happen to look so
}

func TestCheck(t *testing.T) {
	for text, want := range kinds {
		if got := guard.Check(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
}

// What is dialled comes with a port; the refusal names the address as people know it.
func TestGuard(t *testing.T) {
	for _, c := range []struct {
		hosts   []string
		address string
		refused string // part of the error; empty: it may be dialled
	}{
		{nil, "127.0.0.1:80", ""},
		{nil, "[::1]:80", ""},
		{nil, "192.168.1.1:443", ""},
		{nil, "169.254.169.254:80", "169.254.169.254, which is a cloud metadata address"},
		{nil, "[::ffff:169.254.1.2]:80", "169.254.1.2, which is a link-local address"},
		{nil, "[fe80::1%1]:80", "fe80::1%1, which is a link-local address"},
		{nil, ":80", "can't be read"},
		{nil, "example.org:80", "can't be read"},
		{[]string{"callback.example"}, "169.254.1.2:80", "169.254.1.2"},
		{[]string{"2852039166"}, "169.254.169.254:80", "169.254.169.254"},
		{[]string{"0xa9.0xfe.0xa9.0xfe"}, "169.254.169.254:80", "169.254.169.254"},
		{[]string{"169.254.169.254"}, "169.254.169.254:80", ""},
		{[]string{"169.254.169.254"}, "[::ffff:169.254.169.254]:80", ""},
		{[]string{"::ffff:169.254.169.254"}, "169.254.169.254:80", ""},
		{[]string{"169.254.1.1"}, "169.254.169.254:80", "169.254.169.254"},
		{[]string{"169.254.169.254"}, "[64:ff9b::169.254.169.254]:80", "64:ff9b::a9fe:a9fe"},
		{[]string{"fe80::1%eth0"}, "[fe80::1%2]:80", ""},
		{[]string{"fe80::1%eth0"}, "[fe80::2%2]:80", "fe80::2"},
		{[]string{"callback.example", "0.0.0.0"}, "0.0.0.0:80", ""},
	} {
		err := guard.New(c.hosts...).Control(t.Context(), "tcp", c.address, nil)
		refusal, ok := errors.AsType[*guard.Refusal](err)
		switch {
		case c.refused == "" && err != nil, c.refused != "" && !ok:
			t.Errorf("%q, %s: %v", c.hosts, c.address, err)
		case ok && !strings.Contains(refusal.Error(), c.refused):
			t.Errorf("%q, %s: %v, want one about %s", c.hosts, c.address, err, c.refused)
		}
	}
}

// FuzzCheck states that an address is judged the same however it is written, and that an IPv4
// address that is refused is refused in every embedding.
func FuzzCheck(f *testing.F) {
	for text := range kinds {
		addr := netip.MustParseAddr(text)
		f.Add(addr.AsSlice())
	}
	f.Fuzz(func(t *testing.T, bytes []byte) {
		addr, ok := netip.AddrFromSlice(bytes)
		if !ok {
			return
		}
		kind := guard.Check(addr)
		if again := guard.Check(netip.AddrFrom16(addr.As16())); again != kind {
			t.Fatalf("%s is %q, and mapped %q", addr, kind, again)
		}
		if again := guard.Check(addr.WithZone("eth0")); again != kind {
			t.Fatalf("%s is %q, and with a zone %q", addr, kind, again)
		}
		if addr = addr.Unmap(); !addr.Is4() || bytes[len(bytes)-4] == 0 {
			return
		}
		a := addr.As4()
		for name, b := range map[string][16]byte{
			"compatible": {12: a[0], 13: a[1], 14: a[2], 15: a[3]},
			"SIIT":       {8: 0xff, 9: 0xff, 12: a[0], 13: a[1], 14: a[2], 15: a[3]},
			"NAT64":      {1: 0x64, 2: 0xff, 3: 0x9b, 12: a[0], 13: a[1], 14: a[2], 15: a[3]},
			"NAT64/48":   {1: 0x64, 2: 0xff, 3: 0x9b, 5: 1, 6: a[0], 7: a[1], 9: a[2], 10: a[3]},
			"6to4":       {0: 0x20, 1: 0x02, 2: a[0], 3: a[1], 4: a[2], 5: a[3], 15: 1},
			"Teredo":     {0: 0x20, 1: 0x01, 4: 8, 5: 8, 6: 8, 7: 8, 12: ^a[0], 13: ^a[1], 14: ^a[2], 15: ^a[3]},
			"ISATAP":     {0: 0x20, 10: 0x5e, 11: 0xfe, 12: a[0], 13: a[1], 14: a[2], 15: a[3]},
		} {
			if inside := guard.Check(netip.AddrFrom16(b)); kind != guard.Allowed && inside == guard.Allowed && (name != "NAT64/48" || kind == guard.Metadata || kind == guard.LinkLocal) {
				t.Fatalf("%s is %q, but may be dialled as %s, %s", addr, kind, netip.AddrFrom16(b), name)
			}
		}
	})
}
