package callback

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

// answer is an HTTP answer, as far as it matters to XMPP.
type answer struct {
	status int
	format *format.Format // nil: none that we read
	body   []byte
	flaw   error // why there is no body to look at, though there was one
	unread error // why there is a body that nobody looks at: it is in no format that we read
	spoilt error // what of the body the reply does not have
}

// verdict is what an answer means. The package's documentation has the rules.
type verdict struct {
	outcome outcome
	reply   stanza.Stanza   // to be sent; zero: nothing is sent
	more    []stanza.Stanza // to be sent as well, after it
	status  int             // of the answer; 0: there was none
	flaw    error           // why there was no answer, or why its body can't be used
	unread  error           // why its body says nothing, which may be as it was meant
	spoilt  error           // what of its body the reply does not have

	again bool      // what can wait is tried again
	after time.Time // but not before then
	body  []byte    // of the answer that asks for it, a part at least
	cut   bool      // the request was cut off by the end of Run: nothing is known
	kept  bool      // the stanza stays in the journal, to be tried again
}

// matters reports whether the body of an answer to st, not read yet, has a
// meaning.
func (a *answer) matters(st stanza.Stanza) bool {
	return st.Answerable() && !a.accepts() && a.format != nil && (success(a.status) || a.format != format.Text)
}

// accepts reports whether the status says that there is no reply, whatever the
// body.
func (a *answer) accepts() bool {
	return a.status == http.StatusAccepted || a.status == http.StatusNoContent
}

// judge says what an answer to st means. A reply has at most maxStanza bytes.
func judge(st stanza.Stanza, a answer, maxStanza int) verdict {
	if !st.Answerable() {
		return verdict{outcome: outcomeIgnored, status: a.status}
	}
	if a.accepts() {
		return verdict{outcome: outcomeAccepted, status: a.status, reply: silence(st)}
	}
	var reply stanza.Stanza
	var more []stanza.Stanza
	if a.matters(st) && a.flaw == nil {
		reply, more, a.flaw = a.read(st, maxStanza)
	}
	v := verdict{status: a.status, flaw: a.flaw}
	switch {
	case !reply.IsZero():
		v.outcome, v.reply, v.more, v.spoilt = outcomeReplied, reply, more, a.spoilt
	case !success(a.status):
		v.outcome = outcomeErrorStatus
		v.reply, _ = st.ErrorReply(statusError(a.status))
	case a.flaw == nil:
		v.outcome, v.reply, v.unread = outcomeAccepted, silence(st), a.unread
	default:
		v.outcome = outcomeBadAnswer
		if st.Kind() == stanza.IQ {
			v.reply, _ = st.ErrorReply(internalError("the answer of the service can't be used"))
		}
	}
	return v
}

// read returns the reply that the body holds, zero if it holds none, and what is sent
// after it.
func (a *answer) read(st stanza.Stanza, maxStanza int) (reply stanza.Stanza, more []stanza.Stanza, err error) {
	read, err := a.format.ParseReplies(a.body, st.Kind())
	if !success(a.status) && !a.format.Explicit && (err != nil || !isError(read)) {
		return stanza.Stanza{}, nil, nil // an error page, not a stanza
	}
	if err != nil || len(read.Stanzas) == 0 {
		return stanza.Stanza{}, nil, err
	}
	if a.format == format.Text && !format.IsXMLText(a.body) {
		a.spoilt = errSpoilt
	}
	if !read.Wrapped {
		reply, err = a.single(st, read.Stanzas[0])
	} else if more, err = several(st, read.Stanzas); err == nil {
		reply, more = more[0], more[1:]
	}
	if err != nil {
		return stanza.Stanza{}, nil, err
	}
	if !reply.FitsIn(maxStanza) || slices.ContainsFunc(more, func(r stanza.Stanza) bool { return !r.FitsIn(maxStanza) }) {
		return stanza.Stanza{}, nil, fmt.Errorf("the answer would be larger than %d bytes on its way to the XMPP server", maxStanza)
	}
	return reply, more, nil
}

// errSpoilt is what is wrong with a text whose sender had better look at it.
var errSpoilt = errors.New("the text is not UTF-8, or has characters that XML can't carry: U+FFFD stands in their place")

