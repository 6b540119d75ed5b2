package devhost

import (
	"strconv"
	"time"

	"github.com/restanza/restanza/stanza"
)

// Namespaces of the requests that the host answers.
const (
	nsDiscoInfo  = "http://jabber.org/protocol/disco#info"  // XEP-0030 §3
	nsDiscoItems = "http://jabber.org/protocol/disco#items" // XEP-0030 §4
	nsPing       = "urn:xmpp:ping"                          // XEP-0199
	nsVersion    = "jabber:iq:version"                      // XEP-0092
	nsTime       = "urn:xmpp:time"                          // XEP-0202
	nsLast       = "jabber:iq:last"                         // XEP-0012
	nsVCard      = "vcard-temp"                             // XEP-0054
	nsPrivate    = "jabber:iq:private"                      // XEP-0049
	nsRoster     = "jabber:iq:roster"                       // RFC 6121 §2
	nsBlocking   = "urn:xmpp:blocking"                      // XEP-0191
)

// request is an iq of type get or set that the host answers, for itself or on
// behalf of an account. Its answers are made with the host's lock held.
type request struct {
	host  *Host
	st    stanza.Stanza
	from  *session // who asks, if he asks for himself; otherwise nil
	about *account // on whose behalf; nil: the host's own
}

// question is what can be asked: by type and payload.
type question struct {
	t       stanza.Type
	payload stanza.Name
}

// answers has all that the host answers other than with service-unavailable.
var answers = map[question]func(*request) stanza.Stanza{
	{stanza.Get, stanza.Name{Space: nsDiscoInfo, Local: "query"}}:    (*request).info,
	{stanza.Get, stanza.Name{Space: nsDiscoItems, Local: "query"}}:   (*request).items,
	{stanza.Get, stanza.Name{Space: nsPing, Local: "ping"}}:          (*request).pong,
	{stanza.Get, stanza.Name{Space: nsVersion, Local: "query"}}:      (*request).version,
	{stanza.Get, stanza.Name{Space: nsTime, Local: "time"}}:          (*request).clock,
	{stanza.Get, stanza.Name{Space: nsLast, Local: "query"}}:         (*request).last,
	{stanza.Get, stanza.Name{Space: nsVCard, Local: "vCard"}}:        (*request).vCard,
	{stanza.Set, stanza.Name{Space: nsVCard, Local: "vCard"}}:        (*request).setVCard,
	{stanza.Get, stanza.Name{Space: nsPrivate, Local: "query"}}:      (*request).private,
	{stanza.Set, stanza.Name{Space: nsPrivate, Local: "query"}}:      (*request).setPrivate,
	{stanza.Get, stanza.Name{Space: nsRoster, Local: "query"}}:       (*request).roster,
	{stanza.Set, stanza.Name{Space: nsRoster, Local: "query"}}:       (*request).setRoster,
	{stanza.Get, stanza.Name{Space: nsBlocking, Local: "blocklist"}}: (*request).blocklist,
	{stanza.Set, stanza.Name{Space: nsCarbons, Local: "enable"}}:     (*request).enableCarbons,
	{stanza.Set, stanza.Name{Space: nsCarbons, Local: "disable"}}:    (*request).disableCarbons,
	{stanza.Set, stanza.Name{Space: nsSession, Local: "session"}}:    (*request).session,
}

// ask handles a client's iq: what is for the host or the client's own account
// is answered, the rest routed.
func (s *session) ask(st stanza.Stanza) {
	h := s.host
	var about *account
	switch address := st.To(); {
	case address.IsZero() || address == s.account.jid:
		about = s.account
	case address != h.o.Domain:
		h.route(st)
		return
	}
	if st.IsRequest() {
		h.give(s, h.answer(st, s, about))
	}
}

// answer returns the answer to a request.
func (h *Host) answer(st stanza.Stanza, from *session, about *account) stanza.Stanza {
	r := &request{h, st, from, about}
	f := answers[question{st.Type(), st.Payload()}]
	if f == nil {
		return r.refuse(stanza.Cancel, stanza.ServiceUnavailable, "")
	}
	return f(r)
}

// refuse returns an error as the answer.
func (r *request) refuse(t stanza.ErrorType, c stanza.Condition, text string) stanza.Stanza {
	reply, _ := r.st.ErrorReply(&stanza.Error{Type: t, Condition: c, Text: text}) // a request may be answered
	return reply
}

// notYours is the answer to who asks for what is another's affair.
func (r *request) notYours() stanza.Stanza {
	return r.refuse(stanza.Cancel, stanza.ServiceUnavailable, "that is for the account's own clients")
}

func (r *request) pong() stanza.Stanza { return r.st.Result("") }

func (r *request) version() stanza.Stanza {
	return r.st.Result(`<query xmlns="` + nsVersion + `"><name>` + software + `</name><version>` +
		stanza.Escape(r.host.o.Version) + `</version></query>`)
}

// software is what the host calls itself.
const software = "Restanza dev host"

func (r *request) clock() stanza.Stanza {
	return r.st.Result(`<time xmlns="` + nsTime + `"><tzo>+00:00</tzo><utc>` +
		time.Now().UTC().Format("2006-01-02T15:04:05Z") + `</utc></time>`)
}

// last says for how long the host runs, or that an account is in use.
func (r *request) last() stanza.Stanza {
	seconds := 0
	switch {
	case r.about == nil:
		seconds = int(time.Since(r.host.began).Seconds())
	case len(r.about.sessions) == 0:
		return r.refuse(stanza.Cancel, stanza.ServiceUnavailable, "")
	}
	return r.st.Result(`<query xmlns="` + nsLast + `" seconds="` + strconv.Itoa(seconds) + `"/>`)
}

// blocklist says that nobody is blocked. Blocking itself is not offered.
func (r *request) blocklist() stanza.Stanza {
	if r.from == nil {
		return r.notYours()
	}
	return r.st.Result(`<blocklist xmlns="` + nsBlocking + `"/>`)
}

// enableCarbons answers XEP-0280 §4.
func (r *request) enableCarbons() stanza.Stanza { return r.setCarbons(true) }

// disableCarbons answers XEP-0280 §5.
func (r *request) disableCarbons() stanza.Stanza { return r.setCarbons(false) }

func (r *request) setCarbons(on bool) stanza.Stanza {
	if r.from == nil {
		return r.notYours()
	}
	r.from.carbons = on
	return r.st.Result("")
}

// session answers what RFC 3921 §3 had clients ask for.
func (r *request) session() stanza.Stanza {
	if r.from == nil {
		return r.notYours()
	}
	return r.st.Result("")
}
