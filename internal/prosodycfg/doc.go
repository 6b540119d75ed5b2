// Package prosodycfg reads a configuration of Prosody (prosody.cfg.lua) and makes
// Restanza's TOML of it: a component for each `Component "…" "rest"`, or for each
// external component that Prosody takes by XEP-0114.
//
// [Import] does it. Its [Result] has the TOML, and as [Note]s what was taken, what
// has no counterpart and why, and what is left to do. [Mappings] is the one table of
// mod_rest's options; docs/mod_rest.md is held to it.
//
// A Prosody configuration is a program in Lua. It is run in a virtual machine inside of
// this process that has nothing of the world: no files but those that Include names in the
// folder of the configuration, no environment unless it was given, no clock, no loading of code.
//
// Invariants:
//
//   - whatever a configuration does, Import returns within a few seconds, with bounded
//     memory, and does not panic. Each instruction of the machine is counted; what a single
//     one could make large is either not offered, or paid for in advance (guard.go, meter.go);
//   - the TOML is one that this Restanza accepts. What it would refuse stands there as a comment with the reason;
//   - no setting is invented: what Prosody's configuration does not say is a default, or a fresh
//     secret that is called one;
//   - no secret stands in a Note.
//
// The package writes no file and connects to nothing.
package prosodycfg
