package jsonmap

const nsPush = "urn:xmpp:push:0"

// moreIQFields are the questions and orders that mod_rest does not have.
func moreIQFields() []field {
	return append(append(accountFields(), pubsubIQFields()...), mucIQFields()...)
}

// accountFields are what an account can be asked and told.
func accountFields() []field {
	addresses := &field{place: InAttrOf, typ: String, attr: "jid"}
	return []field{
		{name: "roster", place: AsObject, typ: Object, space: "jabber:iq:roster", local: "query", table: rosterTable(), sets: []string{"items"}, xep: "RFC 6121 §2", about: "the contacts"},
		{name: "blocklist", place: InList, typ: Array, space: nsBlocking, local: "blocklist", item: "item", of: addresses, xep: "XEP-0191", about: "the addresses that are blocked"},
		{name: "block", place: InList, typ: Array, space: nsBlocking, local: "block", item: "item", of: copyOf(addresses), sets: []string{always}, xep: "XEP-0191"},
		{name: "unblock", place: InList, typ: Array, space: nsBlocking, local: "unblock", item: "item", of: copyOf(addresses), sets: []string{always}, xep: "XEP-0191", about: "none: all"},
		{name: "vcard", place: AsObject, typ: Object, space: "vcard-temp", local: "vCard", table: vcardTable(), sets: []string{filled}, xep: "XEP-0054"},
		{name: "time", place: AsObject, typ: Object, space: "urn:xmpp:time", local: "time", table: new(table).add(child("tzo"), child("utc")), xep: "XEP-0202"},
		{
			name: "bob", place: AsObject, typ: Object, space: "urn:xmpp:bob", local: "data", xep: "XEP-0231", about: "a small piece of data by its cid",
			table: new(table).add(attr("cid"), attr("type"), intAttr("max-age"), field{name: "data", place: InContent, typ: String, optional: true, about: "in base64"}),
		},
		{name: "archive_prefs", place: AsObject, typ: Object, space: nsMAM, local: "prefs", table: archivePrefsTable(), sets: []string{filled}, xep: "XEP-0441"},
		{
			name: "archive_metadata", place: AsObject, typ: Object, space: nsMAM, local: "metadata", xep: "XEP-0313", about: "the first and the last message of an archive",
			table: new(table).add(part("start", attr("id"), attr("timestamp")), part("end", attr("id"), attr("timestamp"))),
		},
		{name: "carbons_enable", place: AsFlag, typ: Boolean, space: nsCarbons, local: "enable", sets: []string{always}, xep: "XEP-0280"},
		{name: "carbons_disable", place: AsFlag, typ: Boolean, space: nsCarbons, local: "disable", sets: []string{always}, xep: "XEP-0280"},
		{name: "push_enable", place: AsObject, typ: Object, space: nsPush, local: "enable", table: new(table).add(attr("jid"), attr("node"), form()), sets: []string{always}, xep: "XEP-0357"},
		{name: "push_disable", place: AsObject, typ: Object, space: nsPush, local: "disable", table: new(table).add(attr("jid"), attr("node")), sets: []string{always}, xep: "XEP-0357"},
	}
}

const nsBlocking = "urn:xmpp:blocking"

// copyOf returns an item's field for another list.
func copyOf(f *field) *field {
	other := *f
	return &other
}

func rosterTable() *table {
	return new(table).add(
		attr("ver"),
		field{name: "items", place: AsList, typ: Array, local: "item", table: new(table).add(
			attr("jid"), attr("name"), attr("subscription"), attr("ask"),
			field{name: "approved", place: InAttr, typ: Boolean, words: true},
			field{name: "groups", place: AsList, typ: Array, local: "group"},
		)},
	)
}

func archivePrefsTable() *table {
	return new(table).add(
		field{name: "default", place: InAttr, typ: String, values: []string{"always", "never", "roster"}},
		field{name: "always", place: InList, typ: Array, local: "always", item: "jid"},
		field{name: "never", place: InList, typ: Array, local: "never", item: "jid"},
	)
}

// vcardTable is the card of XEP-0054, whose elements are in upper case.
func vcardTable() *table {
	image := each(child, []string{"TYPE", "BINVAL", "EXTVAL"})
	list := func(name string, flags []string, texts ...string) field {
		return field{name: memberName(name), place: AsList, typ: Array, local: name, table: new(table).add(each(flag, flags)...).add(each(child, texts)...)}
	}
	t := new(table).add(each(child, []string{
		"FN", "NICKNAME", "BDAY", "JABBERID", "URL", "TITLE", "ROLE", "NOTE", "DESC", "MAILER", "TZ", "PRODID", "REV",
		"SORT-STRING", "UID", "VERSION",
	})...)
	return t.add(
		part("N", each(child, []string{"FAMILY", "GIVEN", "MIDDLE", "PREFIX", "SUFFIX"})...),
		part("PHOTO", image...),
		part("LOGO", image...),
		part("ORG", child("ORGNAME"), field{name: "orgunit", place: AsList, typ: Array, local: "ORGUNIT"}),
		part("GEO", child("LAT"), child("LON")),
		list("EMAIL", []string{"HOME", "WORK", "INTERNET", "PREF", "X400"}, "USERID"),
		list("TEL", []string{"HOME", "WORK", "VOICE", "FAX", "PAGER", "MSG", "CELL", "VIDEO", "BBS", "MODEM", "ISDN", "PCS", "PREF"}, "NUMBER"),
		list("ADR", []string{"HOME", "WORK", "POSTAL", "PARCEL", "DOM", "INTL", "PREF"}, "POBOX", "EXTADD", "STREET", "LOCALITY", "REGION", "PCODE", "CTRY"),
		field{name: "categories", place: InList, typ: Array, local: "CATEGORIES", item: "KEYWORD"},
	)
}
