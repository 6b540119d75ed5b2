package devhost

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/internal/xmpptest"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// party is a rooms service and what it has sent.
type party struct {
	t     testing.TB
	rooms *rooms
	sent  []stanza.Stanza
}

func newParty(t testing.TB) *party {
	t.Helper()
	p := &party{t: t}
	p.rooms = newRooms(jid.MustParse("rooms.localhost"), func(st stanza.Stanza) { p.sent = append(p.sent, st) })
	return p
}

// does hands a stanza to the service and returns what it sends because of it.
func (p *party) does(xml string) []string {
	p.t.Helper()
	st, err := stanza.Parse([]byte(xml))
	if err != nil {
		p.t.Fatalf("%s: %v", xml, err)
	}
	p.rooms.receive(st)
	return p.news()
}

// news returns what was sent since it was asked last, with shorter namespaces.
func (p *party) news() []string {
	var news []string
	for _, st := range p.sent {
		news = append(news, shorten.Replace(st.String()))
	}
	p.sent = nil
	return news
}

var shorten = strings.NewReplacer(
	` xmlns="`+nsMUCUser+`"`, " USER", ` xmlns="`+nsMUCAdmin+`"`, " ADMIN", ` xmlns="`+nsMUCOwner+`"`, " OWNER",
	` xmlns="`+nsDiscoInfo+`"`, " INFO", ` xmlns="`+nsDiscoItems+`"`, " ITEMS", ` xmlns="`+nsDelay+`"`, " DELAY",
	` xmlns="`+stanza.NSStanzas+`"`, "", "@rooms.localhost", "@R", "@localhost", "@L")

// joins lets somebody join and forgets what is said about it.
func (p *party) joins(who, seat string) {
	p.t.Helper()
	p.rooms.receive(stanza.New(
		stanza.Header{Kind: stanza.Presence, From: jid.MustParse(who), To: jid.MustParse(seat)}, `<x xmlns="`+nsMUC+`"/>`))
	if last := p.sent[len(p.sent)-1]; !strings.Contains(last.Content(), "<subject") {
		p.t.Fatalf("%s does not get into %s: %s", who, seat, last)
	}
	p.sent = nil
}

// expect compares what was sent with what should have been.
func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

// refused is an error answer as it is sent.
func refused(kind, attrs, errorType, condition, text string) string {
	return "<" + kind + ` type="error"` + attrs + `><error type="` + errorType + `"><` + condition + "/><text>" + text + "</text></error></" + kind + ">"
}

const (
	alice = "alice@localhost/a"
	bob   = "bob@localhost/b"
	bot   = "bot@bot.localhost"
	tea   = "tea@rooms.localhost"

	ownerItem = `<item affiliation="owner" role="moderator" jid="alice@L/a"></item>`
	bobItem   = `<item affiliation="none" role="participant" jid="bob@L/b"></item>`
)

func TestRooms_join(t *testing.T) {
	p := newParty(t)
	expect(t, p.does(`<presence id="1" from="`+alice+`" to="`+tea+`/Alice"><x xmlns="`+nsMUC+`"/><show>chat</show></presence>`),
		`<presence id="1" from="tea@R/Alice" to="alice@L/a"><show>chat</show><x USER>`+ownerItem+`<status code="100"/><status code="110"/><status code="201"/></x></presence>`,
		`<message type="groupchat" from="tea@R" to="alice@L/a"><subject/></message>`)
	// Without the x of XEP-0045 it is a join as well, of the kind before it.
	expect(t, p.does(`<presence from="`+bob+`" to="`+tea+`/Bob" xml:lang="de"><x xmlns="`+nsMUCUser+`"><status code="301"/></x></presence>`),
		`<presence from="tea@R/Alice" to="bob@L/b"><show>chat</show><x USER>`+ownerItem+`</x></presence>`,
		`<presence from="tea@R/Bob" to="alice@L/a" xml:lang="de"><x USER>`+bobItem+`</x></presence>`,
		`<presence from="tea@R/Bob" to="bob@L/b" xml:lang="de"><x USER>`+bobItem+`<status code="100"/><status code="110"/></x></presence>`,
		`<message type="groupchat" from="tea@R" to="bob@L/b"><subject/></message>`)
	expect(t, p.does(`<presence from="`+bob+`" to="`+tea+`/Bob"><show>away</show></presence>`),
		`<presence from="tea@R/Bob" to="alice@L/a"><show>away</show><x USER>`+bobItem+`</x></presence>`,
		`<presence from="tea@R/Bob" to="bob@L/b"><show>away</show><x USER>`+bobItem+`<status code="100"/><status code="110"/></x></presence>`)
	// A client that lost its memory joins again, and is shown everything again.
	if news := p.does(`<presence from="` + bob + `" to="` + tea + `/Bob"><x xmlns="` + nsMUC + `"/></presence>`); len(news) != 4 {
		t.Errorf("joining again, Bob is shown %q", news)
	}
}

