package devhost

import (
	"crypto/rand"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// rosterItem is an entry of a roster (RFC 6121 §2.1.2). Everybody is subscribed
// to everybody.
type rosterItem struct {
	jid     jid.JID
	name    string
	groups  []string
	removed bool // by a client, until the host ends
	size    int  // bytes of the change that a client has made, roughly
}

// maxRoster is how many entries of his roster somebody can set.
const maxRoster = 500

// subscription returns what the item says of a subscription.
func (i *rosterItem) subscription(h *Host) string {
	switch {
	case i.removed:
		return "remove"
	case h.accounts[i.jid] != nil || h.components[i.jid.DomainJID()] != nil:
		return "both"
	}
	return "none"
}

func (i *rosterItem) appendXML(dst []byte, h *Host) []byte {
	dst = append(dst, `<item jid="`...)
	dst = element.AppendAttr(dst, i.jid.String())
	dst = append(dst, `" subscription="`+i.subscription(h)+`"`...)
	if i.name != "" && !i.removed {
		dst = append(dst, ` name="`...)
		dst = element.AppendAttr(dst, i.name)
		dst = append(dst, '"')
	}
	dst = append(dst, '>')
	for _, g := range i.groups {
		dst = append(dst, `<group>`...)
		dst = element.AppendText(dst, g)
		dst = append(dst, `</group>`...)
	}
	return append(dst, `</item>`...)
}

// roster returns the roster: everybody else, as the account's clients have
// changed it (RFC 6121 §2.1.4).
func (r *request) roster() stanza.Stanza {
	if r.from == nil {
		return r.notYours()
	}
	r.from.roster = true
	who := r.from.account
	b := []byte(`<query xmlns="` + nsRoster + `">`)
	for _, item := range r.host.roster {
		if _, changed := who.roster[item.jid]; !changed && item.jid != who.jid {
			b = item.appendXML(b, r.host)
		}
	}
	for _, item := range who.roster {
		if !item.removed {
			b = item.appendXML(b, r.host)
		}
	}
	return r.st.Result(string(append(b, `</query>`...)))
}

// setRoster takes a change and tells the account's clients (RFC 6121 §2.1.5,
// §2.1.6).
func (r *request) setRoster() stanza.Stanza {
	if r.from == nil {
		return r.notYours()
	}
	who := r.from.account
	item, ok := readRosterItem(r.st)
	if !ok {
		return r.refuse(stanza.Modify, stanza.BadRequest, "a roster set has one item with an address")
	}
	item.size = len(r.st.Content())
	size := who.keptSize + item.size - who.roster[item.jid].size
	if _, known := who.roster[item.jid]; size > maxKeptSize || !known && len(who.roster) >= maxRoster {
		return r.refuse(stanza.Wait, stanza.ResourceConstraint, "so much is not kept")
	}
	if who.roster == nil {
		who.roster = map[jid.JID]rosterItem{}
	}
	who.roster[item.jid] = item
	who.keptSize = size
	push := `<query xmlns="` + nsRoster + `">` + string(item.appendXML(nil, r.host)) + `</query>`
	for _, s := range who.sessions {
		if s.roster {
			r.host.give(s, stanza.New(stanza.Header{Kind: stanza.IQ, Type: stanza.Set, ID: rand.Text()[:10], To: s.self}, push))
		}
	}
	return r.st.Result("")
}

// readRosterItem returns the one item of a roster set.
func readRosterItem(st stanza.Stanza) (item rosterItem, ok bool) {
	list := children(st.Content())
	if len(list) != 1 {
		return item, false
	}
	within := list[0].children()
	if len(within) != 1 || within[0].name.Local != "item" {
		return item, false
	}
	address, err := jid.Parse(within[0].attr["jid"])
	if err != nil {
		return item, false
	}
	item = rosterItem{jid: address.Bare(), name: within[0].attr["name"], removed: within[0].attr["subscription"] == "remove"}
	for _, g := range within[0].children() {
		if g.name.Local == "group" && !item.removed {
			item.groups = append(item.groups, element.Text([]byte(g.raw)))
		}
	}
	return item, true
}
