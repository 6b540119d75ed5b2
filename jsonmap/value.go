package jsonmap

import (
	"iter"
	"strconv"
	"strings"
)

// kind is what sort of value a JSON value is.
type kind uint8

const (
	null kind = iota
	boolean
	number
	text
	array
	object
)

func (k kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// document is a tree of JSON values, whatever notation it was read from. Values
// refer to one another by their indexes; 0, the root, is nobody's member.
type document struct {
	values []value
	src    []byte // what it was read from; nil unless that is JSON
	// loose says that numbers and booleans are written as strings, since the
	// notation has nothing else.
	loose  bool
	reader *reader // whose memory it is; nil: its own
	// top is the value that is the caller's whole document, in which pointers begin.
	top int32
}

type value struct {
	kind     kind
	key      string // of a member of an object
	text     string // a string, a number as written, or "true" or "false"
	from, to int32  // where it stands in src
	first    int32
	last     int32
	next     int32
	parent   int32
}

// add appends a value to parent, the value of that index, and returns its index.
func (d *document) add(parent int32, v value) int32 {
	i := int32(len(d.values))
	v.parent = parent
	d.values = append(d.values, v)
	if i == 0 {
		return 0
	}
	p := &d.values[parent]
	if p.last == 0 {
		p.first = i
	} else {
		d.values[p.last].next = i
	}
	p.last = i
	return i
}

// root returns the value that is the whole document.
func (d *document) root() val { return val{d, 0} }

// under returns a document that is an object with d as its only member.
func (d *document) under(key string) *document {
	o := &document{src: d.src, loose: d.loose, top: 1, values: make([]value, 0, len(d.values)+1)}
	o.values = append(o.values, value{kind: object, first: 1, last: 1})
	for _, v := range d.values {
		for _, i := range []*int32{&v.first, &v.last, &v.next} {
			if *i != 0 {
				*i++
			}
		}
		v.parent++
		o.values = append(o.values, v)
	}
	o.values[1].parent, o.values[1].key, o.values[1].next = 0, key, 0
	return o
}

// val is a value in a document. Its zero value is no value.
type val struct {
	doc *document
	i   int32
}

func (v val) get() *value   { return &v.doc.values[v.i] }
func (v val) isZero() bool  { return v.doc == nil }
func (v val) kind() kind    { return v.get().kind }
func (v val) key() string   { return v.get().key }
func (v val) str() string   { return v.get().text }
func (v val) isTrue() bool  { return v.get().kind == boolean && v.get().text == "true" }
func (v val) isNull() bool  { return v.get().kind == null }
func (v val) isEmpty() bool { return v.get().first == 0 }

// items returns the members of an object or the elements of an array, in order.
func (v val) items() iter.Seq[val] {
	return func(yield func(val) bool) {
		for i := v.get().first; i != 0; i = v.doc.values[i].next {
			if !yield(val{v.doc, i}) {
				return
			}
		}
	}
}

// members are items without those that are null, which means absent.
func (v val) members() iter.Seq[val] {
	return func(yield func(val) bool) {
		for m := range v.items() {
			if !m.isNull() && !yield(m) {
				return
			}
		}
	}
}

// saysSomething reports whether there is something in an object or array. What is null
// does not count.
func (v val) saysSomething() bool {
	for range v.members() {
		return true
	}
	return false
}

// member returns the member of that name, the zero val if there is none or if it
// is null.
func (v val) member(key string) val {
	if v.kind() != object {
		return val{}
	}
	for m := range v.items() {
		if m.key() == key && !m.isNull() {
			return m
		}
	}
	return val{}
}

// depth returns how many arrays and objects stand in one another, at most.
func (v val) depth() int {
	if v.kind() != array && v.kind() != object {
		return 0
	}
	most := 0
	for item := range v.items() {
		most = max(most, item.depth())
	}
	return most + 1
}

// pointer names the value as RFC 6901 does.
func (v val) pointer() string {
	if v.i <= v.doc.top {
		return ""
	}
	parent := val{v.doc, v.get().parent}
	if parent.kind() == object {
		return parent.pointer() + "/" + pointerEscape.Replace(v.key())
	}
	n := 0
	for item := range parent.items() {
		if item.i == v.i {
			break
		}
		n++
	}
	return parent.pointer() + "/" + strconv.Itoa(n)
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// equal compares two values. The order of members does not count.
func equal(a, b val) bool {
	if a.isZero() || b.isZero() || a.kind() != b.kind() {
		return false
	}
	switch a.kind() {
	case null:
		return true
	case boolean, text:
		return a.str() == b.str()
	case number:
		return equalNumbers(a.str(), b.str())
	case array:
		return equalArrays(a, b)
	case object:
		return equalObjects(a, b)
	}
	return false
}

func equalNumbers(a, b string) bool {
	if a == b {
		return true
	}
	if isInteger(a) && isInteger(b) { // which floating-point numbers may not tell apart
		return false
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && x == y
}

func equalArrays(a, b val) bool {
	i, j := a.get().first, b.get().first
	for ; i != 0 && j != 0; i, j = a.doc.values[i].next, b.doc.values[j].next {
		if !equal(val{a.doc, i}, val{b.doc, j}) {
			return false
		}
	}
	return i == j
}

// equalObjects looks at each pair of members once: they may be many, and deeply nested.
func equalObjects(a, b val) bool {
	members := map[string]val{}
	for m := range a.items() {
		members[m.key()] = m
	}
	n := 0
	for m := range b.items() {
		if !equal(members[m.key()], m) {
			return false
		}
		n++
	}
	return n == len(members)
}
