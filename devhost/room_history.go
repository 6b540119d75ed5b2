package devhost

import (
	"strconv"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// The limits of a room's history. What is longer alone is not kept.
const (
	maxHistory      = 20       // messages
	maxHistoryBytes = 32 << 10 // of those together
)

// history is what was said last in a room, the oldest first.
type history []saying

// saying is a message as it is shown to who joins later, but for the addressee.
type saying struct {
	message stanza.Stanza
	at      time.Time
	size    int // bytes
}

// add keeps a message, and drops what is too old for that. The content was
// checked.
func (h *history) add(room jid.JID, header stanza.Header, content string, at time.Time) {
	content += delayed(room, at)
	header.To = jid.JID{}
	s := saying{stanza.New(header, content), at, 0}
	s.size = len(s.message.XML())
	if s.size > maxHistoryBytes {
		return
	}
	kept := append(*h, s)
	size := 0
	for i := len(kept) - 1; i >= 0; i-- {
		size += kept[i].size
		if size > maxHistoryBytes || len(kept)-i > maxHistory {
			kept = append(history(nil), kept[i+1:]...)
			break
		}
	}
	*h = kept
}

// delayed returns the element that says when and by whom a message was first
// sent on.
func delayed(room jid.JID, at time.Time) string {
	return `<delay xmlns="` + nsDelay + `" from="` + quoted(room.String()) + `" stamp="` + at.UTC().Format(time.RFC3339) + `"/>`
}

// wish is how much history somebody wants to see on joining (XEP-0045 §7.2.14).
type wish struct {
	messages int       // at most
	chars    int       // at most, of all messages together
	since    time.Time // nothing older; zero for no matter
}

// wishOf reads a wish in the x element of a join. What is missing or
// unreadable is no restriction, and so is no x.
func wishOf(x *child) wish {
	h := first(x.within(), nsMUC, "history")
	w := wish{messages: atMost(h.attribute("maxstanzas"), maxHistory), chars: atMost(h.attribute("maxchars"), maxHistoryBytes)}
	if since, err := time.Parse(time.RFC3339, h.attribute("since")); err == nil {
		w.since = since
	}
	const longAgo = 1 << 30 // seconds
	if seconds := atMost(h.attribute("seconds"), longAgo); seconds < longAgo {
		if since := time.Now().Add(-time.Duration(seconds) * time.Second); since.After(w.since) {
			w.since = since
		}
	}
	return w
}

// atMost reads a number between 0 and limit; anything else is limit.
func atMost(text string, limit int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > limit {
		return limit
	}
	return n
}

// latest returns what of the history fits a wish: the last of it.
func (h history) latest(w wish) history {
	from := len(h)
	for from > 0 {
		s := h[from-1]
		w.messages--
		w.chars -= s.size
		if w.messages < 0 || w.chars < 0 || s.at.Before(w.since) {
			break
		}
		from--
	}
	return h[from:]
}

// showPast sends somebody who has joined what was said before, and the subject,
// which ends the greeting even if there is none (XEP-0045 §7.2.15).
func (r *rooms) showPast(ro *room, o *occupant, w wish) {
	for _, s := range ro.history.latest(w) {
		r.sendTo(o, s.message)
	}
	r.sendTo(o, ro.subject)
}
