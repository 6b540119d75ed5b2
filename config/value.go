package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/restanza/restanza/jid"
)

// value is a field of a Config that a setting is about: a pointer to one of the types in
// the switches below.
type value struct{ field any }

// set reads text as a flag or variable has it. The error names neither key nor source, and
// shows no secret.
func (v value) set(text string) error {
	switch f := v.field.(type) {
	case *string:
		*f = text
	case *Secret:
		*f = Secret(text)
	case *Duration:
		return f.UnmarshalText([]byte(text))
	case *jid.JID:
		if text == "" {
			return fmt.Errorf("empty; an address is needed")
		}
		return f.UnmarshalText([]byte(text))
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is no whole number", text)
		}
		*f = n
	case *bool:
		if text != "true" && text != "false" {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		*f = text == "true"
	case *[]string:
		*f = splitList[string](text)
	case *[]Secret:
		*f = nil
		if text != "" { // which takes away those of a weaker source
			*f = splitList[Secret](text)
		}
	default:
		panic(fmt.Sprintf("config: no setting can have type %T", f))
	}
	return nil
}

// text is the reverse of set. A secret gives its placeholder.
func (v value) text() string {
	switch f := v.field.(type) {
	case *string:
		return *f
	case *int:
		return strconv.Itoa(*f)
	case *bool:
		return strconv.FormatBool(*f)
	case *[]string:
		return strings.Join(*f, ",")
	case *[]Secret:
		all := make([]string, len(*f))
		for i, s := range *f {
			all[i] = s.String()
		}
		return strings.Join(all, ",")
	case fmt.Stringer: // Secret, Duration, JID
		return f.String()
	default:
		panic(fmt.Sprintf("config: no setting can have type %T", f))
	}
}

// setNode reads a value of a TOML file. Errors are those of set.
func (v value) setNode(n *unstable.Node) error {
	switch f := v.field.(type) {
	case *int:
		if n.Kind != unstable.Integer {
			return fmt.Errorf("this is %s; write a whole number, without quotes", describe(n))
		}
		i, err := strconv.ParseInt(strings.ReplaceAll(string(n.Data), "_", ""), 0, strconv.IntSize)
		if err != nil {
			return fmt.Errorf("%s is too large a number", n.Data)
		}
		*f = int(i)
		return nil
	case *bool:
		if n.Kind != unstable.Bool {
			return fmt.Errorf("this is %s; write true or false, without quotes", describe(n))
		}
	case *[]string:
		return setList(f, n)
	case *[]Secret:
		return setList(f, n)
	case *Duration:
		if n.Kind == unstable.Integer {
			return fmt.Errorf("%s is no duration; write \"%[1]ss\"", n.Data)
		}
		if n.Kind != unstable.String {
			return fmt.Errorf("this is %s; write a duration in quotes, as in \"30s\"", describe(n))
		}
	default:
		if n.Kind != unstable.String {
			return fmt.Errorf("this is %s; write text in quotes", describe(n))
		}
	}
	return v.set(string(n.Data))
}

// splitList reads a list as a flag or variable has it.
func splitList[T ~string](text string) (list []T) {
	for item := range strings.SplitSeq(text, ",") {
		list = append(list, T(strings.TrimSpace(item)))
	}
	return list
}

func setList[T ~string](list *[]T, n *unstable.Node) error {
	const write = `write a list of texts, as in ["a", "b"]`
	if n.Kind != unstable.Array {
		return fmt.Errorf("this is %s; %s", describe(n), write)
	}
	*list = []T{}
	for it := n.Children(); it.Next(); {
		if item := it.Node(); item.Kind == unstable.String {
			*list = append(*list, T(item.Data))
		} else if item.Kind != unstable.Comment {
			return fmt.Errorf("the list holds %s; %s", describe(item), write)
		}
	}
	return nil
}

// describe names the kind of a TOML value, and never the value.
func describe(n *unstable.Node) string {
	switch n.Kind {
	case unstable.String:
		return "text"
	case unstable.Integer, unstable.Float:
		return "a number"
	case unstable.Bool:
		return "true or false"
	case unstable.Array:
		return "a list"
	case unstable.InlineTable:
		return "a table"
	default:
		return "a date or time"
	}
}

// eachField calls f for each field of c that key is about, once for each component and credential, with
// its path, such as "component[1].callback.timeout".
func eachField(c *Config, key string, f func(path string, v value)) {
	walk(reflect.ValueOf(c).Elem(), "", key, f)
}

func walk(v reflect.Value, path, key string, f func(string, value)) {
	if key == "" {
		f(path, value{v.Addr().Interface()})
		return
	}
	name, rest, _ := strings.Cut(key, ".")
	v, ok := fieldByName(v, name)
	if !ok {
		panic("config: no such setting: " + key)
	}
	path = join(path, name)
	if rest == "" || v.Kind() != reflect.Slice {
		walk(v, path, rest, f)
		return
	}
	for i := range v.Len() {
		walk(v.Index(i), index(path, i), rest, f)
	}
}

// fieldByName returns the field of struct v that has that name in TOML.
func fieldByName(v reflect.Value, name string) (reflect.Value, bool) {
	t := v.Type()
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("toml") == name {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// names returns the names of v's fields in TOML.
func names(v reflect.Value) []string {
	var all []string
	for i := range v.NumField() {
		all = append(all, v.Type().Field(i).Tag.Get("toml"))
	}
	return all
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
