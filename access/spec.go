package access

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/restanza/restanza/stanza"
)

// MaxList is how many entries each list of a Spec may have.
const MaxList = 100

// Spec is a Scope as people write it, field by field. What is left out does not bound, but Rights,
// which are Usual then. A list that is there and empty is refused: it would be read as all or as
// nothing.
type Spec struct {
	Rights   []string
	To       []string
	Kinds    []string
	Expires  string   // RFC 3339
	Networks []string // in CIDR notation, or single addresses
	Rate     string
	Burst    int // 0: the count of Rate
}

// SpecError says what is wrong with a field of a Spec.
type SpecError struct {
	Field  string // such as "rights"
	Reason string
}

// Error implements error.
func (e *SpecError) Error() string { return e.Field + ": " + e.Reason }

// Scope reads a Spec. Each error is about one field, the first of each that is wrong.
func (s *Spec) Scope() (Scope, []*SpecError) {
	var scope Scope
	var wrong []*SpecError
	note := func(field string, err error) {
		if err != nil {
			wrong = append(wrong, &SpecError{field, err.Error()})
		}
	}
	var err error
	if s.Rights == nil {
		scope.Rights = Usual()
	} else {
		scope.Rights, err = list(s.Rights, word(Rights()))
		note("rights", err)
	}
	scope.To, err = list(s.To, ParsePattern)
	note("to", err)
	scope.Kinds, err = list(s.Kinds, word(Kinds()))
	note("kinds", err)
	scope.Expires, err = parseExpires(s.Expires)
	note("expires", err)
	scope.Networks, err = list(s.Networks, parseNetwork)
	note("networks", err)
	if s.Rate != "" {
		scope.Rate, err = ParseRate(s.Rate)
		note("rate", err)
	}
	switch {
	case s.Burst == 0 || err != nil:
	case s.Rate == "":
		note("burst", fmt.Errorf("there is no rate that it belongs to"))
	default:
		scope.Rate, err = scope.Rate.withBurst(s.Burst)
		note("burst", err)
	}
	if err := scope.usable(); err != nil && len(wrong) == 0 {
		note("kinds", err)
	}
	return scope, wrong
}

// usable finds rights that the kinds take away altogether.
func (s *Scope) usable() error {
	if len(s.Kinds) == 0 {
		return nil
	}
	for _, r := range s.Rights {
		needed := map[Right][]stanza.Kind{Send: {stanza.Message, stanza.Presence}, IQ: {stanza.IQ}}[r]
		if needed != nil && !slices.ContainsFunc(needed, func(k stanza.Kind) bool { return slices.Contains(s.Kinds, k) }) {
			return fmt.Errorf("the right %s is of no use without %s; leave the right out, or name the kind", r, join(needed, " or "))
		}
	}
	return nil
}

// list reads the entries of a list, each of which may be there once.
func list[T comparable](texts []string, parse func(string) (T, error)) ([]T, error) {
	switch {
	case texts == nil:
		return nil, nil
	case len(texts) == 0:
		return nil, fmt.Errorf("the list is empty; leave it out, or name something")
	case len(texts) > MaxList:
		return nil, fmt.Errorf("there are %d entries; at most %d are possible", len(texts), MaxList)
	}
	found := make([]T, 0, len(texts))
	for _, text := range texts {
		v, err := parse(text)
		if err != nil {
			return nil, err
		}
		if slices.Contains(found, v) {
			return nil, fmt.Errorf("%.100q stands there twice", text)
		}
		found = append(found, v)
	}
	return found, nil
}

// word returns the parser of one of some words.
func word[T ~string](words []T) func(string) (T, error) {
	return func(s string) (T, error) {
		if !slices.Contains(words, T(s)) {
			return "", fmt.Errorf("%.40q is none of %s", s, join(words, ", "))
		}
		return T(s), nil
	}
}

func join[T ~string](words []T, between string) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	return strings.Join(texts, between)
}

func parseExpires(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil || at.Year() < 1970 {
		return time.Time{}, fmt.Errorf("%.40q is no time; write one as in 2026-12-31T12:00:00Z", s)
	}
	return at, nil
}

// parseNetwork reads a network, or an address as the network of itself.
func parseNetwork(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return p, fmt.Errorf("%.60q is no network; write one as in 192.0.2.0/24 or 2001:db8::/32, or an address", s)
	case p.Addr().Is4In6():
		return p, fmt.Errorf("%.60q: a network of IPv4 addresses is written without ::ffff: before it", s)
	case p != p.Masked():
		return p, fmt.Errorf("%.60q has bits behind the network; write %s", s, p.Masked())
	}
	return p, nil
}

// Spec returns the scope as people would write it.
func (s *Scope) Spec() Spec {
	spec := Spec{Rights: texts(s.Rights), Kinds: texts(s.Kinds), Rate: s.Rate.String(), Burst: s.Rate.Burst}
	for _, p := range s.To {
		spec.To = append(spec.To, p.String())
	}
	for _, n := range s.Networks {
		if n.IsSingleIP() {
			spec.Networks = append(spec.Networks, n.Addr().String())
		} else {
			spec.Networks = append(spec.Networks, n.String())
		}
	}
	if !s.Expires.IsZero() {
		spec.Expires = s.Expires.UTC().Format(time.RFC3339Nano)
	}
	return spec
}

func texts[T ~string](words []T) []string {
	if words == nil {
		return nil
	}
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = string(w)
	}
	return list
}
