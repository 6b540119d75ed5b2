package config

import (
	"fmt"
	"strings"
)

// Error is one thing that is wrong with a configuration. Its text may be shown to an
// operator: it holds no secret.
type Error struct {
	Source string // the file, the flag ("--secret") or the variable ("RESTANZA_SECRET"); empty: none of them
	Line   int    // of the file, from 1; 0: the source is no file, or the file as a whole
	Column int    // in characters, from 1, where the key or the syntax is at fault; 0 elsewhere
	Key    string // such as "component.callback.timeout"; empty for the syntax, and where Source names it
	Reason string // what is wrong and what to write instead
}

// Error returns the whole in one line, such as
// `restanza.toml:12: component.callback.timeout: "30" is no duration; write "30s"`.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Source != "" {
		b.WriteString(e.Source)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		if e.Column > 0 {
			fmt.Fprintf(&b, ":%d", e.Column)
		}
		b.WriteString(": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Reason)
	return b.String()
}

// Errors is everything that was found wrong, in the order of the file.
type Errors []*Error

// Error returns one line for each.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the single errors.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}

// orNil returns e as an error that is nil if there is nothing in it.
func (e Errors) orNil() error {
	if len(e) == 0 {
		return nil
	}
	return e
}
