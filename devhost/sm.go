package devhost

import (
	"strconv"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/stanza"
	"github.com/restanza/restanza/stream"
)

// nsSM is the namespace of stream management (XEP-0198).
const nsSM = "urn:xmpp:sm:3"

// acks counts the stanzas written since stream management was turned on. It
// belongs to an outbox.
type acks struct {
	on    bool
	sent  uint32
	acked uint32 // as the peer says
	asked uint32 // sent, when the peer was last asked
}

// askEvery is after how many stanzas a client is asked what it has received.
const askEvery = 32

// count takes notice of a stanza at the end of what is to be written, and asks
// for an acknowledgement now and then.
func (a *acks) count(b *[]byte) {
	if !a.on {
		return
	}
	a.sent++
	if a.sent-a.asked >= askEvery {
		a.asked = a.sent
		*b = append(*b, `<r xmlns="`+nsSM+`"/>`...)
	}
}

// manageFrom begins to count, behind the answer that says so.
func (o *outbox) manageFrom(answer string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return errEnded
	}
	b := o.buffer()
	*b = append(*b, answer...)
	o.acks = acks{on: true}
	return o.added()
}

// acked takes the peer's count. It reports whether that can be.
func (o *outbox) acked(h uint32) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if h-o.acks.acked > o.acks.sent-o.acks.acked { // counts modulo 2^32
		return false
	}
	o.acks.acked = h
	return true
}

// manage handles an element of stream management: enable, acknowledgements and
// requests for them. Streams can't be resumed.
func (s *session) manage(el *element.Element) error {
	switch string(el.Local) {
	case "enable":
		if s.managed {
			return s.out.addElement(failedSM(stanza.UnexpectedRequest))
		}
		s.managed, s.received = true, 0
		return s.out.manageFrom(`<enabled xmlns="` + nsSM + `"/>`)
	case "resume":
		return s.out.addElement(failedSM(stanza.UnexpectedRequest))
	case "r":
		if !s.managed {
			return end(stream.UnsupportedStanzaType, "stream management is not enabled")
		}
		return s.out.addElement(`<a xmlns="` + nsSM + `" h="` + strconv.FormatUint(uint64(s.received), 10) + `"/>`)
	case "a":
		h, err := strconv.ParseUint(attr(el, "h"), 10, 32)
		if err != nil || !s.managed || !s.out.acked(uint32(h)) {
			return &peerError{&stream.Error{
				Condition: stream.UndefinedCondition, Text: "you acknowledge more than you were sent",
				AppCondition: stanza.Name{Space: nsSM, Local: "handled-count-too-high"}, // XEP-0198 §4
			}}
		}
		return nil
	}
	return end(stream.UnsupportedStanzaType, "<"+string(el.Local)+"> is no part of stream management")
}

func failedSM(c stanza.Condition) string {
	return `<failed xmlns="` + nsSM + `"><` + string(c) + ` xmlns="` + stanza.NSStanzas + `"/></failed>`
}
