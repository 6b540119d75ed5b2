// Package events is one log of stanzas for each component, with any number of readers.
//
// A [Log] takes each stanza that came or went ([Log.Add]) and gives it a position, which
// it keeps over restarts. A [Reader] has a position of its own and gets what comes after
// it ([Reader.Next]): it pulls, nothing is pushed at it, so that a reader that is slow or
// does not read at all holds back nobody and costs no memory.
//
// The newest events are in memory, shared by all readers, with each format's encoding made
// once ([Event.Encoded]). Those before are in the journal; without a journal they are gone.
//
// # Invariants
//
//   - A reader gets each event that its filter lets through once, in the order of positions,
//     which is that of the calls of Add. If events between its position and the next one
//     are gone, it gets [Gone] instead of a gap.
//   - Add does not block, and costs the same with any number of readers.
//   - A position is never used for two events, not even one that was lost with the process.
//   - Memory is bounded by Options.Memory and by the number of readers.
//
// # What it does not do
//
// It knows nothing of HTTP, and of who may read what: that is the filter's, which its
// caller makes.
package events
