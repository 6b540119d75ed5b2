// Package guard keeps connections away from addresses that no web service of an
// operator has: link-local ones, the metadata services of clouds, multicast and the
// unspecified address.
//
// [Check] classifies an address. A [Guard] refuses to dial, and is asked with the address
// that is about to be connected to, after the name was looked up: a name that leads
// somewhere else the second time, or to several addresses, gains nothing. What an
// operator named by writing the address itself, not a name, is allowed.
//
// Loopback and private networks are allowed: that is where callbacks are. So are all
// addresses of the Internet.
//
// The addresses are those of RFC 1122 §3.2.1.3 and RFC 6890 (this network, broadcast),
// RFC 1112 (multicast), RFC 3927 (link-local), RFC 4291 §2.5.2, §2.5.6 and §2.7 (the same in
// IPv6). An IPv6 address that stands for one of IPv4 is judged by both: mapped and
// compatible ones (RFC 4291 §2.5.5), SIIT (RFC 2765 §2.1), NAT64 (RFC 6052 §2.2, RFC 8215),
// 6to4 (RFC 3056 §2), Teredo (RFC 4380 §4) and ISATAP (RFC 5214 §6.1).
//
// The package looks nothing up and connects to nothing. It can't see what a proxy
// connects to.
package guard

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// Kind says why an address is not dialled. The set is closed.
type Kind string

// The kinds of addresses that are refused.
const (
	Allowed     Kind = "" // it is not refused
	LinkLocal   Kind = "link-local"
	Metadata    Kind = "cloud metadata"
	Multicast   Kind = "multicast"
	Broadcast   Kind = "broadcast"
	Unspecified Kind = "unspecified"
)

// Refusal is the error about an address that is not dialled.
type Refusal struct {
	Addr netip.Addr // zero: it could not be read
	Kind Kind
}

// Error names the address and says how to allow it.
func (r *Refusal) Error() string {
	if !r.Addr.IsValid() {
		return "refused to connect to an address that can't be read"
	}
	return fmt.Sprintf("refused to connect to %s, which is a %s address; only a URL that names the address itself may lead there", r.Addr, r.Kind)
}

// Guard refuses addresses. The zero Guard makes no exception. It may be used concurrently.
type Guard struct {
	named []netip.Addr // that may be dialled whatever they are
}

// New returns a Guard that makes an exception of each host that is an address. Hosts that are
// names make none; neither does a spelling that only resolvers take for an address, such as
// 2852039166. Brackets around IPv6 addresses must be gone.
func New(hosts ...string) Guard {
	var g Guard
	for _, host := range hosts {
		if addr, err := netip.ParseAddr(host); err == nil {
			g.named = append(g.named, plain(addr))
		}
	}
	return g
}

// Control is for net.Dialer's ControlContext: it refuses an address, host:port, that must not be
// dialled. Its error is a Refusal.
func (g Guard) Control(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return &Refusal{}
	}
	addr := ap.Addr()
	if slices.Contains(g.named, plain(addr)) {
		return nil
	}
	if kind := Check(addr); kind != Allowed {
		return &Refusal{Addr: addr.Unmap(), Kind: kind}
	}
	return nil
}

// plain makes equal what is the same destination, whatever interface it is reached by.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// metadata are the addresses at which clouds tell a machine its secrets, and which are not
// link-local: those of AWS (also for containers), Google, Azure, Alibaba and Oracle.
var metadata = []netip.Addr{
	netip.MustParseAddr("169.254.169.254"), // link-local, but this name says more
	netip.MustParseAddr("fd00:ec2::254"),
	netip.MustParseAddr("fd00:ec2::23"),
	netip.MustParseAddr("fd20:ce::254"),
	netip.MustParseAddr("168.63.129.16"),
	netip.MustParseAddr("100.100.100.200"),
	netip.MustParseAddr("192.0.0.192"),
}

// thisNetwork is where addresses lie that stand for no host (RFC 1122 §3.2.1.3).
var thisNetwork = netip.MustParsePrefix("0.0.0.0/8")

// Check classifies an address; zones do not count. An IPv6 address in which an IPv4
// address is embedded is refused for either.
func Check(addr netip.Addr) Kind {
	addr = plain(addr)
	if kind := check(addr); kind != Allowed || addr.Is4() {
		return kind
	}
	for _, inner := range embedded(addr) {
		if kind := check(inner); kind != Allowed {
			return kind
		}
	}
	return Allowed
}

// check classifies an address by itself.
func check(addr netip.Addr) Kind {
	switch {
	case slices.Contains(metadata, addr):
		return Metadata
	case addr.IsUnspecified(), addr.Is4() && thisNetwork.Contains(addr):
		return Unspecified
	case addr.IsMulticast():
		return Multicast
	case addr.IsLinkLocalUnicast():
		return LinkLocal
	case addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return Broadcast
	}
	return Allowed
}
