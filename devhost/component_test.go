package devhost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/restanza/restanza/internal/xmpptest"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/link"
	"github.com/restanza/restanza/stanza"
)

// The project's own link attaches, confirms by pings to itself, and echoes.
func TestComponent_link(t *testing.T) {
	h := startHost(t, nil)
	var c *link.Component
	c, err := link.NewComponent(link.ComponentOptions{
		Domain: testDomain, Address: h.ComponentAddr(), Secret: xmpptest.ComponentSecret, Logger: slog.New(slog.DiscardHandler),
		Receive: func(st stanza.Stanza) {
			if st.Kind() == stanza.Message {
				hd := st.Header()
				hd.From, hd.To = hd.To, hd.From
				if err := c.Reply(st.With(hd)); err != nil {
					t.Errorf("Reply: %v", err)
				}
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- c.Run(ctx) }()
	alice := xmpptest.Login(t, h, "alice")
	online := func(s xmpptest.Stanza) bool {
		return s.Name == "presence" && s.From == "bot@bot.localhost" && s.Type == ""
	}
	alice.Wait(patience, online)

	alice.SendMessage("bot@bot.localhost", "echo")
	if m := alice.WaitBody(patience, "echo"); m.From != "bot@bot.localhost" || m.To != alice.JID() {
		t.Errorf("the echo is %s", m)
	}
	st := stanza.New(stanza.Header{
		Kind: stanza.Message, ID: "1", From: jid.MustParse("bot@bot.localhost"), To: jid.MustParse("alice@localhost"),
	}, "<body>confirmed</body>")
	sendCtx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	confirmed, err := c.Send(sendCtx, st)
	if err != nil {
		t.Fatalf("Send: %v", err)
	}
	if err := within(t, "the confirmation", confirmed); err != nil {
		t.Errorf("Send: %v", err)
	}
	alice.WaitBody(patience, "confirmed")

	cancel()
	if err := within(t, "the end of the link", ran); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("link: %v", err)
	}
	alice.Wait(patience, func(s xmpptest.Stanza) bool { return s.From == "bot@bot.localhost" && s.Type == "unavailable" })
}

func TestComponent_refusals(t *testing.T) {
	h := startHost(t, nil)
	for _, c := range []struct{ name, domain, secret, want string }{
		{"wrong secret", "bot.localhost", "wrong", "not-authorized"},
		{"unknown domain", "else.localhost", xmpptest.ComponentSecret, "host-unknown"},
		{"the host's domain", "localhost", xmpptest.ComponentSecret, "host-unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := xmpptest.OpenComponent(t, h, c.domain, c.secret)
			if refused, ok := errors.AsType[*xmpptest.StreamError](err); !ok || refused.Condition != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	first := xmpptest.DialComponent(t, h, 0)
	_, err := xmpptest.OpenComponent(t, h, "bot.localhost", xmpptest.ComponentSecret)
	if refused, ok := errors.AsType[*xmpptest.StreamError](err); !ok || refused.Condition != "conflict" {
		t.Errorf("second connection: got %v, want conflict", err)
	}
	first.Sync()

	for _, c := range []struct{ name, send, want string }{
		{"client namespace", clientOpen, "invalid-namespace"},
		{"stanza first", componentOpen + "<message from='a@bot.localhost' to='alice@localhost'/>", "not-authorized"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := dialRaw(t, h.ComponentAddr())
			r.send(c.send)
			if got := r.ended(); !strings.Contains(got, "<"+c.want+" ") {
				t.Errorf("got %q, want %s", got, c.want)
			}
		})
	}
}

func TestComponent_addresses(t *testing.T) {
	h := startHost(t, nil)
	for _, c := range []struct{ name, send, want string }{
		{"foreign from", "<message from='alice@localhost' to='bob@localhost'/>", "invalid-from"},
		{"subdomain", "<message from='x@sub.bot.localhost' to='bob@localhost'/>", "invalid-from"},
		{"no from", "<message to='bob@localhost'/>", "improper-addressing"},
		{"no to", "<message from='a@bot.localhost'/>", "improper-addressing"},
		{"no stanza", "<r xmlns='urn:xmpp:sm:3'/>", "unsupported-stanza-type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			component := xmpptest.DialComponent(t, h, 0)
			component.Send(c.send)
			err := component.Ended(patience)
			if ended, ok := errors.AsType[*xmpptest.StreamError](err); !ok || ended.Condition != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			waitDetached(t, h)
		})
	}
}

// waitDetached waits until the component's connection is forgotten.
func waitDetached(t testing.TB, h *testHost) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		h.mu.Lock()
		attached := h.components[testDomain].link != nil
		h.mu.Unlock()
		switch {
		case !attached:
			return
		case time.Now().After(deadline):
			t.Fatal("the component stays attached")
		}
	}
}

