package devhost

import (
	"time"

	"github.com/restanza/restanza/stanza"
)

// offlineMessage is a message that waits for a client.
type offlineMessage struct {
	st    stanza.Stanza
	since time.Time
}

// nsDelay is the namespace of delay stamps (XEP-0203).
const nsDelay = "urn:xmpp:delay"

// offlineOverhead is what a kept message costs beyond its XML, in bytes.
const offlineOverhead = 256

func (m offlineMessage) size() int { return len(m.st.XML()) + offlineOverhead }

// keepOffline keeps a message for an account nobody can take it for now
// (RFC 6121 §8.5.2.2.1), or tells its sender that there is no room. One that
// only says that somebody is typing is dropped (XEP-0160 §3).
func (h *Host) keepOffline(who *account, st stanza.Stanza) {
	m := offlineMessage{st, time.Now()}
	switch {
	case !hasBody(st):
		return
	case len(who.offline) >= h.o.OfflineCount || h.offlineBytes+m.size() > h.o.OfflineBytes:
		h.bounce(st, stanza.Wait, stanza.ServiceUnavailable, "nobody is logged in, and no more messages are kept")
		return
	}
	who.offline = append(who.offline, m)
	h.offlineBytes += m.size()
}

// handOver gives a client what was kept for its account. What it does not take
// is kept on.
func (h *Host) handOver(s *session) {
	for len(s.account.offline) > 0 {
		m := s.account.offline[0]
		xml := m.stamped(h.o.Domain.String())
		if !s.out.fits(len(xml)) || s.out.addRaw(xml) != nil { // an overfull queue would be dropped, with what was handed over
			return
		}
		s.account.offline = s.account.offline[1:]
		h.offlineBytes -= m.size()
	}
	s.account.offline = nil
}

// stamped returns the message with a stamp that says since when it waits. It has
// content, so that its end tag is there.
func (m offlineMessage) stamped(by string) []byte {
	const endTag = "</message>"
	xml := m.st.XML()
	xml = append(xml[:len(xml)-len(endTag)], `<delay xmlns="`+nsDelay+`" from="`...)
	xml = append(xml, quoted(by)...)
	xml = append(xml, `" stamp="`+m.since.UTC().Format("2006-01-02T15:04:05.000Z")+`"/>`...)
	return append(xml, endTag...)
}
