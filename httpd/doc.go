// Package httpd is the HTTP door of the gateway: it takes stanzas from HTTP
// callers, hands them to the component that their credentials stand for, and
// answers with what comes of them.
//
// A [Server] is made of [Options]: above all the [Credential]s, each of which
// leads to a [Component]. [Server.Serve] answers requests on a listener until
// its context ends, and then shuts the door in two steps. A Server is also an
// [net/http.Handler], for tests and for embedding; the time limits of slow
// callers are Serve's.
//
// The endpoints:
//
//	POST    /rest            send a stanza; below it the path says part of the stanza
//	GET     /rest            ask what the path says, or send the stanza in the query
//	POST    /rest/echo       show the stanza as it would be sent
//	GET     /rest/outbox/ID  what became of a stanza that was queued
//	OPTIONS /rest            which methods and media types there are
//	GET     /deliveries      what waits for a callback; DELETE, and POST …/retry
//	GET     /dead-letters    what no callback has accepted in time; DELETE, and POST …/replay
//	GET     /livez           whether the process lives
//	GET     /readyz          whether it can do its work; ?verbose says what is missing
//	GET     /metrics         Prometheus metrics
//
// Invariants:
//
//   - /deliveries and /dead-letters are for one credential, which can do nothing else;
//   - the checks of a request stand in one order: credentials, size, media type,
//     content. Whoever has no credentials learns nothing but that;
//   - every answer that is no stanza is a document that says what is wrong, in
//     the form that the caller accepts (docs/decisions/0002-error-documents.md);
//   - an error that is neither a [stanza.Refusal] nor one of this package's own
//     stays inside: the caller gets a constant text and a number to find it by;
//   - status 500 means a fault of the gateway itself, and nothing else does;
//   - credentials are never logged and not kept: only keyed digests are.
//
// The package knows no link and no policy. It opens no listener.
package httpd
