package devhost

import (
	"fmt"
	"strings"
	"testing"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// asks sends a request to an address.
func (p *party) asks(who, kind, to, payload string) []string {
	p.t.Helper()
	return p.does(`<iq type="` + kind + `" id="1" from="` + who + `" to="` + to + `">` + payload + `</iq>`)
}

func TestRoomIQ_answered(t *testing.T) {
	const (
		info     = `<query xmlns="` + nsDiscoInfo + `"/>`
		items    = `<query xmlns="` + nsDiscoItems + `"/>`
		ping     = `<ping xmlns="` + nsPing + `"/>`
		owner    = `<query xmlns="` + nsMUCOwner + `"/>`
		features = `<feature var="http://jabber.org/protocol/disco#info"/><feature var="http://jabber.org/protocol/disco#items"/><feature var="urn:xmpp:ping"/><feature var="http://jabber.org/protocol/muc"/>`
	)
	tests := []struct{ name, who, kind, to, payload, want string }{
		{"what the service is", bob, "get", "rooms.localhost", info, `<query INFO><identity category="conference" type="text" name="Rooms"/>` + features + `</query>`},
		{"which rooms there are", bob, "get", "rooms.localhost", items, `<query ITEMS><item jid="coffee@R" name="coffee"/><item jid="tea@R" name="tea"/></query>`},
		{"ping to the service", bob, "get", "rooms.localhost", ping, ""},
		{"what a room is", "x@localhost", "get", tea, info, `<query INFO><identity category="conference" type="text" name="tea"/>` + features +
			`<feature var="muc_nonanonymous"/><feature var="muc_open"/><feature var="muc_public"/><feature var="muc_temporary"/><feature var="muc_unmoderated"/><feature var="muc_unsecured"/>` +
			`<feature var="http://jabber.org/protocol/muc#self-ping-optimization"/><feature var="http://jabber.org/protocol/muc#stable_id"/></query>`},
		{"a reserved nick", bob, "get", tea, `<query xmlns="` + nsDiscoInfo + `" node="x-roomuser-item"/>`, `<query INFO node="x-roomuser-item"/>`},
		{"who is in a room", "x@localhost", "get", tea, items, `<query ITEMS><item jid="tea@R/Alice"/><item jid="tea@R/Bob"/></query>`},
		{"ping to a room", bob, "get", tea, ping, ""},
		{"ping to oneself", bob, "get", tea + "/Bob", ping, ""},
		{"settings", alice, "get", tea, owner, shorten.Replace(noSettings)},
		{"settings accepted", "alice@localhost/other", "set", tea, `<query xmlns="` + nsMUCOwner + `"><x xmlns="jabber:x:data" type="submit"/></query>`, ""},
		{"occupants by role", alice, "get", tea, `<query xmlns="` + nsMUCAdmin + `"><item role="participant"/></query>`, `<query ADMIN><item affiliation="none" role="participant" jid="bob@L/b" nick="Bob"></item></query>`},
		{"occupants by affiliation", alice, "get", tea, `<query xmlns="` + nsMUCAdmin + `"><item affiliation="owner"/></query>`, `<query ADMIN><item affiliation="owner" role="moderator" jid="alice@L/a" nick="Alice"></item></query>`},
		{"the banned", alice, "get", tea, `<query xmlns="` + nsMUCAdmin + `"><item affiliation="outcast"/></query>`, `<query ADMIN></query>`},
	}
	p := tearoom(t)
	p.joins(bob, "coffee@rooms.localhost/Bob")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := shorten.Replace(`<iq type="result" id="1" from="` + tt.to + `" to="` + tt.who + `"/>`)
			if tt.want != "" {
				want = strings.TrimSuffix(want, "/>") + ">" + tt.want + "</iq>"
			}
			expect(t, p.asks(tt.who, tt.kind, tt.to, tt.payload), want)
		})
	}
}

