// Package stanza holds the three things that XMPP carries: messages, presence
// and IQs (RFC 6120 §8).
//
// A [Stanza] is an immutable value: its [Header] (kind, type, id, addresses,
// language), already read out and normalised, and its content, the checked
// bytes of its child elements. The content is never parsed into a tree and
// written again; only the start tag is rebuilt when a stanza is written, which
// is also what the gateway's contract asks for: attributes that are not part of
// the header do not survive.
//
// Invariants of every Stanza that [Parse], [FromElement] or a method returned:
//
//   - the content is well-formed, checked by package element, in the namespace
//     jabber:client, and declares every prefix that it uses, on the child
//     element that uses it;
//   - [Stanza.AppendXML] writes an element without a namespace declaration of
//     its own, so that the bytes are right in a client stream, in a component
//     stream (RFC 6120 §4.8, XEP-0114) and as an HTTP body.
//
// The package does not route, send or store anything.
//
// # Words
//
// The same words are used everywhere in the project: a stanza has a kind
// (message, presence, iq), a type (chat, get, error …) and a payload (its first
// child element). A stanza error has a condition (RFC 6120 §8.3.3). An address
// is bare (local@domain) or full (with a resource). A request is an IQ of type
// get or set; its answer is the IQ of type result or error with the same id.
package stanza
