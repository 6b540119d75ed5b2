package format

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"unicode/utf8"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

// The formats. Those called strict are mod_rest's own mapping (jsonmap.Strict); they have
// the same media types.
var (
	XML = &Format{
		Name: "xml", MediaType: "application/xmpp+xml", ContentType: []string{"application/xmpp+xml"}, Explicit: true,
		parse:   func(doc []byte, _ jsonmap.Envelope) (stanza.Stanza, error) { return stanza.Parse(doc) },
		replies: parseXMLReplies,
		write:   func(dst []byte, st stanza.Stanza) []byte { return st.AppendXML(dst) },
		wrapper: Wrapper{Open: "<xmpp>", Close: "</xmpp>"},
	}
	JSON       = newJSON(jsonmap.Full)
	StrictJSON = newJSON(jsonmap.Strict)
	Form       = newForm(jsonmap.Full)
	StrictForm = newForm(jsonmap.Strict)
	Text       = &Format{
		Name: "text", MediaType: "text/plain", ContentType: []string{"text/plain; charset=utf-8"},
		parse:   parseText,
		replies: parseTextReplies,
		write:   func(dst []byte, st stanza.Stanza) []byte { return append(dst, st.Body()...) },
	}
	CBOR       = newCBOR(jsonmap.Full)
	StrictCBOR = newCBOR(jsonmap.Strict)
)

func newJSON(p jsonmap.Profile) *Format {
	return &Format{
		Name: "json", MediaType: "application/json", ContentType: []string{"application/json"},
		parse: func(doc []byte, e jsonmap.Envelope) (stanza.Stanza, error) { return jsonmap.Parse(doc, e, p) },
		replies: func(doc []byte, kind stanza.Kind) (jsonmap.Replies, error) {
			if isBlank(doc) {
				return jsonmap.Replies{}, nil
			}
			return jsonmap.ParseReplies(doc, kind, p)
		},
		write:   func(dst []byte, st stanza.Stanza) []byte { return jsonmap.Append(dst, st, p) },
		wrapper: Wrapper{Open: `{"xmpp":[`, Between: ",", Close: "]}"},
	}
}

func newForm(p jsonmap.Profile) *Format {
	return &Format{
		Name: "form", MediaType: "application/x-www-form-urlencoded", ContentType: []string{"application/x-www-form-urlencoded"},
		parse: func(doc []byte, e jsonmap.Envelope) (stanza.Stanza, error) { return parseForm(doc, e, p) },
		replies: func(doc []byte, kind stanza.Kind) (jsonmap.Replies, error) {
			return parseFormReplies(doc, kind, p)
		},
		write: jsonmap.AppendForm,
	}
}

func newCBOR(p jsonmap.Profile) *Format {
	return &Format{
		Name: "cbor", MediaType: "application/cbor", ContentType: []string{"application/cbor"},
		parse: func(doc []byte, e jsonmap.Envelope) (stanza.Stanza, error) { return jsonmap.ParseCBOR(doc, e, p) },
		replies: func(doc []byte, kind stanza.Kind) (jsonmap.Replies, error) {
			if len(doc) == 0 {
				return jsonmap.Replies{}, nil
			}
			return jsonmap.ParseRepliesCBOR(doc, kind, p)
		},
		write:   func(dst []byte, st stanza.Stanza) []byte { return jsonmap.AppendCBOR(dst, st, p) },
		wrapper: Wrapper{Open: "\xa1\x64xmpp\x9f", Close: "\xff"}, // RFC 8949 §3.2.2: an array whose length comes last
	}
}

// parseForm reads the fields of a form. A body without any "=" is no form,
// whatever it is called: curl calls each of its bodies one. It is a text.
func parseForm(doc []byte, e jsonmap.Envelope, p jsonmap.Profile) (stanza.Stanza, error) {
	if isText(doc) {
		return parseText(percentDecoded(doc), e)
	}
	return jsonmap.ParseForm(doc, e, p)
}

func parseFormReplies(doc []byte, kind stanza.Kind, p jsonmap.Profile) (jsonmap.Replies, error) {
	switch {
	case isBlank(doc):
		return jsonmap.Replies{}, nil
	case isText(doc):
		return parseTextReplies(percentDecoded(doc), kind)
	}
	return jsonmap.ParseRepliesForm(doc, kind, p)
}

// TextOf returns the text in a body that is one, or that is called a form and is none:
// curl calls each of its bodies a form.
func TextOf(f *Format, doc []byte) string {
	if f.IsForm() {
		doc = percentDecoded(doc)
	}
	return string(doc)
}

