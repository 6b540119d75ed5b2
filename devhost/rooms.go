package devhost

import (
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// The limits of the rooms service. Who runs into one gets a stanza error that
// names it.
const (
	maxRooms     = 1000
	maxOccupants = 500    // of one room
	maxSeats     = 10_000 // occupants of all rooms together

	maxRoomName         = 100      // bytes of a room's local part
	maxNick             = 100      // bytes
	maxOccupantPresence = 4 << 10  // bytes, kept for whoever joins later
	maxSubject          = 4 << 10  // bytes
	maxRoomMessage      = 64 << 10 // bytes, of which each occupant gets a copy
	maxRoomListing      = 64 << 10 // bytes of a list of rooms or occupants
)

// rooms is the rooms service (XEP-0045) of the host. A room is made, and open to
// all at once, when the first occupant joins, who is its owner, and goes with
// the last one. Rooms are public and not anonymous: everyone sees the real
// addresses. There are no passwords, bans, members or settings.
//
// An occupant is one full address with one nick. A nick that is taken is
// refused, also to another resource of the same account.
type rooms struct {
	domain jid.JID
	send   func(stanza.Stanza)
	byName map[jid.JID]*room // by bare address
	seats  int               // occupants of all rooms
}

// newRooms returns the rooms service of a domain. send gets each stanza from
// the rooms, in order; it must not call back.
func newRooms(domain jid.JID, send func(stanza.Stanza)) *rooms {
	return &rooms{domain: domain, send: send, byName: map[jid.JID]*room{}}
}

// receive takes a stanza for the service, a room or an occupant, from a full
// address or from that of a component. What has no sender or is for another
// domain is dropped. It must not be called concurrently.
func (r *rooms) receive(st stanza.Stanza) {
	if st.From().IsZero() || st.To().Domain() != r.domain.Domain() {
		return
	}
	switch st.Kind() {
	case stanza.Presence:
		r.presence(st)
	case stanza.Message:
		r.message(st)
	case stanza.IQ:
		r.iq(st)
	}
}

// refuse answers a stanza with an error, if it may be answered.
func (r *rooms) refuse(st stanza.Stanza, t stanza.ErrorType, c stanza.Condition, text string) {
	if answer, ok := st.ErrorReply(&stanza.Error{Type: t, Condition: c, Text: text}); ok {
		r.send(answer)
	}
}

// refuseStranger answers somebody who is not in the room that he writes to
// (XEP-0045 §7.4, XEP-0410 §3.3).
func (r *rooms) refuseStranger(st stanza.Stanza) {
	r.refuse(st, stanza.Modify, stanza.NotAcceptable, "you are not in the room "+st.To().Bare().String()+": join it first")
}

// refuseUnknown answers what is for nobody: a room or a nick that does not exist.
func (r *rooms) refuseUnknown(st stanza.Stanza) {
	text := "there is no room " + st.To().Bare().String() + "; join it to make it"
	if st.To().Resource() != "" {
		text = "nobody in the room has that nick"
	}
	r.refuse(st, stanza.Cancel, stanza.ItemNotFound, text)
}
