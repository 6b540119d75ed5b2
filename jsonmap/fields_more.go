package jsonmap

// The namespaces of fields that mod_rest does not have.
const (
	nsRetract     = "urn:xmpp:message-retract:1"
	nsReceipts    = "urn:xmpp:receipts"
	nsHints       = "urn:xmpp:hints"
	nsCarbons     = "urn:xmpp:carbons:2"
	nsFallback    = "urn:xmpp:fallback:0"
	nsForward     = "urn:xmpp:forward:0"
	nsMUCUser     = "http://jabber.org/protocol/muc#user"
	nsMUCAdmin    = "http://jabber.org/protocol/muc#admin"
	nsMUCOwner    = "http://jabber.org/protocol/muc#owner"
	nsPubSub      = "http://jabber.org/protocol/pubsub"
	nsPubSubEvent = "http://jabber.org/protocol/pubsub#event"
	nsPubSubOwner = "http://jabber.org/protocol/pubsub#owner"
)

// beyond marks fields that mod_rest does not have.
func beyond(fields ...field) []field {
	for i := range fields {
		fields[i].beyond = true
	}
	return fields
}

// attrs are fields for attributes that are strings.
func attrs(names ...string) []field {
	list := make([]field, len(names))
	for i, name := range names {
		list[i] = field{name: name, place: InAttr, typ: String}
	}
	return list
}

// moreCommonFields are those of all kinds of stanza.
func moreCommonFields() []field {
	return beyond(
		field{name: "delayed", place: AsObject, typ: Object, space: nsDelay, local: "delay", xep: "XEP-0203", about: "delay with who delayed it, and why", table: new(table).
			add(attrs("stamp", "from")...).add(field{name: "text", place: InContent, typ: String})},
	)
}

func moreMessageFields(forwarded *table) []field {
	carbon := func(name, local string) field {
		return field{name: name, place: AsObject, typ: Object, space: nsCarbons, local: local, xep: "XEP-0280", table: new(table).add(
			field{name: "forwarded", place: AsObject, typ: Object, space: nsForward, local: "forwarded", table: forwarded},
		)}
	}
	hint := func(name, local string) field {
		return field{name: name, place: AsFlag, typ: Boolean, space: nsHints, local: local, xep: "XEP-0334"}
	}
	return beyond(
		field{name: "fallback_for", place: AsObject, typ: Object, space: nsFallback, local: "fallback", xep: "XEP-0428", about: "fallback with what it stands in for", table: fallbackTable()},
		field{name: "retract", place: InAttrOf, typ: String, space: nsRetract, local: "retract", attr: "id", xep: "XEP-0424", about: "id of the message that is taken back"},
		field{name: "retracted", place: AsObject, typ: Object, space: nsRetract, local: "retracted", xep: "XEP-0424", table: new(table).add(attrs("id", "stamp")...)},
		field{name: "unstyled", place: AsFlag, typ: Boolean, space: "urn:xmpp:styling:0", local: "unstyled", xep: "XEP-0393"},
		field{name: "origin_id", place: InAttrOf, typ: String, space: "urn:xmpp:sid:0", local: "origin-id", attr: "id", xep: "XEP-0359"},
		field{name: "receipt_request", place: AsFlag, typ: Boolean, space: nsReceipts, local: "request", xep: "XEP-0184"},
		field{name: "receipt", place: InAttrOf, typ: String, space: nsReceipts, local: "received", attr: "id", xep: "XEP-0184", about: "id of the message that has arrived"},
		hint("store", "store"), hint("no_store", "no-store"), hint("no_copy", "no-copy"), hint("no_permanent_store", "no-permanent-store"),
		carbon("carbon_sent", "sent"), carbon("carbon_received", "received"),
		field{name: "spoiler", place: InText, typ: String, space: "urn:xmpp:spoiler:0", local: "spoiler", xep: "XEP-0382"},
		field{name: "attention", place: AsFlag, typ: Boolean, space: "urn:xmpp:attention:0", local: "attention", xep: "XEP-0224"},
		field{name: "file_sharing", place: AsObject, typ: Object, space: "urn:xmpp:sfs:0", local: "file-sharing", xep: "XEP-0447", table: fileSharingTable()},
		field{name: "muc_user", place: AsObject, typ: Object, space: nsMUCUser, local: "x", xep: "XEP-0045", table: mucUserTable()},
		field{name: "pubsub_event", place: AsObject, typ: Object, space: nsPubSubEvent, local: "event", xep: "XEP-0060", table: pubsubEventTable()},
	)
}

func fallbackTable() *table {
	part := new(table).add(
		field{name: "start", place: InAttr, typ: Integer},
		field{name: "end", place: InAttr, typ: Integer},
	)
	return new(table).add(attrs("for")...).add(
		field{name: "body", place: AsList, typ: Array, local: "body", table: part},
		field{name: "subject", place: AsList, typ: Array, local: "subject", table: part},
	)
}

func fileSharingTable() *table {
	file := new(table)
	for _, name := range []string{"media-type", "name", "desc", "date"} {
		file.add(field{name: name, place: InText, typ: String, local: name})
	}
	for _, name := range []string{"size", "width", "height", "length"} {
		file.add(field{name: name, place: InText, typ: Integer, local: name})
	}
	file.add(field{name: "hashes", place: AsList, typ: Array, space: "urn:xmpp:hashes:2", local: "hash", xep: "XEP-0300", table: new(table).
		add(attrs("algo")...).add(field{name: "value", place: InContent, typ: String})})
	return new(table).add(attrs("disposition", "id")...).add(
		field{name: "file", place: AsObject, typ: Object, space: "urn:xmpp:file:metadata:0", local: "file", xep: "XEP-0446", table: file},
		field{name: "sources", place: AsObject, typ: Object, local: "sources", table: new(table).add(
			field{name: "urls", place: AsList, typ: Array, space: "http://jabber.org/protocol/url-data", local: "url-data", table: new(table).add(attrs("target")...)},
		)},
	)
}