// isText reports whether what is called a form is none.
func isText(doc []byte) bool { return len(doc) > 0 && !bytes.Contains(doc, []byte("=")) }

// parseText makes a stanza of a text: the body of a message, of type chat unless
// the path says otherwise, or the show of a presence.
func parseText(doc []byte, e jsonmap.Envelope) (stanza.Stanza, error) {
	member := "body"
	switch e.Kind {
	case stanza.Presence:
		member = "show"
	case stanza.IQ:
		return stanza.Stanza{}, refuse("an iq can't be sent as a text: send XML, JSON, CBOR or a form")
	case stanza.Message, "":
		if e.Field != "" {
			return stanza.Stanza{}, refuse("a query can't be sent as a text: send JSON, CBOR or a form")
		}
		if e.Kind == "" && e.Type == "" {
			e.Type = stanza.Chat
		}
	}
	return jsonmap.ParseText(doc, member, e)
}

func refuse(text string) *stanza.Refusal {
	return &stanza.Refusal{Reason: stanza.NotWellFormed, Text: text}
}

// IsXMLText reports whether XML can carry a text as it is: it is UTF-8, with the characters
// that XML allows.
func IsXMLText(doc []byte) bool {
	_, ok := element.IsText(string(doc))
	return ok
}

// parseTextReplies makes a chat message of a text, whatever is being answered. What
// XML can't carry becomes U+FFFD.
func parseTextReplies(doc []byte, _ stanza.Kind) (jsonmap.Replies, error) {
	if len(doc) == 0 {
		return jsonmap.Replies{}, nil
	}
	content := "<body>" + stanza.Escape(string(doc)) + "</body>"
	return one(stanza.New(stanza.Header{Kind: stanza.Message, Type: stanza.Chat}, content)), nil
}

// parseXMLReplies reads one stanza, or several in <xmpp>.
func parseXMLReplies(doc []byte, _ stanza.Kind) (jsonmap.Replies, error) {
	if isBlank(doc) {
		return jsonmap.Replies{}, nil
	}
	if bytes.Contains(doc, []byte("<xmpp")) {
		sc := element.NewScanner(element.Limits{Bytes: len(doc) + 1, Depth: element.DefaultDepth + 1}, element.Scope{})
		if el, err := sc.Document(doc); err == nil && isWrapper(el) {
			return unwrap(el)
		}
	}
	st, err := stanza.ParseReply(doc)
	if err != nil {
		return jsonmap.Replies{}, err
	}
	return one(st), nil
}

func one(st stanza.Stanza) jsonmap.Replies { return jsonmap.Replies{Stanzas: []stanza.Stanza{st}} }

func isWrapper(el *element.Element) bool {
	return string(el.Local) == "xmpp" && len(el.Prefix) == 0 && (len(el.Space) == 0 || string(el.Space) == stanza.NSClient)
}

// unwrap reads the stanzas in a wrapper. A prefix must be declared in the stanza that
// uses it.
func unwrap(el *element.Element) (jsonmap.Replies, error) {
	if el.Text {
		return jsonmap.Replies{}, refuse("there is text between the stanzas in <xmpp>")
	}
	if len(el.Children) > jsonmap.MaxReplies {
		return jsonmap.Replies{}, refuse(fmt.Sprintf("an answer holds at most %d stanzas", jsonmap.MaxReplies))
	}
	all := jsonmap.Replies{Wrapped: true}
	for i, c := range el.Children {
		st, err := stanza.Parse(c.Raw)
		if refusal, ok := errors.AsType[*stanza.Refusal](err); ok {
			located := *refusal
			located.Text = fmt.Sprintf("stanza %d in <xmpp>: %s", i+1, refusal.Text)
			located.Place = stanza.Place{}
			return jsonmap.Replies{}, &located
		} else if err != nil {
			return jsonmap.Replies{}, err
		}
		h := st.Header()
		h.From = jid.JID{}
		all.Stanzas = append(all.Stanzas, st.With(h))
	}
	return all, nil
}

func isBlank(doc []byte) bool { return len(bytes.TrimSpace(doc)) == 0 }

// percentDecoded decodes what is percent-encoded. A text with a % that begins no
// escape, or whose escapes give no UTF-8, was not encoded at all.
func percentDecoded(doc []byte) []byte {
	out, err := url.PathUnescape(string(doc))
	if err != nil || !utf8.ValidString(out) {
		return doc
	}
	return []byte(out)
}
