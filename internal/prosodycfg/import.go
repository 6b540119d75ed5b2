package prosodycfg

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/restanza/restanza/jid"
)

// Options say what to import.
type Options struct {
	// Path is the configuration. Include reads no files but those of its folder and below.
	Path string
	// Data is the configuration's text, if it is not nil; Path then names it and its folder.
	Data []byte
	// Environ is what ENV_… and os.getenv give, as os.Environ has it. Nil: nothing, which the notes say.
	Environ []string
	// Components are the domains to import. Nil: each component of mod_rest, or, where there is none,
	// each external component.
	Components []string
	// Random is where fresh secrets come from. Nil: crypto/rand.
	Random io.Reader
}

// Result is what an import makes.
type Result struct {
	TOML       []byte // the configuration; nil if there is nothing to import
	Components []string
	Notes      []Note // in order: what was taken, what was not, what to do
}

// NoteKind says what a Note is about.
type NoteKind string

// The kinds of notes.
const (
	Taken    NoteKind = "taken"     // an option that became a setting
	NotTaken NoteKind = "not taken" // an option that did not, and why
	ToDo     NoteKind = "to do"     // something for the operator to do
)

// Note is one line of the report. It holds no secret and no control characters.
type Note struct {
	Kind    NoteKind
	Place   string // file and line; empty: none in particular
	Subject string // the option; empty for ToDo
	Text    string // the setting, the reason, or what to do
	Lines   string // of a ToDo: what to write, a line each, without line feed at the end
}

// String returns the note in one line, and what to write below it.
func (n Note) String() string {
	var b strings.Builder
	if n.Place != "" {
		b.WriteString(n.Place + ": ")
	}
	switch n.Kind {
	case Taken:
		b.WriteString("taken: ")
	case NotTaken:
		b.WriteString("not taken: ")
	case ToDo:
		b.WriteString("to do: ")
	}
	b.WriteString(n.body())
	for line := range strings.Lines(n.Lines) {
		b.WriteString("\n    " + strings.TrimSuffix(line, "\n"))
	}
	return b.String()
}

// body returns the note without its kind and its place.
func (n Note) body() string {
	switch n.Kind {
	case Taken:
		return n.Subject + " → " + n.Text
	case NotTaken:
		return n.Subject + ": " + n.Text
	case ToDo:
	}
	return n.Text
}

// ErrNothing is the error of an import that finds no component. The result has the notes then.
var ErrNothing = errors.New("nothing to import")

// Import reads a Prosody configuration and makes Restanza's of it. Errors are about the
// configuration, and name the file and the line; of type os.PathError if the file can't be read; or ErrNothing.
func Import(o Options) (Result, error) {
	text := o.Data
	if text == nil {
		var err error
		if text, err = readFile(o.Path); err != nil {
			return Result{}, fmt.Errorf("%s: %w", o.Path, err)
		}
	}
	if len(text) > maxFile {
		return Result{}, fmt.Errorf("%s: it has more than %d bytes", o.Path, maxFile)
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	in := newInterpreter(o, newFolder(o.Path))
	defer in.state.Close()
	if err := in.run(filepath.Base(o.Path), text); err != nil {
		return Result{}, err
	}
	for _, name := range in.unread {
		in.server.note(Note{Kind: NotTaken, Subject: "ENV_" + oneLine(name), Text: "the environment is not read; to read it, use --env"})
	}
	return translate(in.server, o)
}

// wanted returns the domains that are asked for.
func (o Options) wanted() ([]jid.JID, error) {
	var all []jid.JID
	for _, name := range o.Components {
		domain, err := jid.Parse(name)
		if err != nil || domain != domain.DomainJID() {
			return nil, fmt.Errorf("%q is no domain", oneLine(name))
		}
		all = append(all, domain)
	}
	return all, nil
}

// freshBytes is how many random bytes a fresh secret has.
const freshBytes = 24

// fresh makes a secret.
func (o Options) fresh() (string, error) {
	raw := make([]byte, freshBytes)
	if _, err := io.ReadFull(o.Random, raw); err != nil {
		return "", fmt.Errorf("random bytes for a secret: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}
