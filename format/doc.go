// Package format knows how stanzas are written into the bodies of HTTP messages:
// XML, JSON, form, text and CBOR, by their media types.
//
// A [Format] reads one stanza from a request's body, reads one or several from
// the answer of a callback, and writes a stanza. [Find] finds the Format that a
// Content-Type names. The list of all, [All], stands in mod_rest's order of
// preference.
//
// The package knows no HTTP headers but Content-Type, and no policy.
package format
