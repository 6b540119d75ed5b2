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
//   - What is sent comes from the addressee of the stanza that was posted. It goes
//     to that stanza's sender, whatever the callback writes; only a stanza in a
//     list may have an addressee of its own.
//   - No IQ is sent but the answer to one.
//   - A stanza that is not kept (see below) is posted once. The only request that is made again is one of
//     which no byte was written, because the server had closed the idle
//     connection that it was to use; or, with Options.Patience, because nothing
//     listened at the callback yet.
//   - A stanza that is kept is posted until it is answered or its time is over, and leaves the journal only then: an
//     attempt may be repeated if the process dies, and is never skipped.
//   - All requests for one stanza have the same webhook-id, and no other stanza has it.
//   - No request goes to an address that is link-local, multicast, unspecified or a cloud's
//     metadata service, unless the URL names that very address (package guard); it
//     counts as no answer. Redirects are not followed. Where the environment names a
//     proxy, the proxy's address is what is judged: it looks names up itself.
//   - What a callback sends is bounded in bytes and in time. Whatever it does
//     costs the stanza that it answers, and nothing else.
//
// # Formats
//
// Requests are written in the format of Options.Format, unless the answer to the
// OPTIONS request has status 200 and an Accept header: then in the format of ours
// that it prefers, by quality and, among equals, by order. Where it names none, the
// configured format stays; mod_rest would fall back to XML, which a callback that
// was configured for JSON could not read. As text, a message is its body, and
// everything else is empty.
//
// Answers are read in each format, whatever that of the request, by their
// Content-Type. Of its parameters only profile counts.
//
// # Signatures
//
// Each POST has a webhook-id, and with Options.SigningSecrets also the time of the attempt
// and a signature with each key (Standard Webhooks 1.0, package signing). The id is made
// when Deliver takes the stanza. Probes have neither: there is nothing in them to forge.
//
// # What an answer means
//
// The first rule that fits holds; S is the stanza that was posted.
//
//   - S is an error or an IQ result: the answer is ignored.
//   - No answer (refused, reset, garbage instead of HTTP, half a body, too
//     slow): S waits if it is kept, and else gets the error recipient-unavailable, type wait.
//   - Status 4xx or 5xx with Retry-After: S waits if it is kept.
//   - Status 202 or 204: S is accepted. An IQ gets an empty result.
//   - A stanza of S's kind in the body is the reply, if the status is 2xx; in
//     application/xmpp+xml it is the reply whatever the status. A text/plain
//     body is a chat message, in answer to a message. A stanza with an error in it
//     is of type error, whatever type it claims.
//   - Several stanzas, as {"xmpp":[…]} or <xmpp>…</xmpp>, are all sent, see below.
//   - Any other status than 2xx: S gets the stanza error of the table in
//     status.go. Text, JSON, a form or CBOR in such an answer is an error page,
//     not a stanza, unless it is one stanza error in JSON, form or CBOR: that is
//     the reply.
//   - 2xx with a body that should have been the reply and can't be (not
//     well-formed, no stanza, of another kind, too large): an IQ gets the error
//     internal-server-error rather than an empty result, which would be a lie;
//     for a message or presence there is silence, because the callback did
//     accept it. Either way the operator is told in the log, with the place.
//   - 2xx without anything usable (no body, another Content-Type): an IQ gets an
//     empty result; for a message or presence there is silence.
//
// # Several stanzas
//
// A stanza in a list that has an addressee other than S's sender goes there, with
// its own type, id, language and children. One without, or with S's sender as its
// addressee, goes to S's sender, by the rules of a single reply if it is of S's kind.
// They are sent in the order of the list.
//
// If S is an IQ request, the one IQ among them that goes to its sender is the answer;
// without one an empty result is sent before the rest. Any other IQ can't be used: a
// callback could not be told its answer, and a second answer must not be. Whoever
// wants to ask posts to the gateway.
//
// A list has at most jsonmap.MaxReplies stanzas. If one of them can't be used, none
// is sent and the whole answer is one that can't be used.
//
// Receipts (XEP-0184) are never sent on behalf of a callback: a request for one is a
// part of the stanza that it gets.
//
// # What is kept
//
// With Options.Journal and MaxAge, messages that are no errors and hold more than chat states or markers, and subscription
// requests, are in the journal until the callback has answered them. If it gives no HTTP answer to one, or
// an error with Retry-After (RFC 9110 §10.2.3), the conversation waits: for RetryFirst, doubled with each attempt up to
// RetryMax, a fifth more or less, and at least for as long as the answer asks. Other stanzas of the same conversation wait behind it, but for those that are
// not kept, which go beside it; other conversations go on. When MaxAge is over, the sender gets the error that the last
// attempt stands for, and the stanza is a dead letter. What is in the journal when Run ends stays there, without an
// answer, for the next Run. A host that leads to an address that is refused here is no reason to wait.
//
// Everything else, and everything without a journal, is in memory only: what is queued when the process ends is
// answered with an error, or lost with it.
//
// After three stanzas in a row without an answer the callback counts as down (breaker): of what is kept, one stanza at
// a time is posted, with the same growing delay between them, but at once if a conversation begins. The first answer ends that. An answer with status 429
// or 503 halves the number of requests that may be under way, and as many successes as that add one.
//
// Memory for what waits is bounded by QueueLimit and QueueBytes, of which what is kept has half. The rest is
// on disk alone, and so are the conversations that wait for their time; a goroutine of Run (feeder) fetches them when there is room, so
// that a backlog of any size costs neither memory nor time at the start.
package callback
