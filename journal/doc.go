// Package journal is where everything that must outlive the process will be
// kept: stanzas that no callback has accepted yet, the attempts made with them,
// stanzas accepted while the link was down, and idempotency keys.
//
// There is nothing in it yet. The gateway keeps nothing on disk: what waits for
// a callback or for the link is lost when the process ends, and a caller whose
// stanza is not confirmed by the server is told so.
package journal
