package config

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// decoder reads one TOML document into a draft. The library decodes it once for the syntax, and
// then its parser gives the document piece by piece: decoding into structs would report one wrong
// value at a time, in terms of Go, and would not tell where a right one stands, which
// the later checks need for their errors.
type decoder struct {
	*draft
	data []byte
}

// place is a part of the Config, with its path. The zero place stands for an unknown table.
type place struct {
	v    reflect.Value
	path string
}

// decode reads data, the content of d.file.
func (d *draft) decode(data []byte) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !d.checkSyntax(data) {
		return
	}
	r := &decoder{draft: d, data: data}
	top := place{v: reflect.ValueOf(&d.config).Elem()}
	table := top
	var p unstable.Parser
	p.Reset(data)
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = r.header(top, e)
		case unstable.KeyValue:
			if table.v.IsValid() {
				r.keyValue(table, e)
			}
		}
	}
}

// checkSyntax finds what is no TOML, duplicate keys included.
func (d *draft) checkSyntax(data []byte) bool {
	var tree map[string]any
	err := toml.Unmarshal(data, &tree)
	if err == nil {
		return true
	}
	e := &Error{Source: d.file, Line: 1, Reason: strings.TrimPrefix(err.Error(), "toml: ")}
	if de, ok := errors.AsType[*toml.DecodeError](err); ok {
		e.Line, e.Column = de.Position()
	}
	d.errors = append(d.errors, e)
	return false
}

// header follows a table's name, as in [component.callback], from the top, and returns the
// table; the zero place if there is no such table.
func (r *decoder) header(at place, e *unstable.Node) place {
	double := e.Kind == unstable.ArrayTable
	for it := e.Key(); it.Next(); {
		key, last := it.Node(), it.IsLast()
		next, ok := r.step(at, key)
		if !ok {
			return place{}
		}
		line, _ := r.position(key)
		isList := isTableList(next.v)
		switch {
		case last && double && isList:
			at = r.grow(next, line)
			continue
		case last && double && next.v.Kind() == reflect.Struct:
			r.failAt(key, next.path, "there is only one; write [%s], with single brackets", withoutIndexes(next.path))
			return place{}
		case isList && (last || next.v.Len() == 0):
			r.failAt(key, next.path, "there may be several; write [[%s]], with double brackets", withoutIndexes(next.path))
			return place{}
		case isList:
			at = place{next.v.Index(next.v.Len() - 1), index(next.path, next.v.Len()-1)}
		case next.v.Kind() == reflect.Struct:
			at = next
		default:
			r.failAt(key, next.path, "this is a setting and no table; write %s = …", key.Data)
			return place{}
		}
		if last {
			r.origins[at.path] = origin{r.file, line}
		}
	}
	return at
}

// keyValue reads one line, as in callback.timeout = "30s".
func (r *decoder) keyValue(at place, e *unstable.Node) {
	for it := e.Key(); it.Next(); {
		key := it.Node()
		next, ok := r.step(at, key)
		if !ok {
			return
		}
		if it.IsLast() {
			r.value(next, key, e.Value())
			return
		}
		if next.v.Kind() != reflect.Struct {
			r.failAt(key, next.path, "this has no parts")
			return
		}
		at = next
	}
}

// value reads what stands behind the equals sign into at.
func (r *decoder) value(at place, key, n *unstable.Node) {
	line, _ := r.position(key)
	r.origins[at.path] = origin{r.file, line}
	switch {
	case isTableList(at.v):
		r.inlineList(at, key, n)
	case at.v.Kind() == reflect.Struct && n.Kind == unstable.InlineTable:
		r.inlineTable(at, n)
	case at.v.Kind() == reflect.Struct && !isSetting(at.v):
		r.failAt(key, at.path, "this is %s; write a table: [%s]", describe(n), withoutIndexes(at.path))
	default:
		if err := (value{at.v.Addr().Interface()}).setNode(n); err != nil {
			r.fail(at.path, "%s", err)
		}
	}
}

// inlineList reads [{…}, {…}].
func (r *decoder) inlineList(at place, key, n *unstable.Node) {
	if n.Kind != unstable.Array {
		r.failAt(key, at.path, "this is %s; write a table: [[%s]]", describe(n), withoutIndexes(at.path))
		return
	}
	line, _ := r.position(key)
	for it := n.Children(); it.Next(); {
		switch item := it.Node(); item.Kind {
		case unstable.InlineTable:
			r.inlineTable(r.grow(at, line), item)
		case unstable.Comment:
		default:
			r.failAt(key, at.path, "the list holds %s; write a table: [[%s]]", describe(item), withoutIndexes(at.path))
		}
	}
}

// inlineTable reads {…}.
func (r *decoder) inlineTable(at place, n *unstable.Node) {
	for it := n.Children(); it.Next(); {
		if entry := it.Node(); entry.Kind == unstable.KeyValue {
			r.keyValue(at, entry)
		}
	}
}

// step goes from a table to what key names in it.
func (r *decoder) step(at place, key *unstable.Node) (place, bool) {
	name := string(key.Data)
	path := join(at.path, name)
	if at.v.Kind() == reflect.Struct && !isSetting(at.v) {
		if field, ok := fieldByName(at.v, name); ok {
			return place{field, path}, true
		}
	}
	r.failAt(key, path, "unknown key%s", didYouMean(suggestKey(at, name)))
	return place{}, false
}

// grow appends a component or credential with its defaults.
func (r *decoder) grow(list place, line int) place {
	switch s := list.v.Addr().Interface().(type) {
	case *[]Component:
		*s = append(*s, DefaultComponent())
	case *[]Credential:
		*s = append(*s, Credential{})
	default:
		panic(fmt.Sprintf("config: no list of tables: %T", s))
	}
	i := list.v.Len() - 1
	at := place{list.v.Index(i), index(list.path, i)}
	r.origins[at.path] = origin{r.file, line}
	return at
}

// failAt reports what is wrong with a key itself, so that the column is of use.
func (r *decoder) failAt(key *unstable.Node, path, format string, args ...any) {
	line, column := r.position(key)
	r.errors = append(r.errors, &Error{
		Source: r.file,
		Line:   line,
		Column: column,
		Key:    withoutIndexes(path),
		Reason: fmt.Sprintf(format, args...),
	})
}

// position returns line and column of a key, from 1, the column in characters.
func (r *decoder) position(key *unstable.Node) (line, column int) {
	before := r.data[:key.Raw.Offset]
	return 1 + bytes.Count(before, []byte("\n")), 1 + utf8.RuneCount(before[1+bytes.LastIndexByte(before, '\n'):])
}

// suggestKey returns what an unknown name in a table was probably meant to be: one of
// the table's own keys, or a key of that very name elsewhere.
func suggestKey(at place, name string) string {
	if at.v.Kind() == reflect.Struct && !isSetting(at.v) {
		if near := nearest(name, names(at.v)); near != "" {
			return near
		}
	}
	for _, s := range Settings() {
		if s.Key[strings.LastIndexByte(s.Key, '.')+1:] == name {
			return s.Key
		}
	}
	return ""
}

// isSetting reports whether v is a value that settings have, though a struct in Go.
func isSetting(v reflect.Value) bool {
	_, ok := v.Addr().Interface().(interface{ UnmarshalText(text []byte) error })
	return ok
}

// isTableList reports whether v is a list of tables: [[component]], [[component.credential]].
func isTableList(v reflect.Value) bool {
	return v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct
}
