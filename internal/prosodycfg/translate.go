package prosodycfg

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/restanza/restanza/jid"
)

// translation makes a configuration of what a Prosody configuration sets.
type translation struct {
	server  *server
	options Options
	out     output
	used    []string // options that a note is about, by section and name
	chosen  []*section
}

func translate(s *server, o Options) (Result, error) {
	t := &translation{server: s, options: o}
	if err := t.choose(); err != nil {
		return Result{}, err
	}
	if len(t.chosen) == 0 {
		t.hosts()
		return Result{Notes: sorted(s.notes)}, ErrNothing
	}
	t.http()
	t.log()
	for i, at := range t.chosen {
		if err := t.component(i, at); err != nil {
			return Result{}, err
		}
	}
	t.hosts()
	t.rest()
	if slices.ContainsFunc(s.notes, func(n Note) bool { return n.Kind == ToDo }) {
		s.note(Note{Kind: ToDo, Text: "restart Prosody"})
	}
	s.note(Note{Kind: ToDo, Text: "try it with `restanza doctor --config FILE`, then start `restanza serve --config FILE`"})
	if err := t.out.settle(t.refused); err != nil {
		return Result{}, err
	}
	notes := sorted(s.notes)
	r := Result{Notes: notes, TOML: t.out.render(heading(o.Path, notes))}
	for _, at := range t.chosen {
		r.Components = append(r.Components, at.domain.String())
	}
	return r, nil
}

// choose finds the components to import.
func (t *translation) choose() error {
	wanted, err := t.options.wanted()
	if err != nil {
		return err
	}
	var ours, external []*section
	for _, s := range t.server.sections {
		switch {
		case !s.isComponent || len(wanted) > 0 && !slices.Contains(wanted, s.domain):
		case s.domain.IsZero():
			t.leave(s.place, s.title(), "this is no domain")
		case !s.enabled():
			t.leave(s.place, s.title(), "enabled = false: Prosody does not serve it")
		case s.module == restModule:
			ours = append(ours, s)
		case s.module == externalModule:
			external = append(external, s)
		}
	}
	switch {
	case len(wanted) > 0:
		t.chosen = append(ours, external...)
		return t.missing(wanted)
	case len(ours) > 0:
		t.chosen = ours
	default:
		t.chosen = external
	}
	return nil
}

// missing returns an error for a domain that was asked for and is not there.
func (t *translation) missing(wanted []jid.JID) error {
	for _, domain := range wanted {
		if !slices.ContainsFunc(t.chosen, func(s *section) bool { return s.domain == domain }) {
			return fmt.Errorf("%s: no component %s of mod_rest, or external one, is in the configuration", oneLine(t.options.Path), domain)
		}
	}
	return nil
}

// hosts says what becomes of the sections that are not imported.
func (t *translation) hosts() {
	if t.server.global.has("modules_enabled", restModule) {
		t.leave(t.server.global.options["modules_enabled"].place, "rest in modules_enabled", onHost)
	}
	for _, s := range t.server.sections {
		switch {
		case slices.Contains(t.chosen, s):
		case s.has("modules_enabled", restModule):
			t.leave(s.options["modules_enabled"].place, "rest in modules_enabled of "+s.title(), onHost)
		case s.isComponent && s.module == restModule && s.enabled() && !s.domain.IsZero():
			t.leave(s.place, s.title(), "it was not asked for")
		case s.isComponent && s.module == externalModule && s.enabled() && !s.domain.IsZero():
			t.leave(s.place, s.title(), "another program seems to be this component; if it shall be Restanza, use --component "+s.domain.String())
		}
	}
}

// onHost is what there is to say about mod_rest on a host with accounts.
const onHost = "there mod_rest lets programs speak as that host's accounts, and a component can't. Give the programs a component: " +
	"add Component \"rest.YOUR-DOMAIN\" with a component_secret to Prosody, import that, and have the programs speak as addresses of it; " +
	"what must speak as an account stays with mod_rest"

// http makes the settings of the HTTP door.
func (t *translation) http() {
	door := t.out.table("[http]", "http")
	t.listen(door)
	t.certificates(door)
	t.origins(door)
	if slices.ContainsFunc(t.chosen, func(s *section) bool { return s.module == restModule }) {
		door.add(setting{
			key: keyProfile, value: quote("strict-mod_rest"),
			comment: []string{"JSON exactly as mod_rest's: what its mapping does not know is left out and ignored.", "Without this line nothing is lost, and unknown members are refused."},
		})
	}
}

