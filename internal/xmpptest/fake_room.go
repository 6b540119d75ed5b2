package xmpptest

import "fmt"

// room is a room of the fake server (XEP-0045, as much of it as bots need): it
// exists while somebody is in it, is open to all, and keeps no history.
type room struct {
	address   string
	occupants []occupant // the oldest first
}

type occupant struct{ nick, jid string }

// toRoom is for a room (no nick) or somebody in it.
func (f *Fake) toRoom(origin *fakeConn, s Stanza, address, nick string) {
	r := f.rooms[address]
	switch {
	case s.Name == "presence" && s.Type == "" && nick != "":
		f.enter(origin, s, address, nick)
	case s.Name == "presence" && (s.Type == "unavailable" || s.Type == "error"):
		f.exit(r, s.From)
	case s.Name == "presence":
	case s.Type == "error":
	case r == nil:
		f.bounce(origin, s, "cancel", "item-not-found", "", "")
	case r.by(s.From) == "":
		f.bounce(origin, s, "modify", "not-acceptable", "You are not in the room", "")
	case s.Name == "message" && s.Type == "groupchat" && nick == "":
		for _, o := range r.occupants {
			f.fromRoom(s, address+"/"+r.by(s.From), o.jid)
		}
	case s.Name == "message" && s.Type != "groupchat" && r.jid(nick) != "":
		f.fromRoom(s, address+"/"+r.by(s.From), r.jid(nick))
	case s.Name == "iq" && nick == "":
		f.answer(origin, s)
	default:
		f.bounce(origin, s, "cancel", "service-unavailable", "", "")
	}
}

// fromRoom passes a stanza on in the name of an occupant.
func (f *Fake) fromRoom(s Stanza, from, to string) {
	f.route(nil, makeStanza(s.with(map[string]string{"from": from, "to": to})))
}

// enter lets somebody into a room (XEP-0045 §7.2).
func (f *Fake) enter(origin *fakeConn, s Stanza, address, nick string) {
	r := f.rooms[address]
	if r == nil {
		r = &room{address: address}
		f.rooms[address] = r
	}
	if holder := r.jid(nick); holder != "" && holder != s.From {
		f.bounce(origin, s, "cancel", "conflict", "", "")
		return
	}
	if r.by(s.From) != "" { // only a change of presence, or of the nick, which is no part of this
		return
	}
	for _, o := range r.occupants {
		f.route(nil, makePresence(address+"/"+o.nick, s.From, "", occupantItem("")))
		f.route(nil, makePresence(address+"/"+nick, o.jid, "", occupantItem("")))
	}
	r.occupants = append(r.occupants, occupant{nick, s.From})
	f.route(nil, makePresence(address+"/"+nick, s.From, "", occupantItem("<status code='110'/>")))
	f.route(nil, makeStanza(fmt.Sprintf("<message type='groupchat' from='%s' to='%s'><subject/></message>",
		escape(address), escape(s.From))))
}

// exit takes somebody out of a room, which goes with the last.
func (f *Fake) exit(r *room, jid string) {
	if r == nil || r.by(jid) == "" {
		return
	}
	from := r.address + "/" + r.by(jid)
	left := make([]occupant, 0, len(r.occupants))
	for _, o := range r.occupants {
		if o.jid != jid {
			left = append(left, o)
		}
	}
	r.occupants = left
	if len(left) == 0 {
		delete(f.rooms, r.address)
	}
	f.route(nil, makePresence(from, jid, "unavailable", occupantItem("<status code='110'/>")))
	for _, o := range left {
		f.route(nil, makePresence(from, o.jid, "unavailable", occupantItem("")))
	}
}

func occupantItem(more string) string {
	return "<x xmlns='" + nsMUC + "#user'><item affiliation='none' role='participant'/>" + more + "</x>"
}

// by gives the nick under which an address is in the room, "" if it is not.
func (r *room) by(jid string) string {
	for _, o := range r.occupants {
		if o.jid == jid {
			return o.nick
		}
	}
	return ""
}

// jid gives the address behind a nick, "" if there is none.
func (r *room) jid(nick string) string {
	for _, o := range r.occupants {
		if o.nick == nick {
			return o.jid
		}
	}
	return ""
}
