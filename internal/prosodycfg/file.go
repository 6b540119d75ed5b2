package prosodycfg

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// maxIncludeDepth is how deep files may include one another.
const maxIncludeDepth = 10

// file is one configuration file being run. Prosody gives each a world of its own,
// in which globals that are set are options of the section that was opened last.
type file struct {
	in      *interpreter
	name    string // as errors and notes name it
	depth   int    // of Include
	section *section
}

// fileRef is what FileLine and its like give: something that stands in a file which is not read here.
type fileRef struct {
	word string // FileLine, FileLines, FileContents or Credential
	path string // empty: not known
}

// environment returns the globals of the file. The table stays empty, so that every use
// of a global comes here.
func (f *file) environment() *lua.LTable {
	l := f.in.state
	words := f.words()
	metatable := l.NewTable()
	metatable.RawSetString("__index", l.NewFunction(func(l *lua.LState) int {
		name := lua.LVAsString(l.Get(2))
		if v, ok := words[name]; ok {
			l.Push(v)
		} else if v, ok := f.in.library[name]; ok {
			l.Push(v)
		} else if variable, ok := strings.CutPrefix(name, "ENV_"); ok {
			l.Push(f.in.environment(l, variable))
		} else {
			l.Push(lua.LNil)
		}
		return 1
	}))
	metatable.RawSetString("__newindex", l.NewFunction(func(l *lua.LState) int {
		f.set(l, f.section, lua.LVAsString(l.Get(2)), l.Get(3))
		return 0
	}))
	env := l.NewTable()
	l.SetMetatable(env, metatable)
	return env
}

// words returns what Prosody gives to a configuration.
func (f *file) words() map[string]lua.LValue {
	l := f.in.state
	host, component, include := l.NewFunction(f.virtualHost), l.NewFunction(f.component), l.NewFunction(f.include)
	words := map[string]lua.LValue{
		"VirtualHost": host, "Host": host, "host": host,
		"Component": component, "component": component,
		"Include": include, "include": include,
		"RunScript": l.NewFunction(func(l *lua.LState) int {
			f.note(l, "RunScript", "not run: nothing is run but the configuration itself; what it sets is missing here")
			return 0
		}),
		"Credential": l.NewFunction(func(l *lua.LState) int { return f.push(l, fileRef{word: "Credential"}) }),
	}
	for _, word := range []string{"FileLine", "FileLines", "FileContents"} {
		words[word] = l.NewFunction(func(l *lua.LState) int {
			path := l.CheckString(1)
			if !filepath.IsAbs(path) {
				path = filepath.Join(f.in.folder.given, filepath.Dir(f.name), path)
			}
			return f.push(l, fileRef{word: word, path: path})
		})
	}
	return words
}

func (f *file) push(l *lua.LState, ref fileRef) int {
	value := l.NewUserData()
	value.Value = ref
	l.Push(value)
	return 1
}

// virtualHost is `VirtualHost "…"`, perhaps followed by a table.
func (f *file) virtualHost(l *lua.LState) int {
	f.open(l, false)
	s := f.section
	l.Push(l.NewFunction(func(l *lua.LState) int {
		f.setAll(l, s, l.CheckTable(1))
		return 0
	}))
	return 1
}

// component is `Component "…"`, perhaps followed by a module's name, perhaps followed by a table.
func (f *file) component(l *lua.LState) int {
	f.open(l, true)
	s := f.section
	s.module = externalModule
	settings := l.NewFunction(func(l *lua.LState) int {
		f.setAll(l, s, l.CheckTable(1))
		return 0
	})
	l.Push(l.NewFunction(func(l *lua.LState) int {
		if module, ok := l.Get(1).(lua.LString); ok {
			s.module = string(module)
			l.Push(settings)
			return 1
		}
		f.setAll(l, s, l.CheckTable(1))
		return 0
	}))
	return 1
}

// open begins a section, or goes on with one that was there before.
func (f *file) open(l *lua.LState, isComponent bool) {
	name := l.CheckString(1)
	s, err := f.in.server.open(name, isComponent, f.place(l))
	if err != nil {
		l.RaiseError("%s", err)
	}
	f.section = s
}

// setAll sets what a table has, in the order of the names, and closes the section.
func (f *file) setAll(l *lua.LState, s *section, table *lua.LTable) {
	f.section = f.in.server.global
	var names []string
	table.ForEach(func(key, _ lua.LValue) {
		if name, ok := key.(lua.LString); ok {
			names = append(names, string(name))
		}
	})
	slices.Sort(names)
	for _, name := range names {
		f.set(l, s, name, table.RawGetString(name))
	}
}

func (f *file) set(l *lua.LState, s *section, name string, value lua.LValue) {
	if err := s.set(name, option{value: value, place: f.place(l)}); err != nil {
		l.RaiseError("%s", err)
	}
}

// include is `Include "…"`. A file that is not read is a note and no error, so that a copy of a
// configuration can be read elsewhere.
func (f *file) include(l *lua.LState) int {
	pattern := l.CheckString(1)
	if f.depth >= maxIncludeDepth {
		l.RaiseError("Include: deeper than %d", maxIncludeDepth)
	}
	paths, err := f.in.folder.expand(filepath.Dir(f.name), pattern)
	if err != nil {
		f.note(l, "Include", fmt.Sprintf("%q is not read: %s", pattern, err))
		return 0
	}
	for _, path := range paths {
		text, err := f.in.folder.read(path)
		if err != nil {
			f.note(l, "Include", fmt.Sprintf("%q is not read: %s", path, err))
			continue
		}
		if err := f.in.runFile(path, text, f.depth+1); err != nil {
			f.in.failed = err
			l.RaiseError("Include")
		}
	}
	return 0
}

// place says where the configuration is at the moment.
func (f *file) place(l *lua.LState) string {
	if frame, ok := l.GetStack(1); ok {
		if _, err := l.GetInfo("l", frame, lua.LNil); err == nil && frame.CurrentLine > 0 {
			return fmt.Sprintf("%s:%d", oneLine(f.name), frame.CurrentLine)
		}
	}
	return oneLine(f.name)
}

func (f *file) note(l *lua.LState, subject, text string) {
	f.in.server.note(Note{Kind: NotTaken, Place: f.place(l), Subject: subject, Text: oneLine(text)})
}

// environment returns the value of an environment variable, if variables were given.
func (in *interpreter) environment(l *lua.LState, name string) lua.LValue {
	for _, line := range in.options.Environ {
		if key, value, _ := strings.Cut(line, "="); key == name {
			in.pay(l, len(value))
			return lua.LString(value)
		}
	}
	if !slices.Contains(in.unread, name) && len(in.unread) < maxNotes {
		in.unread = append(in.unread, name)
	}
	return lua.LNil
}

// unreadHint explains a nil.
func (in *interpreter) unreadHint() string {
	if len(in.unread) == 0 {
		return ""
	}
	return "; the environment variable " + oneLine(in.unread[len(in.unread)-1]) + " has no value here, try --env"
}
