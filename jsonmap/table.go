package jsonmap

import (
	"strings"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/stanza"
)

// Placement says where in XML a member of the JSON object stands.
type Placement string

// The placements. "The child" is a child element of what the object stands for.
const (
	InText    Placement = "text"         // the child's text
	InAttr    Placement = "attribute"    // an attribute
	InContent Placement = "content"      // the text of the element itself
	AsFlag    Placement = "flag"         // the child is there, and empty
	AsName    Placement = "name"         // the name of the child, which is empty
	InAttrOf  Placement = "attribute of" // an attribute of the child, which has nothing else
	AsObject  Placement = "object"       // the child, with members of its own
	AsList    Placement = "list"         // each child of that name
	InList    Placement = "wrapped list" // each child of the child
	AsSpecial Placement = "special"      // as the field's description says
	AsHeader  Placement = "header"       // the stanza's start tag
)

// Type is the type of a member's value.
type Type string

// The types.
const (
	String  Type = "string"
	Integer Type = "integer"
	Number  Type = "number"
	Boolean Type = "boolean"
	Object  Type = "object"
	Array   Type = "array"
	Any     Type = "any"
)

// field is a row of the table: a member of the JSON object of a stanza, or of an
// object in it, and what it stands for in XML.
type field struct {
	name  string
	place Placement
	typ   Type

	space string // of the child element; empty: that of the element around it
	local string // of the child element
	attr  string // the attribute's name; empty: the member's
	item  string // InList: the name of the children's children

	table   *table   // of the members, or of those of each item; nil: items are as of says
	of      *field   // AsList, InList: an item that is no object; nil: the text of the child
	values  []string // the only ones; nil: any
	min     int64    // bounds of an Integer, if they are not both 0
	max     int64
	words   bool // a Boolean is written as true or false, not as 1 or 0
	spelled bool // a number may also be written as a string

	special *special
	// short names the member that says the same and more. If both are there they must
	// agree.
	short    string
	more     bool     // it says all of what the fields before it say in short; written only if they do not
	input    bool     // JSON to XML only
	beyond   bool     // mod_rest does not have it: Strict leaves it out
	optional bool     // InContent: not written if it is empty
	aside    bool     // of an iq: it stands beside the payload and is none
	sets     []string // an iq with it is of type set if it is a member that is written like this

	xep   string // where it is defined
	about string // for people, if the name does not say it
}

// special maps what no placement describes.
type special struct {
	// read writes the value of the member for the child c. ok is false if there is
	// none; exact says that write makes the same child of it.
	read func(w *writer, c element.Node) (ok, exact bool)
	// write appends the child for the member m. Around is the namespace of the
	// element around it.
	write func(b *builder, m val, around string) error
	// schema describes the value.
	schema *Schema
}

// table is the members of one kind of object.
type table struct {
	fields  []*field
	byName  map[string]*field
	byChild map[stanza.Name][]*field // of the children by name
	byLocal map[string][]*field      // of the children in the namespace of the element around
	attrs   []*field
	content *field
	name    string      // of the shape, if it is used in several places
	kind    stanza.Kind // of the stanzas that it is for, if it is for whole ones
	kinds   []*table    // those of all kinds, likewise
}

// add appends fields to a table.
func (t *table) add(fields ...field) *table {
	for i := range fields {
		t.addField(&fields[i])
	}
	return t
}

func (t *table) addField(f *field) {
	if t.byName == nil {
		t.byName, t.byChild, t.byLocal = map[string]*field{}, map[stanza.Name][]*field{}, map[string][]*field{}
	}
	t.fields = append(t.fields, f)
	t.byName[f.name] = f
	switch f.place {
	case InAttr:
		if f.attr == "" {
			f.attr = f.name
		}
		t.attrs = append(t.attrs, f)
	case InContent:
		t.content = f
	case AsHeader:
	case AsName:
		for _, name := range f.values {
			t.addChild(f, name)
		}
	default:
		t.addChild(f, f.local)
	}
	if f.of != nil {
		f.of.name, f.of.space, f.of.local = f.name, f.space, f.local
		if f.place == InList {
			f.of.space, f.of.local = "", f.item
		}
	}
}

// What a value of field.sets may be, beside the path of a member.
const (
	always = "*" // whatever its value is
	filled = "+" // any value but an empty one
)

// isSet reports whether an iq with the member m is one that sets something.
func (f *field) isSet(m val) bool {
	for _, path := range f.sets {
		if path == always || path == filled && m.saysSomething() || m.has(strings.Split(path, "/")) {
			return true
		}
	}
	return false
}

// has reports whether there is something at a path, in the value or in an item of it.
func (v val) has(path []string) bool {
	if len(path) == 0 {
		return true
	}
	if v.kind() == array {
		for item := range v.items() {
			if item.has(path) {
				return true
			}
		}
		return false
	}
	m := v.member(path[0])
	return !m.isZero() && m.has(path[1:])
}

// addChildren adds the fields of another table that describe children.
func (t *table) addChildren(other *table) {
	for _, f := range other.fields {
		if f.place != AsHeader && f.place != InAttr {
			t.addField(f)
		}
	}
}

func (t *table) addChild(f *field, local string) {
	if f.input {
		return
	}
	if f.space == "" {
		t.byLocal[local] = append(t.byLocal[local], f)
		return
	}
	name := stanza.Name{Space: f.space, Local: local}
	t.byChild[name] = append(t.byChild[name], f)
}

// fieldsFor returns the fields that a child of an element in the namespace around
// is described by.
func (t *table) fieldsFor(c element.Node, around string) []*field {
	if c.Space() == around {
		if fields := t.byLocal[c.Local()]; fields != nil {
			return fields
		}
	}
	return t.byChild[stanza.Name{Space: c.Space(), Local: c.Local()}]
}
