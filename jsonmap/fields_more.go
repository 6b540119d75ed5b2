package jsonmap

import "strings"

// The fields beyond mod_rest's stand in this file and in those that it names. Their
// names are those of the elements or attributes, with an underscore for a hyphen, where
// nothing says otherwise.

// beyond marks fields as such that mod_rest does not have.
func beyond(fields []field) []field {
	for i := range fields {
		fields[i].beyond = true
	}
	return fields
}

// named returns a table whose shape has a name, since it is used in several places.
func named(name string, fields ...field) *table {
	t := new(table).add(fields...)
	t.name = name
	return t
}

// attr, child, flag and object return fields of the commonest kinds, in the namespace of
// the element around.
func attr(local string) field {
	return field{name: memberName(local), place: InAttr, typ: String, attr: local}
}

func intAttr(local string) field {
	return field{name: memberName(local), place: InAttr, typ: Integer, attr: local}
}

func child(local string) field {
	return field{name: memberName(local), place: InText, typ: String, local: local}
}

func intChild(local string) field {
	return field{name: memberName(local), place: InText, typ: Integer, local: local}
}

func flag(local string) field {
	return field{name: memberName(local), place: AsFlag, typ: Boolean, local: local}
}

func part(local string, fields ...field) field {
	return field{name: memberName(local), place: AsObject, typ: Object, local: local, table: new(table).add(fields...)}
}

// attrs returns a field for each of the attributes.
func attrs(locals ...string) []field { return each(attr, locals) }

func each(of func(string) field, locals []string) []field {
	fields := make([]field, len(locals))
	for i, local := range locals {
		fields[i] = of(local)
	}
	return fields
}

// memberName returns the name of the member for an element or attribute.
func memberName(local string) string {
	return strings.ReplaceAll(strings.ToLower(local), "-", "_")
}

// form is a form inside of something else.
func form() field {
	return field{name: "form", place: AsSpecial, typ: Object, space: nsData, local: "x", special: dataForm, xep: "XEP-0004"}
}

// page is a page of a larger result inside of something else.
func page() field {
	return field{name: "page", place: AsSpecial, typ: Object, space: nsRSM, local: "set", special: resultSet, xep: "XEP-0059"}
}

const (
	nsFallback = "urn:xmpp:fallback:0"
	nsReceipts = "urn:xmpp:receipts"
	nsHints    = "urn:xmpp:hints"
	nsCarbons  = "urn:xmpp:carbons:2"
	nsForward  = "urn:xmpp:forward:0"
	nsRetract  = "urn:xmpp:message-retract:1"
	nsModerate = "urn:xmpp:message-moderate:1"
	nsSID      = "urn:xmpp:sid:0"
)

// delayed is all of what delay says.
var delayed = field{
	name: "delayed", aside: true, place: AsObject, typ: Object, space: nsDelay, local: "delay", xep: "XEP-0203", more: true, beyond: true,
	about: "the same as delay with all there is to say: who delayed it, and why",
	table: named("delayed", attr("stamp"), attr("from"), field{name: "text", place: InContent, typ: String, optional: true}),
}

// fallbacks are all of what fallback says.
var fallbacks = field{
	name: "fallbacks", place: AsList, typ: Array, space: nsFallback, local: "fallback", xep: "XEP-0428", more: true, beyond: true,
	about: "the same as fallback with all there is to say: for which namespace, and which parts of the texts, in characters; without a body or subject: all",
	table: new(table).add(
		attr("for"),
		field{name: "body", place: AsList, typ: Array, local: "body", table: new(table).add(intAttr("start"), intAttr("end"))},
		field{name: "subject", place: AsList, typ: Array, local: "subject", table: new(table).add(intAttr("start"), intAttr("end"))},
	),
}

var occupantID = field{name: "occupant_id", place: InAttrOf, typ: String, space: "urn:xmpp:occupant-id:0", local: "occupant-id", attr: "id", xep: "XEP-0421"}

