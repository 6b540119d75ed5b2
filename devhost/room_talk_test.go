package devhost

import (
	"strings"
	"testing"

	"github.com/restanza/restanza/stanza"
)

// tearoom returns a room with Alice, its owner, and Bob.
func tearoom(t testing.TB) *party {
	t.Helper()
	p := newParty(t)
	p.joins(alice, tea+"/Alice")
	p.joins(bob, tea+"/Bob")
	return p
}

func TestRoomMessage_toAll(t *testing.T) {
	p := tearoom(t)
	p.joins(bot, tea+"/Bot")
	const said = `><body>hi &amp; bye</body><active xmlns="http://jabber.org/protocol/chatstates"/></message>`
	expect(t, p.does(`<message type="groupchat" id="1" xml:lang="en" from="`+bot+`" to="`+tea+`"><x xmlns="`+nsMUCUser+`"><status code="301"/></x><body>hi &amp; bye</body>`+
		`<active xmlns="http://jabber.org/protocol/chatstates"/></message>`),
		`<message type="groupchat" id="1" from="tea@R/Bot" to="alice@L/a" xml:lang="en"`+said,
		`<message type="groupchat" id="1" from="tea@R/Bot" to="bob@L/b" xml:lang="en"`+said,
		`<message type="groupchat" id="1" from="tea@R/Bot" to="bot@bot.localhost" xml:lang="en"`+said)
}

func TestRoomMessage_subject(t *testing.T) {
	p := tearoom(t)
	expect(t, p.does(`<message type="groupchat" from="`+bob+`" to="`+tea+`"><subject>milk?</subject></message>`),
		`<message type="groupchat" from="tea@R/Bob" to="alice@L/a"><subject>milk?</subject></message>`,
		`<message type="groupchat" from="tea@R/Bob" to="bob@L/b"><subject>milk?</subject></message>`)
	// With a body it is a message that has a subject (XEP-0045 §8.1).
	p.does(`<message type="groupchat" from="` + bob + `" to="` + tea + `"><subject>no</subject><body>x</body></message>`)
	p.does(`<message type="groupchat" from="` + bob + `" to="` + tea + `"><subject>no</subject><thread>x</thread></message>`)
	expect(t, p.does(`<message type="groupchat" from="`+bob+`" to="`+tea+`"><subject>`+strings.Repeat("x", maxSubject)+`</subject></message>`),
		refused("message", ` from="tea@R" to="bob@L/b"`, "modify", "policy-violation", "a subject may have at most 4096 bytes"))
	news := p.does(`<presence from="` + bot + `" to="` + tea + `/Bot"/>`)
	if got := news[len(news)-1]; got != `<message type="groupchat" from="tea@R/Bob" to="bot@bot.localhost"><subject>milk?</subject></message>` {
		t.Errorf("who joins gets at last %s", got)
	}
}

func TestRoomMessage_private(t *testing.T) {
	p := tearoom(t)
	expect(t, p.does(`<message type="chat" id="1" from="`+alice+`" to="`+tea+`/Bob"><body>psst</body></message>`),
		`<message type="chat" id="1" from="tea@R/Alice" to="bob@L/b"><body>psst</body><x USER/></message>`)
	// An error that does not say that Bob can't be reached goes back to whom it concerns.
	const tooLong = `<error type="modify"><not-acceptable xmlns="` + stanza.NSStanzas + `"/></error>`
	expect(t, p.does(`<message type="error" id="1" from="`+bob+`" to="`+tea+`/Alice">`+tooLong+`</message>`),
		`<message type="error" id="1" from="tea@R/Bob" to="alice@L/a"><error type="modify"><not-acceptable/></error></message>`)
	expect(t, p.does(`<message type="error" id="1" from="`+bob+`" to="`+tea+`/nobody">`+tooLong+`</message>`))
}

