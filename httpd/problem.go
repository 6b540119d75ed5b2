package httpd

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/fxamacker/cbor/v2"

	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/stanza"
)

// problem is an answer that is no stanza: why a request came to nothing.
type problem struct {
	status     int
	errorType  stanza.ErrorType
	condition  string // of an XMPP stanza error or stream error
	text       string // for the caller
	instance   string // by which the log names the same problem; usually empty
	place      stanza.Place
	uri        string   // of its type; empty: about:blank
	violated   []string // the policies of which a quota is exceeded
	oldest     string   // the id of the oldest event that there is; usually empty
	retryAfter time.Duration
	header     http.Header // further header fields, in canonical form; may be nil
}

func newProblem(status int, t stanza.ErrorType, condition, text string) *problem {
	return &problem{status: status, errorType: t, condition: condition, text: text}
}

// Error implements error.
func (p *problem) Error() string { return p.condition + ": " + p.text }

// title returns the status as people read it.
func (p *problem) title() string {
	return strconv.Itoa(p.status) + " " + http.StatusText(p.status)
}

// document is a form in which problems are written.
type document struct {
	mediaType   string
	contentType []string
	write       func(p *problem) []byte
}

// documents is the table of forms. The first is for callers who say nothing, or
// take anything: readable on a terminal, and by any program. The reasons stand
// in docs/decisions/0002-error-documents.md.
var documents = []document{
	{"application/problem+json", []string{"application/problem+json"}, writeProblemJSON},
	{format.XML.MediaType, format.XML.ContentType, writeStreamError},
	{"application/xml", []string{"application/xml"}, writeStreamError},
	{"application/json", []string{"application/json"}, writeRestJSON},
	{"text/plain", []string{"text/plain; charset=utf-8"}, writePlain},
	{"text/html", []string{"text/html; charset=utf-8"}, writeHTML},
	{format.CBOR.MediaType, format.CBOR.ContentType, writeRestCBOR},
	{format.Form.MediaType, format.Form.ContentType, writeForm},
}

var documentTypes = func() []string {
	names := make([]string, len(documents))
	for i := range documents {
		names[i] = documents[i].mediaType
	}
	return names
}()

var noStore = []string{"no-store"}

// refuse answers with a problem, in the form that the caller prefers, and
// returns its status.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, p *problem) int {
	d := &documents[preferred(r.Header["Accept"], documentTypes)]
	h := w.Header()
	maps.Copy(h, p.header)
	h["Content-Type"] = d.contentType
	h["X-Content-Type-Options"] = nosniff
	h["Cache-Control"] = noStore
	if p.retryAfter > 0 {
		seconds := (p.retryAfter + time.Second - 1) / time.Second
		h["Retry-After"] = []string{strconv.FormatInt(int64(seconds), 10)}
	}
	discardBody(w, r)
	clean := *p
	clean.text = printable(p.text)
	body := d.write(&clean)
	w.WriteHeader(p.status)
	s.send(w, body)
	return p.status
}

// printable replaces what could do harm on a terminal or in a log, and what is
// no UTF-8. Texts may quote what the caller sent.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// writeProblemJSON writes RFC 9457's form, one member a line.
func writeProblemJSON(p *problem) []byte {
	return encodeJSON(struct {
		Type      string           `json:"type"`
		Title     string           `json:"title"`
		Status    int              `json:"status"`
		Detail    string           `json:"detail"`
		Condition string           `json:"condition"`
		ErrorType stanza.ErrorType `json:"error_type"`
		Text      string           `json:"text"`
		Pointer   string           `json:"pointer,omitempty"`
		Line      int              `json:"line,omitempty"`
		Column    int              `json:"column,omitempty"`
		Instance  string           `json:"instance_id,omitempty"`
		Oldest    string           `json:"oldest,omitempty"`
		Violated  []string         `json:"violated-policies,omitempty"`
	}{
		cmp.Or(p.uri, "about:blank"), http.StatusText(p.status), p.status, p.text, p.condition, p.errorType, p.text,
		p.pointer(), p.place.Line, p.place.Column, p.instance, p.oldest, p.violated,
	})
}

