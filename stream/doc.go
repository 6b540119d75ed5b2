// Package stream frames XML streams (RFC 6120 §4): the header, then one
// top-level element after the other, each whole, bounded in size and checked,
// and at last the end tag or a stream error.
//
// A [Reader] does the reading side, the Append functions the writing side. The
// package moves no bytes on its own: it neither dials nor negotiates.
//
// What is wrong with an inbound stream has one of two severities. Whatever
// puts the framing itself in doubt (characters, nesting, a foreign end tag)
// ends the stream with a [*Fault]. What concerns one stanza alone (a prefix
// nobody declared, a malformed address, a size over the limit) costs that
// stanza: it comes out of [Reader.Next] as an [Item] that says what was skipped
// and why. ejabberd 23.01 drops namespace declarations in passing, so any
// remote user can cause the former kind of trouble without meaning to.
package stream
