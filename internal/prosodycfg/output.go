package prosodycfg

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/restanza/restanza/config"
)

// output is a configuration in the making.
type output struct{ tables []*table }

// table is one of TOML's, in order.
type table struct {
	header   string // [http]
	path     string // as the errors of package config call it, with indexes
	comment  []string
	settings []*setting
}

// setting is one line.
type setting struct {
	key     string // whole: component.domain
	value   string // in TOML
	comment []string
	off     bool // it stands there as a comment
	needed  bool // without it the configuration would not do
	line    int  // in the last rendering
}

// table adds one.
func (o *output) table(header, path string) *table {
	for _, t := range o.tables {
		if t.path == path {
			return t
		}
	}
	made := &table{header: header, path: path}
	o.tables = append(o.tables, made)
	return made
}

func (t *table) add(all ...setting) {
	for _, s := range all {
		t.settings = append(t.settings, &s)
	}
}

// name is the last part of the key, which is what stands in the line.
func (s *setting) name() string { return s.key[strings.LastIndexByte(s.key, '.')+1:] }

// render returns the TOML below a heading, and remembers the lines.
func (o *output) render(heading string) []byte {
	var b strings.Builder
	b.WriteString(heading)
	line := strings.Count(heading, "\n")
	write := func(text string) {
		b.WriteString(text + "\n")
		line++
	}
	for _, t := range o.tables {
		write("")
		for _, comment := range t.comment {
			write("# " + oneComment(comment))
		}
		write(t.header)
		for _, s := range t.settings {
			for _, comment := range s.comment {
				write("# " + oneComment(comment))
			}
			mark := ""
			if s.off {
				mark = "#"
			}
			write(mark + s.name() + " = " + s.value)
			s.line = line
		}
	}
	return []byte(b.String())
}

// settle makes comments of the settings that this Restanza would refuse, and tells why.
func (o *output) settle(refused func(key, why string)) error {
	rounds := 1
	for _, t := range o.tables {
		rounds += len(t.settings)
	}
	for range rounds {
		found := o.errors()
		if len(found) == 0 {
			return nil
		}
		for _, e := range found {
			s := o.blamed(e)
			if s == nil || s.off {
				return fmt.Errorf("the settings do not fit together: %s", oneLine(e.Error()))
			}
			if s.needed {
				return fmt.Errorf("%s: %s", s.key, oneLine(e.Reason))
			}
			s.off = true
			s.comment = append(s.comment, "not taken: "+e.Reason)
			refused(s.key, oneLine(e.Reason))
		}
	}
	return errors.New("the settings do not fit together")
}

// errors returns what this Restanza says of the TOML. Files that hold secrets are not looked into.
func (o *output) errors() config.Errors {
	c, err := config.Parse("", o.render(""))
	if err == nil {
		for i := range c.Components {
			fillIn(&c.Components[i].Secret, c.Components[i].SecretFile, "secret")
			for j := range c.Components[i].Credentials {
				credential := &c.Components[i].Credentials[j]
				fillIn(&credential.Authorization, credential.AuthorizationFile, config.Secret(fmt.Sprintf("Bearer %d-%d", i, j)))
			}
		}
		err = c.Validate()
	}
	found, ok := errors.AsType[config.Errors](err)
	if !ok && err != nil {
		return config.Errors{{Reason: err.Error()}}
	}
	return found
}

func fillIn(secret *config.Secret, file string, with config.Secret) {
	if *secret == "" && file != "" {
		*secret = with
	}
}

// blamed returns the setting that an error is about.
func (o *output) blamed(e *config.Error) *setting {
	one := o.components() == 1
	for _, t := range o.tables {
		for _, s := range t.settings {
			byKey := e.Key == t.path+"."+s.name() || e.Key == s.key && (one || !strings.HasPrefix(s.key, "component."))
			if e.Line == s.line || e.Line == 0 && byKey {
				return s
			}
		}
	}
	return nil
}

func (o *output) components() (n int) {
	for _, t := range o.tables {
		if t.header == "[[component]]" {
			n++
		}
	}
	return n
}

// heading is the comment that the TOML begins with.
func heading(path string, notes []Note) string {
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString(strings.TrimRight("# "+oneComment(fmt.Sprintf(format, args...)), " ") + "\n")
	}
	line("Restanza's configuration, made of %s by `restanza config import`.", filepath.Base(path))
	line("It holds secrets: nobody but its owner should be able to read it (chmod 600).")
	line("All that can be set here: `restanza config example`. Is it right? `restanza config check FILE`")
	titles := map[NoteKind]string{Taken: "Taken:", NotTaken: "Not taken:", ToDo: "To do:"}
	last, number := NoteKind(""), 0
	for _, n := range notes {
		if n.Kind != last {
			line("")
			line("%s", titles[n.Kind])
			last, number = n.Kind, 0
		}
		mark := "-"
		if number++; n.Kind == ToDo {
			mark = fmt.Sprintf("%d.", number)
		}
		place := ""
		if n.Place != "" {
			place = "  (" + n.Place + ")"
		}
		line("  %s %s%s", mark, n.body(), place)
		for part := range strings.Lines(n.Lines) {
			line("         %s", strings.TrimSuffix(part, "\n"))
		}
	}
	return b.String()
}

// quote writes a text in TOML: a basic string (TOML 1.0).
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func quoteAll(list []string) string {
	quoted := make([]string, 0, len(list))
	for _, s := range list {
		quoted = append(quoted, quote(s))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// oneComment makes a text one that can stand in a comment: no line breaks, no control characters.
func oneComment(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "·")
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '·'
		}
		return r
	}, s)
}
