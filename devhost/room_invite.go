package devhost

import (
	"fmt"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// maxInvites is how many people one message may invite.
const maxInvites = 20

// mediated takes a message by which somebody is invited to a room (XEP-0045
// §7.8.2) or declines that; it returns false for any other.
func (r *rooms) mediated(st stanza.Stanza, ro *room, o *occupant) bool {
	x := first(children(st.Content()), nsMUCUser, "x").within()
	if invites := all(x, nsMUCUser, "invite"); len(invites) > 0 {
		r.invite(st, ro, o, invites)
		return true
	}
	if decline := first(x, nsMUCUser, "decline"); decline != nil {
		r.decline(st, ro, decline)
		return true
	}
	return false
}

// invite sends an occupant's invitations in the name of the room: all of them,
// or none.
func (r *rooms) invite(st stanza.Stanza, ro *room, o *occupant, invites []child) {
	switch {
	case o == nil:
		r.refuseStranger(st)
		return
	case len(invites) > maxInvites:
		r.refuse(st, stanza.Modify, stanza.PolicyViolation, fmt.Sprintf("one message may invite at most %d", maxInvites))
		return
	}
	invited := make([]jid.JID, len(invites))
	for i, invite := range invites {
		to, err := jid.Parse(invite.attribute("to"))
		if err != nil {
			r.refuse(st, stanza.Modify, stanza.JIDMalformed, "invite: to: "+err.Error())
			return
		}
		invited[i] = to
	}
	for i, invite := range invites {
		r.send(ro.mediate("invite", o.address, invited[i], &invite))
	}
}

// decline tells an occupant that somebody does not want to come. Nobody outside
// of the room can be written to in this way.
func (r *rooms) decline(st stanza.Stanza, ro *room, decline *child) {
	to, err := jid.Parse(decline.attribute("to"))
	if err != nil {
		r.refuse(st, stanza.Modify, stanza.JIDMalformed, "decline: to: "+err.Error())
		return
	}
	inviter := ro.find(func(o *occupant) bool { return to.Covers(o.address) })
	if inviter == nil {
		r.refuse(st, stanza.Cancel, stanza.ItemNotFound, "the inviter is not in the room")
		return
	}
	r.send(ro.mediate("decline", st.From(), inviter.address, decline))
}

// mediate returns the message by which a room passes an invite or a decline on.
func (ro *room) mediate(what string, from, to jid.JID, given *child) stanza.Stanza {
	inner := ""
	if reason := first(given.within(), nsMUCUser, "reason"); reason != nil {
		inner = "<reason>" + stanza.Escape(reason.text()) + "</reason>"
	}
	return stanza.New(stanza.Header{Kind: stanza.Message, From: ro.address, To: to},
		`<x xmlns="`+nsMUCUser+`"><`+what+` from="`+quoted(from.String())+`">`+inner+`</`+what+`></x>`)
}
