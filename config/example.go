package config

import _ "embed"

//go:embed example.toml
var example string

// Example returns a configuration file that shows every key. What is needed is set, to
// values that a reader replaces; what has a default stands there as a comment, with the default.
func Example() string { return example }