func TestRooms_joinRefused(t *testing.T) {
	p := newParty(t)
	p.joins(alice, tea+"/Alice")
	long := strings.Repeat("x", maxNick+1)
	tests := []struct{ name, to, content, errorType, condition, text string }{
		{"nick taken", "tea@R/Alice", "", "cancel", "conflict", "that nick is taken in this room; choose another"},
		{"no nick", "tea@R", "", "modify", "jid-malformed", "join a room as room@R/nick"},
		{"no room", "rooms.localhost/x", "", "modify", "jid-malformed", "join a room as room@R/nick"},
		{"long nick", "tea@R/" + long, "", "modify", "not-acceptable", "a nick may have at most 100 bytes"},
		{"long room", long + "@R/x", "", "modify", "not-acceptable", "the name of a room may have at most 100 bytes"},
		{"long presence", "tea@R/Bob", "<status>" + strings.Repeat("x", maxOccupantPresence) + "</status>", "modify", "policy-violation", "presence in a room may have at most 4096 bytes, and 64 attributes an element"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			to := strings.Replace(tt.to, "@R", "@rooms.localhost", 1)
			expect(t, p.does(`<presence id="1" from="`+bob+`" to="`+to+`"><x xmlns="`+nsMUC+`"/>`+tt.content+`</presence>`),
				refused("presence", ` id="1" from="`+tt.to+`" to="bob@L/b"`, tt.errorType, tt.condition, tt.text))
		})
	}
	if news := p.does(`<message type="groupchat" from="` + alice + `" to="` + tea + `"><body>x</body></message>`); len(news) != 1 {
		t.Errorf("somebody else has got in: %q", news)
	}
}

// A child whose prefixes are declared on the stanza can have more attributes
// than anybody would take once it declares them itself.
func TestRooms_tooManyAttributes(t *testing.T) {
	p := newParty(t)
	p.joins(alice, tea+"/Alice")
	p.joins(bob, tea+"/Bob")
	attrs := ""
	for i := range maxAttributes {
		attrs += fmt.Sprintf(` q:a%d=""`, i)
	}
	for _, open := range []string{
		`<presence xmlns:q="urn:q" from="` + alice + `" to="` + tea + `/Alice">`,
		`<presence xmlns:q="urn:q" from="x@localhost" to="` + tea + `/x">`,
		`<message xmlns:q="urn:q" type="groupchat" from="` + alice + `" to="` + tea + `">`,
		`<message xmlns:q="urn:q" type="chat" from="` + alice + `" to="` + tea + `/Bob">`,
	} {
		kind, _, _ := strings.Cut(open[1:], " ")
		news := p.does(open + `<q:x` + attrs + `/></` + kind + `>`)
		if len(news) != 1 || !strings.Contains(news[0], "policy-violation") {
			t.Errorf("%s is answered by %q", open, news)
		}
	}
	news := p.does(`<presence xmlns:q="urn:q" type="unavailable" from="` + alice + `" to="` + tea + `"><q:x` + attrs + `/></presence>`)
	if len(news) != 2 || strings.Contains(news[0], "urn:q") {
		t.Errorf("leaving with such a child: %q", news)
	}
}

func TestRooms_nick(t *testing.T) {
	p := newParty(t)
	p.joins(alice, tea+"/Alice")
	p.joins(bob, tea+"/Bob")
	expect(t, p.does(`<presence from="`+bob+`" to="`+tea+`/Alice"/>`),
		refused("presence", ` from="tea@R/Alice" to="bob@L/b"`, "cancel", "conflict", "that nick is taken in this room; choose another"))
	const left = `<item affiliation="none" role="participant" jid="bob@L/b" nick="Ro&quot;b"></item>`
	expect(t, p.does(`<presence id="7" from="`+bob+`" to="`+tea+`/Ro&quot;b"/>`),
		`<presence type="unavailable" from="tea@R/Bob" to="alice@L/a"><x USER>`+left+`<status code="303"/></x></presence>`,
		`<presence type="unavailable" from="tea@R/Bob" to="bob@L/b"><x USER>`+left+`<status code="110"/><status code="303"/></x></presence>`,
		`<presence from="tea@R/Ro&quot;b" to="alice@L/a"><x USER>`+bobItem+`</x></presence>`,
		`<presence id="7" from="tea@R/Ro&quot;b" to="bob@L/b"><x USER>`+bobItem+`<status code="100"/><status code="110"/></x></presence>`)
	expect(t, p.does(`<message type="groupchat" from="`+bob+`" to="`+tea+`"><body>hi</body></message>`),
		`<message type="groupchat" from="tea@R/Ro&quot;b" to="alice@L/a"><body>hi</body></message>`,
		`<message type="groupchat" from="tea@R/Ro&quot;b" to="bob@L/b"><body>hi</body></message>`)
}