// origins takes the web pages that may call, if the configuration names any.
func (t *translation) origins(door *table) {
	if o, ok := t.server.global.options["http_cors_override"]; ok {
		t.use(t.server.global, "http_cors_override")
		cors := member(o.value, restModule)
		list, _ := texts(member(cors, "origins"))
		if len(list) > 0 && member(cors, "enabled") != lua.LFalse {
			door.add(setting{key: keyOrigins, value: quoteAll(list)})
			t.take(o, "http_cors_override", keyOrigins)
			return
		}
		t.leave(o.place, "http_cors_override", "it names no origins for mod_rest")
		return
	}
	if o, ok := t.server.global.options["access_control_allow_origins"]; ok {
		t.use(t.server.global, "access_control_allow_origins")
		if list, _ := texts(o.value); len(list) > 0 {
			door.add(setting{key: keyOrigins, value: quoteAll(list)})
			t.take(o, "access_control_allow_origins", keyOrigins)
			return
		}
	}
	door.add(setting{
		key: keyOrigins, value: quoteAll([]string{"*"}), off: true,
		comment: []string{"Prosody lets the scripts of any web page call; here none may. If such a page uses the API, name its origin."},
	})
}

// levels are Prosody's, the most talkative first.
var levels = []string{"debug", "info", "warn", "error"}

// log takes the most talkative level that is written anywhere.
func (t *translation) log() {
	o, ok := t.server.global.options["log"]
	if !ok {
		return
	}
	t.use(t.server.global, "log")
	written := t.logLevels(o)
	for _, level := range levels {
		if slices.Contains(written, level) {
			t.out.table("[log]", "log").add(setting{key: keyLevel, value: quote(level)})
			t.take(o, "log", keyLevel+"; it goes to standard error, whatever Prosody's goes to")
			return
		}
	}
	t.leave(o.place, "log", "it names no level: debug, info, warn or error")
}

// logLevels returns the levels that the option log names.
func (t *translation) logLevels(o option) (found []string) {
	for _, level := range levels {
		if member(o.value, level) != lua.LNil {
			found = append(found, level)
		}
	}
	if len(found) == 0 {
		if _, ok := texts(o.value); ok {
			return []string{"info"} // a place alone: what Prosody takes then
		}
	}
	eachEntry(o.value, func(sink value) {
		list := member(sink, "levels")
		if least, ok := text(member(list, "min")); ok {
			found = append(found, least)
		}
		names, _ := texts(list)
		found = append(found, names...)
	})
	return found
}

// rest says what becomes of options that nothing was said about.
func (t *translation) rest() {
	for _, s := range append([]*section{t.server.global}, t.chosen...) {
		var others []string
		for name, o := range s.options {
			if slices.Contains(t.used, s.name+"/"+name) {
				continue
			}
			m, known := mapping(name)
			switch {
			case known && m.Setting == "" && (s.name != "" || !strings.HasPrefix(name, "modules_")):
				t.leave(o.place, name, m.Why)
			case strings.HasPrefix(name, "rest_"):
				t.leave(o.place, name, "this option of mod_rest is not known here; nothing does what it does")
			default:
				others = append(others, oneLine(name))
			}
		}
		if len(others) > 0 {
			slices.Sort(others)
			t.leave("", strings.Join(others, ", "), "Prosody's own ("+s.title()+"), and nothing that Restanza does")
		}
	}
}

// use notes that an option has been dealt with.
func (t *translation) use(s *section, name string) { t.used = append(t.used, s.name+"/"+name) }

func (t *translation) take(o option, name, what string) {
	t.server.note(Note{Kind: Taken, Place: o.place, Subject: oneLine(name), Text: what})
}

func (t *translation) leave(place, subject, why string) {
	t.server.note(Note{Kind: NotTaken, Place: place, Subject: oneLine(subject), Text: why})
}

// refused notes that a setting is no more than a comment, and why.
func (t *translation) refused(key, why string) {
	t.server.notes = slices.DeleteFunc(t.server.notes, func(n Note) bool { return n.Kind == Taken && strings.HasPrefix(n.Text+";", key+";") })
	t.leave("", key, "it stands in the TOML as a comment, because this Restanza would refuse it: "+why)
}

// sorted returns the notes by kind, and otherwise in the order of the places.
func sorted(notes []Note) []Note {
	order := []NoteKind{Taken, NotTaken, ToDo}
	slices.SortStableFunc(notes, func(a, b Note) int {
		if a.Kind != b.Kind {
			return slices.Index(order, a.Kind) - slices.Index(order, b.Kind)
		}
		if a.Kind == ToDo {
			return 0
		}
		return comparePlaces(a, b)
	})
	return notes
}

// comparePlaces orders notes by file, line and subject; those without a place come last.
func comparePlaces(a, b Note) int {
	fileA, lineA := splitPlace(a.Place)
	fileB, lineB := splitPlace(b.Place)
	switch {
	case (fileA == "") != (fileB == ""):
		return strings.Compare(fileB, fileA)
	case fileA != fileB:
		return strings.Compare(fileA, fileB)
	case lineA != lineB:
		return lineA - lineB
	}
	return strings.Compare(a.Subject, b.Subject)
}

// splitPlace takes file:line apart.
func splitPlace(place string) (file string, line int) {
	colon := strings.LastIndexByte(place, ':')
	if colon < 0 {
		return place, 0
	}
	line, err := strconv.Atoi(place[colon+1:])
	if err != nil {
		return place, 0
	}
	return place[:colon], line
}
