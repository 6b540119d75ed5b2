package xmpptest

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const soon = 10 * time.Second

// start starts a server and logs how long that took.
func start(t *testing.T, name string) Server {
	t.Helper()
	begun := time.Now()
	srv := Start(t, name)
	t.Logf("%s answers after %v", name, time.Since(begun).Round(time.Millisecond))
	return srv
}

func TestServer_usersAndComponents(t *testing.T) {
	for _, name := range Peers(t) {
		t.Run(name, func(t *testing.T) {
			srv := start(t, name)
			alice, bob := Login(t, srv, "alice/phone"), Login(t, srv, "bob")
			if got, want := alice.JID(), "alice@example.test/phone"; got != want {
				t.Errorf("alice is bound to %s, want %s", got, want)
			}
			alice.SendMessage(bob.JID(), "hi <bob> & \"co\"")
			if m := bob.WaitBody(soon, "hi <bob> & \"co\""); m.From != alice.JID() || m.Type != "chat" {
				t.Errorf("bob got %s", m)
			}

			c := DialComponent(t, srv, 0)
			c.SendMessage(bob.Bare(), "from a component")
			bob.WaitBody(soon, "from a component")
			bob.SendMessage("bot@"+c.Domain(), "to a component")
			if m := c.WaitBody(soon, "to a component"); m.From != bob.JID() {
				t.Errorf("the component got %s", m)
			}
			if a := c.Request(soon, "get", c.Domain(), srv.Host(), "<query xmlns='"+nsInfo+"'/>"); a.Type != "result" {
				t.Errorf("disco#info was answered %s", a)
			}
		})
	}
}

func TestServer_bounceBeforePong(t *testing.T) {
	for _, name := range Peers(t) {
		t.Run(name, func(t *testing.T) {
			srv := start(t, name)
			c := DialComponent(t, srv, 0)
			for range 20 {
				c.SendMessage("nobody@"+srv.Host(), "anybody?")
			}
			c.Sync()
			bounced := 0
			for _, s := range c.History() {
				if s.Err != nil && s.Err.Condition == "service-unavailable" && s.Err.Type == "cancel" {
					bounced++
				}
			}
			if bounced != 20 {
				t.Errorf("%d of 20 messages had bounced before the pong; received: %v", bounced, c.History())
			}
		})
	}
}

func TestServer_pingToItself(t *testing.T) {
	for _, name := range Peers(t) {
		t.Run(name, func(t *testing.T) {
			srv := start(t, name)
			c := DialComponent(t, srv, 1)
			c.Send("<iq type='get' id='self' from='" + c.Domain() + "' to='" + c.Domain() + "'><ping xmlns='urn:xmpp:ping'/></iq>")
			c.Wait(soon, func(s Stanza) bool { return s.ID == "self" && s.Type == "get" })
		})
	}
}

func TestServer_offlineMessages(t *testing.T) {
	for _, name := range Peers(t) {
		t.Run(name, func(t *testing.T) {
			srv := start(t, name)
			srv.AddUser(t, "carol")
			c := DialComponent(t, srv, 0)
			c.SendMessage("carol@"+srv.Host(), "for later")
			c.Sync()
			Login(t, srv, "carol").WaitBody(soon, "for later")
		})
	}
}

func TestServer_componentNotConnected(t *testing.T) {
	for _, name := range Peers(t) {
		t.Run(name, func(t *testing.T) {
			srv := start(t, name)
			alice := Login(t, srv, "alice")
			alice.SendMessage("bot@"+srv.ComponentDomain(2), "anybody?")
			s := alice.Wait(soon, func(s Stanza) bool { return s.Err != nil })
			want := Error{Type: "wait", Condition: "remote-server-timeout"}
			if srv.Name() == "ejabberd" { // which takes it for a remote domain
				want = Error{Type: "cancel", Condition: "remote-server-not-found"}
			}
			if s.Err.Type != want.Type || s.Err.Condition != want.Condition {
				t.Errorf("got %s, want %v", s, want)
			}
		})
	}
}

