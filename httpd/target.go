package httpd

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

// target is what the URL of a request below /rest says of the stanza.
type target struct {
	envelope jsonmap.Envelope
	shaped   bool     // the path names a kind and a type, or a query
	echo     bool     // nothing is to be sent
	stray    string   // a path that names nothing, which matters to all formats but XML
	unknown  *problem // a path that names a query that there is not; likewise
	query    string   // fields of the stanza, percent-encoded as in a form
	profile  jsonmap.Profile
}

// howToPath says what paths there are, for those who ask for another one.
const howToPath = "write /rest, /rest/KIND/TYPE/TO, such as /rest/message/chat/user@example.org, or /rest/iq/FIELD/TO, such as /rest/iq/ping/example.org"

// targetOf takes the URL of a request apart. Slashes that adjoin count as one; in an
// address they are written %2F.
func targetOf(r *http.Request) (target, *problem) {
	t := target{query: withoutCredentials(r.URL.RawQuery)}
	path := r.URL.EscapedPath()
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(path, "/rest"), "/")
	if r.Method == http.MethodGet {
		return t, t.readGet(rest)
	}
	if isEcho(r.URL.Path) {
		t.echo = true
		_, rest, _ = strings.Cut(rest, "/")
	}
	return t, t.readPost(rest)
}

// isEcho reports whether a decoded path is /rest/echo or below it: however that is written,
// whoever posts there must not find his stanza sent.
func isEcho(path string) bool {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path == "/rest/echo" || strings.HasPrefix(path, "/rest/echo/")
}

// readPost takes the path of a POST: KIND/TYPE/TO or iq/FIELD/TO, or nothing.
func (t *target) readPost(rest string) *problem {
	if rest == "" {
		return nil
	}
	parts := strings.SplitN(rest, "/", 3)
	if len(parts) < 3 {
		t.stray = rest
		return nil
	}
	decoded, p := unescape(parts)
	if p != nil {
		return p
	}
	kind, typ := stanza.Kind(decoded[0]), decoded[1]
	e := &t.envelope
	switch kind {
	case stanza.Message, stanza.Presence:
	case stanza.IQ:
		if typ == "" || typ == string(stanza.Get) || typ == string(stanza.Set) {
			break
		}
		t.unknown = checkField(typ)
		e.Field, typ = typ, ""
	default:
		t.stray = rest
		return nil
	}
	if e.Field == "" && !isType(typ) {
		t.stray = rest
		return nil
	}
	e.Kind, e.Type, e.To = kind, stanza.Type(typ), decoded[2]
	t.shaped = true
	return nil
}

// isType reports whether s can be a type in a path: ASCII letters and digits, as in
// mod_rest. Others that are legal have their place in the body.
func isType(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return s != ""
}

// readGet takes the path of a GET: FIELD/TO, or the forms of a POST for messages and
// presence, with the rest in the query.
func (t *target) readGet(rest string) *problem {
	kind, _, _ := strings.Cut(rest, "/")
	if kind == string(stanza.Message) || kind == string(stanza.Presence) {
		if p := t.readPost(rest); p != nil || t.stray == "" {
			return p
		}
	}
	switch {
	case rest == "" && t.query != "":
		return nil
	case rest == "" || t.stray != "":
		return badPath("a GET asks something, as /rest/FIELD/TO, such as /rest/ping/example.org, or has a stanza in its query, as /rest?to=user@example.org&body=hi")
	}
	parts := strings.SplitN(rest, "/", 2)
	decoded, p := unescape(parts)
	if p != nil {
		return p
	}
	if len(decoded) < 2 || decoded[1] == "" {
		return badPath(fmt.Sprintf("%.80q lacks an address: write /rest/FIELD/TO, such as /rest/ping/example.org", rest))
	}
	if p := checkField(decoded[0]); p != nil {
		if decoded[0] == string(stanza.IQ) {
			p.text = "a GET names the field alone, without iq/: write /rest/FIELD/TO, such as /rest/ping/example.org"
		}
		return p
	}
	t.envelope = jsonmap.Envelope{Kind: stanza.IQ, Field: decoded[0], To: decoded[1], Ask: true}
	t.shaped = true
	return nil
}

func badPath(text string) *problem {
	return newProblem(http.StatusBadRequest, stanza.Modify, "not-well-formed", text)
}

// checkField refuses what is no question that can be named in a path.
func checkField(name string) *problem {
	fields := jsonmap.QueryFields()
	if slices.Contains(fields, name) {
		return nil
	}
	return newProblem(http.StatusUnprocessableEntity, stanza.Modify, "bad-format",
		fmt.Sprintf("%.40q is nothing that can be asked like this; these can: %s", name, strings.Join(fields, ", ")))
}

// unescape decodes parts of a path, each of which must be UTF-8 then.
func unescape(parts []string) ([]string, *problem) {
	decoded := make([]string, len(parts))
	for i, part := range parts {
		s, err := url.PathUnescape(part)
		if err != nil || !utf8.ValidString(s) {
			return nil, badPath(fmt.Sprintf("%.80q in the path is no percent-encoded UTF-8", part))
		}
		decoded[i] = s
	}
	return decoded, nil
}

