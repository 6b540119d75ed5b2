// Package access says what a credential may do.
//
// A [Scope] is that: its rights, whom and which kinds of stanza it may send, until when, from
// where and how often it may be used. People write it as a [Spec], in the configuration and
// when they make a token, and [Spec.Scope] reads that. A [Pattern] is one of the
// destinations, a [Rate] says how often, and a [Bucket] counts.
//
// # Invariants
//
//   - The zero Scope allows nothing.
//   - What a Scope does not name it does not bound: no pattern, no kind, no network, no rate.
//     But no right is implied by another one.
//   - A check that says yes allocates nothing, since it is made for each request.
//   - What is refused is named ([Lack]), and nothing else of the Scope.
//
// # What it does not do
//
// It knows no credentials, no HTTP, and not which addresses a credential may speak as: that is
// its identity, see jid.JID.Covers.
package access