func TestRooms_leave(t *testing.T) {
	const outItem = `<item affiliation="none" role="none" jid="bob@L/b"></item>`
	tests := []struct{ name, in, status, code string }{
		{"unavailable", `<presence type="unavailable" from="` + bob + `" to="` + tea + `/Bob"><status>bye</status><x xmlns="` + nsMUCUser + `"/></presence>`, "<status>bye</status>", ""},
		{"unavailable to the bare address", `<presence type="unavailable" from="` + bob + `" to="` + tea + `"/>`, "", ""},
		{"presence error", `<presence type="error" from="` + bob + `" to="` + tea + `/Alice"/>`, "", `<status code="333"/>`},
		{"message error", `<message type="error" from="` + bob + `" to="` + tea + `/Alice"><error type="cancel"><service-unavailable xmlns="` + stanza.NSStanzas + `"/></error></message>`, "", `<status code="333"/>`},
		{"message error that says nothing", `<message type="error" from="` + bob + `" to="` + tea + `/Alice"/>`, "", `<status code="333"/>`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newParty(t)
			p.joins(alice, tea+"/Alice")
			p.joins(bob, tea+"/Bob")
			expect(t, p.does(tt.in),
				`<presence type="unavailable" from="tea@R/Bob" to="alice@L/a">`+tt.status+`<x USER>`+outItem+tt.code+`</x></presence>`,
				`<presence type="unavailable" from="tea@R/Bob" to="bob@L/b">`+tt.status+`<x USER>`+outItem+`<status code="110"/>`+tt.code+`</x></presence>`)
			expect(t, p.does(tt.in)) // a second time nobody cares
			p.joins(bob, tea+"/Bob")
		})
	}
}

// With the last occupant a room goes, and what was said in it.
func TestRooms_lastLeaves(t *testing.T) {
	p := newParty(t)
	p.joins(bob, tea+"/Bob")
	p.does(`<message type="groupchat" from="` + bob + `" to="` + tea + `"><body>secret</body></message>`)
	p.does(`<presence type="unavailable" from="` + bob + `" to="` + tea + `/Bob"/>`)
	news := p.does(`<presence from="` + alice + `" to="` + tea + `/Alice"><x xmlns="` + nsMUC + `"/></presence>`)
	if len(news) != 2 || !strings.Contains(news[0], `<item affiliation="owner"`) || !strings.Contains(news[0], `"201"`) {
		t.Errorf("in a room that was there before, Alice is shown %q", news)
	}
}

func TestRooms_limits(t *testing.T) {
	p := newParty(t)
	for i := range maxOccupants {
		p.joins(fmt.Sprintf("u%d@localhost/x", i), fmt.Sprintf("full@rooms.localhost/%d", i))
	}
	expect(t, p.does(`<presence from="`+bob+`" to="full@rooms.localhost/Bob"/>`),
		refused("presence", ` from="full@R/Bob" to="bob@L/b"`, "wait", "service-unavailable", "the room is full: it has 500 occupants"))
	for i := range maxRooms - 1 {
		p.joins(alice, fmt.Sprintf("r%d@rooms.localhost/Alice", i))
	}
	expect(t, p.does(`<presence from="`+bob+`" to="more@rooms.localhost/Bob"/>`),
		refused("presence", ` from="more@R/Bob" to="bob@L/b"`, "wait", "resource-constraint", "there are 1000 rooms, and no more are made"))
	p.joins(bob, "r1@rooms.localhost/Bob")

	p.rooms.seats = maxSeats
	expect(t, p.does(`<presence from="`+bob+`" to="r2@rooms.localhost/Bob"/>`),
		refused("presence", ` from="r2@R/Bob" to="bob@L/b"`, "wait", "resource-constraint", "there are 10000 occupants in all rooms, and no more are let in"))
	if news := p.does(`<presence from="` + bob + `" to="r1@rooms.localhost/Rob"/>`); len(news) != 4 {
		t.Errorf("with all seats taken Bob can't change his nick: %q", news)
	}
}

