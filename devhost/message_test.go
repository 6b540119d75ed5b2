package devhost

import (
	"fmt"
	"strings"
	"testing"

	"github.com/restanza/restanza/internal/xmpptest"
)

func TestMessage_bareAndFull(t *testing.T) {
	h := startHost(t, nil)
	alice := xmpptest.Login(t, h, "alice/desk")
	bob := xmpptest.Login(t, h, "bob/phone")

	alice.SendMessage("bob@localhost", "to bare")
	if m := bob.WaitBody(patience, "to bare"); m.From != "alice@localhost/desk" {
		t.Errorf("from %q, want alice's full address", m.From)
	}
	alice.SendMessage("BOB@Localhost/phone", "to full")
	bob.WaitBody(patience, "to full")

	for _, to := range []string{"nobody@localhost", "bob@localhost/gone", "x@elsewhere.example", "x@nothere.localhost"} {
		alice.Send(fmt.Sprintf("<message id='%s' to='%s'><body>lost</body></message>", to, to))
		m := alice.Wait(patience, func(s xmpptest.Stanza) bool { return s.ID == to })
		if m.Type != "error" || m.Err == nil {
			t.Errorf("to %s: got %s, want an error", to, m)
		}
	}
	alice.Send("<message id='bad' to='a@@b'><body>x</body></message>")
	if m := alice.Wait(patience, func(s xmpptest.Stanza) bool { return s.ID == "bad" }); m.Err == nil || m.Err.Condition != "jid-malformed" {
		t.Errorf("to a@@b: got %s, want jid-malformed", m)
	}
}

func TestMessage_priority(t *testing.T) {
	h := startHost(t, nil)
	alice := xmpptest.Login(t, h, "alice")
	high := xmpptest.Login(t, h, "bob/high")
	low := xmpptest.Login(t, h, "bob/low")
	never := xmpptest.Login(t, h, "bob/never")
	high.Send("<presence><priority>5</priority></presence>")
	never.Send("<presence><priority>-1</priority></presence>")
	high.Sync()
	never.Sync()

	alice.SendMessage("bob@localhost", "one")
	high.WaitBody(patience, "one")
	high.Send("<presence type='unavailable'/>")
	high.Sync()
	alice.SendMessage("bob@localhost", "two")
	low.WaitBody(patience, "two")
	low.Sync()
	never.Sync()
	for _, u := range []*xmpptest.User{low, never} {
		for _, s := range u.History() {
			if s.Name == "message" && (s.Body == "one" || u == never) {
				t.Errorf("%s got %s", u.JID(), s)
			}
		}
	}
}

func TestMessage_offline(t *testing.T) {
	h := startHost(t, func(o *Options) { o.OfflineCount = 3 })
	alice := xmpptest.Login(t, h, "alice")
	alice.Send("<message to='bob@localhost' type='headline'><body>news</body></message>")
	alice.Send("<message to='bob@localhost' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>")
	for i := range 3 {
		alice.SendMessage("bob@localhost", fmt.Sprint("kept ", i))
	}
	alice.Send("<message to='bob@localhost' id='over' type='chat'><body>over</body></message>")
	if m := alice.Wait(patience, func(s xmpptest.Stanza) bool { return s.ID == "over" }); m.Err == nil || m.Err.Condition != "service-unavailable" {
		t.Errorf("over the limit: got %s, want service-unavailable", m)
	}

	bob := xmpptest.Login(t, h, "bob")
	for i := range 3 {
		m := bob.WaitBody(patience, fmt.Sprint("kept ", i))
		if delay, ok := m.Child(nsDelay, "delay"); !ok || delay.Attr("stamp") == "" || delay.Attr("from") != "localhost" {
			t.Errorf("got %s, want a delay stamp", m)
		}
	}
	bob.Sync()
	for _, s := range bob.History() {
		if s.Name == "message" && !strings.HasPrefix(s.Body, "kept") {
			t.Errorf("got %s, which is not to be kept", s)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.offlineBytes != 0 {
		t.Errorf("%d bytes are still counted", h.offlineBytes)
	}
}

func TestMessage_carbons(t *testing.T) {
	h := startHost(t, nil)
	alice := xmpptest.Login(t, h, "alice")
	phone := xmpptest.Login(t, h, "bob/phone")
	desk := xmpptest.Login(t, h, "bob/desk")
	for _, u := range []*xmpptest.User{phone, desk} {
		if a := u.Request(patience, "set", "", u.Bare(), "<enable xmlns='urn:xmpp:carbons:2'/>"); a.Type != "result" {
			t.Fatalf("enabling carbons: %s", a)
		}
	}
	carbon := func(u *xmpptest.User, direction string) xmpptest.Stanza {
		return u.Wait(patience, func(s xmpptest.Stanza) bool {
			_, ok := s.Child(nsCarbons, direction)
			return ok && s.From == "bob@localhost"
		})
	}
	alice.SendMessage(phone.JID(), "for the phone")
	phone.WaitBody(patience, "for the phone")
	if c := carbon(desk, "received"); !strings.Contains(c.Raw, "for the phone") || !strings.Contains(c.Raw, `xmlns="jabber:client"`) {
		t.Errorf("the copy is %s", c)
	}
	desk.SendMessage("alice@localhost", "from the desk")
	alice.WaitBody(patience, "from the desk")
	if c := carbon(phone, "sent"); !strings.Contains(c.Raw, "from the desk") {
		t.Errorf("the copy is %s", c)
	}
	for _, hint := range []string{"<private xmlns='urn:xmpp:carbons:2'/>", "<no-copy xmlns='urn:xmpp:hints'/>"} {
		alice.Send("<message type='chat' to='" + phone.JID() + "'><body>hush</body>" + hint + "</message>")
		phone.WaitBody(patience, "hush")
	}
	alice.SendMessage(phone.JID(), "loud")
	if c := carbon(desk, "received"); !strings.Contains(c.Raw, "loud") {
		t.Errorf("a private message was copied: %s", c)
	}
	desk.Request(patience, "set", "", desk.Bare(), "<disable xmlns='urn:xmpp:carbons:2'/>")
	alice.SendMessage(phone.JID(), "again")
	phone.WaitBody(patience, "again")
	desk.Sync()
	for _, s := range desk.History() {
		if strings.Contains(s.Raw, "again") || strings.Contains(s.Raw, "hush") {
			t.Errorf("desk got %s", s)
		}
	}
}