// mucItemTable is what an occupant is in a room.
func mucItemTable() *table {
	return new(table).add(attrs("affiliation", "role", "jid", "nick")...).add(
		field{name: "actor", place: AsObject, typ: Object, local: "actor", table: new(table).add(attrs("jid", "nick")...)},
		field{name: "reason", place: InText, typ: String, local: "reason"},
	)
}

func mucUserTable() *table {
	letter := func() *table {
		return new(table).add(attrs("to", "from")...).add(field{name: "reason", place: InText, typ: String, local: "reason"})
	}
	return new(table).add(
		field{name: "item", place: AsObject, typ: Object, local: "item", table: mucItemTable()},
		field{name: "status", place: AsList, typ: Array, local: "status", table: new(table).add(field{name: "code", place: InAttr, typ: Integer})},
		field{name: "invites", place: AsList, typ: Array, local: "invite", table: letter()},
		field{name: "decline", place: AsObject, typ: Object, local: "decline", table: letter()},
		field{name: "password", place: InText, typ: String, local: "password"},
		field{name: "destroy", place: AsObject, typ: Object, local: "destroy", table: destroyTable()},
	)
}

func destroyTable() *table {
	return new(table).add(attrs("jid")...).add(
		field{name: "reason", place: InText, typ: String, local: "reason"},
		field{name: "password", place: InText, typ: String, local: "password"},
	)
}

func morePresenceFields() []field {
	return beyond(
		field{name: "muc_user", place: AsObject, typ: Object, space: nsMUCUser, local: "x", xep: "XEP-0045", table: mucUserTable()},
	)
}

func moreIQFields() []field {
	blocked := func(name string, set bool) field {
		return field{name: name, place: InList, typ: Array, space: "urn:xmpp:blocking", local: name, item: "item", xep: "XEP-0191", set: set, table: new(table).add(attrs("jid")...)}
	}
	return beyond(
		field{name: "roster", place: AsObject, typ: Object, space: "jabber:iq:roster", local: "query", xep: "RFC 6121 §2.1", table: rosterTable()},
		blocked("blocklist", false), blocked("block", true), blocked("unblock", true),
		field{name: "time", place: AsObject, typ: Object, space: "urn:xmpp:time", local: "time", xep: "XEP-0202", table: new(table).add(
			field{name: "tzo", place: InText, typ: String, local: "tzo"},
			field{name: "utc", place: InText, typ: String, local: "utc"},
		)},
		field{name: "vcard", place: AsObject, typ: Object, space: "vcard-temp", local: "vCard", xep: "XEP-0054", table: vcardTable()},
		field{name: "carbons_enable", place: AsFlag, typ: Boolean, space: nsCarbons, local: "enable", xep: "XEP-0280", set: true},
		field{name: "carbons_disable", place: AsFlag, typ: Boolean, space: nsCarbons, local: "disable", xep: "XEP-0280", set: true},
		field{name: "muc_admin", place: InList, typ: Array, space: nsMUCAdmin, local: "query", item: "item", xep: "XEP-0045", table: mucItemTable()},
		field{name: "muc_owner", place: AsObject, typ: Object, space: nsMUCOwner, local: "query", xep: "XEP-0045", table: new(table).add(
			field{name: "form", place: AsSpecial, typ: Object, space: nsData, local: "x", special: dataForm},
			field{name: "destroy", place: AsObject, typ: Object, local: "destroy", table: destroyTable()},
		)},
		field{name: "pubsub", place: AsObject, typ: Object, space: nsPubSub, local: "pubsub", xep: "XEP-0060", table: pubsubTable()},
		field{name: "pubsub_owner", place: AsObject, typ: Object, space: nsPubSubOwner, local: "pubsub", xep: "XEP-0060", table: pubsubOwnerTable()},
	)
}

func rosterTable() *table {
	item := new(table).add(attrs("jid", "name", "subscription", "ask")...).add(
		field{name: "approved", place: InAttr, typ: Boolean, words: true},
		field{name: "groups", place: AsList, typ: Array, local: "group"},
	)
	return new(table).add(attrs("ver")...).add(field{name: "items", place: AsList, typ: Array, local: "item", table: item})
}

func vcardTable() *table {
	texts := func(names ...[2]string) *table {
		t := new(table)
		for _, n := range names {
			t.add(field{name: n[0], place: InText, typ: String, local: n[1]})
		}
		return t
	}
	return texts(
		[2]string{"full_name", "FN"}, [2]string{"nickname", "NICKNAME"}, [2]string{"url", "URL"}, [2]string{"birthday", "BDAY"},
		[2]string{"description", "DESC"}, [2]string{"jid", "JABBERID"}, [2]string{"title", "TITLE"}, [2]string{"role", "ROLE"},
	).add(
		field{name: "name", place: AsObject, typ: Object, local: "N", table: texts([2]string{"family", "FAMILY"}, [2]string{"given", "GIVEN"}, [2]string{"middle", "MIDDLE"})},
		field{name: "organization", place: AsObject, typ: Object, local: "ORG", table: texts([2]string{"name", "ORGNAME"}, [2]string{"unit", "ORGUNIT"})},
		field{name: "photo", place: AsObject, typ: Object, local: "PHOTO", table: texts([2]string{"type", "TYPE"}, [2]string{"data", "BINVAL"}, [2]string{"url", "EXTVAL"})},
		field{name: "emails", place: AsList, typ: Array, local: "EMAIL", table: texts([2]string{"address", "USERID"})},
	)
}
