package devhost

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restanza/restanza/internal/xmpptest"
)

// accountOn is an account of the host for a real client, which trusts nothing
// but the host's own certificate.
func accountOn(t testing.TB, h *testHost, name string) xmpptest.Account {
	t.Helper()
	certificate := filepath.Join(t.TempDir(), "certificate.pem")
	if err := os.WriteFile(certificate, h.CertificatePEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	return xmpptest.Account{
		Addr: h.ClientAddr(), JID: name + "@localhost", Password: xmpptest.Password, Certificate: certificate,
	}
}

// directly is the same account on the port with direct TLS.
func directly(h *testHost, a xmpptest.Account) xmpptest.Account {
	a.Addr, a.DirectTLS = h.TLSAddr(), true
	return a
}

// echo makes a component answer one message, as a bot that echoes does.
func echo(bot *xmpptest.Component, body string) {
	m := bot.WaitBody(patience, body)
	bot.SendMessage(m.From, "you said: "+body)
}

// slixmpp, profanity and go-sendxmpp log in, and talk with one another and with
// a bot.
func TestRealClients_talk(t *testing.T) {
	if !xmpptest.RealPeers() {
		t.Skip(xmpptest.PeersVariable + " asks for no real programs")
	}
	h := startHost(t, nil)
	bot := xmpptest.DialComponent(t, h, 0)
	alice := xmpptest.LoginSlixmpp(t, accountOn(t, h, "alice"))
	bob := xmpptest.StartProfanity(t, accountOn(t, h, "bob"))
	carol := accountOn(t, h, "carol")

	bob.SendMessage("alice@localhost", "hi & bye from profanity")
	if m := alice.WaitBody(patience, "hi & bye from profanity"); m.From != "bob@localhost/profanity" || m.Type != "chat" {
		t.Errorf("alice got %s", m)
	}
	alice.SendMessage("bob@localhost/profanity", "grüß dich")
	bob.WaitWindow(patience, "alice@localhost", "grüß dich")

	for i, account := range []xmpptest.Account{carol, directly(h, carol)} {
		body := []string{"one shot <1>", "one shot <2>"}[i]
		xmpptest.SendXMPP(t, account, "alice@localhost", body)
		if m := alice.WaitBody(patience, body); !strings.HasPrefix(m.From, "carol@localhost/go-sendxmpp") {
			t.Errorf("alice got %s", m)
		}
		xmpptest.SendXMPP(t, account, "bob@localhost", "for Bob: "+body)
		bob.WaitWindow(patience, "carol@localhost", "for Bob: "+body)
	}
	alice.SendMessage("carol@localhost", "kept for you") // nobody is logged in as carol
	listening := xmpptest.ListenXMPP(t, directly(h, carol))
	listening.WaitLine(patience, "alice@localhost: kept for you")
	bob.SendMessage("carol@localhost", "are you there?")
	listening.WaitLine(patience, "bob@localhost: are you there?")

	alice.SendMessage("bot@bot.localhost", "from slixmpp")
	echo(bot, "from slixmpp")
	alice.WaitBody(patience, "you said: from slixmpp")
	bob.SendMessage("bot@bot.localhost", "from profanity")
	echo(bot, "from profanity")
	bob.WaitWindow(patience, "bot@bot.localhost", "you said: from profanity")
	xmpptest.SendXMPP(t, carol, "bot@bot.localhost", "from go-sendxmpp")
	bot.SendMessage("carol@localhost", "you said: "+bot.WaitBody(patience, "from go-sendxmpp").Body)
	listening.WaitLine(patience, "bot@bot.localhost: you said: from go-sendxmpp")

	bob.Quit()
	alice.Wait(patience, func(s xmpptest.Stanza) bool { return s.From == "bob@localhost/profanity" && s.Type == "unavailable" })
}

// The same, in a room, by direct TLS where the client can.
func TestRealClients_room(t *testing.T) {
	if !xmpptest.RealPeers() {
		t.Skip(xmpptest.PeersVariable + " asks for no real programs")
	}
	h := startHost(t, nil)
	const room = "tea@rooms.localhost"
	bot := xmpptest.DialComponent(t, h, 0)
	bot.Send("<presence from='bot@bot.localhost' to='" + room + "/Bot'><x xmlns='" + nsMUC + "'/></presence>")
	bot.Wait(patience, func(s xmpptest.Stanza) bool { return s.From == room && s.Name == "message" }) // the subject
	say := func(body string) {
		bot.Send("<message type='groupchat' from='bot@bot.localhost' to='" + room + "'><body>" + body + "</body></message>")
	}
	say("before you came")

	bob := xmpptest.StartProfanity(t, accountOn(t, h, "bob"))
	bob.JoinRoom(room, "Bob")
	bob.WaitWindow(patience, room, "Bot: before you came")
	alice := xmpptest.LoginSlixmpp(t, directly(h, accountOn(t, h, "alice")))
	alice.JoinRoom(room, "Alice")
	bob.WaitWindow(patience, room, "Alice") // among the occupants

	bob.Do("hello room")
	alice.SendGroupchat(room, "hello Bob")
	xmpptest.SendXMPPToRoom(t, accountOn(t, h, "carol"), room, "Carol", "hello all")
	say("hello from the bot")
	for _, said := range []struct{ nick, body string }{
		{"Bob", "hello room"}, {"Alice", "hello Bob"}, {"Carol", "hello all"}, {"Bot", "hello from the bot"},
	} {
		if m := alice.WaitBody(patience, said.body); m.From != room+"/"+said.nick || m.Type != "groupchat" {
			t.Errorf("alice got %s", m)
		}
		bot.WaitBody(patience, said.body)
		bob.WaitWindow(patience, room, said.nick+": "+said.body)
	}
	bob.Do("/subject set Earl Grey")
	alice.Wait(patience, func(s xmpptest.Stanza) bool {
		subject, ok := s.Child("", "subject")
		return ok && s.From == room+"/Bob" && subject.Text == "Earl Grey"
	})

	// A client that is gone is gone from the room, and so is one that quits.
	left := func(nick string) {
		t.Helper()
		bot.Wait(patience, func(s xmpptest.Stanza) bool { return s.From == room+"/"+nick && s.Type == "unavailable" })
	}
	left("Carol")
	bob.Quit()
	left("Bob")
}
