// Package console is where the browser console will live: static files in the
// binary, for watching stanzas and sending some by hand, using nothing but the
// public HTTP API.
//
// There is nothing in it yet.
package console
