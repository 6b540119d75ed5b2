package devhost

import (
	"testing"
	"time"

	"github.com/restanza/restanza/internal/xmpptest"
)

// Whatever bytes a client sends, before or after its login: nothing panics, the
// connection ends when the client hangs up, and a bystander is still answered.
func FuzzClient(f *testing.F) {
	h := startHost(f, func(o *Options) { o.tryDelay = time.Millisecond })
	bystander := xmpptest.Login(f, h, "bob")
	for _, s := range []string{
		"", clientOpen, "<starttls xmlns='" + nsTLS + "'/>\n", auth("PLAIN", "\x00alice\x00x"), auth("SCRAM-SHA-256", "n,,n=alice,r=x") + response("c=biws"),
		"<presence/>", "<presence to='x@bot.localhost' type='subscribe'/>", "<message to='bob@localhost'><body>x</body></message>",
		"<message type='chat' to='alice@localhost'><body>x</body><a:b xmlns:a='c' a:d='e'/></message>",
		"<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='a@b' name='x'><group>g</group></item></query></iq>",
		"<iq type='set' id='1'><query xmlns='jabber:iq:private'><s xmlns='&quot;'/></query></iq>",
		"<iq type='get' id='1'><query xmlns='jabber:iq:private'><s xmlns='&quot;'/></query></iq>",
		"<iq type='set' id='1'><enable xmlns='urn:xmpp:carbons:2'/></iq>", "<iq type='get' id='1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>",
		"<enable xmlns='urn:xmpp:sm:3'/><r xmlns='urn:xmpp:sm:3'/>", "<a xmlns='urn:xmpp:sm:3' h='-1'/>", "</stream:stream>", "\x16\x03\x01",
	} {
		for _, at := range []byte{0, 1, 2} {
			f.Add(at, []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, at byte, data []byte) {
		var r *rawClient
		switch at % 3 {
		case 0: // no stream yet
			r = dialRaw(t, h.ClientAddr())
		case 1: // before the login
			r = dialRaw(t, h.ClientAddr())
			r.send(clientOpen)
		default:
			r = loginRaw(t, h, "alice")
			r.send("<presence/>")
		}
		r.send(string(data))
		hangUp(r)
		r.ended()
		bystander.With(t).Sync()
		if n := h.panicked.Load(); n > 0 {
			t.Fatalf("panic; the log:\n%s", h.Log())
		}
	})
}

// The same for a component.
func FuzzComponent(f *testing.F) {
	h := startHost(f, nil)
	bystander := xmpptest.Login(f, h, "bob")
	for _, s := range []string{
		componentOpen, "<handshake>x</handshake>", "<message from='bot@bot.localhost' to='bob@localhost'/>",
		"<presence from='bot@bot.localhost/x' to='bob@localhost' type='unavailable'/>", "<iq from='bot.localhost' to='bot.localhost' type='get' id='1'/>",
		"<iq from='bot.localhost' to='localhost' type='get' id='1'><x:y xmlns:x='z'/></iq>",
	} {
		f.Add(false, []byte(s))
		f.Add(true, []byte(s))
	}
	f.Fuzz(func(t *testing.T, attached bool, data []byte) {
		waitDetached(t, h)
		if attached {
			component := xmpptest.DialComponent(t, h, 0)
			_ = component.TrySend(string(data)) // that the host may hang up is the point
			component.Drop()
		} else {
			r := dialRaw(t, h.ComponentAddr())
			r.send(string(data))
			hangUp(r)
			r.ended()
		}
		bystander.With(t).Sync()
		if n := h.panicked.Load(); n > 0 {
			t.Fatalf("panic; the log:\n%s", h.Log())
		}
	})
}
