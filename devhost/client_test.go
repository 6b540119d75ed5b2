package devhost

import (
	"errors"
	"strings"
	"testing"

	"github.com/restanza/restanza/internal/xmpptest"
)

func TestBind_conflict(t *testing.T) {
	h := startHost(t, nil)
	bob := xmpptest.Login(t, h, "bob")
	older := xmpptest.Login(t, h, "alice/home")
	newer := xmpptest.Login(t, h, "alice/home")
	err := older.Ended(patience)
	if ended, ok := errors.AsType[*xmpptest.StreamError](err); !ok || ended.Condition != "conflict" {
		t.Errorf("the older client's stream ended with %v, want conflict", err)
	}
	bob.SendMessage("alice@localhost/home", "still there?")
	newer.WaitBody(patience, "still there?")
	bob.Sync()
	var types []string
	for _, s := range bob.History() {
		if s.From == "alice@localhost/home" {
			types = append(types, s.Type)
		}
	}
	if got := strings.Join(types, ","); got != ",unavailable," {
		t.Errorf("bob saw presence of types %q, want available, unavailable, available", got)
	}
}

func TestBind_generatedAndBad(t *testing.T) {
	h := startHost(t, nil)
	a, b := xmpptest.Connect(t, h, "alice"), xmpptest.Connect(t, h, "alice")
	if a.JID() == b.JID() || !strings.HasPrefix(a.JID(), "alice@localhost/") {
		t.Errorf("generated %s and %s", a.JID(), b.JID())
	}
	r := dialRaw(t, h.ClientAddr())
	r.send(clientOpen)
	r.expect("</stream:features>")
	r.send(plainAuth("alice", xmpptest.Password) + clientOpen)
	r.expect("</stream:features>")
	r.send("<enable xmlns='urn:xmpp:sm:3'/><resume xmlns='urn:xmpp:sm:3' h='0' previd='x'/>")
	r.expect("<unexpected-request ")
	r.expect("<item-not-found ")
	r.send("<iq type='set' id='1'><bind xmlns='" + nsBind + "'><resource>a&#7;b</resource></bind></iq>")
	if got := r.ended(); !strings.Contains(got, "<not-well-formed ") {
		t.Errorf("got %q, want not-well-formed", got)
	}
}

func TestPresence_everybodySeesEverybody(t *testing.T) {
	h := startHost(t, nil)
	alice := xmpptest.Login(t, h, "alice")
	bob := xmpptest.Login(t, h, "bob")
	from := func(u *xmpptest.User, kind string) func(xmpptest.Stanza) bool {
		return func(s xmpptest.Stanza) bool { return s.Name == "presence" && s.From == u.JID() && s.Type == kind }
	}
	alice.Wait(patience, from(bob, ""))
	bob.Wait(patience, from(alice, ""))
	bob.Send("<presence to='alice@localhost' type='subscribe'/>")
	bob.Wait(patience, func(s xmpptest.Stanza) bool { return s.From == "alice@localhost" && s.Type == "subscribed" })
	bob.Wait(patience, from(alice, ""))
	bob.Send("<presence to='carol@localhost' type='probe'/>")
	bob.Wait(patience, func(s xmpptest.Stanza) bool { return s.From == "carol@localhost" && s.Type == "unavailable" })
	bob.Drop()
	alice.Wait(patience, from(bob, "unavailable"))
	h.mu.Lock()
	defer h.mu.Unlock()
	for address, who := range h.accounts {
		if len(who.sessions) > 0 && address.String() != alice.Bare() {
			t.Errorf("%s still has sessions", address)
		}
	}
}

