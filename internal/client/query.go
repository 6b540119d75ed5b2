package client

import (
	"strconv"
	"time"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/stanza"
)

// Query is a question that any XMPP entity may be asked.
type Query struct {
	Name      string
	About     string // one line for a help text
	HasNode   bool   // it may be about a node
	open      string // the payload's start tag, open
	namespace string
	read      func(payload *element.Element, into *Result)
}

// Result is what an answer says. Which members are set depends on the query.
type Result struct {
	Milliseconds float64    `json:"milliseconds,omitempty"` // ping
	Name         string     `json:"name,omitempty"`         // version
	Version      string     `json:"version,omitempty"`
	OS           string     `json:"os,omitempty"`
	Identities   []Identity `json:"identities,omitempty"` // disco
	Features     []string   `json:"features,omitempty"`
	Items        []Item     `json:"items,omitempty"`   // items
	Seconds      *int64     `json:"seconds,omitempty"` // lastactivity
	Status       string     `json:"status,omitempty"`
	UTC          string     `json:"utc,omitempty"` // time
	Offset       string     `json:"offset,omitempty"`
}

// Identity is what an entity is (XEP-0030 §3.1).
type Identity struct {
	Category string `json:"category"`
	Type     string `json:"type"`
	Name     string `json:"name,omitempty"`
}

// Item is something that an entity has (XEP-0030 §4.1).
type Item struct {
	JID  string `json:"jid"`
	Node string `json:"node,omitempty"`
	Name string `json:"name,omitempty"`
}

// Queries returns all queries, in the order of the help.
func Queries() []Query {
	return []Query{
		{Name: "ping", About: "Ping: is it there, and how far is it (XEP-0199)", open: "ping", namespace: "urn:xmpp:ping"},
		{Name: "version", About: "Name, version and system of the software (XEP-0092)", open: "query", namespace: "jabber:iq:version", read: readVersion},
		{Name: "disco", About: "Identities and features (XEP-0030)", HasNode: true, open: "query", namespace: "http://jabber.org/protocol/disco#info", read: readDisco},
		{Name: "items", About: "What there is: rooms, services, nodes (XEP-0030)", HasNode: true, open: "query", namespace: "http://jabber.org/protocol/disco#items", read: readItems},
		{Name: "lastactivity", About: "Idle time, or uptime of a server (XEP-0012)", open: "query", namespace: "jabber:iq:last", read: readLast},
		{Name: "time", About: "The entity's clock (XEP-0202)", open: "time", namespace: "urn:xmpp:time", read: readTime},
		{Name: "vcard", About: "The vCard, as XML (XEP-0054)", open: "vCard", namespace: "vcard-temp"},
	}
}

// XML returns the query as an IQ. Errors say what is wrong with the arguments.
func (q Query) XML(to, from, id, node string) ([]byte, error) {
	h, err := header(stanza.IQ, stanza.Get, to, from, id)
	if err != nil {
		return nil, err
	}
	if err := checkText(node); err != nil {
		return nil, err
	}
	payload := []byte("<" + q.open + ` xmlns="` + q.namespace + `"`)
	if node != "" {
		payload = append(element.AppendAttr(append(payload, ` node="`...), node), '"')
	}
	return stanza.New(h, string(payload)+"/>").XML(), nil
}

// Read returns what the answer to the query says; false if the answer has nothing that
// the query knows to read, and should be shown as XML.
func (q Query) Read(a Answer) (Result, bool) {
	var r Result
	if q.Name == "ping" {
		r.Milliseconds = float64(a.Took.Microseconds()) / float64(time.Millisecond/time.Microsecond)
		return r, true
	}
	if q.read == nil || a.Stanza.Payload() != (stanza.Name{Space: q.namespace, Local: q.open}) {
		return r, false
	}
	root, ok := scan(a.Stanza.XML(), element.Scope{Default: stanza.NSClient})
	if !ok {
		return r, false
	}
	payload, ok := scan(root.Children[0].Raw, root.Scope())
	if ok {
		q.read(payload, &r)
	}
	return r, ok
}

func scan(raw []byte, scope element.Scope) (*element.Element, bool) {
	sc := element.NewScanner(element.Limits{Bytes: 2 * maxAnswer}, scope)
	_, err := sc.Scan(raw)
	return sc.Element(), err == nil
}

// eachChild calls f for the children of that name, with their attributes.
func eachChild(el *element.Element, local string, f func(attr func(name string) string)) {
	for i := range el.Children {
		if string(el.Children[i].Local) != local {
			continue
		}
		if child, ok := scan(el.Children[i].Raw, el.Scope()); ok {
			f(func(name string) string { return attribute(child, name) })
		}
	}
}

func attribute(el *element.Element, local string) string {
	for _, a := range el.Attrs {
		if len(a.Prefix) == 0 && string(a.Local) == local {
			return element.Unescape(a.Value)
		}
	}
	return ""
}

// childText returns the text of the first child of that name.
func childText(el *element.Element, local string) string {
	for i := range el.Children {
		if string(el.Children[i].Local) == local {
			return element.Text(el.Children[i].Raw)
		}
	}
	return ""
}

func readVersion(el *element.Element, r *Result) {
	r.Name, r.Version, r.OS = childText(el, "name"), childText(el, "version"), childText(el, "os")
}

func readDisco(el *element.Element, r *Result) {
	eachChild(el, "identity", func(attr func(string) string) {
		r.Identities = append(r.Identities, Identity{attr("category"), attr("type"), attr("name")})
	})
	eachChild(el, "feature", func(attr func(string) string) { r.Features = append(r.Features, attr("var")) })
}

func readItems(el *element.Element, r *Result) {
	eachChild(el, "item", func(attr func(string) string) {
		r.Items = append(r.Items, Item{attr("jid"), attr("node"), attr("name")})
	})
}

func readLast(el *element.Element, r *Result) {
	if n, err := strconv.ParseInt(attribute(el, "seconds"), 10, 64); err == nil {
		r.Seconds = &n
	}
	r.Status = element.Text(el.Raw)
}

func readTime(el *element.Element, r *Result) {
	r.UTC, r.Offset = childText(el, "utc"), childText(el, "tzo")
}