// parse makes the stanza of a request: of its body in the format f, which is nil if
// there is none, and of its URL.
func (t *target) parse(f *format.Format, body []byte) (stanza.Stanza, error) {
	if t.stray != "" && f != format.XML {
		return stanza.Stanza{}, badPath(fmt.Sprintf("the path %.80q names no stanza: %s", "/rest/"+t.stray, howToPath))
	}
	if t.unknown != nil && f != format.XML {
		return stanza.Stanza{}, t.unknown
	}
	switch {
	case len(body) == 0 && (f == nil || t.query != "" || t.shaped && f != format.XML):
		return t.parseURL()
	case t.query != "" && (f == format.Text || f.IsForm()):
		st, err := t.parseQuery(f, body)
		return st, hintText(f, body, err)
	}
	if name := t.memberInQuery(); name != "" {
		return stanza.Stanza{}, badPath(fmt.Sprintf("a body in %s says all of a stanza: %q can't be given in the query", f.MediaType, name))
	}
	st, err := f.Parse(body, t.envelope)
	return st, hintText(f, body, err)
}

// parseURL makes the stanza of a request that has no body.
func (t *target) parseURL() (stanza.Stanza, error) {
	st, err := t.parseFields(t.query)
	if err == nil && st.Kind() == stanza.Message && st.Content() == "" {
		return stanza.Stanza{}, newProblem(http.StatusBadRequest, stanza.Modify, "bad-format",
			"the message is empty: send its text as the body of a POST, or in the query as body=…")
	}
	return st, err
}

// parseQuery makes a stanza of the query, which a form or a text completes. Names that are
// not meant for it do not matter: some callers number their requests there.
func (t *target) parseQuery(f *format.Format, body []byte) (stanza.Stanza, error) {
	var fields []string
	for pair := range strings.SplitSeq(t.query, "&") {
		if name, _ := queryField(pair); t.isMember(name) {
			fields = append(fields, pair)
		}
	}
	if f.IsForm() && bytes.Contains(body, []byte("=")) {
		fields = append(fields, string(body))
	} else {
		fields = append(fields, "body="+url.QueryEscape(format.TextOf(f, body)))
	}
	return t.parseFields(strings.Join(fields, "&"))
}

// parseFields makes a stanza of the fields of a form.
func (t *target) parseFields(fields string) (stanza.Stanza, error) {
	if name := t.twice(); name != "" {
		return stanza.Stanza{}, badPath(fmt.Sprintf("the path says %q already: leave it out of the fields", name))
	}
	e := t.envelope
	if e.Field == "" && e.Type == "" && (e.Kind == "" || e.Kind == stanza.Message) && impliesChat(fields) {
		e.Type = stanza.Chat
	}
	return jsonmap.ParseForm([]byte(fields), e, t.profile)
}

// twice returns the name of what the query says though the path does; empty if there is
// nothing. In a body it goes without saying that the path goes before.
func (t *target) twice() string {
	if t.query == "" || t.envelope.Field != "" {
		return ""
	}
	for name := range queryFields(t.query) {
		switch {
		case name == "kind" && t.envelope.Kind != "", name == "type" && t.envelope.Type != "", name == "to" && t.envelope.To != "":
			return name
		}
	}
	return ""
}

// memberInQuery returns a name in the query that is meant for the stanza; empty if there is
// none.
func (t *target) memberInQuery() string {
	if t.query == "" {
		return ""
	}
	for name := range queryFields(t.query) {
		if t.isMember(name) {
			return name
		}
	}
	return ""
}

// isMember reports whether a name in the query is meant for the stanza: a member of one of
// any kind, or of the query that the path names.
func (t *target) isMember(name string) bool {
	return memberNames()[name] || t.envelope.Field != "" && queryNames()[t.envelope.Field+"/"+name]
}

// memberNames returns the names of all members that a stanza can have.
var memberNames = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{jsonmap.GenericKey: true}
	for _, kind := range []stanza.Kind{stanza.Message, stanza.Presence, stanza.IQ} {
		for _, m := range jsonmap.Fields(kind) {
			names[m.Name] = true
		}
	}
	return names
})

// queryNames returns the names of the members that an iq's members can have, as
// member/name.
var queryNames = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for _, field := range jsonmap.Fields(stanza.IQ) {
		for _, schema := range append(field.Schema.Either, &field.Schema) {
			for _, m := range schema.Members {
				names[field.Name+"/"+m.Name] = true
			}
		}
	}
	return names
})

// impliesChat reports whether fields are those of a message with a body and without a
// type: that is a chat message then, as a text is.
func impliesChat(fields string) bool {
	hasBody, message := false, true
	for name, value := range queryFields(fields) {
		switch name {
		case "body":
			hasBody = true
		case "type":
			return false
		case "kind":
			message = value == string(stanza.Message)
		}
	}
	return hasBody && message
}

// hintText adds to an error in a form what is wrong if it was meant as a text: some field
// has a name that no field has, or is not encoded as one.
func hintText(f *format.Format, body []byte, err error) error {
	refusal, ok := errors.AsType[*stanza.Refusal](err)
	if !ok || !f.IsForm() || refusal.Reason != stanza.NotWellFormed || !bytes.Contains(body, []byte("=")) {
		return err
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(refusal.Place.Pointer, "/"), "/")
	if memberNames()[name] {
		return err
	}
	hinted := *refusal
	hinted.Text += "; if the body is a text and no form, send it with the header Content-Type: text/plain"
	return &hinted
}
