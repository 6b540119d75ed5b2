package jsonmap

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/stanza"
)

// oobURL is the address alone of what oob describes.
var oobURL = &special{
	schema: &Schema{Type: String},
	read: func(w *writer, c element.Node) (ok, exact bool) {
		url := c.Child(c.Space(), "url")
		if url.IsZero() {
			return false, false
		}
		address, only := url.Text()
		w.dst = appendString(w.dst, address)
		return only, false
	},
	write: func(b *builder, m val, around string) error {
		address, err := str(m)
		if err != nil {
			return err
		}
		const space = "jabber:x:oob"
		b.open(space, "x", around)
		from := b.inside()
		b.textElement(space, "url", space, address)
		b.close("x", from)
		return nil
	},
}

// stanzaError is the error element of a stanza (RFC 6120 §8.3.2).
var stanzaError = &special{
	schema: &Schema{Type: Object, Members: []Member{
		{Name: "type", Schema: Schema{Type: String, Enum: errorTypes}},
		{Name: "condition", Schema: Schema{Type: String, Enum: conditions}},
		{Name: "text", Schema: Schema{Type: String}},
		{Name: "by", Schema: Schema{Type: String}},
	}},
	read:  readError,
	write: writeError,
}

var errorTypes = []string{string(stanza.Auth), string(stanza.Cancel), string(stanza.Continue), string(stanza.Modify), string(stanza.Wait)}

var conditions = func() []string {
	var names []string
	for _, c := range stanza.Conditions() {
		names = append(names, string(c))
	}
	return names
}()

func readError(w *writer, c element.Node) (ok, exact bool) {
	w.dst = append(w.dst, '{')
	exact = true
	for _, a := range c.Attrs() {
		if a.Space != "" || a.Local != "type" && a.Local != "by" {
			exact = false
			continue
		}
		exact = exact && (a.Local != "type" || slices.Contains(errorTypes, a.Value))
		w.text(a.Local, a.Value)
	}
	if _, typed := c.Attr("type"); !typed {
		exact = false
	}
	condition, text := "", false
	for n := range c.Children() {
		switch {
		case n.Space() != stanza.NSStanzas, n.IsText():
			exact = false
		case n.Local() != "text" && condition == "":
			condition = n.Local()
			w.text("condition", condition)
			exact = exact && isBare(n) && !text && slices.Contains(conditions, condition)
		case n.Local() == "text" && !text:
			value, only := n.Text()
			w.text("text", value)
			text = true
			exact = exact && only && len(n.Attrs()) == 0
		default:
			exact = false
		}
	}
	if condition == "" {
		w.text("condition", string(stanza.UndefinedCondition))
		exact = false
	}
	w.dst = append(w.dst, '}')
	return true, exact
}

func writeError(b *builder, m val, around string) error {
	parts, err := texts(b, m, []field{
		{name: "type", typ: String, values: errorTypes},
		{name: "condition", typ: String, values: conditions},
		{name: "text", typ: String},
		{name: "by", typ: String},
	})
	if err != nil {
		return err
	}
	if _, given := parts["type"]; !given {
		parts["type"] = string(stanza.Cancel)
	}
	if _, given := parts["condition"]; !given {
		parts["condition"] = string(stanza.UndefinedCondition)
	}
	b.open(around, "error", around)
	b.attr("type", parts["type"])
	if by, given := parts["by"]; given {
		b.attr("by", by)
	}
	from := b.inside()
	b.open(stanza.NSStanzas, parts["condition"], around)
	b.empty()
	if text, given := parts["text"]; given {
		b.textElement(stanza.NSStanzas, "text", around, text)
	}
	b.close("error", from)
	return nil
}

// texts returns the members of an object that has no others than those described, as
// the texts that stand in XML.
func texts(b *builder, m val, fields []field) (map[string]string, error) {
	if m.kind() != object {
		return nil, fail(m, "this must be an object%s", notKindOf(m))
	}
	found := map[string]string{}
	for part := range m.members() {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == part.key() })
		if i < 0 {
			if b.strict {
				continue
			}
			return nil, fail(part, "there is no such member")
		}
		s, err := fields[i].value(part)
		if err != nil {
			return nil, err
		}
		found[part.key()] = s
	}
	return found, nil
}

