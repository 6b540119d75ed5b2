package devhost

import (
	"fmt"
	"time"

	"github.com/restanza/restanza/stanza"
)

// message is for a room, or for one of its occupants.
func (r *rooms) message(st stanza.Stanza) {
	to := st.To()
	ro := r.byName[to.Bare()]
	o := ro.by(st.From())
	switch {
	case to.Local() == "":
		r.refuse(st, stanza.Cancel, stanza.ServiceUnavailable, "nobody reads messages to the rooms service; write to a room")
	case st.Type() == stanza.TypeError:
		if o != nil {
			r.failed(st, ro, o)
		}
	case to.Resource() == "" && st.Type() != stanza.Groupchat && r.mediated(st, ro, o):
	case o == nil:
		r.refuseStranger(st)
	case to.Resource() != "":
		r.whisper(st, ro, o)
	case st.Type() == stanza.Groupchat:
		r.talk(st, ro, o)
	default:
		r.refuse(st, stanza.Modify, stanza.BadRequest, "a message to all in a room is of type groupchat")
	}
}

// talk passes a message on to all, its sender included (XEP-0045 §7.4).
func (r *rooms) talk(st stanza.Stanza, ro *room, o *occupant) {
	content, ok := spoken(st)
	switch {
	case !ok:
		r.refuseContent(st)
		return
	case !st.FitsIn(maxRoomMessage):
		r.refuse(st, stanza.Modify, stanza.PolicyViolation, fmt.Sprintf("a message to all in a room may have at most %d bytes", maxRoomMessage))
		return
	}
	h := st.Header()
	h.From = o.seat
	said := stanza.New(h, content)
	elements := children(content)
	has := func(local string) bool { return first(elements, stanza.NSClient, local) != nil }
	if has("subject") && !has("body") && !has("thread") {
		r.changeSubject(st, ro, said)
		return
	}
	for _, other := range ro.occupants {
		r.sendTo(other, said)
	}
	if has("body") {
		ro.history.add(ro.address, h, content, time.Now())
	}
}

// changeSubject takes a new subject from an occupant; anyone may set it
// (XEP-0045 §8.1).
func (r *rooms) changeSubject(st stanza.Stanza, ro *room, said stanza.Stanza) {
	if !said.FitsIn(maxSubject) {
		r.refuse(st, stanza.Modify, stanza.PolicyViolation, fmt.Sprintf("a subject may have at most %d bytes", maxSubject))
		return
	}
	ro.subject = said
	for _, other := range ro.occupants {
		r.sendTo(other, said)
	}
}

// whisper passes a message on to one occupant (XEP-0045 §7.5).
func (r *rooms) whisper(st stanza.Stanza, ro *room, o *occupant) {
	target := ro.at(st.To())
	content, ok := spoken(st)
	switch {
	case target == nil:
		r.refuseUnknown(st)
	case st.Type() == stanza.Groupchat:
		r.refuse(st, stanza.Modify, stanza.BadRequest, "a message to one occupant is not of type groupchat")
	case !ok:
		r.refuseContent(st)
	default:
		h := st.Header()
		h.From = o.seat
		r.sendTo(target, stanza.New(h, content+`<x xmlns="`+nsMUCUser+`"/>`))
	}
}

// failed takes an error that came back from an occupant. If it says that there
// is nobody at that address, the occupant is removed; if not, whoever caused it
// is told.
func (r *rooms) failed(st stanza.Stanza, ro *room, o *occupant) {
	e := st.Err()
	if e == nil || unreachable(e.Condition) {
		r.remove(ro, o, departure{codes: statusUnreachable})
		return
	}
	if target := ro.at(st.To()); target != nil {
		h := st.Header()
		h.From = o.seat
		r.sendTo(target, st.With(h))
	}
}

// unreachable reports whether an error with that condition says that nothing
// can be delivered to an address, now or at all.
func unreachable(c stanza.Condition) bool {
	switch c {
	case stanza.Gone, stanza.ItemNotFound, stanza.JIDMalformed, stanza.RecipientUnavailable, stanza.Redirect,
		stanza.RemoteServerNotFound, stanza.RemoteServerTimeout, stanza.ServiceUnavailable:
		return true
	}
	return false
}

func (r *rooms) refuseContent(st stanza.Stanza) {
	r.refuse(st, stanza.Modify, stanza.PolicyViolation,
		fmt.Sprintf("an element in a room may have at most %d attributes", maxAttributes))
}
