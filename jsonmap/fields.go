package jsonmap

import "github.com/restanza/restanza/stanza"

// tables are the tables of the three kinds of stanza.
var tables = newTables()

type tableSet struct{ message, presence, iq *table }

func tableOf(k stanza.Kind) *table {
	switch k {
	case stanza.Presence:
		return tables.presence
	case stanza.IQ:
		return tables.iq
	case stanza.Message:
	}
	return tables.message
}

// answerOnly marks members that only answers have: nothing is asked with them.
const answerOnly = "only in answers"

func newTables() (s tableSet) {
	s = tableSet{&table{kind: stanza.Message}, &table{kind: stanza.Presence}, &table{kind: stanza.IQ}}
	all := []*table{s.message, s.presence, s.iq}
	for _, t := range all {
		t.kinds = all
		t.add(headerFields()...)
		t.add(commonFields()...)
	}
	inner := new(table).add(stanzaAttrs()...) // a message inside of another can have all that a message can have
	forwarded := forwardedTable(inner)
	s.message.add(messageFields(forwarded)...)
	s.message.add(beyond(moreMessageFields(forwarded))...)
	inner.addChildren(s.message)
	s.presence.add(presenceFields()...)
	s.presence.add(beyond(morePresenceFields())...)
	s.iq.add(iqFields()...)
	s.iq.add(beyond(moreIQFields())...)
	return s
}

// headerFields are what the start tag of a stanza says.
func headerFields() []field {
	return []field{
		{name: "kind", place: AsHeader, typ: String, values: kindNames, xep: "RFC 6120 §8.2", about: "the stanza's element"},
		{name: "type", place: AsHeader, typ: String, xep: "RFC 6120 §8.1.4"},
		{name: "to", place: AsHeader, typ: String, xep: "RFC 6120 §8.1.1", about: "the addressee"},
		{name: "from", place: AsHeader, typ: String, xep: "RFC 6120 §8.1.2", about: "the sender"},
		{name: "id", place: AsHeader, typ: String, xep: "RFC 6120 §8.1.3"},
		{name: "lang", place: AsHeader, typ: String, xep: "RFC 6120 §8.1.5", about: "xml:lang"},
	}
}

// stanzaAttrs are the same for a stanza inside of another.
func stanzaAttrs() []field {
	return []field{
		{name: "type", place: InAttr, typ: String},
		{name: "to", place: InAttr, typ: String},
		{name: "from", place: InAttr, typ: String},
		{name: "id", place: InAttr, typ: String},
		{name: "lang", place: InAttr, attr: "xml:lang", typ: String},
	}
}

// commonFields are those of all kinds of stanza.
func commonFields() []field {
	return []field{
		{name: "nick", aside: true, place: InText, typ: String, space: "http://jabber.org/protocol/nick", local: "nick", xep: "XEP-0172"},
		{name: "delay", aside: true, place: InAttrOf, typ: String, space: nsDelay, local: "delay", attr: "stamp", short: "delayed", xep: "XEP-0203", about: "when it was sent first"},
		delayed,
		{name: "rsm", aside: true, place: AsSpecial, typ: Object, space: nsRSM, local: "set", special: resultSet, xep: "XEP-0059"},
		{name: "payload", place: AsSpecial, typ: Object, space: nsPayload, local: "payload", special: jsonPayload, xep: "XEP-0432"},
		{name: "dataform", aside: true, place: AsSpecial, typ: Object, space: nsData, local: "x", special: dataForm, xep: "XEP-0004"},
		{name: "formdata", aside: true, place: AsSpecial, typ: Object, space: nsData, local: "x", special: compactForm, input: true, xep: "XEP-0004", about: "a form that is submitted: each member is a field"},
		{name: "error", aside: true, place: AsSpecial, typ: Object, local: "error", special: stanzaError, xep: "RFC 6120 §8.3"},
	}
}

const (
	nsDelay   = "urn:xmpp:delay"
	nsRSM     = "http://jabber.org/protocol/rsm"
	nsPayload = "urn:xmpp:json-msg:0"
	nsJSON    = "urn:xmpp:json:0"
	nsData    = "jabber:x:data"
	nsMAM     = "urn:xmpp:mam:2"
)

// forwardedTable is what forwarded says (XEP-0297).
func forwardedTable(message *table) *table {
	message.name = "message"
	return named("forwarded",
		field{name: "delay", place: InAttrOf, typ: String, space: nsDelay, local: "delay", attr: "stamp", short: "delayed", xep: "XEP-0203"},
		delayed,
		field{name: "message", place: AsObject, typ: Object, space: stanza.NSClient, local: "message", table: message},
	)
}

