package restanza

import "github.com/restanza/restanza/stanza"

// echoBot answers messages with their own text, so that there is somebody to
// talk to before there is a program. It lets everybody subscribe to it.
// It is a gateway.Receiver.
type echoBot struct {
	reply func(stanza.Stanza) error // does not block
}

// Deliver answers st at once. Errors and groupchat are never answered: two bots
// must not talk to each other for ever.
func (b *echoBot) Deliver(st stanza.Stanza) bool {
	h := st.Header()
	answer := stanza.Header{Kind: h.Kind, From: h.To, To: h.From}
	switch {
	case h.Kind == stanza.Message && (h.Type == stanza.Chat || h.Type == stanza.Normal || h.Type == ""):
		text := st.Body()
		if text == "" { // a chat state, a marker
			return true
		}
		answer.Type, answer.ID = h.Type, h.ID+"-echo"
		return b.reply(stanza.New(answer, "<body>"+stanza.Escape(text)+"</body>")) == nil
	case h.Kind == stanza.Presence && h.Type == stanza.Subscribe: // RFC 6121 §3.1.4
		answer.Type = stanza.Subscribed
		return b.reply(stanza.New(answer, "")) == nil
	}
	return true
}