func TestRooms_history(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParty(t)
		p.joins(alice, tea+"/Alice")
		for i := range maxHistory + 5 {
			p.does(fmt.Sprintf(`<message type="groupchat" id="%d" from="%s" to="%s"><body>x</body></message>`, i, alice, tea))
			time.Sleep(time.Second)
		}
		p.does(`<message type="groupchat" from="` + alice + `" to="` + tea + `"><subject>Earl Grey</subject></message>`)
		if n := len(p.rooms.byName[jid.MustParse(tea)].history); n != maxHistory {
			t.Errorf("%d messages are kept, want %d", n, maxHistory)
		}
		tests := []struct {
			name, wish string
			want       int
		}{
			{"as it is", "", maxHistory},
			{"none", `<history maxstanzas="0"/>`, 0},
			{"no characters", `<history maxchars="0"/>`, 0},
			{"some", `<history maxstanzas="3"/>`, 3},
			{"nonsense", `<history maxstanzas="-1" maxchars="x" seconds="" since="then"/>`, maxHistory},
			{"characters", `<history maxchars="400"/>`, 2},
			{"the last seconds", `<history seconds="4"/>`, 4},
			{"since", `<history since="2000-01-01T00:00:23Z"/>`, 2},
			{"another namespace", `<history xmlns="urn:x" maxstanzas="0"/>`, maxHistory},
		}
		for _, tt := range tests {
			news := p.does(`<presence from="` + bob + `" to="` + tea + `/Bob"><x xmlns="` + nsMUC + `">` + tt.wish + `</x></presence>`)
			past := news[3 : len(news)-1]
			if len(past) != tt.want {
				t.Errorf("%s: Bob is shown %d messages, want %d: %q", tt.name, len(past), tt.want, past)
			}
			const last = `<message type="groupchat" id="24" from="tea@R/Alice" to="bob@L/b"><body>x</body><delay DELAY from="tea@R" stamp="2000-01-01T00:00:24Z"/></message>`
			if len(past) > 0 && past[len(past)-1] != last {
				t.Errorf("%s: the last message is %s", tt.name, past[len(past)-1])
			}
			if subject := news[len(news)-1]; subject != `<message type="groupchat" from="tea@R/Alice" to="bob@L/b"><subject>Earl Grey</subject></message>` {
				t.Errorf("%s: at the end comes %s", tt.name, subject)
			}
			p.does(`<presence type="unavailable" from="` + bob + `" to="` + tea + `"/>`)
		}
	})
}

// The bytes of a history are bounded as well.
func TestRooms_historyBytes(t *testing.T) {
	p := newParty(t)
	p.joins(alice, tea+"/Alice")
	for _, n := range []int{maxHistoryBytes / 3, maxHistoryBytes / 3, maxHistoryBytes / 3, maxHistoryBytes} {
		p.does(`<message type="groupchat" from="` + alice + `" to="` + tea + `"><body>` + strings.Repeat("x", n) + `</body></message>`)
	}
	ro := p.rooms.byName[jid.MustParse(tea)]
	if len(ro.history) != 2 {
		t.Errorf("%d messages are kept, want the last 2 that fit", len(ro.history))
	}
}

// Who is gone from the host is gone from its rooms: a client at once, a bot
// whose component is gone as soon as somebody says something.
func TestRooms_onHost(t *testing.T) {
	h := startHost(t, nil)
	watching := xmpptest.Login(t, h, "alice")
	room := watching.JoinRoom("tea", "Alice")
	leaving := xmpptest.Login(t, h, "bob")
	leaving.JoinRoom("tea", "Bob")
	component := xmpptest.DialComponent(t, h, 0)
	component.Send("<presence from='bot@bot.localhost' to='" + room + "/Bot'><x xmlns='" + nsMUC + "'/></presence>")
	component.Wait(patience, func(s xmpptest.Stanza) bool { return s.Name == "message" && s.From == room })

	leaving.SendGroupchat(room, "hello")
	component.WaitBody(patience, "hello")
	watching.WaitBody(patience, "hello")
	left := func(nick string) xmpptest.Stanza {
		t.Helper()
		return watching.Wait(patience, func(s xmpptest.Stanza) bool { return s.From == room+"/"+nick && s.Type == "unavailable" })
	}
	leaving.Drop()
	left("Bob")
	component.Drop()
	watching.Wait(patience, func(s xmpptest.Stanza) bool { return s.From == "bot@bot.localhost" && s.Type == "unavailable" })
	watching.SendGroupchat(room, "anybody here?")
	if s := left("Bot"); !strings.Contains(s.Raw, `<status code="333"/>`) {
		t.Errorf("the bot left by %s", s)
	}
	items := watching.Request(patience, "get", "", h.Host(), "<query xmlns='"+nsDiscoItems+"'/>")
	if !strings.Contains(items.Raw, `jid="rooms.localhost"`) {
		t.Errorf("the host has the items %s", items)
	}
}
