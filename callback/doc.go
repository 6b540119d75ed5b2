// Package callback POSTs stanzas to a webhook and turns its HTTP answers into
// replies and stanza errors.
//
// A [Callback] serves one component. [Callback.Deliver] queues a stanza without
// blocking; [Callback.Run] makes the requests. [Probe] asks once whether the
// webhook is there. Stanzas between the same two bare addresses are a
// conversation: they are posted one after the other, in the order in which they
// came. Conversations run in parallel, take turns, and do not wait for each other
// beyond the number of requests allowed at once.
//
// Invariants:
//
//   - An IQ of type get or set that Deliver accepted is answered exactly once,
//     whatever the callback does and however Run ends.
//   - A stanza error or an IQ result is never answered (RFC 6120 §8.3.1).
//   - An answer goes from the addressee of the stanza that was posted to its
//     sender, whatever addresses the callback writes into it.
//   - A stanza is posted once. The only request that is made again is one of
//     which no byte was written, because the server had closed the idle
//     connection that it was to use; or, with Options.Patience, because nothing
//     listened at the callback yet.
//   - What a callback sends is bounded in bytes and in time. Whatever it does
//     costs the stanza that it answers, and nothing else.
//
// # What an answer means
//
// The first rule that fits holds; S is the stanza that was posted.
//
//   - S is an error or an IQ result: the answer is ignored.
//   - No answer (refused, reset, garbage instead of HTTP, half a body, too
//     slow): S gets the error recipient-unavailable, type wait.
//   - Status 202 or 204: S is accepted. An IQ gets an empty result.
//   - A stanza of S's kind in the body is the reply, if the status is 2xx; in
//     application/xmpp+xml it is the reply whatever the status. A text/plain
//     body is a chat message, in answer to a message.
//   - Any other status than 2xx: S gets the stanza error of the table in
//     status.go. A text body of such an answer is an error page, not a message.
//   - 2xx with a body that should have been the reply and can't be (not
//     well-formed, of another kind, too large): an IQ gets the error
//     internal-server-error rather than an empty result, which would be a lie;
//     for a message or presence there is silence, because the callback did
//     accept it. Either way the operator is told in the log.
//   - 2xx without anything usable (no body, another Content-Type): an IQ gets an
//     empty result; for a message or presence there is silence.
//
// The package stores nothing: what is queued when the process ends is answered
// with an error, or lost with it.
package callback
