// Package client posts stanzas to a gateway, Restanza or Prosody's mod_rest, for the
// command line.
//
// A [Client] sends one request at a time to one gateway. What it sends is built by
// [Message], [Query] and [Payload]; what comes back is an [Answer], or an [*Error]
// that says in words who failed: nobody there, the gateway, the recipient, or the clock.
// A [Stream] is what comes and goes at a Restanza, and an [Order] is for its operator's
// side: what it has not delivered.
//
// Invariants: a credential is sent to the gateway's own address only, by way of the
// proxy that the environment names if there is one (HTTP_PROXY, never for loopback);
// redirects are not followed; a credential stands in no error; an answer is bounded
// before it is read; no text of an Error can do harm on a terminal.
//
// The package prints nothing and reads no configuration.
package client
