package devhost

import "github.com/restanza/restanza/stanza"

// Limits of what clients can put away with their account.
const (
	maxKept     = 100      // things
	maxKeptSize = 64 << 10 // bytes of them, and of the roster
)

// keep puts the payload of a request away, in memory, to be got back later as
// it is (XEP-0054, XEP-0049).
func (r *request) keep(as stanza.Name) stanza.Stanza {
	if r.from == nil {
		return r.notYours()
	}
	who := r.from.account
	size := who.keptSize + len(r.st.Content()) - len(who.kept[as].Content())
	if _, known := who.kept[as]; size > maxKeptSize || !known && len(who.kept) >= maxKept {
		return r.refuse(stanza.Wait, stanza.ResourceConstraint, "so much is not kept")
	}
	if who.kept == nil {
		who.kept = map[stanza.Name]stanza.Stanza{}
	}
	who.kept[as] = r.st.With(stanza.Header{Kind: stanza.IQ}) // an id can be long
	who.keptSize = size
	return r.st.Result("")
}

// kept returns what was put away as the answer, or what there is otherwise.
func (r *request) kept(who *account, as stanza.Name, otherwise string) stanza.Stanza {
	empty := r.st.Result("")
	if st, ok := who.kept[as]; ok {
		return st.With(empty.Header())
	}
	return r.st.Result(otherwise)
}

// vCardName is the name under which a vCard is kept.
var vCardName = stanza.Name{Space: nsVCard, Local: "vCard"}

// setVCard keeps an account's vCard (XEP-0054 §3.2).
func (r *request) setVCard() stanza.Stanza {
	return r.keep(vCardName)
}

// vCard returns an account's vCard, which everybody may see (XEP-0054 §3.3), an
// empty one if none is set.
func (r *request) vCard() stanza.Stanza {
	if r.about == nil {
		return r.refuse(stanza.Cancel, stanza.ItemNotFound, "the host has no vCard")
	}
	return r.kept(r.about, vCardName, `<vCard xmlns="`+nsVCard+`"/>`)
}

// setPrivate keeps what a client puts away for itself (XEP-0049 §2.1).
func (r *request) setPrivate() stanza.Stanza {
	name, _, ok := r.privateName()
	if !ok {
		return r.refuse(stanza.Modify, stanza.BadRequest, "private storage takes one element with a namespace of its own")
	}
	return r.keep(name)
}

// private returns what a client has put away, empty if that is nothing
// (XEP-0049 §2.2).
func (r *request) private() stanza.Stanza {
	name, raw, ok := r.privateName()
	switch {
	case r.from == nil:
		return r.notYours()
	case !ok:
		return r.refuse(stanza.Modify, stanza.BadRequest, "private storage is asked for one element with a namespace of its own")
	}
	return r.kept(r.from.account, name, `<query xmlns="`+nsPrivate+`">`+raw+`</query>`)
}

// privateName returns the name of the one element within a request to private
// storage, and an empty element of that name.
func (r *request) privateName() (name stanza.Name, empty string, ok bool) {
	list := children(r.st.Content())
	if len(list) != 1 {
		return name, "", false
	}
	within := list[0].children()
	if len(within) != 1 || within[0].name.Space == nsPrivate {
		return name, "", false
	}
	name = within[0].name
	return name, `<` + name.Local + ` xmlns="` + quoted(name.Space) + `"/>`, true
}