func TestRoomIQ_refused(t *testing.T) {
	const (
		forbidden = "only the owner may do that: alice@L, who made the room"
		one       = "an iq of type get or set has exactly one child element"
		stranger  = "you are not in the room tea@R: join it first"
	)
	admin := func(inner string) string { return `<query xmlns="` + nsMUCAdmin + `">` + inner + `</query>` }
	tests := []struct{ name, who, kind, to, payload, errorType, condition, text string }{
		{"unknown to the service", bob, "get", "rooms.localhost", `<query xmlns="jabber:iq:register"/>`, "cancel", "service-unavailable", "the rooms do not know this request"},
		{"unknown to a room", bob, "set", tea, `<ping xmlns="` + nsPing + `"/>`, "cancel", "service-unavailable", "the rooms do not know this request"},
		{"no room", bob, "get", "no@rooms.localhost", `<query xmlns="` + nsDiscoInfo + `"/>`, "cancel", "item-not-found", "there is no room no@R; join it to make it"},
		{"a node of the service", bob, "get", "rooms.localhost", `<query xmlns="` + nsDiscoInfo + `" node="x"/>`, "cancel", "item-not-found", "there is no such node"},
		{"a node of a room", bob, "get", tea, `<query xmlns="` + nsDiscoItems + `" node="x"/>`, "cancel", "item-not-found", "there is no such node"},
		{"no payload", bob, "get", tea, "", "modify", "bad-request", one},
		{"two payloads", bob, "get", tea, "<a/><b/>", "modify", "bad-request", one},
		{"no type", bob, "ask", tea, "<a/>", "modify", "bad-request", "an iq is of type get, set, result or error"},
		{"self-ping from outside", "x@localhost", "get", tea + "/x", `<ping xmlns="` + nsPing + `"/>`, "modify", "not-acceptable", stranger},
		{"ping to nobody", bob, "get", tea + "/x", `<ping xmlns="` + nsPing + `"/>`, "cancel", "item-not-found", "nobody in the room has that nick"},
		{"settings for others", bob, "get", tea, `<query xmlns="` + nsMUCOwner + `"/>`, "auth", "forbidden", forbidden},
		{"destroying", alice, "set", tea, `<query xmlns="` + nsMUCOwner + `"><destroy/></query>`, "cancel", "feature-not-implemented", "rooms here take a form of settings from their owner, and nothing else"},
		{"lists for others", bob, "get", tea, admin(`<item role="participant"/>`), "auth", "forbidden", forbidden},
		{"kicking by others", bob, "set", tea, admin(`<item nick="Alice" role="none"/>`), "auth", "forbidden", forbidden},
		{"kicking the owner", alice, "set", tea, admin(`<item nick="Alice" role="none"/>`), "cancel", "not-allowed", "the owner can't be kicked"},
		{"kicking nobody", alice, "set", tea, admin(`<item nick="x" role="none"/>`), "cancel", "item-not-found", "nobody in the room has that nick"},
		{"banning", alice, "set", tea, admin(`<item jid="bob@localhost" affiliation="outcast"/>`), "cancel", "feature-not-implemented", "roles and affiliations in a room are fixed; an occupant can be kicked (role none)"},
		{"nothing to administer", alice, "set", tea, admin(""), "modify", "bad-request", "ask about one item at a time"},
	}
	p := tearoom(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := refused("iq", shorten.Replace(` id="1" from="`+tt.to+`" to="`+tt.who+`"`), tt.errorType, tt.condition, tt.text)
			expect(t, p.asks(tt.who, tt.kind, tt.to, tt.payload), want)
		})
	}
}

// Occupants ask each other through the room.
func TestRoomIQ_betweenOccupants(t *testing.T) {
	p := tearoom(t)
	const version = `<query xmlns="jabber:iq:version"/>`
	expect(t, p.asks(alice, "get", tea+"/Bob", version), `<iq type="get" id="1" from="tea@R/Alice" to="bob@L/b">`+version+`</iq>`)
	expect(t, p.asks(bob, "result", tea+"/Alice", version), `<iq type="result" id="1" from="tea@R/Bob" to="alice@L/a">`+version+`</iq>`)
	expect(t, p.asks(alice, "get", tea+"/Alice", version), `<iq type="get" id="1" from="tea@R/Alice" to="alice@L/a">`+version+`</iq>`)
	const ping = `<ping xmlns="` + nsPing + `"/>`
	expect(t, p.asks(alice, "get", tea+"/Bob", ping), `<iq type="get" id="1" from="tea@R/Alice" to="bob@L/b">`+ping+`</iq>`)
	// Answers of strangers, or to nobody, go nowhere.
	expect(t, p.asks("x@localhost", "result", tea+"/Alice", version))
	expect(t, p.asks(bob, "error", tea+"/x", ""))
	expect(t, p.asks(bob, "result", tea, ""))
}

