// Package xmpptest gives tests real XMPP surroundings: servers, users, plain
// components and a receiver of callbacks.
//
// [Start] starts one of three servers behind one interface, [Server]: an
// in-process [Fake] that a test can script, a private Prosody, or a private
// ejabberd. [Peers] says which of them a test should run against. A real
// server gets its own directory and its own loopback ports, touches nothing
// of an installed system service, and ends with the test: by cleanup, and, if
// the test process dies before that, because its standard input ends.
//
// On each server [Login] gives a [User] and [DialComponent] a [Component]
// (XEP-0114), both of which are a [Stream]: they send raw XML, and queue what they
// receive as [Stanza] values to wait for. [NewReceiver] gives an HTTP server that records and answers callbacks.
// Other people's software: [LoginSlixmpp], an XMPP client in Python, [StartProfanity], one for the
// terminal, and [SendXMPP], one for single messages, log in to any server as an [Account];
// [StartBot] runs a bot that is a Flask program.
//
// The package reads XML with encoding/xml and shares no code with the
// packages that it helps to test, so that one mistake can't hide another. The
// fake server adds what encoding/xml lets pass and a real server does not.
//
// What goes wrong fails the test at once, with the tail of the server's log.
// Everything here works with any [TB]: a *testing.T, a *testing.B, or what
// [Run] gives to a program.
//
// The real servers' peculiarities that a test has to know:
//   - a component that is not connected: Prosody and the fake answer
//     remote-server-timeout (type wait), ejabberd remote-server-not-found (type
//     cancel);
//   - a second connection for a component's domain: Prosody and the fake refuse it
//     with conflict (and replace the first one for the last domain, see
//     [ReplacingDomain]), ejabberd keeps both;
//   - ejabberd reorders a stanza's children, Prosody its attributes: compare parsed
//     stanzas, not bytes.
package xmpptest
