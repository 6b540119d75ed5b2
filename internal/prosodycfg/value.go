package prosodycfg

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"
)

// maxEntries is how many entries of a list are looked at.
const maxEntries = 1000

// text returns a value that is a text or a number as a text.
func text(v lua.LValue) (string, bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), utf8.ValidString(string(v))
	case lua.LNumber:
		return v.String(), true
	}
	return "", false
}

// texts returns the entries of a list, or a single value as a list of one, as Prosody reads sets. It
// is false if something else stands among them.
func texts(v lua.LValue) (list []string, ok bool) {
	table, isTable := v.(*lua.LTable)
	if !isTable {
		one, ok := text(v)
		if !ok {
			return nil, false
		}
		return []string{one}, true
	}
	ok = true
	for i := range min(table.Len(), maxEntries) {
		entry, isText := text(table.RawGetInt(i + 1))
		if isText {
			list = append(list, entry)
		}
		ok = ok && isText
	}
	return list, ok
}

// member returns what a table has under a name; nil if there is no table.
func member(v lua.LValue, name string) lua.LValue {
	if table, ok := v.(*lua.LTable); ok {
		return table.RawGetString(name)
	}
	return lua.LNil
}

// whole returns a whole number, which may be written as a text.
func whole(v lua.LValue) (int, bool) {
	s, ok := text(v)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || n != math.Trunc(n) || math.Abs(n) > 1<<40 {
		return 0, false
	}
	return int(n), true
}

// units are those of Prosody 13's periods, by their first letters; a month is no time to wait.
var units = []struct {
	prefix string
	length time.Duration
}{{"ms", time.Millisecond}, {"s", time.Second}, {"mi", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour}}

// period returns a time: a number of seconds, or a text as in Prosody 13, "2 minutes".
func period(v lua.LValue) (time.Duration, bool) {
	s, ok := text(v)
	if !ok {
		return 0, false
	}
	s = strings.ToLower(strings.TrimSpace(s))
	digits := strings.TrimRightFunc(s, unicode.IsLetter)
	unit, length := s[len(digits):], time.Second
	if unit != "" {
		length = 0
		for _, u := range units {
			if strings.HasPrefix(unit, u.prefix) {
				length = u.length
				break
			}
		}
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if err != nil || length == 0 || !(n >= 0 && n < 1e6) {
		return 0, false
	}
	return time.Duration(n * float64(length)).Round(time.Millisecond), true
}

// reference returns the file that a value stands in.
func reference(v lua.LValue) (fileRef, bool) {
	u, ok := v.(*lua.LUserData)
	if !ok {
		return fileRef{}, false
	}
	ref, ok := u.Value.(fileRef)
	return ref, ok
}

// maxLine is how many runes of a text from outside are shown.
const maxLine = 300

// oneLine makes a text from outside one that can be shown in a line.
func oneLine(s string) string {
	count := 0
	return strings.Map(func(r rune) rune {
		if count++; count > maxLine {
			return -1
		}
		if !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, s)
}

// value is one of the virtual machine's.
type value = lua.LValue

// eachEntry calls f for the entries of a list.
func eachEntry(v value, f func(value)) {
	if table, ok := v.(*lua.LTable); ok {
		for i := range min(table.Len(), maxEntries) {
			f(table.RawGetInt(i + 1))
		}
	}
}