func TestRoster(t *testing.T) {
	h := startHost(t, nil)
	alice := xmpptest.Login(t, h, "alice/1")
	other := xmpptest.Login(t, h, "alice/2")
	get := func(u *xmpptest.User) string {
		return u.Request(patience, "get", "", u.Bare(), "<query xmlns='jabber:iq:roster'/>").Raw
	}
	got := get(alice)
	for _, want := range []string{
		`<item jid="bob@localhost" subscription="both" name="bob">`, `<item jid="bot@bot.localhost" subscription="both" name="bot">`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("roster %s lacks %s", got, want)
		}
	}
	if strings.Contains(got, "alice@localhost\" subscription") {
		t.Errorf("roster %s has its owner", got)
	}
	get(other)
	alice.Request(patience, "set", "", alice.Bare(),
		"<query xmlns='jabber:iq:roster'><item jid='bob@localhost' name='B &amp; &quot;b&quot;'><group>&lt;G&gt;</group></item></query>")
	const item = `<item jid="bob@localhost" subscription="both" name="B &amp; &quot;b&quot;"><group>&lt;G&gt;</group></item>`
	push := other.Wait(patience, func(s xmpptest.Stanza) bool { return s.Name == "iq" && s.Type == "set" })
	if !strings.Contains(push.Raw, item) {
		t.Errorf("push %s, want %s", push, item)
	}
	if got := get(other); !strings.Contains(got, item) {
		t.Errorf("roster %s, want %s", got, item)
	}
	alice.Request(patience, "set", "", alice.Bare(), "<query xmlns='jabber:iq:roster'><item jid='bob@localhost' subscription='remove'/></query>")
	if got := get(other); strings.Contains(got, "bob@") {
		t.Errorf("roster %s still has bob", got)
	}
	if a := alice.Request(patience, "set", "", alice.Bare(), "<query xmlns='jabber:iq:roster'/>"); a.Err == nil || a.Err.Condition != "bad-request" {
		t.Errorf("an empty set: %s", a)
	}
}

// Each request gets one answer, and what is advertised is answered.
func TestIQ_answers(t *testing.T) {
	h := startHost(t, nil)
	alice := xmpptest.Login(t, h, "alice")
	xmpptest.Login(t, h, "bob")
	for _, c := range []struct{ name, kind, to, payload, want string }{
		{"host info", "get", "localhost", "<query xmlns='http://jabber.org/protocol/disco#info'/>", `<identity category="server" type="im"`},
		{"account info", "get", "alice@localhost", "<query xmlns='http://jabber.org/protocol/disco#info'/>", `<identity category="account"`},
		{"info of another", "get", "bob@localhost", "<query xmlns='http://jabber.org/protocol/disco#info'/>", `<identity category="account"`},
		{"items", "get", "localhost", "<query xmlns='http://jabber.org/protocol/disco#items'/>", `<item jid="bot.localhost"/>`},
		{"ping", "get", "localhost", "<ping xmlns='urn:xmpp:ping'/>", `type="result"`},
		{"ping own account", "get", "alice@localhost", "<ping xmlns='urn:xmpp:ping'/>", `type="result"`},
		{"version", "get", "localhost", "<query xmlns='jabber:iq:version'/>", `<version>1.2.3</version>`},
		{"time", "get", "localhost", "<time xmlns='urn:xmpp:time'/>", `<tzo>`},
		{"uptime", "get", "localhost", "<query xmlns='jabber:iq:last'/>", `seconds="`},
		{"last of one online", "get", "bob@localhost", "<query xmlns='jabber:iq:last'/>", `seconds="0"`},
		{"last of one offline", "get", "carol@localhost", "<query xmlns='jabber:iq:last'/>", `service-unavailable`},
		{"no vCard", "get", "alice@localhost", "<vCard xmlns='vcard-temp'/>", `<vCard xmlns="vcard-temp"/>`},
		{"set vCard", "set", "alice@localhost", "<vCard xmlns='vcard-temp'><FN>A</FN></vCard>", `type="result"`},
		{"vCard", "get", "alice@localhost", "<vCard xmlns='vcard-temp'/>", `<FN>A</FN>`},
		{"foreign vCard", "get", "bob@localhost", "<vCard xmlns='vcard-temp'/>", `<vCard xmlns="vcard-temp"/>`},
		{"blocklist", "get", "alice@localhost", "<blocklist xmlns='urn:xmpp:blocking'/>", `<blocklist xmlns="urn:xmpp:blocking"/>`},
		{"block", "set", "alice@localhost", "<block xmlns='urn:xmpp:blocking'/>", `service-unavailable`},
		{"nothing private", "get", "alice@localhost", "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>", `<storage xmlns="storage:bookmarks"/>`},
		{"set private", "set", "alice@localhost", "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><c/></storage></query>", `type="result"`},
		{"private", "get", "alice@localhost", "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>", `<c/>`},
		{"private, quoted namespace", "get", "alice@localhost", "<query xmlns='jabber:iq:private'><s xmlns='a&quot;&lt;b'/></query>", `<s xmlns="a&quot;&lt;b"/>`},
		{"private without element", "get", "alice@localhost", "<query xmlns='jabber:iq:private'/>", `bad-request`},
		{"session", "set", "localhost", "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>", `type="result"`},
		{"archive", "set", "alice@localhost", "<query xmlns='urn:xmpp:mam:2'/>", `service-unavailable`},
		{"pubsub", "get", "bob@localhost", "<pubsub xmlns='http://jabber.org/protocol/pubsub'/>", `service-unavailable`},
		{"external services", "get", "localhost", "<services xmlns='urn:xmpp:extdisco:2'/>", `service-unavailable`},
		{"roster of another", "get", "bob@localhost", "<query xmlns='jabber:iq:roster'/>", `service-unavailable`},
		{"client that is gone", "get", "bob@localhost/gone", "<ping xmlns='urn:xmpp:ping'/>", `service-unavailable`},
		{"nobody", "get", "nobody@localhost", "<ping xmlns='urn:xmpp:ping'/>", `service-unavailable`},
		{"no such domain", "get", "else.example", "<ping xmlns='urn:xmpp:ping'/>", `remote-server-not-found`},
		{"rooms", "get", "rooms.localhost", "<ping xmlns='urn:xmpp:ping'/>", `type="result"`},
		{"no such domain here", "get", "else.localhost", "<ping xmlns='urn:xmpp:ping'/>", `item-not-found`},
		{"two payloads", "get", "localhost", "<ping xmlns='urn:xmpp:ping'/><a xmlns='b'/>", `bad-request`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := alice.With(t).Request(patience, c.kind, "", c.to, c.payload).Raw; !strings.Contains(got, c.want) {
				t.Errorf("got %s, want %s in it", got, c.want)
			}
		})
	}
	alice.Sync()
	answered := map[string]int{}
	for _, s := range alice.History() {
		if s.Name == "iq" {
			answered[s.ID]++
		}
	}
	for id, n := range answered {
		if n != 1 {
			t.Errorf("%d answers to %s", n, id)
		}
	}
}

