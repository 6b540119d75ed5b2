package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/restanza/restanza/config"
)

const configFlag = "config"

// addSettings gives the command a flag for every setting of the one-component case, and --config.
func addSettings(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Var(&text{kind: string(config.File)}, configFlag, "configuration file; its settings are weaker than variables and flags")
	_ = cmd.MarkFlagFilename(configFlag, "toml") // fails for unknown flags only
	for _, s := range config.Settings() {
		flags.Var(&text{value: s.Default(), kind: string(s.Type)}, s.Flag, usage(s))
		switch {
		case s.Type == config.File:
			_ = cmd.RegisterFlagCompletionFunc(s.Flag, anyFile)
		case s.Values != nil:
			_ = cmd.RegisterFlagCompletionFunc(s.Flag, cobra.FixedCompletions(s.Values, cobra.ShellCompDirectiveNoFileComp))
		default:
			_ = cmd.RegisterFlagCompletionFunc(s.Flag, cobra.NoFileCompletions)
		}
	}
}

// anyFile completes a flag by the names of files. It is said where they belong, because the command has
// none by default.
var anyFile = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)

// usage is what the help says about a setting.
func usage(s config.Setting) string {
	if s.Values == nil {
		return s.Usage
	}
	return s.Usage + " (" + strings.Join(s.Values, ", ") + ")"
}

// sources returns what the flags say, together with the environment.
func sources(cmd *cobra.Command, environ []string) config.Sources {
	flags := cmd.Flags()
	s := config.Sources{Path: flags.Lookup(configFlag).Value.String(), Environ: environ, Flags: map[string]string{}}
	for _, setting := range config.Settings() {
		if flags.Changed(setting.Flag) {
			s.Flags[setting.Flag] = flags.Lookup(setting.Flag).Value.String()
		}
	}
	return s
}

// text is a flag's value as it was written. Package config reads it, as it reads
// variables, so that both are wrong in the same words.
type text struct {
	value string
	kind  string // what the help calls it
}

// String returns the text.
func (t *text) String() string { return t.value }

// Set takes any text.
func (t *text) Set(value string) error {
	t.value = value
	return nil
}

// Type returns the name that stands behind the flag in the help.
func (t *text) Type() string { return t.kind }