func TestComponent_notAttached(t *testing.T) {
	h := startHost(t, nil)
	alice := xmpptest.Login(t, h, "alice")
	alice.Send("<message id='m' to='bot@bot.localhost'><body>hi</body></message>")
	alice.Send("<iq id='i' type='get' to='bot.localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
	for _, id := range []string{"m", "i"} {
		s := alice.Wait(patience, func(s xmpptest.Stanza) bool { return s.ID == id })
		if s.Err == nil || s.Err.Condition != "remote-server-timeout" {
			t.Errorf("got %s, want remote-server-timeout", s)
		}
	}
}

func TestComponent_routing(t *testing.T) {
	h := startHost(t, nil)
	alice := xmpptest.Login(t, h, "alice")
	component := xmpptest.DialComponent(t, h, 0)
	component.Sync()

	component.SendMessage("alice@localhost", "hello")
	alice.WaitBody(patience, "hello")
	alice.Send("<iq id='q' type='get' to='bot.localhost'><query xmlns='jabber:iq:version'/></iq>")
	q := component.Wait(patience, func(s xmpptest.Stanza) bool { return s.ID == "q" })
	component.Send(fmt.Sprintf("<iq id='q' type='result' from='bot.localhost' to='%s'/>", q.From))
	alice.Wait(patience, func(s xmpptest.Stanza) bool { return s.ID == "q" && s.Type == "result" })

	component.Send("<iq id='d' type='get' from='bot.localhost' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
	component.Wait(patience, func(s xmpptest.Stanza) bool { return s.ID == "d" && s.Type == "result" })
	component.Send("<iq id='r' type='get' from='bot.localhost' to='alice@localhost'><query xmlns='jabber:iq:roster'/></iq>")
	if r := component.Wait(patience, func(s xmpptest.Stanza) bool { return s.ID == "r" }); r.Type != "error" {
		t.Errorf("somebody else's roster: %s", r)
	}
	component.Send("<message from='bot@bot.localhost' to='nobody@localhost' id='n'><body>x</body></message>")
	if n := component.Wait(patience, func(s xmpptest.Stanza) bool { return s.ID == "n" }); n.Err == nil || n.Err.Condition != "service-unavailable" {
		t.Errorf("to nobody: %s", n)
	}
}

// The host speaks for a bot until the bot does so itself.
func TestComponent_presence(t *testing.T) {
	h := startHost(t, nil)
	alice := xmpptest.Login(t, h, "alice")
	from := func(address, kind string) func(xmpptest.Stanza) bool {
		return func(s xmpptest.Stanza) bool { return s.Name == "presence" && s.From == address && s.Type == kind }
	}
	component := xmpptest.DialComponent(t, h, 0)
	alice.Wait(patience, from("bot@bot.localhost", ""))
	alice.Send("<presence to='bot@bot.localhost' type='subscribe'/>")
	alice.Wait(patience, from("bot@bot.localhost", "subscribed"))
	alice.Wait(patience, from("bot@bot.localhost", ""))

	component.Send("<presence from='bot@bot.localhost' to='alice@localhost' type='subscribe'/>")
	component.Wait(patience, from("alice@localhost", "subscribed"))
	component.Wait(patience, from(alice.JID(), ""))
	alice.Send("<presence><show>away</show></presence>")
	if p := component.Wait(patience, from(alice.JID(), "")); !strings.Contains(p.Raw, "away") {
		t.Errorf("the subscriber got %s", p)
	}

	component.Send("<presence from='bot@bot.localhost/itself' to='alice@localhost'><show>chat</show></presence>")
	alice.Wait(patience, from("bot@bot.localhost/itself", ""))
	bob := xmpptest.Login(t, h, "bob")
	component.Wait(patience, from(bob.JID(), "probe"))
	component.Send("<presence from='bot@bot.localhost' to='bob@localhost' type='probe'/>")
	component.Wait(patience, from(bob.JID(), ""))

	alice.Send("<presence to='thing@bot.localhost'/>") // directed
	component.Wait(patience, func(s xmpptest.Stanza) bool { return s.To == "thing@bot.localhost" })
	alice.Drop()
	component.Wait(patience, func(s xmpptest.Stanza) bool { return s.To == "thing@bot.localhost" && s.Type == "unavailable" })
	component.Drop()
	bob.Wait(patience, from("bot@bot.localhost/itself", "unavailable"))
}
