package xmpptest

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFake_streamFatal(t *testing.T) {
	f := StartFake(t)
	domain := f.ComponentDomain(0)
	cases := map[string]struct{ raw, condition string }{
		"foreign from":      {"<message from='bot@other.test' to='alice@example.test'/>", "invalid-from"},
		"upper-case from":   {"<message from='bot@REST.example.test' to='alice@example.test'/>", "invalid-from"},
		"subdomain":         {"<message from='bot@a." + domain + "' to='alice@example.test'/>", "invalid-from"},
		"comment":           {"<!-- -->", "not-well-formed"},
		"mismatched end":    {"<message to='a@b'><body></message>", "not-well-formed"},
		"unbound prefix":    {"<message to='a@b'><p:x/></message>", "not-well-formed"},
		"over the limit":    {"<message to='a@b'><body>" + strings.Repeat("x", stanzaLimit), "not-well-formed"},
		"no stanza":         {"<jump/>", "unsupported-stanza-type"},
		"other namespace":   {"<message xmlns='jabber:server' to='a@b'/>", "unsupported-stanza-type"},
		"stream management": {"<r xmlns='urn:xmpp:sm:3'/>", "unsupported-stanza-type"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			conn := DialComponent(t, f, 0)
			conn.Send(c.raw)
			wantStreamError(t, conn.Ended(soon), c.condition)
		})
	}
}

func TestFake_stanzaErrors(t *testing.T) {
	f := StartFake(t)
	c := DialComponent(t, f, 0)
	alice := Login(t, f, "alice/x")
	cases := map[string]struct{ raw, condition string }{
		"no to":            {"<message id='%s' from='bot@rest.example.test'/>", "bad-request"},
		"bad to":           {"<message id='%s' to='@example.test'/>", "jid-malformed"},
		"unknown resource": {"<iq id='%s' type='get' to='alice@example.test/y'><q xmlns='u'/></iq>", "service-unavailable"},
		"unknown request":  {"<iq id='%s' type='get' to='example.test'><q xmlns='u'/></iq>", "service-unavailable"},
		"elsewhere":        {"<message id='%s' to='a@other.test'/>", "service-unavailable"},
		"absent component": {"<message id='%s' to='a@load.example.test'/>", "remote-server-timeout"},
		"jabber:client":    {"<message id='%s' xmlns='jabber:client' to='alice@example.test'/>", "service-unavailable"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			id := c.NewID()
			c.Send(fmt.Sprintf(test.raw, id))
			s := c.With(t).Wait(soon, func(s Stanza) bool { return s.ID == id })
			if s.Err == nil || s.Err.Condition != test.condition {
				t.Errorf("got %s, want %s", s, test.condition)
			}
		})
	}

	c.Send("<iq type='get' id='dropped' to='example.test'/>")
	c.SendMessage(alice.JID(), "alive")
	alice.WaitBody(soon, "alive")
	c.Sync()
	if slices.ContainsFunc(c.History(), func(s Stanza) bool { return s.ID == "dropped" }) {
		t.Error("an iq without a child was answered; Prosody drops it")
	}
}

func TestFake_holdPongs(t *testing.T) {
	f := StartFake(t)
	c := DialComponent(t, f, 0)
	f.HoldPongs()
	for _, to := range []string{f.Host(), c.Domain()} {
		c.Send("<iq type='get' id='held' from='" + c.Domain() + "' to='" + to + "'><ping xmlns='urn:xmpp:ping'/></iq>")
	}
	c.SendMessage("nobody@example.test", "x") // its bounce comes past the pings
	c.Wait(soon, func(s Stanza) bool { return s.Err != nil })
	if n := f.HeldPings(); n != 2 {
		t.Errorf("%d pings are held, want 2", n)
	}
	if n := len(c.History()); n != 1 {
		t.Errorf("%d stanzas came, want the bounce alone: %v", n, c.History())
	}
	f.ReleasePongs()
	c.Wait(soon, func(s Stanza) bool { return s.ID == "held" && s.Type == "result" })
	c.Wait(soon, func(s Stanza) bool { return s.ID == "held" && s.Type == "get" })
}

func TestFake_pauseReading(t *testing.T) {
	f := StartFake(t)
	c := DialComponent(t, f, 0)
	f.PauseReading(c.Domain())
	sent := make(chan error, 1)
	go func() {
		message := "<message to='nobody@example.test' type='error'><body>" + strings.Repeat("x", 100_000) + "</body></message>"
		var err error
		for range 60 {
			if err = c.TrySend(message); err != nil {
				break
			}
		}
		sent <- err
	}()
	select {
	case err := <-sent:
		t.Fatalf("6 MB went to a server that does not read (%v)", err)
	case <-time.After(200 * time.Millisecond):
	}
	if n := len(f.Received(c.Domain())); n > 0 {
		t.Errorf("%d stanzas were read", n)
	}
	f.ResumeReading(c.Domain())
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	c.Sync()
	if n := len(f.Received(c.Domain())); n != 61 {
		t.Errorf("%d stanzas were read, want 61", n)
	}
}

