// Package restanza assembles the gateway: it builds every part from a checked
// configuration, runs them, and stops them in order.
//
// The parts do not know each other; each declares the few methods that it needs
// of its neighbours, and this package puts them together. See ARCHITECTURE.md
// for what each is and for the way of a stanza.
package restanza
