// Package element scans XML elements: the stanzas of an XMPP stream, and the
// documents that HTTP programs send.
//
// A [Scanner] takes one [Element] at a time from a growing buffer, checks it to
// the letter, and says where its parts lie; it builds no tree and copies
// nothing. It is strict because servers are: one bad byte from one caller ends
// a stream that all callers share. What it accepts is therefore less than what
// any XML parser accepts:
//
//   - well-formed by XML 1.0, with the names of its fourth edition, which are
//     those of libexpat and so of Prosody and ejabberd;
//   - namespace-well-formed by Namespaces in XML 1.0, but for undeclared
//     prefixes if [Limits].AllowUnbound asks for it;
//   - without comments, processing instructions, DTDs and entities other than
//     the five predefined ones (RFC 6120 §11.1);
//   - in UTF-8, and within [Limits].
//
// Any other input gives a [SyntaxError]. How the input is cut into pieces never
// changes the result, and the time taken is linear in its length.
//
// [Unescape] and [Text] read what was accepted; [AppendAttr] and [AppendText]
// write. The package knows nothing of streams and stanzas.
package element
