package httpd

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

const (
	// maxTokenName is how many characters the name of a token has at most.
	maxTokenName = 120
	// longestToken is how long a token may last that does not last for ever.
	longestToken = 3650 * 24 * time.Hour
)

// tokenPhase says what became of a token. The set is closed.
type tokenPhase string

const (
	tokenActive  tokenPhase = "active"
	tokenExpired tokenPhase = "expired"
	tokenRevoked tokenPhase = "revoked"
)

// tokenDoc is the document about a token.
type tokenDoc struct {
	ID        string     `json:"id"`
	Token     string     `json:"token,omitempty"` // its text, when it is made
	Name      string     `json:"name"`
	State     tokenPhase `json:"state"`
	Component string     `json:"component"`
	Identity  string     `json:"identity"`
	Rights    []string   `json:"rights"`
	To        []string   `json:"to,omitempty"`
	Kinds     []string   `json:"kinds,omitempty"`
	Networks  []string   `json:"networks,omitempty"`
	Rate      string     `json:"rate,omitempty"`
	Burst     int        `json:"burst,omitempty"`
	InQuery   bool       `json:"in_query"`
	Created   time.Time  `json:"created"`
	Expires   time.Time  `json:"expires,omitzero"`
	LastUsed  time.Time  `json:"last_used,omitzero"`
	Revoked   time.Time  `json:"revoked,omitzero"`
}

// tokenPage is a list, and the cursor to what comes after it.
type tokenPage struct {
	Tokens []tokenDoc `json:"tokens"`
	Next   string     `json:"next,omitempty"`
}

func tokenOf(t *journal.Token, now time.Time) tokenDoc {
	doc := tokenDoc{
		ID: t.ID, Name: t.Name, State: tokenActive, Component: t.Component.String(), Identity: t.Identity.String(),
		Rights: t.Rights, To: t.To, Kinds: t.Kinds, Networks: t.Networks, Rate: t.Rate, Burst: t.Burst, InQuery: t.InQuery,
	}
	switch {
	case !t.Revoked.IsZero():
		doc.State = tokenRevoked
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		doc.State = tokenExpired
	}
	for _, at := range []struct {
		from time.Time
		to   *time.Time
	}{{t.Created, &doc.Created}, {t.Expires, &doc.Expires}, {t.LastUsed, &doc.LastUsed}, {t.Revoked, &doc.Revoked}} {
		if !at.from.IsZero() {
			*at.to = at.from.UTC()
		}
	}
	return doc
}

// tokenList returns the page of at most limit tokens. What was found beyond them shows that there
// is another page.
func tokenList(found []journal.Token, limit int, now time.Time) tokenPage {
	p := tokenPage{Tokens: make([]tokenDoc, 0, min(len(found), limit))}
	for i := range found {
		if i == limit {
			p.Next = strconv.FormatInt(found[i-1].Seq, 10)
			break
		}
		p.Tokens = append(p.Tokens, tokenOf(&found[i], now))
	}
	return p
}

// tokenFields are the parameters of a list of tokens.
var tokenFields = []string{"component", "name", "limit", "after"}

// tokenQuery is what the query of a list says.
type tokenQuery struct {
	filter journal.TokenFilter
	after  int64
	limit  int
}

// parseTokenQuery reads a query. Nothing in it is passed over, as in parseDeliveryQuery.
func parseTokenQuery(query string) (tokenQuery, error) {
	q := tokenQuery{limit: defaultPage}
	values, err := url.ParseQuery(query)
	if err != nil {
		return q, badPath("the query can't be decoded: percent signs stand before two hexadecimal digits, and parameters are separated by &")
	}
	for name, given := range values {
		var wrong string
		place := deliveryQuery{after: q.after, limit: q.limit}
		switch value := given[0]; {
		case !slices.Contains(tokenFields, name):
			return q, badPath(fmt.Sprintf("there is no parameter %.40q here; there are %s", name, strings.Join(tokenFields, ", ")))
		case len(given) > 1:
			wrong = "it stands there twice"
		case value == "":
			wrong = "it has no value; leave it out, or say what to choose"
		case name == "component":
			wrong = address(&q.filter.Component, value)
		case name == "name":
			q.filter.Name = value
		default:
			wrong = place.setPlace(name, value)
			q.after, q.limit = place.after, place.limit
		}
		if wrong != "" {
			return q, badPath(name + ": " + wrong)
		}
	}
	return q, nil
}

// wrongToken is the answer to a member of a new token that is wrong.
func wrongToken(member, text string) *problem {
	p := newProblem(http.StatusBadRequest, stanza.Modify, "bad-format", member+": "+text)
	p.place = stanza.Place{Pointer: "/" + member}
	return p
}

// newTokenDoc is what an operator says of a new token.
type newTokenDoc struct {
	name, expires, rate, component, identity string

	rights, to, kinds, networks []string
	burst                       int
	inQuery                     bool
}

// members returns where the members of the document go.
func (d *newTokenDoc) members() map[string]any {
	return map[string]any{
		"name": &d.name, "component": &d.component, "identity": &d.identity, "rights": &d.rights, "to": &d.to, "kinds": &d.kinds,
		"networks": &d.networks, "expires": &d.expires, "rate": &d.rate, "burst": &d.burst, "in_query": &d.inQuery,
	}
}

