package access

import (
	"errors"
	"fmt"
	"strings"

	"github.com/restanza/restanza/jid"
)

// Pattern stands for destinations: an address; a bare one with all its resources; a domain with
// all addresses in it; or, with an asterisk before it, all domains below a domain with all
// addresses in them. Patterns are comparable. The zero value fits nothing.
type Pattern struct {
	address jid.JID
	below   bool // the domains below address, which is one, and not itself
}

// ParsePattern reads a pattern: user@example.org/phone, user@example.org, example.org or
// *.example.org. The error says what is wrong in words for people.
func ParsePattern(s string) (Pattern, error) {
	rest, below := strings.CutPrefix(s, "*.")
	switch s {
	case "":
		return Pattern{}, errors.New("it is empty; write an address, a domain, or *. and a domain")
	case "*":
		return Pattern{}, errors.New("leave the list out to allow all destinations")
	}
	address, err := jid.Parse(rest)
	switch {
	case err != nil && strings.Contains(rest, "*"):
		return Pattern{}, fmt.Errorf("%.100q: an asterisk stands at the beginning only, before a dot and a domain, as in *.example.org", s)
	case err != nil:
		return Pattern{}, fmt.Errorf("%.100q is no XMPP address: %w", s, err)
	case below && address != address.DomainJID():
		return Pattern{}, fmt.Errorf("%.100q: behind *. stands a domain alone", s)
	case below && strings.HasPrefix(address.Domain(), "["):
		return Pattern{}, fmt.Errorf("%.100q: an IP address has no domains below it", s)
	}
	return Pattern{address, below}, nil
}

// String returns the pattern as ParsePattern reads it, normalised.
func (p Pattern) String() string {
	if p.below {
		return "*." + p.address.String()
	}
	return p.address.String()
}

// Matches reports whether an address is among the destinations.
func (p Pattern) Matches(to jid.JID) bool {
	if p.address.IsZero() || to.IsZero() {
		return false
	}
	if !p.below {
		return p.address.Covers(to)
	}
	domain, parent := to.Domain(), p.address.String()
	n := len(domain) - len(parent)
	return n > 1 && domain[n-1] == '.' && domain[n:] == parent
}
