// Package link keeps a connection to an XMPP server alive and says what became
// of each stanza that was sent over it.
//
// A [Component] is an external component (XEP-0114). Its Run dials, shakes
// hands, reads, writes, notices a dead peer, and connects again, until its
// context ends; Send, Lend, SendOnce, Post and Reply may be called all the while. [Try]
// makes one such connection, to see whether the settings are right.
//
// # Confirmation
//
// A component stream has no acknowledgements (XEP-0198 is for clients), and a
// write into a socket proves nothing. But a server works a stream off in
// order. So after the stanzas that it has written the link sends a ping
// (XEP-0199), by default from the component to itself: the server routes it
// back, and what was written before it has then been parsed, checked and
// routed, and what bounced at once has come back. One ping is under way at a
// time and covers all stanzas written before it, so that its cost is shared.
// What nobody waits for (replies, posts, and IQs, whose answer says as much)
// shares a ping by the batch, or gets one within a second.
//
// # What breaks
//
// When a connection breaks, stanzas that it did not confirm are written again
// over the next, first and in order, if their senders still wait: delivery is
// at least once. Those that were lent can be taken back instead ([Component.Withdraw]). If the server ended the stream in a way that a stanza can
// cause, they are suspects, and are written one at a time, until the one that
// ends the stream again is known; it is dropped, and its sender told.
//
// # Invariants
//
//   - Every channel that Send and SendOnce return gets exactly one value; so does that of
//     Lend, unless Withdraw has taken the stanza back: then its caller tells.
//   - Stanzas are written in the order in which they were accepted; nothing
//     overtakes what is written again.
//   - Stanzas and pongs are worked off by one goroutine, in the order of the
//     stream: what bounced before a pong has been received before it confirms.
//   - What was written and not confirmed, and what waits to be written, is
//     bounded in number and bytes.
//
// The package does not check stanzas: that they are well-formed is proven by
// their type. Nor does it know anything of rules for senders and answers, except
// that a stanza without addresses, or from another domain, is not written.
package link