const (
	nsXHTMLIM = "http://jabber.org/protocol/xhtml-im"
	nsXHTML   = "http://www.w3.org/1999/xhtml"
)

// xhtml is the body of a formatted message (XEP-0071) as markup, without its
// namespace.
var xhtml = &special{
	schema: &Schema{Type: String, About: "the element `body` of XHTML as markup, without its namespace"},
	read: func(w *writer, c element.Node) (ok, exact bool) {
		body := c.Child(nsXHTML, "body")
		if body.IsZero() {
			return false, false
		}
		var b builder
		b.copy(body, nsXHTML)
		w.dst = appendString(w.dst, string(b.dst))
		return true, len(c.Attrs()) == 0 && c.First() == body && body.Next().IsZero()
	},
	write: func(b *builder, m val, around string) error {
		markup, err := str(m)
		if err != nil {
			return err
		}
		const start = `<html xmlns="` + nsXHTML + `"` + "\n>" // so that columns are the markup's but for the one character
		sc := element.NewScanner(element.Limits{}, element.Scope{})
		el, err := sc.Document([]byte(start + markup + "</html>"))
		if err != nil {
			return fail(m, "this is not well-formed XHTML: %s", inMarkup(err))
		}
		var tree element.Tree
		if err := tree.Parse(string(el.Content), nsXHTML); err != nil {
			return fail(m, "this is not well-formed XHTML: %s", err)
		}
		body, ok := onlyBody(tree.Root())
		if !ok {
			return fail(m, "this must be one element <body> of XHTML, and nothing else")
		}
		b.open(nsXHTMLIM, "html", around)
		from := b.inside()
		b.copy(body, nsXHTMLIM)
		b.close("html", from)
		return nil
	},
}

// onlyBody returns the body that is all there is in n, but for white space.
func onlyBody(n element.Node) (body element.Node, ok bool) {
	for c := range n.Children() {
		switch {
		case c.IsText():
			if s, _ := c.Text(); strings.Trim(s, " \t\r\n") != "" {
				return element.Node{}, false
			}
		case !body.IsZero() || !c.Is(nsXHTML, "body"):
			return element.Node{}, false
		default:
			body = c
		}
	}
	return body, !body.IsZero()
}

// inMarkup says what is wrong with markup that stands one line and one character after the
// start of what was read.
func inMarkup(err error) string {
	syntax, ok := errors.AsType[*element.SyntaxError](err)
	if !ok || syntax.Line < 2 {
		return err.Error()
	}
	line, column := syntax.Line-1, syntax.Column
	if line == 1 {
		column--
	}
	return fmt.Sprintf("line %d, column %d of it: %s", line, column, syntax.Reason)
}

// jsonPayload is a JSON value inside of a stanza (XEP-0432).
var jsonPayload = &special{
	schema: &Schema{Type: Object, Members: []Member{
		{Name: "datatype", Schema: Schema{Type: String}},
		{Name: "data", Schema: Schema{Type: Any}},
	}},
	read:  readPayload,
	write: writePayload,
}

// maxPayloadDepth is how deep the JSON value in a payload may be nested.
const maxPayloadDepth = 32

func readPayload(w *writer, c element.Node) (ok, exact bool) {
	w.dst = append(w.dst, '{')
	exact = true
	for _, a := range c.Attrs() {
		if a.Space == "" && a.Local == "datatype" {
			w.text(a.Local, a.Value)
		} else {
			exact = false
		}
	}
	holder := c.Child(nsJSON, "json")
	if holder.IsZero() { // as mod_rest writes it
		holder, exact = c, false
	} else {
		exact = exact && c.First() == holder && holder.Next().IsZero() && len(holder.Attrs()) == 0
	}
	data, only := holder.Text()
	d, err := readJSON([]byte(data), limits{maxPayloadDepth, maxValues})
	if err == nil {
		d.release()
	}
	if err == nil && only {
		w.key("data")
		trimmed := trimJSON(data)
		w.dst = append(w.dst, trimmed...)
		exact = exact && trimmed == data
	} else {
		exact = false
	}
	w.dst = append(w.dst, '}')
	return true, exact
}

