package jsonmap

const (
	nsDiscoInfo  = "http://jabber.org/protocol/disco#info"
	nsDiscoItems = "http://jabber.org/protocol/disco#items"
	nsCommands   = "http://jabber.org/protocol/commands"
	nsRegister   = "jabber:iq:register"
	nsUpload     = "urn:xmpp:http:upload:0"
)

func iqFields() []field {
	return []field{
		{name: "ping", place: AsFlag, typ: Boolean, space: "urn:xmpp:ping", local: "ping", xep: "XEP-0199"},
		{name: "version", place: AsObject, typ: Object, space: "jabber:iq:version", local: "query", xep: "XEP-0092", table: new(table).add(
			field{name: "name", place: InText, typ: String, local: "name"},
			field{name: "version", place: InText, typ: String, local: "version"},
			field{name: "os", place: InText, typ: String, local: "os"},
		)},
		{name: "lastactivity", place: AsObject, typ: Object, space: "jabber:iq:last", local: "query", xep: "XEP-0012", table: new(table).add(
			field{name: "seconds", place: InAttr, typ: Integer},
			field{name: "status", place: InContent, typ: String},
		)},
		{name: "disco", place: AsSpecial, typ: Object, space: nsDiscoInfo, local: "query", special: discoInfo, xep: "XEP-0030"},
		{name: "items", place: AsSpecial, typ: Array, space: nsDiscoItems, local: "query", special: discoItems, xep: "XEP-0030"},
		{name: "command", place: AsSpecial, typ: Object, space: nsCommands, local: "command", special: command, sets: []string{always}, xep: "XEP-0050"},
		{name: "extdisco", place: AsObject, typ: Object, space: "urn:xmpp:extdisco:2", local: "services", xep: "XEP-0215", table: extdiscoTable()},
		{name: "gateway", place: AsObject, typ: Object, space: "jabber:iq:gateway", local: "query", xep: "XEP-0100", table: new(table).add(
			field{name: "desc", place: InText, typ: String, local: "desc"},
			field{name: "prompt", place: InText, typ: String, local: "prompt"},
			field{name: "jid", place: InText, typ: String, local: "jid"},
		)},
		{name: "oob", place: AsObject, typ: Object, space: "jabber:iq:oob", local: "query", xep: "XEP-0066", table: new(table).add(oobFields()...)},
		{name: "register", place: AsObject, typ: Object, space: nsRegister, local: "query", xep: "XEP-0077", table: registerTable()},
		{name: "stats", place: InList, typ: Array, space: "http://jabber.org/protocol/stats", local: "query", item: "stat", xep: "XEP-0039", table: new(table).add(
			field{name: "name", place: InAttr, typ: String},
			field{name: "unit", place: InAttr, typ: String},
			field{name: "value", place: InAttr, typ: Number},
		)},
		{name: "upload_request", place: AsObject, typ: Object, space: nsUpload, local: "request", xep: "XEP-0363", table: new(table).add(
			field{name: "filename", place: InAttr, typ: String},
			field{name: "content-type", place: InAttr, typ: String},
			field{name: "size", place: InAttr, typ: Integer},
		)},
		{name: "upload_slot", place: AsObject, typ: Object, space: nsUpload, local: "slot", xep: "XEP-0363", about: answerOnly, table: new(table).add(
			field{name: "get", place: AsObject, typ: Object, local: "get", table: new(table).add(
				field{name: "url", place: InAttr, typ: String},
			)},
			field{name: "put", place: AsObject, typ: Object, local: "put", table: new(table).add(
				field{name: "url", place: InAttr, typ: String},
				field{name: "headers", place: AsList, typ: Array, local: "header", table: new(table).add(
					field{name: "name", place: InAttr, typ: String},
					field{name: "value", place: InContent, typ: String},
				)},
			)},
		)},
		{name: "archive", place: AsSpecial, typ: Object, space: nsMAM, local: "query", special: archiveQuery, sets: []string{always}, xep: "XEP-0313"},
		{name: "result", place: AsObject, typ: Object, space: nsMAM, local: "fin", xep: "XEP-0313", about: answerOnly, table: new(table).add(
			field{name: "page", place: AsSpecial, typ: Object, space: nsRSM, local: "set", special: resultSet},
			field{name: "complete", place: InAttr, typ: Boolean, words: true, beyond: true},
			field{name: "stable", place: InAttr, typ: Boolean, words: true, beyond: true},
		)},
	}
}

func extdiscoTable() *table {
	t := new(table)
	for _, name := range []string{"type", "host", "name", "password", "transport", "username", "expires"} {
		t.add(field{name: name, place: InAttr, typ: String})
	}
	t.add(
		field{name: "port", place: InAttr, typ: Integer},
		field{name: "restricted", place: InAttr, typ: Boolean},
	)
	return new(table).add(
		field{name: "type", place: InAttr, typ: String},
		field{name: "services", place: AsList, typ: Array, local: "service", table: t},
	)
}

func registerTable() *table {
	t := new(table)
	for _, name := range []string{"registered", "remove"} {
		t.add(field{name: name, place: AsFlag, typ: Boolean, local: name})
	}
	for _, name := range []string{
		"username", "password", "nick", "name", "first", "last", "email", "address", "city", "state", "zip",
		"phone", "url", "date", "misc", "text", "key", "instructions",
	} {
		t.add(field{name: name, place: InText, typ: String, local: name})
	}
	return t
}