func TestServer_refusedComponents(t *testing.T) {
	for _, name := range Peers(t) {
		t.Run(name, func(t *testing.T) {
			srv := start(t, name)
			_, err := OpenComponent(t, srv, srv.ComponentDomain(0), "wrong")
			wantStreamError(t, err, "not-authorized")

			_, err = OpenComponent(t, srv, "unknown.example.test", srv.Secret())
			want := "host-unknown"
			if srv.Name() == "ejabberd" {
				want = "not-authorized"
			}
			wantStreamError(t, err, want)

			if srv.Name() != "ejabberd" { // which keeps both
				DialComponent(t, srv, 0)
				_, err = OpenComponent(t, srv, srv.ComponentDomain(0), srv.Secret())
				wantStreamError(t, err, "conflict")

				first := DialComponent(t, srv, ReplacingDomain)
				DialComponent(t, srv, ReplacingDomain)
				wantStreamError(t, first.Ended(soon), "conflict")
			}
		})
	}
}

func wantStreamError(t *testing.T, err error, condition string) {
	t.Helper()
	var stream *StreamError
	if !errors.As(err, &stream) || stream.Condition != condition {
		t.Errorf("got %v, want the stream error %s", err, condition)
	}
}

func TestServer_room(t *testing.T) {
	for _, name := range Peers(t) {
		t.Run(name, func(t *testing.T) {
			srv := start(t, name)
			alice, bob := Login(t, srv, "alice"), Login(t, srv, "bob")
			room := alice.JoinRoom("lobby", "Alice")
			bob.JoinRoom("lobby", "Bob")
			bob.SendGroupchat(room, "hi all")
			for _, u := range []*User{alice, bob} {
				if m := u.WaitBody(soon, "hi all"); m.From != room+"/Bob" || m.Type != "groupchat" {
					t.Errorf("%s got %s", u.JID(), m)
				}
			}

			c := DialComponent(t, srv, 0)
			bot := "bot@" + c.Domain()
			c.Send("<presence from='" + bot + "/x' to='" + room + "/Bot'><x xmlns='" + nsMUC + "'/></presence>")
			c.Wait(soon, func(s Stanza) bool { return s.Name == "presence" && hasStatus(s, "110") })
			c.Send("<message type='groupchat' from='" + bot + "/x' to='" + room + "'><body>beep</body></message>")
			c.WaitBody(soon, "beep")
			alice.WaitBody(soon, "beep")

			bob.Close()
			alice.Wait(soon, func(s Stanza) bool { return s.From == room+"/Bob" && s.Type == "unavailable" })
		})
	}
}

func TestServer_killAndStop(t *testing.T) {
	for _, name := range Peers(t) {
		t.Run(name, func(t *testing.T) {
			srv := start(t, name)
			for _, end := range []func(TB){srv.Kill, srv.Stop} {
				alice, c := Login(t, srv, "alice"), DialComponent(t, srv, 0)
				begun := time.Now()
				end(t)
				t.Logf("ended in %v", time.Since(begun).Round(time.Millisecond))
				t.Logf("alice's stream: %v; the component's: %v", alice.Ended(soon), c.Ended(soon))

				begun = time.Now()
				srv.Start(t)
				t.Logf("answers again after %v", time.Since(begun).Round(time.Millisecond))
				alice, c = Login(t, srv, "alice"), DialComponent(t, srv, 0)
				c.SendMessage(alice.JID(), "again")
				alice.WaitBody(soon, "again")
				c.Close()
				alice.Close()
			}
		})
	}
}

func TestServer_sizeLimits(t *testing.T) {
	for _, name := range Peers(t) {
		t.Run(name, func(t *testing.T) {
			srv := start(t, name)
			alice, c := Login(t, srv, "alice"), DialComponent(t, srv, 0)
			big := strings.Repeat("x", 500_000)
			c.SendMessage(alice.JID(), big)
			alice.WaitBody(soon, big)
			if srv.Name() == "ejabberd" { // no limit by default
				return
			}
			if err := c.TrySend("<message from='" + c.Domain() + "' to='" + alice.JID() + "'><body>" + strings.Repeat("x", 2<<20)); err == nil {
				wantStreamError(t, c.Ended(soon), "not-well-formed")
			}
		})
	}
}

func TestStart_twoAtOnce(t *testing.T) {
	for _, name := range Peers(t) {
		one, two := Start(t, name), Start(t, name)
		Login(t, one, "alice").SendMessage("bob@"+one.Host(), "only here")
		bob := Login(t, two, "bob")
		bob.Sync()
		for _, s := range bob.History() {
			if s.Body != "" {
				t.Errorf("%s: the other server has delivered %s", name, s)
			}
		}
	}
}
