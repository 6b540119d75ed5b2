package devhost

import (
	"slices"
	"strings"

	"github.com/restanza/restanza/stanza"
)

// iq answers each request once, or passes it on to an occupant, who will.
func (r *rooms) iq(st stanza.Stanza) {
	to := st.To()
	ro := r.byName[to.Bare()]
	switch {
	case st.IsAnswer():
		r.passAnswer(st, ro)
	case !st.IsRequest():
		r.refuse(st, stanza.Modify, stanza.BadRequest, "an iq is of type get, set, result or error")
	case st.Children() != 1: // RFC 6120 §8.2.3
		r.refuse(st, stanza.Modify, stanza.BadRequest, "an iq of type get or set has exactly one child element")
	case to.Local() == "":
		r.askService(st)
	case to.Resource() != "":
		r.askOccupant(st, ro)
	case ro == nil:
		r.refuseUnknown(st)
	default:
		r.askRoom(st, ro)
	}
}

// askService answers a request to the service as a whole.
func (r *rooms) askService(st stanza.Stanza) {
	switch askedIn(st) {
	case asked{stanza.Get, nsPing}:
		r.send(st.Result(""))
	case asked{stanza.Get, nsDiscoInfo}:
		r.disco(st, roomInfo("Rooms", nsDiscoInfo, nsDiscoItems, nsPing, nsMUC))
	case asked{stanza.Get, nsDiscoItems}:
		r.disco(st, r.listRooms())
	default:
		r.refuseRequest(st)
	}
}

// askRoom answers a request to a room.
func (r *rooms) askRoom(st stanza.Stanza, ro *room) {
	switch askedIn(st) {
	case asked{stanza.Get, nsPing}:
		r.send(st.Result(""))
	case asked{stanza.Get, nsDiscoInfo}:
		r.disco(st, roomInfo(ro.address.Local(), roomFeatures...))
	case asked{stanza.Get, nsDiscoItems}:
		r.disco(st, ro.list())
	case asked{stanza.Get, nsMUCOwner}, asked{stanza.Set, nsMUCOwner}:
		r.askOwner(st, ro)
	case asked{stanza.Get, nsMUCAdmin}, asked{stanza.Set, nsMUCAdmin}:
		r.askAdmin(st, ro)
	default:
		r.refuseRequest(st)
	}
}

// nickNode is where clients ask a room for a nick that is reserved for them
// (XEP-0045 §7.12). None are, and nothing else has nodes.
const nickNode = "x-roomuser-item"

// disco answers a question of service discovery.
func (r *rooms) disco(st stanza.Stanza, answer string) {
	switch node := st.PayloadAttr("node"); {
	case node == "":
		r.send(st.Result(answer))
	case node == nickNode && st.To().Local() != "" && st.Payload().Space == nsDiscoInfo:
		r.send(st.Result(`<query xmlns="` + nsDiscoInfo + `" node="` + nickNode + `"/>`))
	default:
		r.refuse(st, stanza.Cancel, stanza.ItemNotFound, "there is no such node")
	}
}

// askOccupant passes a request on to an occupant (XEP-0045 §17.4). A ping to
// oneself asks whether one is still in the room, and is answered here (XEP-0410).
func (r *rooms) askOccupant(st stanza.Stanza, ro *room) {
	o, target := ro.by(st.From()), ro.at(st.To())
	switch {
	case o == nil:
		r.refuseStranger(st)
	case target == nil:
		r.refuseUnknown(st)
	case target == o && askedIn(st) == (asked{stanza.Get, nsPing}):
		r.send(st.Result(""))
	default:
		h := st.Header()
		h.From = o.seat
		r.sendTo(target, st.With(h))
	}
}

// passAnswer takes an occupant's answer back to the occupant who asked.
func (r *rooms) passAnswer(st stanza.Stanza, ro *room) {
	o, asker := ro.by(st.From()), ro.at(st.To())
	if o == nil || asker == nil {
		return
	}
	h := st.Header()
	h.From = o.seat
	r.sendTo(asker, st.With(h))
}

func (r *rooms) refuseRequest(st stanza.Stanza) {
	r.refuse(st, stanza.Cancel, stanza.ServiceUnavailable, "the rooms do not know this request")
}

// asked is what a request is about: its type and the namespace of its payload.
type asked struct {
	kind  stanza.Type
	space string
}

func askedIn(st stanza.Stanza) asked { return asked{st.Type(), st.Payload().Space} }

// roomFeatures is what every room is and can do (XEP-0045 §15.3).
var roomFeatures = []string{
	nsDiscoInfo, nsDiscoItems, nsPing, nsMUC,
	"muc_nonanonymous", "muc_open", "muc_public", "muc_temporary", "muc_unmoderated", "muc_unsecured",
	nsMUC + "#self-ping-optimization", nsMUC + "#stable_id",
}

// roomInfo returns an answer to disco#info.
func roomInfo(name string, features ...string) string {
	var b strings.Builder
	b.WriteString(`<query xmlns="` + nsDiscoInfo + `"><identity category="conference" type="text" name="` + quoted(name) + `"/>`)
	for _, f := range features {
		b.WriteString(`<feature var="` + f + `"/>`)
	}
	b.WriteString("</query>")
	return b.String()
}

// listRooms returns the rooms by name, as many as fit.
func (r *rooms) listRooms() string {
	items := make([]string, 0, len(r.byName))
	for address := range r.byName {
		items = append(items, `<item jid="`+quoted(address.String())+`" name="`+quoted(address.Local())+`"/>`)
	}
	slices.Sort(items)
	return listing(items)
}

// list returns the occupants, as many as fit.
func (ro *room) list() string {
	items := make([]string, len(ro.occupants))
	for i, o := range ro.occupants {
		items[i] = `<item jid="` + quoted(o.seat.String()) + `"/>`
	}
	return listing(items)
}

// listing returns an answer to disco#items of at most about maxRoomListing bytes.
func listing(items []string) string {
	var b strings.Builder
	b.WriteString(`<query xmlns="` + nsDiscoItems + `">`)
	for _, item := range items {
		if b.Len()+len(item) > maxRoomListing {
			break
		}
		b.WriteString(item)
	}
	b.WriteString("</query>")
	return b.String()
}
