package prosodycfg

import (
	"fmt"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/restanza/restanza/jid"
)

// Bounds of what is gathered.
const (
	maxSections = 1000
	maxNotes    = 1000
)

// Modules of components, as Prosody names them.
const (
	externalModule = "component" // what a component without a module's name has
	restModule     = "rest"
)

// server is what a Prosody configuration sets.
type server struct {
	global   *section
	sections []*section // in the order in which they were opened
	notes    []Note
}

// section is what belongs to one host, or to all.
type section struct {
	name        string  // as it is written; empty: the global one
	domain      jid.JID // zero: the name is no domain
	place       string
	isComponent bool
	module      string // of a component
	options     map[string]option
}

// option is one that was set. Nobody but the accessors in value.go looks into the value.
type option struct {
	value lua.LValue
	place string
}

func newServer() *server { return &server{global: &section{options: map[string]option{}}} }

// open returns the section of a host, which is made if it isn't there.
func (s *server) open(name string, isComponent bool, place string) (*section, error) {
	domain, err := jid.Parse(name)
	if err != nil || domain != domain.DomainJID() {
		domain = jid.JID{}
	}
	for _, old := range s.sections {
		if same := !domain.IsZero() && old.domain == domain || old.name == name; same && old.isComponent == isComponent {
			return old, nil
		} else if same {
			return nil, fmt.Errorf("%q is there already, at %s: it can't be a host and a component", oneLine(name), old.place)
		}
	}
	if len(s.sections) >= maxSections {
		return nil, fmt.Errorf("more than %d hosts", maxSections)
	}
	made := &section{name: name, domain: domain, place: place, isComponent: isComponent, options: map[string]option{}}
	s.sections = append(s.sections, made)
	return made, nil
}

func (s *server) note(n Note) {
	if len(s.notes) < maxNotes && !slices.Contains(s.notes, n) {
		s.notes = append(s.notes, n)
	}
}

// set takes an option. The last value counts, and nil takes it away.
func (s *section) set(name string, o option) error {
	if o.value == lua.LNil {
		delete(s.options, name)
		return nil
	}
	if _, ok := s.options[name]; !ok && len(s.options) >= maxNotes {
		return fmt.Errorf("more than %d options", maxNotes)
	}
	s.options[name] = o
	return nil
}

// lookup returns an option of a section, or else the global one.
func (s *server) lookup(at *section, name string) (option, bool) {
	if o, ok := at.options[name]; ok {
		return o, true
	}
	o, ok := s.global.options[name]
	return o, ok
}

// has reports whether a list among the options has an entry.
func (s *section) has(name, entry string) bool {
	words, _ := texts(s.options[name].value)
	return slices.Contains(words, entry)
}

// enabled reports whether Prosody serves the host.
func (s *section) enabled() bool { return s.options["enabled"].value != lua.LFalse }

// title is how notes call a section.
func (s *section) title() string {
	switch {
	case s.name == "":
		return "global"
	case s.isComponent:
		return "Component " + quoted(s.name)
	}
	return "VirtualHost " + quoted(s.name)
}

// quoted writes a name as it stands in a configuration.
func quoted(s string) string { return `"` + strings.ReplaceAll(oneLine(s), `"`, "'") + `"` }
