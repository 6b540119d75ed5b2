package devhost

import (
	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
	"github.com/restanza/restanza/stream"
)

// account is somebody who can log in, and what the host keeps for him.
type account struct {
	jid jid.JID // bare
	credentials

	// The rest belongs to the routing state.
	sessions map[jid.JID]*session          // by full address; not nil only once there was one
	watchers map[jid.JID]struct{}          // who of a component gets this account's presence
	roster   map[jid.JID]rosterItem        // what clients have set
	kept     map[stanza.Name]stanza.Stanza // what clients have put away, see keep
	keptSize int                           // bytes of kept and roster, roughly
	offline  []offlineMessage              // the oldest first
}

func newAccount(address jid.JID, creds credentials) *account {
	return &account{jid: address, credentials: creds}
}

// session is a client that has a resource: self is its full address.
type session struct {
	*conn
	account *account
	managed bool // stream management is on; the reader's own

	// The rest belongs to the routing state.
	departed  bool                 // nothing is delivered any more
	available bool                 // it has sent presence (RFC 6121 §4.2)
	priority  int8                 // of its presence
	presence  stanza.Stanza        // the last one for everybody, while it is available
	carbons   bool                 // it gets copies (XEP-0280)
	roster    bool                 // it has asked for the roster, and is told of changes
	directed  map[jid.JID]struct{} // who else has got its presence (RFC 6121 §4.6)
}

// serve handles what a client sends, until its stream ends.
func (s *session) serve() error {
	for {
		item, err := s.next()
		if err != nil {
			return err
		}
		if item.Element != nil {
			err = s.element(item.Element)
		} else {
			s.received++
			err = s.handle(item.Stanza)
		}
		if err != nil {
			return err
		}
	}
}

// element handles what is no stanza.
func (s *session) element(el *element.Element) error {
	switch string(el.Space) {
	case nsSM:
		return s.manage(el)
	case nsCSI: // a hint, which may be ignored (XEP-0352 §4)
		return nil
	}
	return end(stream.UnsupportedStanzaType, "<"+string(el.Local)+"> is no stanza")
}

// nsCSI is the namespace by which a client says whether somebody looks at it.
const nsCSI = "urn:xmpp:csi:0"

// handle checks a client's stanza and routes it. The error ends the stream.
func (s *session) handle(st stanza.Stanza) error {
	h := st.Header()
	if !s.owns(h.From) {
		return end(stream.InvalidFrom, "you are "+s.self.String()) // RFC 6120 §8.1.2.1
	}
	h.From = s.self
	if h.Lang == "" && h.Kind != stanza.IQ {
		h.Lang = s.lang
	}
	if !h.To.IsZero() {
		to, err := jid.Parse(h.To.String())
		if err != nil {
			return s.refuse(st.With(h), &stanza.Error{Type: stanza.Modify, Condition: stanza.JIDMalformed, Text: err.Error()})
		}
		h.To = to
	}
	st = st.With(h)
	if e := checkIQ(st); e != nil {
		return s.refuse(st, e)
	}
	if slow := s.dispatch(st); slow != nil {
		slow.waitForRoom(s.host.stopping)
	}
	return nil
}

// owns reports whether a client may write from as its sender.
func (s *session) owns(from jid.JID) bool {
	if from.IsZero() || from == s.self {
		return true
	}
	from, err := jid.Parse(from.String())
	return err == nil && (from == s.self || from == s.account.jid)
}

// dispatch gives a client's stanza to whom it is for. It returns the outbox
// that is crowded because of it, if there is one.
func (s *session) dispatch(st stanza.Stanza) *outbox {
	h := s.host
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.departed {
		return nil
	}
	switch st.Kind() {
	case stanza.Message:
		s.say(st)
	case stanza.Presence:
		s.show(st)
	case stanza.IQ:
		s.ask(st)
	}
	crowded := h.crowded
	h.crowded = nil
	return crowded
}

// leave ends the session, if it has not been ended: others learn that the client
// is unavailable.
func (s *session) leave() {
	s.host.mu.Lock()
	defer s.host.mu.Unlock()
	s.host.depart(s)
	s.host.crowded = nil
}

// depart takes a session out of the routing state (RFC 6121 §4.5.2, §4.6).
func (h *Host) depart(s *session) {
	if s.departed {
		return
	}
	s.departed = true
	delete(s.account.sessions, s.self)
	s.hide(stanza.New(stanza.Header{Kind: stanza.Presence, Type: stanza.Unavailable, From: s.self}, ""))
}

// checkIQ returns what is wrong with an iq (RFC 6120 §8.2.3), nil if nothing is.
func checkIQ(st stanza.Stanza) *stanza.Error {
	if st.Kind() != stanza.IQ {
		return nil
	}
	text := ""
	switch {
	case st.IsAnswer():
	case !st.IsRequest():
		text = "the type of an iq is get, set, result or error"
	case st.Children() != 1:
		text = "an iq of type get or set has one child element"
	case st.ID() == "":
		text = "an iq has an id"
	}
	if text == "" {
		return nil
	}
	return &stanza.Error{Type: stanza.Modify, Condition: stanza.BadRequest, Text: text}
}
