package devhost

import (
	"sync"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// The limits of the rooms service. Who runs into one gets a stanza error that
// names it.
const (
	maxRooms     = 1000
	maxOccupants = 500    // of one room
	maxSeats     = 10_000 // occupants of all rooms together

	maxRoomName         = 100     // bytes of a room's local part
	maxNick             = 100     // bytes
	maxOccupantPresence = 4 << 10 // bytes, kept for whoever joins later
	maxSubject          = 4 << 10 // bytes
	maxRoomListing      = 64 << 10

	// maxRoomBacklog is how many stanzas may wait to be sent before no new ones
	// are taken. One that is taken may add twice maxOccupants and some more.
	maxRoomBacklog = 20_000
)

// rooms is the rooms service (XEP-0045) of the host, in memory. A room is made,
// and open to all at once, when the first occupant joins, who is its owner, and
// goes with the last one. Rooms are public and not anonymous: everyone sees the
// real addresses. There are no passwords, bans, members or settings.
//
// An occupant is one full address with one nick. A nick that is taken is
// refused, also to another resource of the same account.
type rooms struct {
	domain jid.JID
	send   func(stanza.Stanza)

	mu      sync.Mutex
	byName  map[jid.JID]*room // by bare address
	seats   int               // occupants of all rooms
	outbox  []stanza.Stanza   // what is to be sent, in order
	sending bool              // somebody is sending what was in the outbox
}

// newRooms returns the rooms service of a domain. send gets each stanza from
// the rooms; it is called by one goroutine at a time, without a lock held, and
// may call receive.
func newRooms(domain jid.JID, send func(stanza.Stanza)) *rooms {
	return &rooms{domain: domain, send: send, byName: map[jid.JID]*room{}}
}

// receive takes a stanza for the service, a room or an occupant, from a full
// address or from that of a component. What has no sender or is for another
// domain is dropped. It may be called concurrently; what comes of a stanza is
// sent in the order in which stanzas were taken, by this call or by another
// that is sending already.
func (r *rooms) receive(st stanza.Stanza) {
	if st.From().IsZero() || st.To().Domain() != r.domain.Domain() {
		return
	}
	if !r.take(st) {
		if answer, ok := st.ErrorReply(&stanza.Error{
			Type:      stanza.Wait,
			Condition: stanza.ResourceConstraint,
			Text:      "the rooms service is overloaded; try again later",
		}); ok {
			r.send(answer)
		}
		return
	}
	r.flush()
}

// gone takes an address whose session has ended out of all rooms.
func (r *rooms) gone(address jid.JID) {
	r.leaveAll(address)
	r.flush()
}

// take works a stanza off, unless too much is waiting to be sent. To leave is
// always possible.
func (r *rooms) take(st stanza.Stanza) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	leaving := st.Kind() == stanza.Presence && (st.Type() == stanza.Unavailable || st.Type() == stanza.TypeError)
	if len(r.outbox) > maxRoomBacklog && !leaving {
		return false
	}
	switch st.Kind() {
	case stanza.Presence:
		r.presence(st)
	case stanza.Message:
		r.message(st)
	case stanza.IQ:
		r.iq(st)
	}
	return true
}

func (r *rooms) leaveAll(address jid.JID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ro := range r.byName {
		if o := ro.by(address); o != nil {
			r.remove(ro, o, departure{silent: true})
		}
	}
}

// flush sends what is in the outbox, unless another call is doing so: that one
// sends what was added meanwhile.
func (r *rooms) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sending {
		return
	}
	r.sending = true
	defer func() { r.sending = false }()
	for len(r.outbox) > 0 {
		r.sendBatch()
	}
}

// sendBatch empties the outbox. It is called, and returns, with the lock held,
// and sends without.
func (r *rooms) sendBatch() {
	batch := r.outbox
	r.outbox = nil
	r.mu.Unlock()
	defer r.mu.Lock()
	for _, st := range batch {
		r.send(st)
	}
}

// push puts a stanza into the outbox.
func (r *rooms) push(st stanza.Stanza) { r.outbox = append(r.outbox, st) }

// refuse answers a stanza with an error, if it may be answered.
func (r *rooms) refuse(st stanza.Stanza, t stanza.ErrorType, c stanza.Condition, text string) {
	if answer, ok := st.ErrorReply(&stanza.Error{Type: t, Condition: c, Text: text}); ok {
		r.push(answer)
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
