package config

import (
	"fmt"
	"strings"
)

// draft is a Config under construction, with all that is known about where its values come from.
type draft struct {
	config   Config
	file     string            // the configuration file as errors name it; empty: none
	origins  map[string]origin // by path, of tables too; what is missing is a default
	errors   Errors
	warnings []string
}

// origin is where a value was set.
type origin struct {
	source string // file, flag or variable
	line   int    // of a file; 0: no file
}

func newDraft(file string) *draft {
	return &draft{config: Default(), file: file, origins: map[string]origin{}}
}

// fail reports that the value at path is wrong, or that one is missing there: then it
// names the table where it should be.
func (d *draft) fail(path, format string, args ...any) {
	o := origin{source: d.file}
	for p := path; p != ""; p = parent(p) {
		if found, ok := d.origins[p]; ok {
			o = found
			break
		}
	}
	e := &Error{Source: o.source, Line: o.line, Reason: fmt.Sprintf(format, args...)}
	if o.source == d.file {
		e.Key = d.key(path) // a flag or variable is the name of its key
	}
	d.errors = append(d.errors, e)
}

// warn adds a line for the operator about something that works, but may not be meant so.
func (d *draft) warn(format string, args ...any) {
	d.warnings = append(d.warnings, fmt.Sprintf(format, args...))
}

// key makes a path into what an operator calls it. The numbers stay where only they tell
// which of several is meant.
func (d *draft) key(path string) string {
	if _, inFile := d.origins[path]; !inFile && d.file == "" && len(d.config.Components) > 1 {
		return path
	}
	return withoutIndexes(path)
}

// where names the place of a value, to refer to it in the error about another.
func (d *draft) where(path string) string {
	if o, ok := d.origins[path]; ok {
		if o.line > 0 {
			return fmt.Sprintf("line %d", o.line)
		}
		return o.source
	}
	return path
}

func withoutIndexes(path string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(path, ".") {
		name, _, _ := strings.Cut(part, "[")
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(name)
	}
	return b.String()
}

// parent returns the path of the table that path is in.
func parent(path string) string { return path[:max(0, strings.LastIndexByte(path, '.'))] }
