package devhost

import (
	"slices"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// The namespaces of rooms (XEP-0045 §15.2).
const (
	nsMUC      = "http://jabber.org/protocol/muc"
	nsMUCAdmin = nsMUC + "#admin"
	nsMUCOwner = nsMUC + "#owner"
)

// Status codes in a room's presences (XEP-0045 §15.6).
const (
	statusNonAnonymous = `<status code="100"/>` // all see the real addresses
	statusSelf         = `<status code="110"/>` // this is the recipient himself
	statusCreated      = `<status code="201"/>` // joining has made the room
	statusRenamed      = `<status code="303"/>`
	statusKicked       = `<status code="307"/>`
	statusUnreachable  = `<status code="333"/>` // removed because of an error
)

// room is one room. It has at least one occupant.
type room struct {
	address   jid.JID
	owner     jid.JID // bare address of who made it
	occupants []*occupant
	subject   stanza.Stanza // as it is sent to who joins, but for the addressee
	history   history
}

// occupant is somebody in a room.
type occupant struct {
	address  jid.JID       // the real one
	seat     jid.JID       // room@domain/nick
	presence stanza.Stanza // the latest, as it is sent to the others, but for the addressee
}

// newRoom returns a room without occupants.
func newRoom(address, owner jid.JID) *room {
	h := stanza.Header{Kind: stanza.Message, Type: stanza.Groupchat, From: address}
	return &room{address: address, owner: owner.Bare(), subject: stanza.New(h, "<subject/>")}
}

// by returns the occupant with that real address, nil if there is none.
func (ro *room) by(address jid.JID) *occupant {
	return ro.find(func(o *occupant) bool { return o.address == address })
}

// at returns the occupant with that address in the room, nil if there is none.
func (ro *room) at(seat jid.JID) *occupant {
	return ro.find(func(o *occupant) bool { return o.seat == seat })
}

func (ro *room) find(match func(*occupant) bool) *occupant {
	if ro == nil {
		return nil
	}
	if i := slices.IndexFunc(ro.occupants, match); i >= 0 {
		return ro.occupants[i]
	}
	return nil
}

// isOwner reports whether an occupant is the room's owner, with whatever resource.
func (ro *room) isOwner(o *occupant) bool { return o.address.Bare() == ro.owner }

// affiliation returns an occupant's lasting relation to the room (XEP-0045 §5.2).
func (ro *room) affiliation(o *occupant) string {
	if ro.isOwner(o) {
		return "owner"
	}
	return "none"
}

// role returns what an occupant may do while in the room (XEP-0045 §5.1).
func (ro *room) role(o *occupant) string {
	if ro.isOwner(o) {
		return "moderator"
	}
	return "participant"
}

// item describes an occupant, as it stands in presences and in lists. nick is
// left out if it is empty, and so is the inner content.
func (ro *room) item(o *occupant, role, nick, inner string) string {
	item := `<item affiliation="` + ro.affiliation(o) + `" role="` + role + `" jid="` + quoted(o.address.String()) + `"`
	if nick != "" {
		item += ` nick="` + quoted(nick) + `"`
	}
	return item + ">" + inner + "</item>"
}
