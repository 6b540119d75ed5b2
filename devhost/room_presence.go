package devhost

import (
	"fmt"
	"slices"

	"github.com/restanza/restanza/stanza"
)

// presence is for a room: it joins, changes nick or availability, or leaves.
func (r *rooms) presence(st stanza.Stanza) {
	to := st.To()
	ro := r.byName[to.Bare()]
	switch st.Type() {
	case "":
		if to.Local() == "" || to.Resource() == "" {
			r.refuse(st, stanza.Modify, stanza.JIDMalformed, "join a room as room@"+r.domain.String()+"/nick")
			return
		}
		r.available(st, ro)
	case stanza.Unavailable:
		if o := ro.by(st.From()); o != nil {
			content, ok := spoken(st)
			if !ok || !st.FitsIn(maxOccupantPresence) {
				content = "" // better to leave without the last words than not at all
			}
			r.remove(ro, o, departure{content: content})
		}
	case stanza.TypeError:
		if o := ro.by(st.From()); o != nil {
			r.remove(ro, o, departure{codes: statusUnreachable})
		}
	case stanza.Subscribe: // a room is no contact
		r.send(stanza.New(stanza.Header{Kind: stanza.Presence, Type: stanza.Unsubscribed, From: to.Bare(), To: st.From()}, ""))
	default: // nothing to say to a probe or to news about subscriptions
	}
}

// available takes presence without a type to a nick.
func (r *rooms) available(st stanza.Stanza, ro *room) {
	content, ok := spoken(st)
	if !ok || !st.FitsIn(maxOccupantPresence) {
		r.refuse(st, stanza.Modify, stanza.PolicyViolation,
			fmt.Sprintf("presence in a room may have at most %d bytes, and %d attributes an element", maxOccupantPresence, maxAttributes))
		return
	}
	o := ro.by(st.From())
	if (o == nil || o.seat != st.To()) && !r.mayTake(st, ro, o != nil) {
		return
	}
	x := first(children(st.Content()), nsMUC, "x")
	joining := x != nil
	codes := ""
	switch {
	case o == nil:
		if ro == nil {
			ro = newRoom(st.To().Bare(), st.From())
			r.byName[ro.address] = ro
			codes = statusCreated
		}
		o = &occupant{address: st.From(), seat: st.To()}
		ro.occupants = append(ro.occupants, o)
		r.seats++
		joining = true
	case o.seat != st.To():
		r.vacate(ro, o, st.To().Resource())
		o.seat = st.To()
		joining = false
	}
	h := stanza.Header{Kind: stanza.Presence, From: o.seat, Lang: st.Lang()}
	o.presence = ro.presenceOf(o, h, content, "")
	h.ID = st.ID() // by which he knows what he is answered
	if joining {   // or joining again, having lost what the room looked like
		r.showOccupants(ro, o)
	}
	r.announce(ro, o, ro.presenceOf(o, h, content, statusNonAnonymous+statusSelf+codes))
	if joining {
		r.showPast(ro, o, wishOf(x))
	}
}

// maxAttributes is how many attributes a start tag may have in what the rooms
// pass on.
const maxAttributes = 64

// mayTake reports whether the sender of presence may have the nick, and, unless
// he is in the room already, a place in it. It refuses the stanza if not.
func (r *rooms) mayTake(st stanza.Stanza, ro *room, inside bool) bool {
	to := st.To()
	switch {
	case len(to.Resource()) > maxNick:
		r.refuse(st, stanza.Modify, stanza.NotAcceptable, fmt.Sprintf("a nick may have at most %d bytes", maxNick))
	case ro.at(to) != nil:
		r.refuse(st, stanza.Cancel, stanza.Conflict, "that nick is taken in this room; choose another")
	case inside:
		return true
	case len(to.Local()) > maxRoomName:
		r.refuse(st, stanza.Modify, stanza.NotAcceptable, fmt.Sprintf("the name of a room may have at most %d bytes", maxRoomName))
	case ro == nil && len(r.byName) >= maxRooms:
		r.refuse(st, stanza.Wait, stanza.ResourceConstraint, fmt.Sprintf("there are %d rooms, and no more are made", maxRooms))
	case ro != nil && len(ro.occupants) >= maxOccupants: // XEP-0045 §7.2.9
		r.refuse(st, stanza.Wait, stanza.ServiceUnavailable, fmt.Sprintf("the room is full: it has %d occupants", maxOccupants))
	case r.seats >= maxSeats:
		r.refuse(st, stanza.Wait, stanza.ResourceConstraint, fmt.Sprintf("there are %d occupants in all rooms, and no more are let in", maxSeats))
	default:
		return true
	}
	return false
}

// presenceOf returns an occupant's presence as the room sends it, under the
// header h. The content was checked; codes are status elements.
func (ro *room) presenceOf(o *occupant, h stanza.Header, content, codes string) stanza.Stanza {
	return stanza.New(h, content+`<x xmlns="`+nsMUCUser+`">`+ro.item(o, ro.role(o), "", "")+codes+`</x>`)
}

// showOccupants sends the presence of all others to an occupant (XEP-0045 §7.2.3).
func (r *rooms) showOccupants(ro *room, o *occupant) {
	for _, other := range ro.occupants {
		if other != o {
			r.sendTo(o, other.presence)
		}
	}
}

// announce sends an occupant's presence to all, to himself last: that tells him
// that he has seen everyone (XEP-0045 §7.2.2). own is his copy.
func (r *rooms) announce(ro *room, o *occupant, own stanza.Stanza) {
	for _, other := range ro.occupants {
		if other != o {
			r.sendTo(other, o.presence)
		}
	}
	r.sendTo(o, own)
}

// vacate tells all that an occupant gives up a nick for another one (XEP-0045 §7.6).
func (r *rooms) vacate(ro *room, o *occupant, nick string) {
	item := ro.item(o, ro.role(o), nick, "")
	for _, other := range ro.occupants {
		r.sendTo(other, farewell(o, other, "", item, statusRenamed))
	}
}

// departure says how somebody leaves a room.
type departure struct {
	content string // of the presence, checked
	codes   string // status elements
	inner   string // content of the item
}

// remove takes an occupant out of a room and tells all (XEP-0045 §7.14). The
// room goes with the last one.
func (r *rooms) remove(ro *room, o *occupant, d departure) {
	item := ro.item(o, "none", "", d.inner)
	for _, other := range ro.occupants {
		if other != o {
			r.sendTo(other, farewell(o, other, d.content, item, d.codes))
		}
	}
	r.sendTo(o, farewell(o, o, d.content, item, d.codes))
	ro.occupants = slices.DeleteFunc(ro.occupants, func(other *occupant) bool { return other == o })
	r.seats--
	if len(ro.occupants) == 0 {
		delete(r.byName, ro.address)
	}
}

// farewell returns the presence that tells somebody that an occupant's seat is
// empty.
func farewell(o, to *occupant, content, item, codes string) stanza.Stanza {
	if to == o {
		codes = statusSelf + codes
	}
	h := stanza.Header{Kind: stanza.Presence, Type: stanza.Unavailable, From: o.seat}
	return stanza.New(h, content+`<x xmlns="`+nsMUCUser+`">`+item+codes+`</x>`)
}

// pushTo sends a stanza to an occupant.
func (r *rooms) sendTo(o *occupant, st stanza.Stanza) {
	h := st.Header()
	h.To = o.address
	r.send(st.With(h))
}
