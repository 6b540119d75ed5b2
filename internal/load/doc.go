// Command load measures the whole gateway against real XMPP servers, and beside
// the limit: a bare program that does the same job with net/http and one TCP
// stream, checks nothing and confirms nothing.
//
//	go run ./internal/load [flags]
//
// Three modes are measured at several numbers of HTTP connections:
//
//   - send: POST of a chat message of 355 bytes, until it arrives at another
//     component of the same server.
//   - iq: POST of a query, until its answer is the HTTP response.
//   - callback: a message from another component, to the HTTP callback, until the
//     reply that the callback gives in its HTTP response is back at the sender.
//
// The gateway is posted to in XML and, as the program gateway+json, in JSON. It keeps nothing
// on disk; the program gateway+journal is another that does. Each goes
// through a sink (a server of the tool's own that routes between components as fast as
// it can and checks nothing), through Prosody and through ejabberd. The server, the
// gateway and the limit are processes of their own; the load, the receiving component
// and the callback are in the tool's.
//
// Every stanza is numbered, so that loss, duplicates and reorderings are counted.
// The exit status is 0 if all ran and nothing was lost or doubled; a missed
// target is reported, and changes nothing about the exit status.
//
// With -dev it measures restanza dev instead: start, memory, and clients of the
// built-in host that all talk to the bot at once.
//
// All of it uses loopback addresses, free ports and temporary directories, which
// are removed.
package main
