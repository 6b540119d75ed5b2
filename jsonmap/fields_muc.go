package jsonmap

// mucUser is what a room says of an occupant, and invitations by way of a room
// (XEP-0045).
func mucUser() field {
	invite := []field{attr("from"), attr("to"), child("reason")}
	return field{
		name: "muc_user", place: AsObject, typ: Object, space: nsMUC + "#user", local: "x", xep: "XEP-0045", about: "what a room says of an occupant or of itself; invitations by way of a room",
		table: named("muc_user",
			field{name: "item", place: AsObject, typ: Object, local: "item", table: mucItemTable()},
			field{name: "status", place: AsList, typ: Array, local: "status", of: &field{place: InAttrOf, typ: Integer, attr: "code"}, about: "the codes, as 110 in the presence of oneself"},
			part("invite", append(invite, part("continue", attr("thread")))...),
			part("decline", invite...),
			mucDestroy(),
			child("password"),
		),
	}
}

// mucItemTable is an occupant, or a user who could be one, and what becomes of him.
func mucItemTable() *table {
	return named("muc_item",
		attr("affiliation"), attr("role"), attr("jid"), attr("nick"),
		child("reason"),
		part("actor", attr("jid"), attr("nick")),
		part("continue", attr("thread")),
	)
}

func mucDestroy() field {
	f := part("destroy", attr("jid"), child("password"), child("reason"))
	f.about = "the room is no more; jid is another one"
	return f
}

// mucIQFields are how rooms are ruled.
func mucIQFields() []field {
	return []field{
		{
			name: "muc_admin", place: InList, typ: Array, space: nsMUC + "#admin", local: "query", item: "item", table: mucItemTable(), sets: []string{"jid", "nick"}, xep: "XEP-0045",
			about: "asks for those with an affiliation or role, or gives them one",
		},
		{
			name: "muc_owner", place: AsObject, typ: Object, space: nsMUC + "#owner", local: "query", table: new(table).add(form(), mucDestroy()), sets: []string{"form", "destroy"}, xep: "XEP-0045",
			about: "the configuration of a room",
		},
		{
			name: "moderate", place: AsObject, typ: Object, space: nsModerate, local: "moderate", sets: []string{always}, xep: "XEP-0425", about: "takes back what another one wrote",
			table: new(table).add(attr("id"), field{name: "retract", place: AsFlag, typ: Boolean, space: nsRetract, local: "retract", xep: "XEP-0424"}, child("reason")),
		},
	}
}
