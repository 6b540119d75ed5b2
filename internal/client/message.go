package client

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// MaxText is the longest text of a message in bytes: what fits in a body that a
// gateway takes by default.
const MaxText = 190 << 10

// Message is a message to be sent.
type Message struct {
	To      string // required
	From    string // default: the gateway's choice
	Type    string // one of MessageTypes
	ID      string
	Subject string
	Lang    string
	Text    string // may be empty if there is a subject
}

// MessageTypes returns the types that a message may have (RFC 6121 §5.2.2), chat, which a
// person writes, first.
func MessageTypes() []string { return []string{"chat", "normal", "groupchat", "headline"} }

// XML returns the stanza. Errors say what of the message can't be sent.
func (m Message) XML() ([]byte, error) {
	h, err := header(stanza.Message, stanza.Type(m.Type), m.To, m.From, m.ID)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(MessageTypes(), m.Type) {
		return nil, fmt.Errorf("--type: %.40q is none of %s", m.Type, strings.Join(MessageTypes(), ", "))
	}
	for _, part := range []struct{ name, text string }{{"the text", m.Text}, {"--subject", m.Subject}, {"--lang", m.Lang}} {
		if err := checkText(part.text); err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
	}
	h.Lang = m.Lang
	content := ""
	if m.Subject != "" {
		content = "<subject>" + stanza.Escape(m.Subject) + "</subject>"
	}
	if m.Text != "" {
		content += "<body>" + stanza.Escape(m.Text) + "</body>"
	}
	if content == "" {
		return nil, errors.New("there is nothing to send: the text is empty")
	}
	return stanza.New(h, content).XML(), nil
}

// header checks what a start tag is made of.
func header(kind stanza.Kind, t stanza.Type, to, from, id string) (stanza.Header, error) {
	h := stanza.Header{Kind: kind, Type: t, ID: id}
	var err error
	if h.To, err = jid.Parse(to); err != nil {
		return h, fmt.Errorf("the address %.80q: %w", to, err)
	}
	if from != "" {
		if h.From, err = jid.Parse(from); err != nil {
			return h, fmt.Errorf("--from: %w", err)
		}
	}
	if err := checkText(id); err != nil {
		return h, fmt.Errorf("--id: %w", err)
	}
	return h, nil
}

// checkText refuses what XML can't carry (XML 1.0 §2.2), and what is too long.
func checkText(s string) error {
	if len(s) > MaxText {
		return fmt.Errorf("%d bytes are too many; a message has at most %d", len(s), MaxText)
	}
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			return fmt.Errorf("byte %d is not UTF-8", i+1)
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0xFFFE, r == 0xFFFF:
			return fmt.Errorf("byte %d is the control character U+%04X, which XML forbids; leave it out", i+1, r)
		}
	}
	return nil
}

// Payload returns an IQ of type get or set with a payload of the caller's own: exactly
// one element.
func Payload(kind, to, from, id, xml string) ([]byte, error) {
	h, err := header(stanza.IQ, stanza.Type(kind), to, from, id)
	if err != nil {
		return nil, err
	}
	el, err := element.NewScanner(answerLimits, element.Scope{}).Document([]byte(xml))
	if err != nil {
		return nil, fmt.Errorf("--xml: %w", err)
	}
	st, err := stanza.Parse([]byte("<iq>" + string(el.Raw) + "</iq>"))
	if err != nil {
		return nil, fmt.Errorf("--xml: %w", err)
	}
	return st.With(h).XML(), nil
}
