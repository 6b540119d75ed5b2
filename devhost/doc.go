// Package devhost is a small XMPP host inside the process: real clients log in
// over real streams and talk with one another, alone and in rooms, and with the
// components that attach to it, so that a bot can be tried and tested without a
// server.
//
// It is no server. It listens on loopback unless it is forced to do otherwise,
// federates with nobody, lets everybody see everybody, keeps passwords in
// memory as they are, and forgets all that it was told when it ends. It says so
// in its log.
//
// A [Host] has accounts ([Account]), whose clients log in on a plain port with
// STARTTLS (RFC 6120) or on one with direct TLS, and components ([Component]),
// which attach as to any server (XEP-0114). Its rooms (XEP-0045) have a domain
// of their own. [New] opens the listeners, Run serves.
//
// Invariants:
//
//   - The sender of a client's stanza is the client; the sender of a component's
//     stanza is in the component's domain (RFC 6120 §8.1.2).
//   - Each IQ of type get or set is delivered or answered, never both.
//   - Between two addresses the order of stanzas is kept.
//   - Nobody waits for a connection: what is to be written stands in a bounded
//     queue, and who does not read is cut off. A client that sends faster than
//     its addressee reads is read more slowly; through rooms it is not, so that
//     who can't keep up with a room is cut off.
//
// The routing state has one lock, the host's; each connection's outgoing queue
// has its own, which is taken last. A connection has one goroutine that reads
// and acts, and another only while there is something to write.
//
// # What it does not do
//
// No federation, no registration of accounts, no archive (XEP-0313), no
// personal eventing (XEP-0163), no resumption of streams (XEP-0198 §5), no
// channel binding, and no subscriptions to speak of: everybody is subscribed
// to everybody else.
package devhost