func moreMessageFields(forwarded *table) []field {
	moderated := field{name: "moderated", place: AsObject, typ: Object, space: nsModerate, local: "moderated", xep: "XEP-0425", about: "by whom in the room", table: named("moderated", attr("by"), occupantID)}
	carbon := new(table).add(field{name: "forwarded", place: AsObject, typ: Object, space: nsForward, local: "forwarded", table: forwarded, xep: "XEP-0297"})
	return []field{
		{name: "retract", place: InAttrOf, typ: String, space: nsRetract, local: "retract", attr: "id", short: "retraction", xep: "XEP-0424", about: "id of the message that is taken back"},
		{name: "retraction", place: AsObject, typ: Object, space: nsRetract, local: "retract", more: true, xep: "XEP-0424", about: "the same as retract with all there is to say: why, and who did it in a room", table: new(table).add(attr("id"), child("reason"), moderated)},
		{name: "retracted", place: AsObject, typ: Object, space: nsRetract, local: "retracted", xep: "XEP-0424", about: "what is left of a message in an archive", table: new(table).add(attr("id"), attr("by"), attr("stamp"), child("reason"), moderated)},
		{name: "unstyled", place: AsFlag, typ: Boolean, space: "urn:xmpp:styling:0", local: "unstyled", xep: "XEP-0393", about: "the body has no markup"},
		{name: "origin_id", place: InAttrOf, typ: String, space: nsSID, local: "origin-id", attr: "id", xep: "XEP-0359"},
		{name: "receipt_request", place: AsFlag, typ: Boolean, space: nsReceipts, local: "request", xep: "XEP-0184"},
		{name: "receipt", place: InAttrOf, typ: String, space: nsReceipts, local: "received", attr: "id", xep: "XEP-0184", about: "id of the message that was received"},
		{name: "no_store", place: AsFlag, typ: Boolean, space: nsHints, local: "no-store", xep: "XEP-0334"},
		{name: "no_permanent_store", place: AsFlag, typ: Boolean, space: nsHints, local: "no-permanent-store", xep: "XEP-0334"},
		{name: "no_copy", place: AsFlag, typ: Boolean, space: nsHints, local: "no-copy", xep: "XEP-0334"},
		{name: "store", place: AsFlag, typ: Boolean, space: nsHints, local: "store", xep: "XEP-0334"},
		{name: "carbon_sent", place: AsObject, typ: Object, space: nsCarbons, local: "sent", table: carbon, xep: "XEP-0280", about: "a copy of what another client of the account sent"},
		{name: "carbon_received", place: AsObject, typ: Object, space: nsCarbons, local: "received", table: carbon, xep: "XEP-0280", about: "a copy of what another client of the account received"},
		{name: "carbon_private", place: AsFlag, typ: Boolean, space: nsCarbons, local: "private", xep: "XEP-0280", about: "no copies of this one"},
		{name: "spoiler", place: InText, typ: String, space: "urn:xmpp:spoiler:0", local: "spoiler", xep: "XEP-0382", about: "the body is shown on demand only; the hint, or empty"},
		{name: "attention", place: AsFlag, typ: Boolean, space: "urn:xmpp:attention:0", local: "attention", xep: "XEP-0224"},
		{name: "files", place: AsList, typ: Array, space: nsFileSharing, local: "file-sharing", table: fileSharingTable(), xep: "XEP-0447", about: "files that can be fetched"},
		{name: "sources", place: AsList, typ: Array, space: nsFileSharing, local: "sources", table: new(table).add(attr("id"), sourceURLs()), xep: "XEP-0447", about: "where files of an earlier message, which attach_to names, can be fetched too; id is that of the file"},
		mucUser(),
		{name: "pubsub_event", place: AsObject, typ: Object, space: nsPubSub + "#event", local: "event", table: pubsubEventTable(), xep: "XEP-0060"},
		mdsDisplayed("mds_displayed"),
	}
}

func morePresenceFields() []field {
	return []field{
		mucUser(),
		occupantID,
		{name: "caps2", place: AsObject, typ: Object, space: "urn:xmpp:caps", local: "c", xep: "XEP-0390", table: new(table).add(hashes())},
	}
}

const (
	nsFileSharing  = "urn:xmpp:sfs:0"
	nsFileMetadata = "urn:xmpp:file:metadata:0"
	nsURLData      = "http://jabber.org/protocol/url-data"
)

// hashes are the hashes of something.
func hashes() field {
	return field{name: "hashes", place: AsList, typ: Array, space: "urn:xmpp:hashes:2", local: "hash", xep: "XEP-0300", table: named("hash",
		attr("algo"),
		field{name: "value", place: InContent, typ: String, about: "in base64"},
	)}
}

// fileSharingTable is what a file is and where it can be fetched (XEP-0447).
func fileSharingTable() *table {
	thumbnail := new(table).add(attr("uri"), attr("media-type"), intAttr("width"), intAttr("height"))
	file := new(table).add(
		child("name"), child("media-type"), child("desc"), child("date"), intChild("size"),
		intChild("width"), intChild("height"), child("dimensions"), intChild("length"), hashes(),
		field{name: "thumbnails", place: AsList, typ: Array, space: "urn:xmpp:thumbs:1", local: "thumbnail", table: thumbnail, xep: "XEP-0264"},
	)
	return new(table).add(
		attr("id"),
		attr("disposition"),
		field{name: "file", place: AsObject, typ: Object, space: nsFileMetadata, local: "file", table: file, xep: "XEP-0446"},
		part("sources", sourceURLs()),
	)
}

// sourceURLs are the addresses of a file.
func sourceURLs() field {
	return field{name: "urls", place: AsList, typ: Array, space: nsURLData, local: "url-data", of: &field{place: InAttrOf, typ: String, attr: "target"}, xep: "XEP-0103"}
}