// pointer returns the place in a JSON document as a URI fragment, which is how RFC
// 9457 §3 shows it; empty if there is none.
func (p *problem) pointer() string {
	if p.place.Pointer == "" {
		return ""
	}
	return "#" + (&url.URL{Path: p.place.Pointer}).EscapedPath()
}

// restError is mod_rest's form. What that does not have stands in its context.
type restError struct {
	Type  string    `json:"type"`
	Code  int       `json:"code"`
	Error restInner `json:"error"`
}

type restInner struct {
	Type      stanza.ErrorType `json:"type"`
	Condition string           `json:"condition"`
	Text      string           `json:"text"`
	Code      int              `json:"code"`
	Instance  string           `json:"instance_id,omitempty"`
	Context   restPlace        `json:"context,omitzero"`
}

type restPlace struct {
	Pointer string `json:"pointer,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Oldest  string `json:"oldest,omitempty"`
}

func (p *problem) rest() restError {
	place := restPlace{p.pointer(), p.place.Line, p.place.Column, p.oldest}
	return restError{"error", p.status, restInner{p.errorType, p.condition, p.text, p.status, p.instance, place}}
}

// writeRestJSON writes mod_rest's form.
func writeRestJSON(p *problem) []byte { return encodeJSON(p.rest()) }

// writeRestCBOR writes the same in CBOR.
func writeRestCBOR(p *problem) []byte {
	b, err := cbor.Marshal(p.rest())
	if err != nil {
		panic("httpd: a problem has no CBOR form: " + err.Error()) // strings and numbers always have
	}
	return b
}

// writeForm writes the same as a form, which has one level: the members keep the names
// that they have in RFC 9457's form.
func writeForm(p *problem) []byte {
	v := url.Values{
		"type": {"error"}, "code": {strconv.Itoa(p.status)},
		"condition": {p.condition}, "error_type": {string(p.errorType)}, "text": {p.text},
	}
	if p.instance != "" {
		v.Set("instance_id", p.instance)
	}
	if pointer := p.pointer(); pointer != "" {
		v.Set("pointer", pointer)
	}
	if p.oldest != "" {
		v.Set("oldest", p.oldest)
	}
	if p.place.Line > 0 {
		v.Set("line", strconv.Itoa(p.place.Line))
		v.Set("column", strconv.Itoa(p.place.Column))
	}
	return []byte(v.Encode())
}

// encodeJSON leaves < and > as they are: most texts are about XML.
func encodeJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		panic("httpd: a problem has no JSON form: " + err.Error()) // strings and numbers always have
	}
	return b.Bytes()
}

// writeStreamError writes the form of a stream error (RFC 6120 §4.9.2), which is
// mod_rest's for XML.
func writeStreamError(p *problem) []byte {
	const ns = "urn:ietf:params:xml:ns:xmpp-streams"
	var b bytes.Buffer
	b.WriteString(`<error xmlns="http://etherx.jabber.org/streams">`)
	fmt.Fprintf(&b, `<%s xmlns="%s"/><text xmlns="%s">`, p.condition, ns, ns)
	if err := xml.EscapeText(&b, []byte(p.text)); err != nil {
		panic("httpd: " + err.Error()) // a bytes.Buffer takes anything
	}
	b.WriteString("</text></error>")
	return b.Bytes()
}

// writePlain writes two lines of text.
func writePlain(p *problem) []byte {
	return fmt.Appendf(nil, "%s (%s)\n%s\n", p.title(), p.condition, p.text)
}

// writeHTML writes a small page.
func writeHTML(p *problem) []byte {
	const page = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>%[1]s</title></head>
<body><h1>%[1]s</h1><p>%[2]s</p><p><code>%[3]s</code></p></body>
</html>
`
	return fmt.Appendf(nil, page, html.EscapeString(p.title()), html.EscapeString(p.text), html.EscapeString(p.condition))
}
