package devhost

import (
	"strings"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/stanza"
)

// all returns those of the elements that have the name.
func all(list []child, space, local string) []child {
	var found []child
	for _, c := range list {
		if c.name == (stanza.Name{Space: space, Local: local}) {
			found = append(found, c)
		}
	}
	return found
}

// first returns the first of the elements that has the name, nil if none has.
func first(list []child, space, local string) *child {
	if found := all(list, space, local); len(found) > 0 {
		return &found[0]
	}
	return nil
}

// within returns the elements within c, none if c is nil.
func (c *child) within() []child {
	if c == nil {
		return nil
	}
	return c.children()
}

// attribute returns an attribute of c without a prefix, "" if there is none or c
// is nil.
func (c *child) attribute(local string) string {
	if c == nil {
		return ""
	}
	return c.attr[local]
}

// text returns the text directly in c.
func (c *child) text() string { return element.Text([]byte(c.raw)) }

// payloadOf returns the elements in a request's payload.
func payloadOf(st stanza.Stanza) []child {
	list := children(st.Content())
	if len(list) == 0 {
		return nil
	}
	return list[0].children()
}

// spoken returns what of a stanza's content is passed on: all but what only a
// room itself may say (muc and muc#user). It returns false if package stanza
// would not take that as content, which can be so for an element close to the
// limit of attributes. Otherwise stanza.New takes it, and more elements after it.
func spoken(st stanza.Stanza) (content string, ok bool) {
	var b strings.Builder
	for _, c := range children(st.Content()) {
		if c.name.Space != nsMUC && c.name.Space != nsMUCUser {
			b.WriteString(c.raw)
		}
	}
	content = b.String()
	kind := string(st.Kind())
	_, err := stanza.Parse([]byte("<" + kind + ">" + content + "</" + kind + ">"))
	return content, err == nil
}
