package main

import (
	"fmt"
	"strings"
)

// messageSize is the length in bytes of the messages of the load.
const messageSize = 355

const replyText = "Got it, thank you; this is what the answer of a bot might look like."

// message is a chat message of five children with a place for its number.
func message(from, to string) string {
	start := `<message from="` + from + `" to="` + to + `" type="chat" id="` + blankNumber + `"><body>`
	end := `</body><active xmlns="http://jabber.org/protocol/chatstates"/><request xmlns="urn:xmpp:receipts"/>` +
		`<markable xmlns="urn:xmpp:chat-markers:0"/><thread>e0ffe42b</thread></message>`
	text := messageSize - len(start) - len(end)
	return start + strings.Repeat("The quick brown fox jumps over the lazy dog. ", 9)[:text] + end
}

// query is an iq get with a place for its number.
func query(from, to string) string {
	return `<iq from="` + from + `" to="` + to + `" type="get" id="` + blankNumber + `"><query xmlns="jabber:iq:version"/></iq>`
}

// answerPayload is what such a query is answered with.
const answerPayload = `<query xmlns="jabber:iq:version"><name>load</name><version>1.0</version><os>none</os></query>`

// senderAddress is the address of one sender of a domain.
func senderAddress(i int, domain string) string { return fmt.Sprintf("s%04d@%s", i, domain) }
