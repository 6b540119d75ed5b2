package prosodycfg

import (
	"fmt"
	"regexp"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// Bounds of pattern matching. The library's matcher tries everything, so that its time grows with the
// subject's length to the power of the number of repetitions.
const (
	maxPattern = 100 // bytes
	perMatch   = 64  // bytes that a match takes, about
)

// stringFunctions returns Lua's string library, in which everything is paid for. The plain
// functions are the library's own.
func (in *interpreter) stringFunctions() *lua.LTable {
	in.state.Push(in.state.NewFunction(lua.OpenString))
	in.state.Call(0, 1)
	own, _ := in.state.Get(-1).(*lua.LTable)
	in.state.Pop(1)
	table := in.state.NewTable()
	for _, name := range []string{"byte", "len"} {
		table.RawSetString(name, own.RawGetString(name))
	}
	for _, name := range []string{"lower", "upper", "reverse", "sub"} {
		table.RawSetString(name, in.guarded(own.RawGetString(name), func(l *lua.LState) { in.pay(l, len(l.CheckString(1))) }))
	}
	table.RawSetString("char", in.guarded(own.RawGetString("char"), func(l *lua.LState) { in.pay(l, l.GetTop()) }))
	table.RawSetString("rep", in.guarded(own.RawGetString("rep"), in.payRepetition))
	for _, name := range []string{"find", "match", "gmatch", "gsub"} {
		table.RawSetString(name, in.guarded(own.RawGetString(name), func(l *lua.LState) { in.payMatching(l, name) }))
	}
	table.RawSetString("format", in.state.NewFunction(in.format))
	metatable := in.state.NewTable() // of all strings, for ("x"):upper()
	metatable.RawSetString("__index", table)
	in.state.SetMetatable(lua.LString(""), metatable)
	return table
}

// guarded returns a function that calls check with the arguments, and then the function
// given.
func (in *interpreter) guarded(function lua.LValue, check func(*lua.LState)) *lua.LFunction {
	return in.state.NewFunction(func(l *lua.LState) int {
		check(l)
		n := l.GetTop()
		l.Insert(function, 1)
		l.Call(n, lua.MultRet)
		return l.GetTop()
	})
}

// pay raises an error if n bytes can't be afforded.
func (in *interpreter) pay(l *lua.LState, n int) {
	if err := in.meter.payBytes(n); err != nil {
		l.RaiseError("%s", err)
	}
}

func (in *interpreter) payRepetition(l *lua.LState) {
	text, n := l.CheckString(1), l.CheckInt(2)
	if n > 0 && len(text) > 0 && n > maxBytes/len(text) {
		n = maxBytes/len(text) + 1
	}
	in.pay(l, max(0, n)*len(text))
}

// payMatching pays for a call of find, match, gmatch or gsub.
func (in *interpreter) payMatching(l *lua.LState, name string) {
	text, pattern := l.CheckString(1), l.CheckString(2)
	if len(pattern) > maxPattern {
		l.RaiseError("a pattern of more than %d bytes", maxPattern)
	}
	work := len(text) + 1
	if name != "find" || !lua.LVAsBool(l.Get(4)) { // otherwise it is a plain search
		for range strings.Count(pattern, "*") + strings.Count(pattern, "+") + strings.Count(pattern, "-") + strings.Count(pattern, "?") {
			work = min(work, maxWork+1) * (len(text) + 1)
		}
	}
	if err := in.meter.payWork(min(work, maxWork+1)); err != nil {
		l.RaiseError("%s", err)
	}
	switch name {
	case "gmatch":
		in.pay(l, perMatch*(len(text)+1))
	case "gsub":
		replacement, ok := l.Get(3).(lua.LString)
		if !ok {
			l.RaiseError("string.gsub is there with a text as replacement only")
		}
		each := perMatch + len(replacement) + strings.Count(string(replacement), "%")*len(text)
		in.pay(l, min(maxBytes+1, each)*(len(text)+1))
	}
}

// directive is one of string.format's: flags, a width and a precision that are small, and a verb.
var directive = regexp.MustCompile(`%([-+ #0]{0,5}[0-9]{0,2}(?:\.[0-9]{0,2})?)(.?)`)

// format is string.format: the library's own hands the format on to Go's fmt, whose
// widths are large and whose verbs are others.
func (in *interpreter) format(l *lua.LState) int {
	pattern, next := l.CheckString(1), 2
	in.pay(l, len(pattern))
	text := directive.ReplaceAllStringFunc(pattern, func(found string) string {
		parts := directive.FindStringSubmatch(found)
		if found == "%%" {
			return "%"
		}
		var arg any
		switch verb := parts[2]; verb {
		case "d", "i", "c", "x", "X", "o", "u":
			arg = int64(l.CheckNumber(next))
		case "e", "E", "f", "g", "G":
			arg = float64(l.CheckNumber(next))
		case "s", "q":
			arg = l.ToStringMeta(l.CheckAny(next)).String()
		default:
			l.RaiseError("%%%s is not there in string.format", parts[1]+verb)
		}
		next++
		verb := strings.NewReplacer("i", "d", "u", "d").Replace(parts[2])
		made := fmt.Sprintf("%"+parts[1]+verb, arg)
		in.pay(l, len(made))
		return made
	})
	l.Push(lua.LString(text))
	return 1
}

// concat stands for the operator .. (guard.go).
func (in *interpreter) concat(l *lua.LState) int {
	left, right := l.Get(1), l.Get(2)
	for _, v := range []lua.LValue{left, right} {
		if u, ok := v.(*lua.LUserData); ok {
			if f, ok := u.Value.(fileRef); ok {
				l.RaiseError("what %s gives can't be joined with a text here: the file is not read; write the text out", f.word)
			}
		}
		if !lua.LVCanConvToString(v) {
			l.RaiseError("attempt to concatenate a %s value%s", v.Type(), in.unreadHint())
		}
	}
	a, b := lua.LVAsString(left), lua.LVAsString(right)
	in.pay(l, len(a)+len(b))
	l.Push(lua.LString(a + b))
	return 1
}

// index stands around the key of an assignment (guard.go): the machine fills an array up to
// the number that is stored at.
func (in *interpreter) index(l *lua.LState) int {
	if n, ok := l.Get(1).(lua.LNumber); ok && n > 64 && n < lua.LNumber(lua.MaxArrayIndex) {
		in.pay(l, int(n))
	}
	l.Push(l.Get(1))
	return 1
}
