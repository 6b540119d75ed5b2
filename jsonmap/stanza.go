package jsonmap

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// available is what mod_rest calls the type of a presence that has none.
const available = "available"

// build makes the stanza that a document describes.
func (e Envelope) build(d *document, p Profile) (stanza.Stanza, error) {
	if e.Field != "" {
		var err error
		if d, err = e.query(d, p); err != nil {
			return stanza.Stanza{}, err
		}
	}
	root := d.root()
	if err := checkRoot(root, e != Envelope{}); err != nil {
		return stanza.Stanza{}, err
	}
	return e.stanza(root, p, stanza.Parse)
}

// query returns the document of an iq with d as the value of the one member.
func (e Envelope) query(d *document, p Profile) (*document, error) {
	if !e.asksFlag() {
		return d.under(e.Field), nil
	}
	root := d.root()
	switch {
	case root.isTrue(), root.isNull(), root.kind() == object && p == Strict:
	case root.kind() != object:
		return nil, fail(root, "this must be true or an empty object: %s has no members", e.Field)
	default:
		for m := range root.members() {
			return nil, fail(m, "%s has no members", e.Field)
		}
	}
	d = &document{values: []value{{kind: boolean, text: "true"}}}
	return d.under(e.Field), nil
}

// asksFlag reports whether the document has nothing to say beyond the path.
func (e Envelope) asksFlag() bool {
	f := tables.iq.byName[e.Field]
	return f != nil && f.place == AsFlag
}

func checkRoot(root val, mayBeEmpty bool) error {
	if root.kind() != object {
		return fail(root, "this must be an object%s", notKindOf(root))
	}
	if root.isEmpty() && !mayBeEmpty {
		return fail(root, "the object is empty: it must say something of the stanza")
	}
	return nil
}

// buildReplies makes the stanzas of a document that answers a stanza of a kind.
func buildReplies(d *document, kind stanza.Kind, p Profile) (Replies, error) {
	root := d.root()
	if err := checkRoot(root, false); err != nil {
		return Replies{}, err
	}
	list := root.member(wrapperKey)
	if list.isZero() {
		st, err := buildReply(root, kind, p, stanza.ParseReply)
		if err != nil {
			return Replies{}, err
		}
		return Replies{Stanzas: []stanza.Stanza{st}}, nil
	}
	if list.kind() != array {
		return Replies{}, fail(list, "this must be an array%s", notKindOf(list))
	}
	for m := range root.items() {
		if m.key() != wrapperKey {
			return Replies{}, fail(m, "beside %s there can be nothing else", wrapperKey)
		}
	}
	all := Replies{Wrapped: true}
	for item := range list.items() {
		if len(all.Stanzas) == MaxReplies {
			return Replies{}, fail(item, "an answer holds at most %d stanzas", MaxReplies)
		}
		st, err := buildReply(item, kind, p, parseAddressed)
		if err != nil {
			return Replies{}, err
		}
		all.Stanzas = append(all.Stanzas, st)
	}
	return all, nil
}

// buildReply makes one of them of the object v. What has an addressee of its own is no
// answer, and a message unless it says something else.
func buildReply(v val, kind stanza.Kind, p Profile, parse func([]byte) (stanza.Stanza, error)) (stanza.Stanza, error) {
	if err := checkRoot(v, false); err != nil {
		return stanza.Stanza{}, err
	}
	if !v.saysSomething() {
		return stanza.Stanza{}, fail(v, "all members of the object are null: it must say something of the stanza")
	}
	if v.isItem() && !v.member("to").isZero() {
		kind = stanza.Message
	}
	st, err := Envelope{otherwise: kind}.stanza(v, p, parse)
	if err == nil && st.Kind() == stanza.Message && st.Content() == "" {
		return stanza.Stanza{}, fail(v, "the object says nothing of a message: it has no body or other content")
	}
	return st, err
}

// isItem reports whether a value stands inside of another one.
func (v val) isItem() bool { return v.i > v.doc.top }

// wrapperKey is the only member of an object that holds several stanzas.
const wrapperKey = "xmpp"

// parseAddressed reads a reply with an addressee of its own.
func parseAddressed(doc []byte) (stanza.Stanza, error) {
	st, err := stanza.Parse(doc)
	if err != nil {
		return st, err
	}
	h := st.Header()
	h.From = jid.JID{}
	return st.With(h), nil
}