func TestFake_ends(t *testing.T) {
	f := StartFake(t)
	domain := f.ComponentDomain(0)

	c := DialComponent(t, f, 0)
	f.Drop(domain)
	if err := c.Ended(soon); errors.Is(err, io.EOF) {
		t.Errorf("a dropped stream ended properly: %v", err)
	}
	c = DialComponent(t, f, 0)
	f.CloseStream(domain, "policy-violation", "too much")
	wantStreamError(t, c.Ended(soon), "policy-violation")
	c = DialComponent(t, f, 0)
	f.CloseStream(domain, "", "")
	if err := c.Ended(soon); !errors.Is(err, io.EOF) {
		t.Errorf("a closed stream ended with %v", err)
	}
	c = DialComponent(t, f, 0)
	f.Stop(t)
	wantStreamError(t, c.Ended(soon), "system-shutdown")
	f.Start(t)

	f.RefuseComponents("host-gone")
	_, err := OpenComponent(t, f, domain, f.Secret())
	wantStreamError(t, err, "host-gone")
	f.RefuseComponents("")
	DialComponent(t, f, 0)
	f.WaitConnected(t, soon, domain, 5)
	if n := f.Handshakes(domain); n != 5 || !f.Connected(domain) {
		t.Errorf("%d handshakes, connected %v; want 5, true", n, f.Connected(domain))
	}
}

func TestFake_hookAndInjection(t *testing.T) {
	f := StartFake(t)
	c := DialComponent(t, f, 0)
	f.OnStanza(func(domain string, s Stanza) bool {
		if s.Name != "iq" || s.To != "oracle.test" {
			return false
		}
		f.SendRaw(domain, "<iq type='result' id='"+s.ID+"' from='oracle.test' to='"+s.From+"'><yes/></iq>")
		return true
	})
	if s := c.Request(soon, "get", c.Domain(), "oracle.test", "<q xmlns='u'/>"); s.Root.Children[0].Local != "yes" {
		t.Errorf("the hook's answer is %s", s)
	}
	f.Route(t, "<message from='far@away.test' to='bot@rest.example.test'><body>hello</body></message>")
	if m := c.WaitBody(soon, "hello"); m.From != "far@away.test" {
		t.Errorf("the injected message is %s", m)
	}
	f.SendRaw(c.Domain(), "<nonsense<")
	if err := c.Ended(soon); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("nonsense ended the stream with %v", err)
	}
}

func TestFake_presence(t *testing.T) {
	f := StartFake(t)
	c := DialComponent(t, f, 0)
	alice := Login(t, f, "alice")
	alice.Send("<presence to='bot@rest.example.test'/><presence to='bot@rest.example.test' type='subscribe'/>")
	for _, kind := range []string{"", "subscribe"} {
		if p := c.Next(soon); p.Name != "presence" || p.Type != kind || p.From != alice.JID() {
			t.Errorf("got %s, want presence of type %q", p, kind)
		}
	}
	c.Send("<presence from='bot@rest.example.test' to='" + alice.Bare() + "' type='subscribed'/>")
	alice.Wait(soon, func(s Stanza) bool { return s.Type == "subscribed" && s.From == "bot@rest.example.test" })

	Login(t, f, strings.Replace(alice.JID(), "@example.test", "", 1)) // the same resource
	wantStreamError(t, alice.Ended(soon), "conflict")
	c.Wait(soon, func(s Stanza) bool { return s.Type == "unavailable" && s.From == alice.JID() })
}

func TestFake_manyRequests(t *testing.T) {
	f := StartFake(t)
	asker, answerer := DialComponent(t, f, 0), DialComponent(t, f, 1)
	answerer.Handle(func(s Stanza) {
		if err := answerer.TrySend("<iq type='result' id='" + s.ID + "' from='" + s.To + "' to='" + s.From + "'/>"); err != nil {
			t.Error(err)
		}
	})
	const n = 10_000
	for i := range n {
		asker.Send(fmt.Sprintf("<iq type='get' id='q%d' from='a@rest.example.test' to='b@load.example.test'><q xmlns='u'/></iq>", i))
	}
	for i := range n {
		if s := asker.Next(soon); s.ID != fmt.Sprintf("q%d", i) {
			t.Fatalf("answer %d is %s", i, s)
		}
	}
}