func TestIQ_betweenClients(t *testing.T) {
	h := startHost(t, nil)
	alice, bob := xmpptest.Login(t, h, "alice"), xmpptest.Login(t, h, "bob")
	alice.Send("<iq id='x' type='get' to='" + bob.JID() + "'><query xmlns='jabber:iq:version'/></iq>")
	q := bob.Wait(patience, func(s xmpptest.Stanza) bool { return s.ID == "x" })
	if q.From != alice.JID() {
		t.Errorf("from %q", q.From)
	}
	bob.Send("<iq id='x' type='result' to='" + q.From + "'><query xmlns='jabber:iq:version'><name>n</name></query></iq>")
	alice.Wait(patience, func(s xmpptest.Stanza) bool { return s.ID == "x" && s.From == bob.JID() })
}

func TestKeep_isBounded(t *testing.T) {
	h := startHost(t, nil)
	alice := xmpptest.Login(t, h, "alice")
	big := "<vCard xmlns='vcard-temp'><FN>" + strings.Repeat("x", maxKeptSize/2+1) + "</FN></vCard>"
	for range 3 { // it replaces itself
		if a := alice.Request(patience, "set", "", alice.Bare(), big); a.Type != "result" {
			t.Fatalf("setting: %.200s", a.Raw)
		}
	}
	more := "<query xmlns='jabber:iq:private'><s xmlns='y'>" + strings.Repeat("x", maxKeptSize/2) + "</s></query>"
	if a := alice.Request(patience, "set", "", alice.Bare(), more); a.Err == nil || a.Err.Condition != "resource-constraint" {
		t.Errorf("over the limit: %.200s", a.Raw)
	}
}

func TestManagement_counts(t *testing.T) {
	h := startHost(t, nil)
	xmpptest.Login(t, h, "bob")
	r := loginRaw(t, h, "alice")
	r.send("<presence/>")
	r.expect("/raw\"") // its own presence
	r.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
	r.expect(`<enabled xmlns="urn:xmpp:sm:3"/>`)
	r.send("<iq id='p' type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq><message to='bob@localhost'/><r xmlns='urn:xmpp:sm:3'/>")
	r.expect(`id="p"`)
	r.expect(`<a xmlns="urn:xmpp:sm:3" h="2"/>`)
	r.send("<a xmlns='urn:xmpp:sm:3' h='1'/><enable xmlns='urn:xmpp:sm:3'/>")
	r.expect("<unexpected-request ")
	for range askEvery {
		r.send("<iq id='p' type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
	}
	r.expect(`<r xmlns="urn:xmpp:sm:3"/>`)
	r.send("<a xmlns='urn:xmpp:sm:3' h='1000'/>")
	if got := r.ended(); !strings.Contains(got, "<undefined-condition ") || !strings.Contains(got, "<handled-count-too-high ") {
		t.Errorf("got %q", got)
	}
}
