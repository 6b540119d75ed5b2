package stanza

import (
	"errors"
	"fmt"
	"sync"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/jid"
)

// maxDocument is the largest document in bytes that Parse looks at. It is only
// a backstop: whoever reads documents bounds them far below it.
const maxDocument = 64 << 20

// backstop are the limits for content that was checked against others before,
// or to whose start tags declarations were added.
var backstop = element.Limits{Bytes: maxDocument, Depth: 1 << 16, Attributes: 1 << 16}

var scanners = sync.Pool{New: func() any {
	return element.NewScanner(element.Limits{Bytes: maxDocument}, element.Scope{})
}}

// Parse reads a stanza from a whole document, such as the body of an HTTP
// request: exactly one message, presence or iq, in no namespace or in
// jabber:client. Addresses are checked and normalised (jid.Parse); what the
// start tag says beyond the Header is dropped. Errors are *Refusal.
//
// Parse does not ask for an addressee, nor does it apply the rules for IQs:
// that is policy, and depends on where the stanza goes. The result shares no
// memory with doc.
func Parse(doc []byte) (Stanza, error) {
	return parse(doc, jid.Parse)
}

// ParseReply is Parse for a stanza whose from and to do not count, because it
// answers another one: they are neither checked nor kept.
func ParseReply(doc []byte) (Stanza, error) {
	return parse(doc, nil)
}

// ParseStored is Parse for what AppendXML wrote: the addresses are taken as
// canonical (jid.ParseRouted), so that the stanza is the one that was written.
func ParseStored(doc []byte) (Stanza, error) {
	return parse(doc, jid.ParseRouted)
}

func parse(doc []byte, address func(string) (jid.JID, error)) (Stanza, error) {
	sc := scanners.Get().(*element.Scanner)
	defer func() {
		sc.Reset()
		scanners.Put(sc)
	}()
	el, err := sc.Document(doc)
	if err != nil {
		return Stanza{}, refuseSyntax(err)
	}
	if len(el.Prefix) > 0 || len(el.Space) > 0 && string(el.Space) != NSClient {
		return Stanza{}, refuseNamespace(el)
	}
	return fromElement(el, address)
}

// FromElement makes a stanza of an element that was scanned in the stream of an
// XMPP server. Its addresses are taken as canonical (jid.ParseRouted). An
// element in another namespace than the stream's stanzas, one with another
// name, malformed addresses and undeclared prefixes give a *Refusal: they cost
// that stanza, and nothing else. The result shares no memory with el.
func FromElement(el *element.Element) (Stanza, error) {
	if len(el.Unbound) > 0 {
		return Stanza{}, &Refusal{Reason: NotWellFormed, Text: fmt.Sprintf("prefix %.40q is not declared", el.Unbound)}
	}
	if sp := string(el.Space); len(el.Prefix) > 0 || sp != NSClient && sp != NSComponent {
		return Stanza{}, refuseNamespace(el)
	}
	return fromElement(el, jid.ParseRouted)
}

// fromElement builds the stanza once the root's namespace is settled. A nil
// address function leaves the addresses out.
func fromElement(el *element.Element, address func(string) (jid.JID, error)) (Stanza, error) {
	kind, ok := kindOf(el.Local)
	if !ok {
		return Stanza{}, &Refusal{
			Reason: UnsupportedStanzaType,
			Text:   fmt.Sprintf("<%.40s> is no stanza: send message, presence or iq", el.Local),
		}
	}
	p := &parts{header: Header{Kind: kind}, children: len(el.Children)}
	if err := p.header.read(el.Attrs, address); err != nil {
		return Stanza{}, err
	}
	content, err := contentOf(el)
	if err != nil {
		return Stanza{}, err
	}
	p.content = content
	if p.children > 0 && kind == IQ {
		p.payload = payloadOf(el)
	}
	return Stanza{parts: p}, nil
}

// read takes what a Header keeps from the attributes of a start tag.
func (h *Header) read(attrs []element.Attr, address func(string) (jid.JID, error)) (err error) {
	for i := range attrs {
		a := &attrs[i]
		if len(a.Prefix) > 0 {
			if string(a.Prefix) == "xml" && string(a.Local) == "lang" {
				h.Lang = element.Unescape(a.Value)
			}
			continue
		}
		switch string(a.Local) {
		case "type":
			h.Type = typeOf(a.Value)
		case "id":
			h.ID = element.Unescape(a.Value)
		case "to":
			if address == nil {
				continue
			}
			if h.To, err = address(element.Unescape(a.Value)); err != nil {
				return &Refusal{Reason: ImproperAddressing, Text: "to: " + err.Error(), Err: err}
			}
		case "from":
			if address == nil {
				continue
			}
			if h.From, err = address(element.Unescape(a.Value)); err != nil {
				return &Refusal{Reason: InvalidFrom, Text: "from: " + err.Error(), Err: err}
			}
		}
	}
	return nil
}

// payloadOf names the first child. A child in the stream's own namespace is in
// jabber:client.
func payloadOf(el *element.Element) Name {
	c := &el.Children[0]
	space := element.Unescape(c.Space)
	if space == "" || space == NSComponent {
		space = NSClient
	}
	return Name{Space: space, Local: string(c.Local)}
}

func refuseSyntax(err error) *Refusal {
	r := &Refusal{Reason: NotWellFormed, Text: err.Error(), Err: err}
	if syntax, ok := errors.AsType[*element.SyntaxError](err); ok {
		r.Place = Place{Line: syntax.Line, Column: syntax.Column}
		if syntax.Kind == element.TooBig {
			r.Reason = TooLarge
		}
	}
	return r
}

func refuseNamespace(el *element.Element) *Refusal {
	text := fmt.Sprintf("the root is in the namespace %.80q; a stanza has no xmlns, or jabber:client", el.Space)
	if len(el.Prefix) > 0 {
		text = fmt.Sprintf("the root has the prefix %.40q; write it without one", el.Prefix)
	}
	return &Refusal{Reason: InvalidNamespace, Text: text}
}
