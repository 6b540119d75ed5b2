package events

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// Position is the place of an event in the logs of a gateway. Later events have higher
// ones. Its text form, as in "3-1k9", is what readers see: the number of the start of
// the process, and a number within it, both in base 36. The zero Position is before all.
type Position int64

// numberBits are the bits of a Position that count within a process, as in the journal.
const numberBits = 44

// String returns the text form.
func (p Position) String() string {
	return strconv.FormatInt(int64(p)>>numberBits, 36) + "-" + strconv.FormatInt(int64(p)&(1<<numberBits-1), 36)
}

// ParsePosition is the inverse of String. It accepts nothing else.
func ParsePosition(text string) (Position, error) {
	start, number, ok := strings.Cut(text, "-")
	if ok {
		s, err1 := strconv.ParseInt(start, 36, 64)
		n, err2 := strconv.ParseInt(number, 36, 64)
		p := Position(s<<numberBits | n)
		if err1 == nil && err2 == nil && s >= 0 && s < 1<<(63-numberBits) && n >= 0 && n < 1<<numberBits && p.String() == text {
			return p, nil
		}
	}
	return 0, fmt.Errorf("%.40q is no id of an event", text)
}

// Direction is which way a stanza went.
type Direction = journal.Direction

// The directions, as seen from the programs that use the gateway.
const (
	In  = journal.In  // from the XMPP server
	Out = journal.Out // to the XMPP server
)

// State is what had become of a stanza when it came into the log.
type State string

// The states.
const (
	Posted  State = "posted"  // in: given to the component's callback
	Offered State = "offered" // in: there is no callback; it is for whoever reads the log
	Sent    State = "sent"    // out: the XMPP server has it, or it was written and nobody waits for more
	Bounced State = "bounced" // out: the XMPP server returned an error
	Queued  State = "queued"  // out: it is in the outbox
)

// Event is a stanza in the log. It is not changed once it is there.
type Event struct {
	Position  Position
	At        time.Time
	Direction Direction
	State     State
	Stanza    stanza.Stanza

	kept    bool // the journal has it, or will have
	encoded [Encodings]atomic.Pointer[[]byte]
}

// Encodings is how many encodings an event remembers.
const Encodings = 6

// Encoded returns the encoding of that number, which encode makes if it has not been asked for
// before. Callers must not change it. If several ask for the first time at once, one of
// their encodings is kept.
func (e *Event) Encoded(number int, encode func(*Event) []byte) []byte {
	if b := e.encoded[number].Load(); b != nil {
		return *b
	}
	b := encode(e)
	e.encoded[number].CompareAndSwap(nil, &b)
	return *e.encoded[number].Load()
}

// Own returns the address of the component's side, and Peer that of the other.
func (e *Event) Own() jid.JID {
	if e.Direction == Out {
		return e.Stanza.From()
	}
	return e.Stanza.To()
}

// Peer returns the address of the other side.
func (e *Event) Peer() jid.JID {
	if e.Direction == Out {
		return e.Stanza.To()
	}
	return e.Stanza.From()
}

// size is an estimate of what an event takes in memory.
func (e *Event) size() int64 { return int64(len(e.Stanza.Content())) + headerRoom }

// headerRoom is what an event takes beyond the content of its stanza.
const headerRoom = 512
