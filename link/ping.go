package link

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// NSPing is the namespace of the pings that confirm stanzas (XEP-0199).
const NSPing = "urn:xmpp:ping"

const (
	pingAgain = 5 * time.Second // after which another ping asks for a missing pong
	maxPings  = 8               // unanswered pings that are remembered
)

// pinger writes pings and recognises pongs.
type pinger struct {
	prefix string        // of the pings' ids; nobody outside can guess it
	ping   stanza.Stanza // without its id

	last   uint64 // number of the last ping; numbers are never used twice
	out    []ping // unanswered, oldest first
	wanted bool   // a ping is to be written even if it confirms nothing new
}

// ping is a ping whose pong is missing.
type ping struct {
	id     uint64
	covers uint64 // the number of the last entry written before it
	sent   time.Time
}

func newPinger(from, to jid.JID) pinger {
	var nonce [12]byte
	rand.Read(nonce[:]) // never fails
	header := stanza.Header{Kind: stanza.IQ, Type: stanza.Get, From: from, To: to}
	return pinger{
		prefix: "restanza-" + hex.EncodeToString(nonce[:]) + "-",
		ping:   stanza.New(header, `<ping xmlns="`+NSPing+`"/>`),
	}
}

// append appends a ping to dst if one is due: it was asked for, or something is
// unconfirmed and no ping is under way. It covers all entries up to written.
func (p *pinger) append(dst []byte, written uint64, unconfirmed bool) []byte {
	if !p.wanted && (!unconfirmed || len(p.out) > 0) {
		return dst
	}
	p.wanted = false
	p.last++
	if len(p.out) == maxPings {
		p.out = append(p.out[:0], p.out[1:]...)
	}
	p.out = append(p.out, ping{id: p.last, covers: written, sent: time.Now()})
	header := p.ping.Header()
	header.ID = p.prefix + strconv.FormatUint(p.last, 10)
	return p.ping.With(header).AppendXML(dst)
}

// recognise reports whether st is a pong, or what a ping came back as, and
// which. If the link pings itself the ping is its own pong.
func (p *pinger) recognise(st stanza.Stanza) (id uint64, ok bool) {
	if st.Kind() != stanza.IQ {
		return 0, false
	}
	number, ok := strings.CutPrefix(st.ID(), p.prefix)
	if !ok || st.From() != p.ping.To() {
		return 0, false
	}
	id, err := strconv.ParseUint(number, 10, 64)
	return id, err == nil
}

// pong takes the pong to a ping and returns up to which entry it confirms. It
// covers older pings as well, since a server answers in order.
func (p *pinger) pong(id uint64) (covers uint64, ok bool) {
	for i := range p.out {
		if p.out[i].id == id {
			covers = p.out[i].covers
			p.out = append(p.out[:0], p.out[i+1:]...)
			return covers, true
		}
	}
	return 0, false
}

// reset forgets the pings of a connection that is gone.
func (p *pinger) reset() {
	p.out = p.out[:0]
	p.wanted = false
}

func (p *pinger) none() bool { return len(p.out) == 0 }

func (p *pinger) oldest() time.Time {
	if p.none() {
		return time.Time{}
	}
	return p.out[0].sent
}

// overdue reports whether the youngest ping has waited long enough for another
// one to be sent.
func (p *pinger) overdue(now time.Time) bool {
	return !p.none() && now.Sub(p.out[len(p.out)-1].sent) >= pingAgain
}