func messageFields(forwarded *table) []field {
	return []field{
		{name: "body", place: InText, typ: String, local: "body", xep: "RFC 6121 §5.2.3"},
		{name: "subject", place: InText, typ: String, local: "subject", xep: "RFC 6121 §5.2.4"},
		{name: "thread", place: AsObject, typ: Object, local: "thread", xep: "RFC 6121 §5.2.5", table: new(table).add(
			field{name: "id", place: InContent, typ: String},
			field{name: "parent", place: InAttr, typ: String},
		)},
		{name: "state", place: AsName, typ: String, space: "http://jabber.org/protocol/chatstates", values: []string{"active", "inactive", "gone", "composing", "paused"}, xep: "XEP-0085"},
		{name: "html", place: AsSpecial, typ: String, space: nsXHTMLIM, local: "html", special: xhtml, xep: "XEP-0071", about: "the XHTML body as markup"},
		{name: "replace", place: InAttrOf, typ: String, space: "urn:xmpp:message-correct:0", local: "replace", attr: "id", xep: "XEP-0308", about: "id of the message that this one corrects"},
		{name: "attach_to", place: InAttrOf, typ: String, space: "urn:xmpp:message-attaching:1", local: "attach-to", attr: "id", xep: "XEP-0367"},
		{name: "markable", place: AsFlag, typ: Boolean, space: nsMarkers, local: "markable", xep: "XEP-0333"},
		{name: "displayed", place: InAttrOf, typ: String, space: nsMarkers, local: "displayed", attr: "id", xep: "XEP-0333"},
		{name: "encryption", place: InAttrOf, typ: String, space: "urn:xmpp:eme:0", local: "encryption", attr: "namespace", xep: "XEP-0380"},
		{name: "fallback", place: AsFlag, typ: Boolean, space: nsFallback, local: "fallback", short: "fallbacks", xep: "XEP-0428", about: "the body is for programs that do not understand the rest"},
		fallbacks,
		occupantID,
		{name: "oob", place: AsObject, typ: Object, space: "jabber:x:oob", local: "x", xep: "XEP-0066", table: new(table).add(oobFields()...)},
		{name: "oob_url", place: AsSpecial, typ: String, space: "jabber:x:oob", local: "x", special: oobURL, short: "oob", xep: "XEP-0066"},
		{name: "reply", place: AsObject, typ: Object, space: "urn:xmpp:reply:0", local: "reply", xep: "XEP-0461", table: new(table).add(
			field{name: "id", place: InAttr, typ: String},
			field{name: "to", place: InAttr, typ: String},
		)},
		{name: "reference", place: AsObject, typ: Object, space: "urn:xmpp:reference:0", local: "reference", xep: "XEP-0372", table: new(table).add(
			field{name: "begin", place: InAttr, typ: Integer},
			field{name: "end", place: InAttr, typ: Integer},
			field{name: "type", place: InAttr, typ: String},
			field{name: "uri", place: InAttr, typ: String},
		)},
		{name: "reactions", place: AsObject, typ: Object, space: "urn:xmpp:reactions:0", local: "reactions", xep: "XEP-0444", table: new(table).add(
			field{name: "id", place: InAttr, typ: String},
			field{name: "reactions", place: AsList, typ: Array, local: "reaction"},
		)},
		{name: "stanza_ids", place: AsList, typ: Array, space: "urn:xmpp:sid:0", local: "stanza-id", xep: "XEP-0359", table: new(table).add(
			field{name: "id", place: InAttr, typ: String},
			field{name: "by", place: InAttr, typ: String},
		)},
		{name: "invite", place: AsObject, typ: Object, space: "jabber:x:conference", local: "x", xep: "XEP-0249", table: new(table).add(
			field{name: "jid", place: InAttr, typ: String},
			field{name: "password", place: InAttr, typ: String},
			field{name: "reason", place: InAttr, typ: String},
			field{name: "thread", place: InAttr, typ: String},
			field{name: "continue", place: InAttr, typ: Boolean},
		)},
		{name: "forwarded", place: AsObject, typ: Object, space: "urn:xmpp:forward:0", local: "forwarded", table: forwarded, xep: "XEP-0297"},
		{name: "archive", place: AsObject, typ: Object, space: nsMAM, local: "result", xep: "XEP-0313", table: new(table).add(
			field{name: "id", place: InAttr, typ: String},
			field{name: "queryid", place: InAttr, typ: String},
			field{name: "forward", place: AsObject, typ: Object, space: "urn:xmpp:forward:0", local: "forwarded", table: forwarded},
		)},
	}
}

const nsMarkers = "urn:xmpp:chat-markers:0"

func oobFields() []field {
	return []field{
		{name: "url", place: InText, typ: String, local: "url"},
		{name: "desc", place: InText, typ: String, local: "desc"},
	}
}

func presenceFields() []field {
	return []field{
		{name: "show", place: InText, typ: String, local: "show", values: []string{"away", "chat", "dnd", "xa"}, xep: "RFC 6121 §4.7.2.1"},
		{name: "status", place: InText, typ: String, local: "status", xep: "RFC 6121 §4.7.2.2"},
		{name: "priority", place: InText, typ: Integer, local: "priority", min: -128, max: 127, xep: "RFC 6121 §4.7.2.3"},
		{name: "caps", place: AsObject, typ: Object, space: "http://jabber.org/protocol/caps", local: "c", xep: "XEP-0115", table: new(table).add(
			field{name: "node", place: InAttr, typ: String},
			field{name: "ver", place: InAttr, typ: String},
			field{name: "hash", place: InAttr, typ: String},
			field{name: "ext", place: InAttr, typ: String},
		)},
		{name: "idle_since", place: InAttrOf, typ: String, space: "urn:xmpp:idle:1", local: "idle", attr: "since", xep: "XEP-0319"},
		{name: "vcard_update", place: AsObject, typ: Object, space: "vcard-temp:x:update", local: "x", xep: "XEP-0153", table: new(table).add(
			field{name: "photo", place: InText, typ: String, local: "photo"},
		)},
		{name: "muc", place: AsObject, typ: Object, space: nsMUC, local: "x", xep: "XEP-0045", about: "entering a room", table: new(table).add(
			field{name: "password", place: InText, typ: String, local: "password", beyond: true},
			field{name: "history", place: AsObject, typ: Object, local: "history", table: new(table).add(
				field{name: "maxchars", place: InAttr, typ: Integer},
				field{name: "maxstanzas", place: InAttr, typ: Integer},
				field{name: "seconds", place: InAttr, typ: Integer},
				field{name: "since", place: InAttr, typ: String},
			)},
		)},
		{name: "join", place: AsFlag, typ: Boolean, space: nsMUC, local: "x", input: true, short: "muc", xep: "XEP-0045", about: "the same as an empty muc"},
	}
}

const nsMUC = "http://jabber.org/protocol/muc"
