package xmpptest

import (
	"slices"
	"strings"
	"testing"
)

// Who is told which certificate to trust trusts no other, and goes on only inside TLS.
func TestLoginSlixmpp_otherCertificate(t *testing.T) {
	if !slices.Contains(Peers(t), "prosody") {
		t.Skip(PeersVariable + " does not ask for prosody")
	}
	srv, _ := StartWithTLS(t, "prosody")
	other, _, err := writeCertificate(t.TempDir(), Domain)
	if err != nil {
		t.Fatal(err)
	}
	for want, srv := range map[string]Server{"Invalid certificate": srv, "not encrypted": StartFake(t)} {
		account := AccountOn(t, srv, "alice", other)
		err := Run(t.Name(), func(tb TB) { LoginSlixmpp(tb, account) })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("on %s: %v, want %s", srv.Name(), err, want)
		}
	}
}

// Three programs of other people talk with one another on a server of other
// people, so that what the drivers say of them is true.
func TestClients_onProsody(t *testing.T) {
	if !slices.Contains(Peers(t), "prosody") {
		t.Skip(PeersVariable + " does not ask for prosody")
	}
	srv, certificate := StartWithTLS(t, "prosody")
	room := "tea@" + srv.MUC()

	alice := LoginSlixmpp(t, AccountOn(t, srv, "alice/py", certificate))
	bob := StartProfanity(t, AccountOn(t, srv, "bob", certificate))
	carol := AccountOn(t, srv, "carol", certificate)

	bob.SendMessage(alice.JID(), "hi & bye from profanity")
	if m := alice.WaitBody(soon, "hi & bye from profanity"); m.From != "bob@example.test/profanity" || m.Type != "chat" {
		t.Errorf("alice got %s", m)
	}
	alice.SendMessage("bob@example.test", "grüß dich")
	bob.WaitWindow(soon, "alice@example.test", "grüß dich")

	SendXMPP(t, carol, alice.JID(), "<one shot>")
	if m := alice.WaitBody(soon, "<one shot>"); !strings.HasPrefix(m.From, "carol@example.test/") {
		t.Errorf("alice got %s", m)
	}
	listening := ListenXMPP(t, carol)
	alice.SendMessage("carol@example.test", "are you there?")
	listening.WaitLine(soon, "alice@example.test: are you there?")

	bob.JoinRoom(room, "Bob")
	alice.JoinRoom(room, "Alice")
	bob.Do("hello room")
	if m := alice.WaitBody(soon, "hello room"); m.From != room+"/Bob" || m.Type != "groupchat" {
		t.Errorf("alice got %s", m)
	}
	alice.SendGroupchat(room, "hello Bob")
	bob.WaitScreen(soon, "Alice: hello Bob")
	SendXMPPToRoom(t, carol, room, "Carol", "hello all")
	alice.WaitBody(soon, "hello all")
	bob.WaitScreen(soon, "Carol: hello all")

	bob.Quit()
	alice.Wait(soon, func(s Stanza) bool {
		return s.Name == "presence" && s.Type == "unavailable" && s.From == room+"/Bob"
	})
}