// isError reports whether an answer holds nothing but one stanza error.
func isError(r jsonmap.Replies) bool {
	return !r.Wrapped && len(r.Stanzas) == 1 && r.Stanzas[0].Type() == stanza.TypeError
}

// single makes the reply of a stanza that stands alone; zero: it is none.
func (a *answer) single(st, r stanza.Stanza) (stanza.Stanza, error) {
	if r.Kind() == st.Kind() {
		return address(st, r), nil
	}
	if a.format == format.Text {
		return stanza.Stanza{}, nil // an "OK" in answer to an IQ is not meant as a message
	}
	return stanza.Stanza{}, fmt.Errorf("the answer to a stanza of the kind %s holds one of the kind %s", st.Kind(), r.Kind())
}

// several makes the replies of a list, at least one unless there is an error. What has an addressee of its own goes there, the
// rest to the sender of st. A request is answered by the first iq that goes to its
// sender, or by an empty result; other iqs can't be sent, since nobody would get their
// answers.
func several(st stanza.Stanza, list []stanza.Stanza) ([]stanza.Stanza, error) {
	answered := !st.IsRequest()
	replies := make([]stanza.Stanza, 0, len(list)+1)
	for i, r := range list {
		toSender := r.To().IsZero() || r.To() == st.From()
		switch {
		case toSender && r.Kind() == st.Kind() && (r.Kind() != stanza.IQ || !answered):
			replies = append(replies, address(st, r))
			answered = true
		case r.Kind() == stanza.IQ:
			return nil, fmt.Errorf("stanza %d of the answer is an iq that answers nothing: send it with POST /rest to get its answer", i+1)
		default:
			replies = append(replies, addressElsewhere(st, r))
		}
	}
	if !answered {
		replies = append([]stanza.Stanza{silence(st)}, replies...)
	}
	return replies, nil
}

// addressElsewhere makes a stanza of its own of one in a list.
func addressElsewhere(st, r stanza.Stanza) stanza.Stanza {
	h := r.Header()
	h.From = st.To()
	if h.To.IsZero() {
		h.To = st.From()
	}
	if hasError(r) {
		h.Type = stanza.TypeError
	}
	if h.ID == "" {
		h.ID = newID()
	}
	return r.With(h)
}

// address makes the reply to st of the stanza r that a callback wrote. Of r's
// start tag the type, the id and the language count.
func address(st, r stanza.Stanza) stanza.Stanza {
	h := stanza.Header{Kind: st.Kind(), Type: r.Type(), ID: r.ID(), From: st.To(), To: st.From(), Lang: r.Lang()}
	if hasError(r) {
		h.Type = stanza.TypeError
	}
	if h.Kind == stanza.IQ && h.Type != stanza.TypeError {
		h.Type = stanza.Result
	}
	if h.Type == stanza.Groupchat && h.Kind == stanza.Message {
		h.To = h.To.Bare() // to the room, not to one occupant
	}
	if h.Kind == stanza.IQ || h.Type == stanza.TypeError {
		h.ID = st.ID()
	} else if h.ID == "" {
		h.ID = newID()
	}
	return r.With(h)
}

// hasError reports whether r has an error child, which makes an error of it
// whatever type it claims.
func hasError(r stanza.Stanza) bool {
	if !strings.Contains(r.Content(), "error") {
		return false
	}
	h := r.Header()
	h.Type = stanza.TypeError
	return r.With(h).Err() != nil
}

// silence is the answer where the callback has nothing to say: an empty result
// for an IQ, and else nothing.
func silence(st stanza.Stanza) stanza.Stanza {
	if st.Kind() != stanza.IQ {
		return stanza.Stanza{}
	}
	return st.Result("")
}

// unavailable is the error for a stanza whose callback gave no answer.
func unavailable() *stanza.Error {
	return &stanza.Error{Type: stanza.Wait, Condition: stanza.RecipientUnavailable}
}

// internalError is the error for a stanza that was spoilt on this side.
func internalError(text string) *stanza.Error {
	return &stanza.Error{Type: stanza.Cancel, Condition: stanza.InternalServerError, Text: text}
}

// newID returns 24 characters of URL-safe base64 from 18 random bytes.
func newID() string {
	var random [18]byte
	_, _ = rand.Read(random[:]) // never fails: it ends the program instead
	return base64.RawURLEncoding.EncodeToString(random[:])
}
