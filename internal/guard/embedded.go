package guard

import "net/netip"

// place is where an IPv4 address stands in IPv6 addresses of a prefix.
type place struct {
	prefix netip.Prefix
	at     [4]int // the bytes
	flip   bool   // its bits are inverted
	guess  bool   // it may as well stand elsewhere
}

// last is where most embeddings have it.
var last = [4]int{12, 13, 14, 15}

// places lists the embeddings by prefix. For the local prefix of NAT64 the length is for its operator to
// choose, and with it the place (RFC 6052 §2.2, RFC 8215 §5): all are tried, and count if what is found there is
// what an attacker would look for.
var places = []place{
	{prefix: netip.MustParsePrefix("::/96"), at: last},
	{prefix: netip.MustParsePrefix("::ffff:0:0:0/96"), at: last},
	{prefix: netip.MustParsePrefix("64:ff9b::/96"), at: last},
	{prefix: netip.MustParsePrefix("64:ff9b:1::/48"), at: [4]int{6, 7, 9, 10}, guess: true},
	{prefix: netip.MustParsePrefix("64:ff9b:1::/48"), at: [4]int{7, 9, 10, 11}, guess: true},
	{prefix: netip.MustParsePrefix("64:ff9b:1::/48"), at: [4]int{9, 10, 11, 12}, guess: true},
	{prefix: netip.MustParsePrefix("64:ff9b:1::/48"), at: last},
	{prefix: netip.MustParsePrefix("2002::/16"), at: [4]int{2, 3, 4, 5}},
	{prefix: netip.MustParsePrefix("2001::/32"), at: [4]int{4, 5, 6, 7}}, // Teredo: the server
	{prefix: netip.MustParsePrefix("2001::/32"), at: last, flip: true},   // and the client
}

// embedded returns the IPv4 addresses that an IPv6 address may stand for. Those that begin with 0 are left
// out: they stand for no host, nobody translates to them, and ::1 looks like one.
func embedded(addr netip.Addr) []netip.Addr {
	bytes := addr.As16()
	var found []netip.Addr
	add := func(p place) {
		var inner [4]byte
		for i, at := range p.at {
			inner[i] = bytes[at]
			if p.flip {
				inner[i] ^= 0xff
			}
		}
		v4 := netip.AddrFrom4(inner)
		if kind := check(v4); inner[0] == 0 || p.guess && kind != Metadata && kind != LinkLocal {
			return
		}
		found = append(found, v4)
	}
	for _, p := range places {
		if p.prefix.Contains(addr) {
			add(p)
		}
	}
	// ISATAP has it behind 5efe in the interface's half, whatever the prefix (RFC 5214 §6.1); the bit of
	// the first byte tells whether the address is unique.
	if bytes[8]&^2 == 0 && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe {
		add(place{at: last})
	}
	return found
}