// parse reads the document. Nothing in it is passed over: what is misspelt would bound nothing.
func (d *newTokenDoc) parse(body []byte) *problem {
	var given map[string]jsontext.Value
	if err := jsonv2.Unmarshal(body, &given); err != nil || given == nil {
		return badPath("the body is no JSON object in which each member stands once")
	}
	members := d.members()
	for _, name := range slices.Sorted(maps.Keys(given)) {
		into, ok := members[name]
		if !ok {
			return badPath(fmt.Sprintf("there is no member %.40q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(members)), ", ")))
		}
		if given[name].Kind() == 'n' {
			return wrongToken(name, "this is null; leave it out")
		}
		if jsonv2.Unmarshal(given[name], into) != nil {
			return wrongToken(name, kindOf(into)+" is wanted")
		}
		if text, ok := into.(*string); ok && *text == "" {
			return wrongToken(name, "it is empty; leave it out, or say what you want")
		}
	}
	if _, ok := given["burst"]; ok && d.burst < 1 {
		return wrongToken("burst", "a number from 1 is wanted")
	}
	return nil
}

// kindOf names the kind of value that a member has.
func kindOf(into any) string {
	switch into.(type) {
	case *string:
		return "a text"
	case *int:
		return "a whole number"
	case *bool:
		return "true or false"
	}
	return "a list of texts"
}

// parseToken reads the document about a new token. Whoever may operate one component alone is asked
// for no other.
func (s *Server) parseToken(body []byte, own jid.JID) (journal.Token, error) {
	var d newTokenDoc
	if p := d.parse(body); p != nil {
		return journal.Token{}, p
	}
	switch n := utf8.RuneCountInString(d.name); {
	case n == 0:
		return journal.Token{}, wrongToken("name", "it is missing; say what the token is for")
	case n > maxTokenName || strings.ContainsFunc(d.name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return journal.Token{}, wrongToken("name", fmt.Sprintf("at most %d printable characters are wanted", maxTokenName))
	case d.rights == nil:
		return journal.Token{}, wrongToken("rights", "they are missing; name some of send, receive, iq, admin")
	}
	t := journal.Token{
		Name: d.name, Rights: d.rights, To: d.to, Kinds: d.kinds, Networks: d.networks, Rate: d.rate, Burst: d.burst, InQuery: d.inQuery,
	}
	if d.expires != "" {
		var wrong string
		if t.Expires, wrong = tokenEnd(d.expires, s.now()); wrong != "" {
			return t, wrongToken("expires", wrong)
		}
	}
	if err := s.keys.tokens.place(&t, &d, own); err != nil {
		return t, err
	}
	return t, s.keys.tokens.normalise(&t)
}

// tokenEnd reads when a token expires: a time, or a duration.
func tokenEnd(text string, now time.Time) (at time.Time, wrong string) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		age, ok := duration(text)
		if !ok {
			return at, "this is neither a time as in 2026-12-31T12:00:00Z nor a duration as in 90d, 12h or 30m"
		}
		at = now.Add(age)
	}
	if !at.After(now) || at.Sub(now) > longestToken {
		return at, "a time from now on is wanted, and within ten years; leave it out for a token that does not expire"
	}
	return at.Truncate(time.Millisecond), ""
}

// duration reads a duration, also in days.
func duration(text string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err == nil
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}

// place finds out for which component and address a token is.
func (ts *tokens) place(t *journal.Token, d *newTokenDoc, own jid.JID) error {
	for _, a := range []struct {
		member, text string
		into         *jid.JID
	}{{"component", d.component, &t.Component}, {"identity", d.identity, &t.Identity}} {
		if a.text == "" {
			continue
		}
		if wrong := address(a.into, a.text); wrong != "" {
			return wrongToken(a.member, wrong)
		}
	}
	member := "component"
	if t.Component.IsZero() && !t.Identity.IsZero() {
		member, t.Component = "identity", t.Identity.DomainJID()
	}
	if t.Component.IsZero() {
		t.Component = own
	}
	domains := ts.domains()
	if t.Component.IsZero() && len(domains) == 1 {
		t.Component = ts.components[jid.MustParse(domains[0])].Component.Domain()
	}
	_, ok := ts.components[t.Component]
	switch {
	case !own.IsZero() && t.Component != own:
		return wrongToken(member, "this credential is for another component")
	case t.Component.IsZero():
		return wrongToken(member, "it is missing; there are "+strings.Join(domains, ", "))
	case !ok:
		return wrongToken(member, fmt.Sprintf("there is no component %.100s here; there are %s", t.Component, strings.Join(domains, ", ")))
	}
	t.Identity = cmp.Or(t.Identity, t.Component)
	return nil
}

// normalise checks what a token is to be good for, and writes it in one way.
func (ts *tokens) normalise(t *journal.Token) error {
	spec := specOf(t)
	scope, wrong := spec.Scope()
	if len(wrong) > 0 {
		return wrongToken(wrong[0].Field, wrong[0].Reason)
	}
	if _, err := newGrant(ts.components[t.Component], t.Identity, scope); err != nil {
		return wrongToken("identity", err.Error())
	}
	spec = scope.Spec()
	t.Rights, t.To, t.Kinds, t.Networks, t.Rate, t.Burst = spec.Rights, spec.To, spec.Kinds, spec.Networks, spec.Rate, spec.Burst
	return nil
}
