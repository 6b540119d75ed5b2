// Package config holds the settings of a Restanza and reads them: from one TOML
// file, from RESTANZA_… environment variables and from the flags of the command.
//
// A [Config] is a plain struct of checked values. [Sources] says where settings come
// from; its Load merges them, a flag before a variable before the file before the
// default, reads the files that hold secrets, and checks the whole. [Settings] is the
// one table of all settings: names, types, bounds and meanings. Flags, variables, the
// checks of bounds, the documentation and the annotated [Example] follow from it.
//
// Reading is strict. An unknown key, a wrong type or a value out of bounds is an error,
// and all that can be found in one go are reported in one go, as [Errors]: each names
// the file and line, or the flag or variable, the key, and what to write instead.
//
// A [Secret] prints as a placeholder, and no error or warning of this package shows one.
//
// The package opens nothing but the files that it is told to read, and connects to nothing.
package config