// stanza makes the stanza that the object v describes. Parse checks what was built.
func (e Envelope) stanza(v val, p Profile, parse func([]byte) (stanza.Stanza, error)) (stanza.Stanza, error) {
	h, err := e.header(v)
	if err != nil {
		return stanza.Stanza{}, err
	}
	b := builders.Get().(*builder)
	defer b.release()
	b.strict = p == Strict
	b.open("", string(h.kind), "")
	for _, a := range [...]struct{ name, value string }{
		{"type", string(h.typ)}, {"id", h.id}, {"from", h.from}, {"to", h.to}, {"xml:lang", h.lang},
	} {
		if a.value != "" {
			b.attr(a.name, a.value)
		}
	}
	from := b.inside()
	if err := b.children(tableOf(h.kind), v, stanza.NSClient); err != nil {
		return stanza.Stanza{}, err
	}
	b.close(string(h.kind), from)
	st, err := parse(b.dst)
	if err != nil {
		return stanza.Stanza{}, e.refuseBuilt(v, err)
	}
	return st, nil
}

// refuseBuilt turns what is wrong with the XML of a stanza into what is wrong with the
// object that it was built of.
func (e Envelope) refuseBuilt(v val, err error) error {
	refusal, ok := errors.AsType[*stanza.Refusal](err)
	if !ok {
		return err
	}
	var located *stanza.Refusal
	switch {
	case refusal.Reason == stanza.ImproperAddressing && e.To != "":
		reason := reasonOf(refusal)
		if malformed, ok := errors.AsType[*jid.Error](refusal.Err); ok && malformed.Part == jid.PartAddress {
			reason = malformed.Reason
		}
		located = &stanza.Refusal{Text: fmt.Sprintf("the address %s in the path: %s", clip(e.To), reason)}
	case refusal.Reason == stanza.ImproperAddressing:
		located = fail(v.member("to").or(v), "%s", reasonOf(refusal))
	case refusal.Reason == stanza.InvalidFrom:
		located = fail(v.member("from").or(v), "%s", reasonOf(refusal))
	default: // line and column are those of XML that the caller does not have
		located = &stanza.Refusal{Text: "the stanza that this makes is refused: " + reasonOf(refusal)}
		if v.isItem() {
			located = fail(v, "%s", located.Text)
		}
	}
	located.Reason, located.Err = refusal.Reason, refusal.Err
	return located
}

// reasonOf says why a stanza is refused, without the place.
func reasonOf(r *stanza.Refusal) string {
	if syntax, ok := errors.AsType[*element.SyntaxError](r.Err); ok {
		return syntax.Reason
	}
	if r.Err != nil {
		return r.Err.Error()
	}
	return r.Text
}

// clip quotes an address for an error.
func clip(address string) string {
	const most = 80
	if len(address) > most {
		return strconv.Quote(strings.ToValidUTF8(address[:most], "")) + "…"
	}
	return strconv.Quote(address)
}

// or returns v, or another value if there is none.
func (v val) or(other val) val {
	if v.isZero() {
		return other
	}
	return v
}

// header is what the members of the start tag say, with what the envelope adds.
type header struct {
	kind stanza.Kind
	typ  stanza.Type
	id   string
	from string
	to   string
	lang string
}

func (e Envelope) header(v val) (h header, err error) {
	var kind, typ string
	for m := range v.members() {
		var into *string
		switch m.key() {
		case "kind":
			into = &kind
		case "type":
			into = &typ
		case "id":
			into = &h.id
		case "lang":
			into = &h.lang
		case "from":
			into = &h.from
		case "to":
			into = &h.to
		default:
			continue
		}
		if *into, err = str(m); err != nil {
			return h, err
		}
		if *into == "" && into != &h.lang {
			if err = refuseEmpty(v, m); err != nil {
				return h, err
			}
		}
		if into == &kind && kind != "" && !slices.Contains(kindNames, kind) {
			return h, refuseKind(m)
		}
	}
	if e.To != "" {
		h.to = e.To
	}
	h.typ = stanza.Type(typ)
	if e.Type != "" {
		h.typ = e.Type
	}
	h.kind = e.Kind
	if h.kind == "" && e.Field != "" {
		h.kind = stanza.IQ
	}
	if h.kind == "" {
		h.kind = inferKind(v, stanza.Kind(kind), h.typ, e.otherwise)
	}
	h.inferType(v, e.Ask)
	return h, nil
}

