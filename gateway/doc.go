// Package gateway is the policy between the HTTP door, the link to the XMPP
// server and the callback: who may speak as whom, which stanza goes where, and
// who waits for which answer.
//
// A [Component] stands for one XMPP domain. [Component.Submit] takes a stanza
// from a caller to the server and waits for what tells the caller how it went:
// the answer to an IQ, the server's confirmation of a message or presence, or
// the error that the server returned for it. [Component.Receive] takes each
// stanza that comes from the server to whoever waits for it, to the [Receiver],
// or to the component's own few answers.
//
// With [OutboxOptions] a component keeps messages and presence while its link is down,
// in the journal, and [Component.Run] sends them when it is back; so it does with those
// whose callers wait for a confirmation when the link breaks. [Keys] remember which
// requests were carried out, there or in memory.
//
// Invariants:
//
//   - a stanza that comes in goes to exactly one of these places;
//   - an IQ get or set that comes in is answered exactly once, by the Receiver
//     if it takes the stanza, by the component itself otherwise;
//   - nothing here answers an error or an IQ result;
//   - the results of an archive query go to its caller, in order, and to nobody
//     else, from the address that he asked and from no other;
//   - an outstanding query holds its place until it is answered, times out, or
//     its caller is gone, and no other query can take its answer;
//   - what is in the outbox is sent in order, at least once until it expires, and before
//     any message or presence that was submitted after it.
//
// The package sees no socket and no HTTP request. What it keeps on disk is the journal's.
package gateway
