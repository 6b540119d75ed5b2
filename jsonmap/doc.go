// Package jsonmap maps stanzas to JSON and back, as Prosody's mod_rest does, and
// loses nothing on the way.
//
// The mapping is one table ([Fields] describes it; docs/json.md and the OpenAPI
// schemas are held to it). What the table does not know appears under the key
// [GenericKey] in a lossless form, so that a stanza that is mapped to JSON and
// back is the same XML again, up to the order of attributes and the choice of
// prefixes. [Strict] leaves that key out, as programs for mod_rest may expect.
//
// The same values are written and read in three notations: JSON (RFC 8259), the
// fields of an HTML form, and CBOR (RFC 8949).
package jsonmap
