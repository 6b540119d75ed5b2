package jsonmap

import (
	"slices"
	"strings"

	"github.com/restanza/restanza/stanza"
)

// Schema describes a JSON value.
type Schema struct {
	// Name is not empty for a shape that is used in several places: wherever a Schema
	// has that Name it is the same, so that a document can define it once.
	Name    string
	Type    Type
	About   string   // in words, if more is to be said; Markdown
	Enum    []string // of a String: the only values; nil: any
	Min     int64    // bounds of an Integer, if they are not both 0
	Max     int64
	Items   *Schema // of an Array
	Members []Member
	Free    *Schema   // of an Object: what its other members are; nil: there are none
	Either  []*Schema // other types that the value may have instead
	Generic bool      // of an Object: GenericKey may be one of its members
}

// Member is a member of an object.
type Member struct {
	Name   string
	Schema Schema
	In     Placement // where it stands in XML; empty inside of what is special
	XML    string    // the element or attribute, in words: `body`, `<x xmlns="jabber:x:oob">`
	XEP    string    // where it is defined: "XEP-0066", "RFC 6121 §5.2.3"; may be empty
	Input  bool      // it is read and never written
	Beyond bool      // mod_rest does not have it: Strict does not write it, nor what is in it
}

// Fields describes the members of a stanza's object, but for GenericKey. Schemas are
// recursive (a message can hold a forwarded one): what stands inside of itself has its
// Name and no Members.
func Fields(k stanza.Kind) []Member { return describe(tableOf(k), nil) }

func describe(t *table, around []*table) []Member {
	around = append(slices.Clip(around), t)
	list := make([]Member, 0, len(t.fields))
	for _, f := range t.fields {
		m := Member{Name: f.name, In: f.place, XML: f.xml(), XEP: f.xep, Input: f.input, Beyond: f.beyond}
		m.Schema = Schema{Type: f.typ, About: f.about, Enum: f.values, Min: f.min, Max: f.max}
		switch {
		case f.special != nil:
			about := m.Schema.About
			m.Schema = *f.special.schema
			m.Schema.About = strings.TrimPrefix(about+"; "+m.Schema.About, "; ")
			m.Schema.About = strings.TrimSuffix(m.Schema.About, "; ")
		case f.place == AsList || f.place == InList:
			m.Schema.Items = f.describeItem(around)
		case f.table != nil:
			about := m.Schema.About
			m.Schema = describeObject(f.table, around)
			m.Schema.About = about
		}
		list = append(list, m)
	}
	return list
}

// describeItem describes an item of a list.
func (f *field) describeItem(around []*table) *Schema {
	s := Schema{Type: String}
	switch {
	case f.table != nil:
		s = describeObject(f.table, around)
	case f.of != nil:
		s = Schema{Type: f.of.typ, Enum: f.of.values, Min: f.of.min, Max: f.of.max}
	}
	return &s
}

func describeObject(t *table, around []*table) Schema {
	s := Schema{Name: t.name, Type: Object, Generic: t.content == nil}
	if !slices.Contains(around, t) {
		s.Members = describe(t, around)
	}
	return s
}

// xml says in words what a field stands for.
func (f *field) xml() string {
	child := "<" + f.local
	if f.space != "" {
		child += ` xmlns="` + f.space + `"`
	}
	switch f.place {
	case InAttr:
		return f.attr
	case InContent, AsHeader:
		return ""
	case AsName:
		return "<" + strings.Join(f.values, "|") + ` xmlns="` + f.space + `"/>`
	case AsFlag:
		return child + "/>"
	case InAttrOf:
		return child + " " + f.attr + `="…"/>`
	case InList:
		return child + "> with " + f.itemXML("<"+f.item)
	case AsList:
		return f.itemXML(child)
	case InText, AsObject, AsSpecial:
	}
	return child + ">"
}

// itemXML says what an item of a list stands for, of which child is how its start tag
// begins.
func (f *field) itemXML(child string) string {
	if f.of != nil {
		return child + " " + f.of.attr + `="…"/>`
	}
	return child + ">"
}

// members describes fields without a place.
func members(fields []field) []Member {
	var list []Member
	for _, f := range fields {
		list = append(list, Member{Name: f.name, Schema: Schema{Type: f.typ, About: f.about, Enum: f.values, Min: f.min, Max: f.max}})
	}
	return list
}
