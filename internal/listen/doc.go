// Package listen brings what a gateway receives to this machine: to a program that is
// written as a callback, or to a command.
//
// A [Feed] is a stream of events that goes on over as many connections as that takes.
// [Listen] reads one, posts each stanza as package callback does, and sends what comes
// of it back through the gateway.
//
// Invariants:
//
//   - What the gateway has kept is read once and in order: a new connection goes on after
//     the last event of the one before. What the gateway has dropped meanwhile is told.
//   - What is posted, what its answer means, the order within a conversation and the
//     limits are those of package callback.
//   - A reply is sent until the gateway has accepted or refused it, with the same
//     Idempotency-Key each time, so that it arrives once.
//   - Nothing of a stanza becomes part of a command line.
//   - Memory for what waits is bounded. If there is none left nothing is read, and the gateway keeps it.
//
// The package prints nothing and keeps nothing on disk.
package listen
