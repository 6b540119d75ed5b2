package jsonmap

const nsPubSub = "http://jabber.org/protocol/pubsub"

// pubsubItems returns the items of a node, with what is in them.
func pubsubItems() field {
	return field{name: "items", place: AsList, typ: Array, local: "item", table: pubsubItemTable()}
}

// pubsubItemTable is an item with its payload, which is under GenericKey if it is none
// of these.
func pubsubItemTable() *table {
	return named("pubsub_item",
		attr("id"), attr("publisher"),
		field{name: "avatar_data", place: InText, typ: String, space: "urn:xmpp:avatar:data", local: "data", xep: "XEP-0084", about: "in base64"},
		field{
			name: "avatar_metadata", place: InList, typ: Array, space: "urn:xmpp:avatar:metadata", local: "metadata", item: "info", xep: "XEP-0084",
			table: new(table).add(attr("id"), attr("type"), intAttr("bytes"), intAttr("width"), intAttr("height"), attr("url")),
		},
		field{
			name: "conference", place: AsObject, typ: Object, space: "urn:xmpp:bookmarks:1", local: "conference", xep: "XEP-0402", about: "a bookmark; the id of the item is the room's address",
			table: new(table).add(attr("name"), field{name: "autojoin", place: InAttr, typ: Boolean, words: true}, child("nick"), child("password"), part("extensions")),
		},
		field{name: "nick", place: InText, typ: String, space: "http://jabber.org/protocol/nick", local: "nick", xep: "XEP-0172"},
		mdsDisplayed("displayed"),
		field{name: "tune", place: AsObject, typ: Object, space: "http://jabber.org/protocol/tune", local: "tune", xep: "XEP-0118", table: new(table).add(
			child("artist"), child("title"), child("source"), child("track"), child("uri"), intChild("length"), intChild("rating"),
		)},
		field{name: "geoloc", place: AsObject, typ: Object, space: "http://jabber.org/protocol/geoloc", local: "geoloc", xep: "XEP-0080", table: geolocTable()},
	)
}

// mdsDisplayed is how far a chat was read (XEP-0490).
func mdsDisplayed(name string) field {
	return field{
		name: name, place: AsObject, typ: Object, space: "urn:xmpp:mds:displayed:0", local: "displayed", xep: "XEP-0490", about: "up to which message a chat was read",
		table: new(table).add(field{
			name: "stanza_id", place: AsObject, typ: Object, space: nsSID, local: "stanza-id", xep: "XEP-0359",
			table: new(table).add(attr("id"), attr("by")),
		}),
	}
}

func geolocTable() *table {
	t := new(table)
	for _, name := range []string{"lat", "lon", "accuracy", "alt", "altaccuracy", "bearing", "speed"} {
		t.add(field{name: name, place: InText, typ: Number, local: name})
	}
	return t.add(each(child, []string{
		"area", "building", "country", "countrycode", "datum", "description", "floor", "locality", "postalcode",
		"region", "room", "street", "text", "timestamp", "tzo", "uri",
	})...)
}

// pubsubEventTable is what a node tells its subscribers.
func pubsubEventTable() *table {
	node := attr("node")
	return new(table).add(
		part("items", node, pubsubItems(),
			field{name: "retracted", place: AsList, typ: Array, local: "retract", of: &field{place: InAttrOf, typ: String, attr: "id"}, about: "ids of items that are no more"},
		),
		part("create", node),
		part("configuration", node, form()),
		pubsubDelete(),
		part("purge", node),
		part("subscription", pubsubSubscription()...),
	)
}

func pubsubDelete() field {
	return part("delete", attr("node"), field{name: "redirect", place: InAttrOf, typ: String, local: "redirect", attr: "uri"})
}

func pubsubSubscription() []field {
	return attrs("node", "jid", "subid", "subscription", "expiry")
}

// pubsubTable is what can be asked of a node, and the answers (XEP-0060).
func pubsubTable() *table {
	node := attr("node")
	return new(table).add(
		part("items", node, intAttr("max_items"), attr("subid"), pubsubItems()),
		part("publish", node, pubsubItems()),
		part("publish-options", form()),
		part("retract", node, field{name: "notify", place: InAttr, typ: Boolean, words: true},
			field{name: "items", place: AsList, typ: Array, local: "item", of: &field{place: InAttrOf, typ: String, attr: "id"}, about: "ids"},
		),
		part("create", node),
		part("configure", node, form()),
		part("default", node, attr("type"), form()),
		part("subscribe", node, attr("jid")),
		part("unsubscribe", node, attr("jid"), attr("subid")),
		part("options", node, attr("jid"), attr("subid"), form()),
		part("subscription", pubsubSubscription()...),
		part("subscriptions", node, pubsubList("subscriptions", "subscription", pubsubSubscription())),
		part("affiliations", node, pubsubList("affiliations", "affiliation", attrs("node", "affiliation"))),
		page(),
	)
}

// pubsubOwnerTable is how a node is ruled.
func pubsubOwnerTable() *table {
	node := attr("node")
	return new(table).add(
		part("configure", node, form()),
		part("default", form()),
		pubsubDelete(),
		part("purge", node),
		part("subscriptions", node, pubsubList("subscriptions", "subscription", attrs("jid", "subscription", "subid"))),
		part("affiliations", node, pubsubList("affiliations", "affiliation", attrs("jid", "affiliation"))),
	)
}

// pubsubList returns the list of what has the name of the element around.
func pubsubList(name, local string, fields []field) field {
	return field{name: name, place: AsList, typ: Array, local: local, table: new(table).add(fields...)}
}

func pubsubIQFields() []field {
	return []field{
		{
			name: "pubsub", place: AsObject, typ: Object, space: nsPubSub, local: "pubsub", table: pubsubTable(), xep: "XEP-0060",
			sets: []string{"publish", "retract", "create", "subscribe", "unsubscribe", "options/form"},
		},
		{
			name: "pubsub_owner", place: AsObject, typ: Object, space: nsPubSub + "#owner", local: "pubsub", table: pubsubOwnerTable(), xep: "XEP-0060",
			sets: []string{"delete", "purge", "configure/form", "subscriptions/subscriptions", "affiliations/affiliations"},
		},
	}
}