// refuseEmpty refuses a member m of the start tag of v that is there and empty. In a form,
// fields that were not filled in are empty; and that is how an iq without a type is
// written, which must not become a get.
func refuseEmpty(v, m val) error {
	switch m.key() {
	case "to", "from":
		r := fail(m, "an address can't be empty")
		r.Reason = stanza.ImproperAddressing
		if m.key() == "from" {
			r.Reason = stanza.InvalidFrom
		}
		return r
	case "kind":
		if !m.doc.loose {
			return refuseKind(m)
		}
	default:
		bare := m.key() == "type" && equal(v.member("kind"), iqKind)
		if !m.doc.loose && !bare {
			return fail(m, "this can't be empty: leave it out")
		}
	}
	return nil
}

// iqKind is the value of the member kind of an iq.
var iqKind = (&document{values: []value{{kind: text, text: string(stanza.IQ)}}}).root()

// kindNames are the values of the member kind.
var kindNames = []string{string(stanza.Message), string(stanza.Presence), string(stanza.IQ)}

func refuseKind(m val) error {
	return fail(m, "%.40q is none of %s", m.str(), strings.Join(kindNames, ", "))
}

// inferKind finds out the kind of a stanza, as mod_rest does: what is said, or what
// follows from the type or the members, or otherwise the given one, or a message.
func inferKind(v val, kind stanza.Kind, t stanza.Type, otherwise stanza.Kind) stanza.Kind {
	if kind != "" {
		return kind
	}
	if kind, ok := kindByType[t]; ok {
		return kind
	}
	for _, hint := range kindByMember {
		for _, name := range hint.members {
			if !v.member(name).isZero() {
				return hint.kind
			}
		}
	}
	for m := range v.members() { // a member that only one kind has
		if kind := onlyKind(tables.message.kinds, m.key()); kind != "" {
			return kind
		}
	}
	if otherwise != "" {
		return otherwise
	}
	return stanza.Message
}

// onlyKind returns the kind that alone has a member of that name, of those that have
// these tables; empty if there is none.
func onlyKind(kinds []*table, name string) stanza.Kind {
	var found stanza.Kind
	for _, t := range kinds {
		if t.byName[name] != nil {
			if found != "" {
				return ""
			}
			found = t.kind
		}
	}
	return found
}

var kindByType = map[stanza.Type]stanza.Kind{
	stanza.Get: stanza.IQ, stanza.Set: stanza.IQ, stanza.Result: stanza.IQ,
	stanza.Normal: stanza.Message, stanza.Chat: stanza.Message, stanza.Headline: stanza.Message, stanza.Groupchat: stanza.Message,
	available: stanza.Presence, stanza.Unavailable: stanza.Presence, stanza.Subscribe: stanza.Presence,
	stanza.Unsubscribe: stanza.Presence, stanza.Subscribed: stanza.Presence, stanza.Unsubscribed: stanza.Presence,
}

// kindByMember is in the order in which kinds are tried; mod_rest's is random.
var kindByMember = []struct {
	kind    stanza.Kind
	members []string
}{
	{stanza.IQ, []string{"disco", "items", "ping", "version", "command", "archive"}},
	{stanza.Message, []string{"body", "html", "replace", "state", "subject", "thread"}},
	{stanza.Presence, []string{"join", "priority", "show", "status"}},
}

// inferType completes the type.
func (h *header) inferType(v val, ask bool) {
	switch {
	case !v.member("error").isZero():
		h.typ = stanza.TypeError
	case h.kind == stanza.Presence && h.typ == available:
		h.typ = ""
	case h.kind == stanza.IQ && h.typ == "" && (v.doc.loose || v.member("type").isZero()):
		h.typ = stanza.Get
		for m := range v.members() {
			if f := tables.iq.byName[m.key()]; f != nil && f.isSet(m) && (!ask || !f.beyond) {
				h.typ = stanza.Set
			}
		}
	}
}
