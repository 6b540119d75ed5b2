package prosodycfg

import (
	"maps"
	"math"
	"slices"

	lua "github.com/yuin/gopher-lua"
)

// notOffered are names that a configuration may know from Lua or Prosody, and that
// reach beyond it. Their use is an error that says so.
var notOffered = []string{
	"collectgarbage", "coroutine", "debug", "dofile", "getfenv", "getmetatable", "io", "load", "loadfile", "loadstring", "module",
	"newproxy", "package", "pcall", "prosody", "rawequal", "rawget", "rawset", "require", "setfenv", "setmetatable", "xpcall", "_G",
}

// makeLibrary returns what a configuration finds among its globals, apart from Prosody's own words.
func (in *interpreter) makeLibrary() map[string]lua.LValue {
	l := in.state
	own := in.ownBase()
	all := map[string]lua.LValue{
		"string": in.stringFunctions(), "table": in.tableFunctions(), "math": in.mathFunctions(), "os": in.osFunctions(),
		"tonumber": in.guarded(own.RawGetString("tonumber"), func(l *lua.LState) {
			if text, ok := l.Get(1).(lua.LString); ok {
				in.pay(l, len(text))
			}
		}),
		"unpack":   in.guarded(own.RawGetString("unpack"), checkUnpack),
		"print":    l.NewFunction(func(*lua.LState) int { return 0 }),
		concatName: l.NewFunction(in.concat), indexName: l.NewFunction(in.index),
	}
	for _, name := range []string{"assert", "error", "ipairs", "next", "pairs", "select", "tostring", "type"} {
		all[name] = own.RawGetString(name)
	}
	for _, name := range notOffered {
		all[name] = in.refusing(name)
	}
	lib := l.NewTable() // Prosody 13 has Lua's own names there
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if name != concatName && name != indexName {
			lib.RawSetString(name, all[name])
		}
	}
	all["Lua"] = lib
	return all
}

// ownBase returns the machine's own basic functions.
func (in *interpreter) ownBase() *lua.LTable {
	in.state.Push(in.state.NewFunction(lua.OpenBase))
	in.state.Call(0, 1)
	own, _ := in.state.Get(-1).(*lua.LTable)
	in.state.Pop(1)
	return own
}

func checkUnpack(l *lua.LState) {
	table := l.CheckTable(1)
	if l.OptInt(3, table.Len())-l.OptInt(2, 1) > maxUnpack {
		l.RaiseError("unpack: more than %d values", maxUnpack)
	}
}

// maxUnpack is how many values unpack gives. The machine's stack has to hold them.
const maxUnpack = 200

// tableFunctions returns Lua's table library without what can be made large.
func (in *interpreter) tableFunctions() *lua.LTable {
	in.state.Push(in.state.NewFunction(lua.OpenTable))
	in.state.Call(0, 1)
	own, _ := in.state.Get(-1).(*lua.LTable)
	in.state.Pop(1)
	table := in.state.NewTable()
	table.RawSetString("remove", own.RawGetString("remove"))
	table.RawSetString("sort", own.RawGetString("sort"))
	table.RawSetString("unpack", in.guarded(in.ownBase().RawGetString("unpack"), checkUnpack))
	table.RawSetString("insert", in.guarded(own.RawGetString("insert"), func(l *lua.LState) {
		if n := l.CheckTable(1).Len(); l.GetTop() > 2 && l.CheckInt(2) > n+1 {
			l.RaiseError("table.insert: the table ends at %d", n)
		}
	}))
	table.RawSetString("concat", in.guarded(own.RawGetString("concat"), func(l *lua.LState) {
		total, separator := 0, len(l.OptString(2, ""))
		t := l.CheckTable(1)
		if l.OptInt(3, 1) < 1 || l.OptInt(4, 0) > t.Len() {
			l.RaiseError("table.concat: the table has %d places", t.Len())
		}
		for i := range t.Len() {
			total += len(lua.LVAsString(t.RawGetInt(i+1))) + separator
			if total > maxBytes {
				break
			}
		}
		in.pay(l, total)
	}))
	return table
}

func (in *interpreter) mathFunctions() *lua.LTable {
	in.state.Push(in.state.NewFunction(lua.OpenMath))
	in.state.Call(0, 1)
	own, _ := in.state.Get(-1).(*lua.LTable)
	in.state.Pop(1)
	table := in.state.NewTable()
	for _, name := range []string{"abs", "ceil", "floor", "fmod", "max", "min", "modf"} {
		table.RawSetString(name, own.RawGetString(name))
	}
	table.RawSetString("huge", lua.LNumber(math.Inf(1)))
	table.RawSetString("pi", lua.LNumber(math.Pi))
	return table
}

// osFunctions returns os.getenv alone, which is bound as ENV_… is.
func (in *interpreter) osFunctions() lua.LValue {
	table := in.state.NewTable()
	table.RawSetString("getenv", in.state.NewFunction(func(l *lua.LState) int {
		l.Push(in.environment(l, l.CheckString(1)))
		return 1
	}))
	metatable := in.state.NewTable()
	metatable.RawSetString("__index", in.state.NewFunction(func(l *lua.LState) int {
		return in.refuse(l, "os."+lua.LVAsString(l.Get(2)))
	}))
	in.state.SetMetatable(table, metatable)
	return table
}

// refusing returns a value each use of which is an error.
func (in *interpreter) refusing(name string) lua.LValue {
	value, metatable := in.state.NewUserData(), in.state.NewTable()
	metatable.RawSetString("__call", in.state.NewFunction(func(l *lua.LState) int { return in.refuse(l, name) }))
	metatable.RawSetString("__index", in.state.NewFunction(func(l *lua.LState) int {
		return in.refuse(l, name+"."+lua.LVAsString(l.Get(2)))
	}))
	metatable.RawSetString("__newindex", metatable.RawGetString("__index"))
	in.state.SetMetatable(value, metatable)
	return value
}

func (in *interpreter) refuse(l *lua.LState, name string) int {
	l.RaiseError("%s is not there: the configuration is read without running anything outside of it; "+
		"import a copy of the file that has the value instead", oneLine(name))
	return 0
}