func TestRoomMessage_refused(t *testing.T) {
	tests := []struct{ name, attrs, from, errorType, condition, text string }{
		{"to the service", ` type="chat" to="rooms.localhost"`, alice, "cancel", "service-unavailable", "nobody reads messages to the rooms service; write to a room"},
		{"from outside", ` type="groupchat" to="` + tea + `"`, "x@localhost", "modify", "not-acceptable", "you are not in the room tea@R: join it first"},
		{"in private from outside", ` type="chat" to="` + tea + `/Bob"`, "x@localhost", "modify", "not-acceptable", "you are not in the room tea@R: join it first"},
		{"to no room", ` type="groupchat" to="no@rooms.localhost"`, alice, "modify", "not-acceptable", "you are not in the room no@R: join it first"},
		{"to nobody", ` type="chat" to="` + tea + `/x"`, alice, "cancel", "item-not-found", "nobody in the room has that nick"},
		{"to all but to one", ` type="groupchat" to="` + tea + `/Bob"`, alice, "modify", "bad-request", "a message to one occupant is not of type groupchat"},
		{"chat with all", ` type="chat" to="` + tea + `"`, alice, "modify", "bad-request", "a message to all in a room is of type groupchat"},
	}
	p := tearoom(t)
	expect(t, p.does(`<message type="groupchat" from="`+bob+`" to="`+tea+`"><body>`+strings.Repeat("x", maxRoomMessage)+`</body></message>`),
		refused("message", ` from="tea@R" to="bob@L/b"`, "modify", "policy-violation", "a message to all in a room may have at most 65536 bytes"))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, to, _ := strings.Cut(tt.attrs, ` to="`)
			expect(t, p.does(`<message id="1" from="`+tt.from+`"`+tt.attrs+`><body>x</body></message>`),
				refused("message", shorten.Replace(` id="1" from="`+to+` to="`+tt.from+`"`), tt.errorType, tt.condition, tt.text))
		})
	}
	expect(t, p.does(`<message type="error" from="x@localhost" to="`+tea+`"/>`))
	expect(t, p.does(`<message type="chat" from="x@localhost" to="tea@elsewhere.localhost"/>`))
	expect(t, p.does(`<presence to="`+tea+`/nobody"/>`))
	expect(t, p.does(`<message type="groupchat" from="`+alice+`" to="`+tea+`"><body>x</body></message>`),
		`<message type="groupchat" from="tea@R/Alice" to="alice@L/a"><body>x</body></message>`,
		`<message type="groupchat" from="tea@R/Alice" to="bob@L/b"><body>x</body></message>`)
}

func TestRoomInvite(t *testing.T) {
	p := tearoom(t)
	invite := func(from, inner string) []string {
		return p.does(`<message from="` + from + `" to="` + tea + `"><x xmlns="` + nsMUCUser + `">` + inner + `</x></message>`)
	}
	expect(t, invite(bob, `<invite to="bot@bot.localhost"><reason>tea &lt;3</reason></invite><invite to="x@localhost"/>`),
		`<message from="tea@R" to="bot@bot.localhost"><x USER><invite from="bob@L/b"><reason>tea &lt;3</reason></invite></x></message>`,
		`<message from="tea@R" to="x@L"><x USER><invite from="bob@L/b"></invite></x></message>`)
	expect(t, invite(bot, `<decline to="bob@localhost"><reason>no</reason></decline>`),
		`<message from="tea@R" to="bob@L/b"><x USER><decline from="bot@bot.localhost"><reason>no</reason></decline></x></message>`)

	const back = ` from="tea@R" to="bob@L/b"`
	expect(t, invite(bob, `<invite to="x@localhost"/><invite to="@"/>`),
		refused("message", back, "modify", "jid-malformed", `invite: to: address "@": nothing before the @`))
	expect(t, invite(bob, strings.Repeat(`<invite to="x@localhost"/>`, maxInvites+1)),
		refused("message", back, "modify", "policy-violation", "one message may invite at most 20"))
	expect(t, invite(bot, `<invite to="x@localhost"/>`),
		refused("message", ` from="tea@R" to="bot@bot.localhost"`, "modify", "not-acceptable", "you are not in the room tea@R: join it first"))
	expect(t, invite(bob, `<decline to="x@localhost"/>`),
		refused("message", back, "cancel", "item-not-found", "the inviter is not in the room"))
	expect(t, invite(bob, `<decline/>`),
		refused("message", back, "modify", "jid-malformed", `decline: to: address "": empty`))
}