func TestRoomIQ_kick(t *testing.T) {
	p := tearoom(t)
	const item = `<x USER><item affiliation="none" role="none" jid="bob@L/b"><actor jid="alice@L"/><reason>a &amp; b</reason></item>`
	expect(t, p.asks(alice, "set", tea, `<query xmlns="`+nsMUCAdmin+`"><item nick="Bob" role="none"><reason>a &amp; b</reason></item></query>`),
		`<presence type="unavailable" from="tea@R/Bob" to="alice@L/a">`+item+`<status code="307"/></x></presence>`,
		`<presence type="unavailable" from="tea@R/Bob" to="bob@L/b">`+item+`<status code="110"/><status code="307"/></x></presence>`,
		`<iq type="result" id="1" from="tea@R" to="alice@L/a"/>`)
	p.joins(bob, tea+"/Bob")
}

// A list of many rooms is cut so that it fits into a stanza.
func TestRoomIQ_longList(t *testing.T) {
	p := newParty(t)
	for i := range maxRooms {
		p.joins(alice, fmt.Sprintf("%0*d@rooms.localhost/Alice", maxRoomName, i))
	}
	news := p.asks(alice, "get", "rooms.localhost", `<query xmlns="`+nsDiscoItems+`"/>`)
	if n := strings.Count(news[0], "<item"); len(news[0]) > maxRoomListing+1000 || n < 200 {
		t.Errorf("the list has %d rooms in %d bytes", n, len(news[0]))
	}
}

// FuzzRooms states that nothing that clients send makes the service panic, and
// that each request is answered once, or passed on to one occupant.
func FuzzRooms(f *testing.F) {
	for _, seed := range []string{
		`<presence to="` + tea + `/x"><x xmlns="` + nsMUC + `"><history seconds="9"/></x></presence>`,
		`<presence type="unavailable" to="` + tea + `/Bob"><status>x</status></presence>`,
		`<presence type="error" to="` + tea + `/Alice"/>`,
		`<message type="groupchat" to="` + tea + `"><subject>x</subject></message>`,
		`<message type="error" to="` + tea + `/Alice"><error><gone xmlns="` + stanza.NSStanzas + `"/></error></message>`,
		`<message to="` + tea + `"><x xmlns="` + nsMUCUser + `"><invite to="a@b"><reason>&lt;</reason></invite><decline to="a@b"/></x></message>`,
		`<iq type="set" id="1" to="` + tea + `"><query xmlns="` + nsMUCAdmin + `"><item nick="Bob" role="none"/></query></iq>`,
		`<iq type="get" id="1" to="` + tea + `/Alice"><p:ping xmlns:p="` + nsPing + `"/></iq>`,
		`<iq type="get" id="1" to="rooms.localhost"><query xmlns="` + nsDiscoItems + `"/></iq>`,
		`<iq type="get" to="rooms.localhost"/>`,
	} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		p := tearoom(t)
		for i, xml := range []string{first, second} {
			st, err := stanza.Parse([]byte(xml))
			if err != nil {
				continue
			}
			if h := st.Header(); h.From.IsZero() {
				h.From = jid.MustParse([]string{bob, alice}[i])
				st = st.With(h)
			}
			p.sent = nil
			p.rooms.receive(st)
			p.checkAnswers(st)
			p.checkRooms()
		}
	})
}

// checkAnswers sees to it that a request was answered or passed on once.
func (p *party) checkAnswers(st stanza.Stanza) {
	p.t.Helper()
	if st.To().Domain() != p.rooms.domain.Domain() {
		return
	}
	answers := 0
	for _, out := range p.sent {
		if out.Kind() != stanza.IQ {
			continue
		}
		answered := out.IsAnswer() && out.To() == st.From() && out.From() == st.To()
		passedOn := out.Type() == st.Type() && out.Content() == st.Content()
		if out.ID() != st.ID() || !answered && !passedOn {
			p.t.Fatalf("%s is followed by %s", st, out)
		}
		answers++
	}
	if st.IsRequest() && answers != 1 || answers > 1 {
		p.t.Fatalf("%s is answered %d times", st, answers)
	}
}

// checkRooms sees to it that the rooms hold together.
func (p *party) checkRooms() {
	p.t.Helper()
	seats := map[jid.JID]bool{}
	for address, ro := range p.rooms.byName {
		if len(ro.occupants) == 0 {
			p.t.Fatalf("%s is empty", address)
		}
		for _, o := range ro.occupants {
			if o.seat.Bare() != address || seats[o.seat] {
				p.t.Fatalf("%s has the seat %s, perhaps again", o.address, o.seat)
			}
			seats[o.seat] = true
		}
	}
	if len(seats) != p.rooms.seats {
		p.t.Fatalf("there are %d occupants, and %d are counted", len(seats), p.rooms.seats)
	}
}
