package devhost

import (
	"slices"
	"strings"

	"github.com/restanza/restanza/stanza"
)

// nsDataForms is the namespace of forms (XEP-0004).
const nsDataForms = "jabber:x:data"

// noSettings is the form of a room's settings: there are none.
const noSettings = `<query xmlns="` + nsMUCOwner + `"><x xmlns="` + nsDataForms + `" type="form">` +
	`<title>Settings of the room</title><instructions>There is nothing to set.</instructions>` +
	`<field type="hidden" var="FORM_TYPE"><value>` + nsMUC + `#roomconfig</value></field></x></query>`

// askOwner is for the owner's settings (XEP-0045 §10.1): there are none, and
// whatever is submitted is accepted, so that a client that unlocks its new room
// can go on.
func (r *rooms) askOwner(st stanza.Stanza, ro *room) {
	form := first(payloadOf(st), nsDataForms, "x").attribute("type")
	switch {
	case !r.ownerAsks(st, ro):
	case st.Type() == stanza.Get:
		r.send(st.Result(noSettings))
	case form == "submit" || form == "cancel":
		r.send(st.Result(""))
	default:
		r.refuse(st, stanza.Cancel, stanza.FeatureNotImplemented, "rooms here take a form of settings from their owner, and nothing else")
	}
}

// askAdmin is for the lists of occupants by role or affiliation (XEP-0045 §8.5,
// §9), and for kicking one (§8.2). Nothing else can be changed.
func (r *rooms) askAdmin(st stanza.Stanza, ro *room) {
	items := all(payloadOf(st), nsMUCAdmin, "item")
	switch {
	case !r.ownerAsks(st, ro):
	case len(items) != 1:
		r.refuse(st, stanza.Modify, stanza.BadRequest, "ask about one item at a time")
	case st.Type() == stanza.Get:
		r.send(st.Result(ro.filtered(items[0].attribute("affiliation"), items[0].attribute("role"))))
	case items[0].attribute("role") == "none":
		r.kick(st, ro, &items[0])
	default:
		r.refuse(st, stanza.Cancel, stanza.FeatureNotImplemented, "roles and affiliations in a room are fixed; an occupant can be kicked (role none)")
	}
}

// ownerAsks reports whether a request comes from the room's owner, and refuses
// it if not.
func (r *rooms) ownerAsks(st stanza.Stanza, ro *room) bool {
	if st.From().Bare() == ro.owner {
		return true
	}
	r.refuse(st, stanza.Auth, stanza.Forbidden, "only the owner may do that: "+ro.owner.String()+", who made the room")
	return false
}

// filtered lists the occupants with an affiliation and a role; "" for any.
func (ro *room) filtered(affiliation, role string) string {
	var b strings.Builder
	b.WriteString(`<query xmlns="` + nsMUCAdmin + `">`)
	for _, o := range ro.occupants {
		if affiliation != "" && affiliation != ro.affiliation(o) || role != "" && role != ro.role(o) {
			continue
		}
		item := ro.item(o, ro.role(o), o.seat.Resource(), "")
		if b.Len()+len(item) > maxRoomListing {
			break
		}
		b.WriteString(item)
	}
	b.WriteString("</query>")
	return b.String()
}

// kick removes an occupant on the owner's demand, by nick.
func (r *rooms) kick(st stanza.Stanza, ro *room, item *child) {
	i := slices.IndexFunc(ro.occupants, func(o *occupant) bool { return o.seat.Resource() == item.attribute("nick") })
	switch {
	case i < 0:
		r.refuse(st, stanza.Cancel, stanza.ItemNotFound, "nobody in the room has that nick")
		return
	case ro.isOwner(ro.occupants[i]):
		r.refuse(st, stanza.Cancel, stanza.NotAllowed, "the owner can't be kicked")
		return
	}
	inner := `<actor jid="` + quoted(ro.owner.String()) + `"/>`
	if reason := first(item.within(), nsMUCAdmin, "reason"); reason != nil {
		inner += "<reason>" + stanza.Escape(reason.text()) + "</reason>"
	}
	r.remove(ro, ro.occupants[i], departure{codes: statusKicked, inner: inner})
	r.send(st.Result(""))
}
