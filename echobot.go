package restanza

import "github.com/restanza/restanza/stanza"

// echoBot answers messages with their own text, so that there is somebody to
// talk to before there is a program. It lets everybody subscribe to it.
// It is a gateway.Receiver.
type echoBot struct {
	reply   func(stanza.Stanza) error      // does not block
	observe func(st, answer stanza.Stanza) // is told what became of each stanza; may be nil
}

// Deliver answers st at once. It returns false if there is no room for the answer.
func (b *echoBot) Deliver(st stanza.Stanza) bool {
	answer := b.answer(st)
	if !answer.IsZero() && b.reply(answer) != nil {
		return false
	}
	if b.observe != nil {
		b.observe(st, answer)
	}
	return true
}

// answer returns what the bot says to st; zero: nothing. Errors and groupchat
// are never answered, nor are addresses of its own domain: two bots must not talk
// to each other for ever.
func (b *echoBot) answer(st stanza.Stanza) stanza.Stanza {
	h := st.Header()
	answer := stanza.Header{Kind: h.Kind, From: h.To, To: h.From}
	switch {
	case h.From.DomainJID() == h.To.DomainJID():
		return stanza.Stanza{}
	case h.Kind == stanza.Message && (h.Type == stanza.Chat || h.Type == stanza.Normal || h.Type == ""):
		text := st.Body()
		if text == "" { // a chat state, a marker
			return stanza.Stanza{}
		}
		answer.Type, answer.ID = h.Type, h.ID+"-echo"
		return stanza.New(answer, "<body>"+stanza.Escape(text)+"</body>")
	case h.Kind == stanza.Presence && h.Type == stanza.Subscribe: // RFC 6121 §3.1.4
		answer.Type = stanza.Subscribed
		return stanza.New(answer, "")
	}
	return stanza.Stanza{}
}
