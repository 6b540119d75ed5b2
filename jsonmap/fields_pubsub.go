package jsonmap

// itemTable is an item of a node (XEP-0060): its id, and what is published, if that is
// known; all else stands under GenericKey.
func itemTable() *table {
	info := new(table).add(attrs("id", "type", "url")...).add(
		field{name: "bytes", place: InAttr, typ: Integer},
		field{name: "width", place: InAttr, typ: Integer},
		field{name: "height", place: InAttr, typ: Integer},
	)
	conference := new(table).add(attrs("name")...).add(
		field{name: "autojoin", place: InAttr, typ: Boolean, words: true},
		field{name: "nick", place: InText, typ: String, local: "nick"},
		field{name: "password", place: InText, typ: String, local: "password"},
	)
	return new(table).add(attrs("id", "publisher")...).add(
		field{name: "avatar", place: InList, typ: Array, space: "urn:xmpp:avatar:metadata", local: "metadata", item: "info", xep: "XEP-0084", table: info},
		field{name: "avatar_data", place: InText, typ: String, space: "urn:xmpp:avatar:data", local: "data", xep: "XEP-0084"},
		field{name: "conference", place: AsObject, typ: Object, space: "urn:xmpp:bookmarks:1", local: "conference", xep: "XEP-0402", table: conference},
		field{name: "nick", place: InText, typ: String, space: "http://jabber.org/protocol/nick", local: "nick", xep: "XEP-0172"},
	)
}

// inNode returns a field for an element that names a node, and what it has beside
// that.
func inNode(local string, more ...field) field {
	return field{name: local, place: AsObject, typ: Object, local: local, table: new(table).add(attrs("node")...).add(more...)}
}

// itemList is the field with the items of a node.
func itemList() field {
	return field{name: "items", place: AsList, typ: Array, local: "item", table: itemTable()}
}

// configuration is the field with the form of a node or subscription.
func configuration() field {
	return field{name: "form", place: AsSpecial, typ: Object, space: nsData, local: "x", special: dataForm}
}

func pubsubEventTable() *table {
	return new(table).add(
		inNode("items", itemList(), field{name: "retracted", place: AsList, typ: Array, local: "retract", table: new(table).add(attrs("id")...)}),
		inNode("purge"),
		inNode("delete"),
		inNode("configuration", configuration()),
		inNode("subscription", attrs("jid", "subid", "subscription", "expiry")...),
	)
}

func pubsubTable() *table {
	retract := inNode("retract", field{name: "notify", place: InAttr, typ: Boolean, words: true}, itemList())
	items := inNode("items", field{name: "max_items", place: InAttr, typ: Integer}, field{name: "subid", place: InAttr, typ: String}, itemList())
	options := inNode("options", append(attrs("jid", "subid"), configuration())...)
	publishOptions := field{name: "publish_options", place: AsObject, typ: Object, local: "publish-options", table: new(table).add(configuration())}
	subscription := new(table).add(attrs("node", "jid", "subid", "subscription")...)
	affiliation := new(table).add(attrs("node", "jid", "affiliation")...)
	return new(table).add(
		inNode("publish", itemList()), publishOptions, retract, items,
		inNode("subscribe", attrs("jid")...),
		inNode("unsubscribe", attrs("jid", "subid")...),
		inNode("subscription", attrs("jid", "subid", "subscription")...),
		inNode("subscriptions", field{name: "subscriptions", place: AsList, typ: Array, local: "subscription", table: subscription}),
		inNode("affiliations", field{name: "affiliations", place: AsList, typ: Array, local: "affiliation", table: affiliation}),
		options,
		inNode("create"),
		inNode("configure", configuration()),
		field{name: "page", place: AsSpecial, typ: Object, space: nsRSM, local: "set", special: resultSet, xep: "XEP-0059"},
	)
}

func pubsubOwnerTable() *table {
	return new(table).add(
		inNode("configure", configuration()),
		inNode("default", configuration()),
		inNode("delete"),
		inNode("purge"),
		inNode("subscriptions", field{name: "subscriptions", place: AsList, typ: Array, local: "subscription", table: new(table).add(attrs("jid", "subid", "subscription")...)}),
		inNode("affiliations", field{name: "affiliations", place: AsList, typ: Array, local: "affiliation", table: new(table).add(attrs("jid", "affiliation")...)}),
	)
}
