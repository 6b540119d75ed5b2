// Package jid holds XMPP addresses: local@domain/resource (RFC 7622).
//
// A [JID] is a small comparable value: use == to compare and use it as a map
// key. Two ways lead to one:
//
//   - [Parse] takes what a person or a program wrote. It checks the address and
//     brings it into the one form in which equal addresses are equal strings.
//   - [ParseRouted] takes what an XMPP server wrote. The server's form is the
//     canonical one, so it is kept; only what could not be an address at all is
//     refused.
//
// # Form
//
// Parse folds the case of the local part and the domain and removes one
// trailing dot of the domain. ASCII is handled by a table, without allocation.
// A local part beyond ASCII follows UsernameCaseMapped (RFC 8265 §3.3), a
// resource beyond ASCII OpaqueString (RFC 8265 §4.2), and a domain beyond ASCII
// is mapped by UTS #46 and kept in Unicode. A domain of ASCII stays as it is,
// xn-- labels included, because servers do not decode those.
// Domains need not be DNS names: underscores and labels that begin or end with
// a hyphen occur in real internal hosts and are taken.
//
// Servers that prepare addresses by stringprep (RFC 6122) fold further than
// Parse does: what was sent to straße@example.org is answered by
// strasse@example.org. So state that outlives one exchange should be keyed on
// what the server wrote, and [JID.FoldKey] serves to compare an address asked
// with the address that answered.
//
// # Invariants
//
// Parsing what String gave returns the same JID, for both parsers. What Parse
// returns, ParseRouted returns unchanged. Each part is at most 1023 bytes of
// valid UTF-8 and holds only characters that an XML document can carry. No two
// different JIDs have the same String.
//
// The package does not escape (XEP-0106), and does not look anything up.
package jid