func writePayload(b *builder, m val, around string) error {
	if m.kind() != object {
		return fail(m, "this must be an object%s", notKindOf(m))
	}
	b.open(nsPayload, "payload", around)
	data := "null"
	for part := range m.items() {
		switch {
		case part.key() == "datatype" && !part.isNull():
			s, err := str(part)
			if err != nil {
				return err
			}
			b.attr("datatype", s)
		case part.key() == "data":
			data = string(part.raw())
			if at, ok := element.IsText(data); !ok {
				return fail(part, "%s, which is not allowed in XML: escape it", charAt(data, at))
			}
			if part.depth() > maxPayloadDepth {
				return fail(part, "this is nested more than %d levels deep", maxPayloadDepth)
			}
		case part.key() != "datatype" && !b.strict:
			return fail(part, "a payload has datatype and data, and nothing else")
		}
	}
	from := b.inside()
	b.textElement(nsJSON, "json", nsPayload, data)
	b.close("payload", from)
	return nil
}

// resultSet is a page of a larger result (XEP-0059).
var resultSet = &special{
	schema: &Schema{Name: "page", Type: Object, Members: members(resultSetFields)},
	read:   readResultSet,
	write:  writeResultSet,
}

var resultSetFields = []field{
	{name: "after", typ: String},
	{name: "before", typ: String},
	{name: "first", typ: String},
	{name: "last", typ: String},
	{name: "count", typ: Integer, max: math.MaxUint32}, // XEP-0059 §7: xs:unsignedInt
	{name: "index", typ: Integer, max: math.MaxUint32, about: "the attribute of first in XML, if that is there"},
	{name: "max", typ: Integer, max: math.MaxUint32},
}

func readResultSet(w *writer, c element.Node) (ok, exact bool) {
	w.dst = append(w.dst, '{')
	exact = len(c.Attrs()) == 0
	var seen [8]bool
	for n := range c.Children() {
		i := -1
		if !n.IsText() && n.Space() == c.Space() {
			i = slices.IndexFunc(resultSetFields, func(f field) bool { return f.name == n.Local() })
		}
		value, only := n.Text()
		if i < 0 || seen[i] || !only || !w.attribute(&resultSetFields[i], value, &exact) {
			exact = false
			continue
		}
		seen[i] = true
		const index = 5
		for _, a := range n.Attrs() {
			if n.Local() != "first" || a.Local != "index" || a.Space != "" || seen[index] ||
				!w.attribute(&resultSetFields[index], a.Value, &exact) {
				exact = false
				continue
			}
			seen[index] = true
		}
		exact = exact && (n.Local() != "first" || !seen[index] || len(n.Attrs()) == 1)
		exact = exact && (n.Local() != "index" || !seen[2])
	}
	w.dst = append(w.dst, '}')
	return true, exact
}

func writeResultSet(b *builder, m val, around string) error {
	parts, err := texts(b, m, resultSetFields)
	if err != nil {
		return err
	}
	b.open(nsRSM, "set", around)
	from := b.inside()
	first, hasFirst := parts["first"]
	index, hasIndex := parts["index"]
	for part := range m.members() {
		s, known := parts[part.key()]
		switch {
		case !known, part.key() == "index" && hasFirst:
		case part.key() == "first":
			b.open(nsRSM, "first", nsRSM)
			if hasIndex {
				b.attr("index", index)
			}
			inside := b.inside()
			b.dst = element.AppendText(b.dst, first)
			b.close("first", inside)
		default:
			b.textElement(nsRSM, part.key(), nsRSM, s)
		}
	}
	b.close("set", from)
	return nil
}
