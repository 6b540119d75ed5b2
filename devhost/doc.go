// Package devhost is where a small XMPP host inside the process will live, for
// trying the gateway and for tests without a server: real clients log in and
// talk to the component over real streams. It will listen on loopback, federate
// with nobody and keep nothing; it is not a server to run.
//
// There is nothing in it yet: a gateway needs a server such as Prosody or
// ejabberd.
package devhost
