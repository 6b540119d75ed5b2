package callback

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/stanza"
)

const (
	xmlType  = "application/xmpp+xml"
	textType = "text/plain"
	jsonType = "application/json"
)

// The stanzas that are answered in these tests: a message to a bot, one in a
// room, a subscription, presence, and queries.
const (
	aMessage   = `<message type="chat" id="m1" from="user@example.com/phone" to="bot@rest.example.net"><body>Hello</body></message>`
	untyped    = `<message id="m1" from="user@example.com/phone" to="bot@rest.example.net"><body>Hello</body></message>`
	fromRoom   = `<message type="groupchat" id="g1" from="room@muc.example.com/nick" to="bot@rest.example.net/r"><body>Hello</body></message>`
	aPresence  = `<presence id="p1" from="user@example.com/phone" to="bot@rest.example.net"/>`
	aRequest   = `<presence type="subscribe" from="user@example.com" to="bot@rest.example.net"/>`
	aQuery     = `<iq type="get" id="q1" from="user@example.com/phone" to="bot@rest.example.net"><ping xmlns="urn:xmpp:ping"/></iq>`
	aCommand   = `<iq type="set" id="q2" from="user@example.com/phone" to="rest.example.net"><x xmlns="urn:x"/></iq>`
	anError    = `<message type="error" id="e1" from="user@example.com/phone" to="bot@rest.example.net"/>`
	aResult    = `<iq type="result" id="q3" from="user@example.com/phone" to="bot@rest.example.net"/>`
	anIQError  = `<iq type="error" id="q4" from="user@example.com/phone" to="bot@rest.example.net"/>`
	noPresence = `<presence type="error" from="user@example.com/phone" to="bot@rest.example.net"/>`
)

const (
	// A reply to aMessage without attributes of its own.
	mHead = `<message id="ID" from="bot@rest.example.net" to="user@example.com/phone"`
	// The errors of 404 and of an answer that can't be used.
	notFound = `<error type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>` +
		`<text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">404 Not Found</text></error>`
	crashed = `<error type="wait"><internal-server-error xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>` +
		`<text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">500 Internal Server Error</text></error>`
	broken = `<error type="cancel"><internal-server-error xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>` +
		`<text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">the answer of the service can't be used</text></error>`
	appError = `<error type="auth"><gone xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>`

	mError = `<message type="error" id="m1" from="bot@rest.example.net" to="user@example.com/phone">`
	qError = `<iq type="error" id="q1" from="bot@rest.example.net" to="user@example.com/phone">`
	qEmpty = `<iq type="result" id="q1" from="bot@rest.example.net" to="user@example.com/phone"/>`
)

var answerCases = []struct {
	name        string
	to          string // the stanza that is answered
	status      int
	contentType string
	body        string
	outcome     outcome
	want        string // a generated id is written ID
}{
	{"accepted", aMessage, 202, "", "", outcomeAccepted, ""},
	{"accepted, body ignored", aMessage, 202, xmlType, "<message><body>x</body></message>", outcomeAccepted, ""},
	{"accepted with 204", aPresence, 204, "", "", outcomeAccepted, ""},
	{"query accepted", aQuery, 202, xmlType, "<iq/>", outcomeAccepted, qEmpty},
	{"query accepted with 204", aQuery, 204, "", "", outcomeAccepted, qEmpty},
	{
		"command accepted", aCommand, 202, "", "", outcomeAccepted,
		`<iq type="result" id="q2" from="rest.example.net" to="user@example.com/phone"/>`,
	},

	{
		"reply", aMessage, 200, xmlType, `<message type="chat"><body>Yes</body></message>`, outcomeReplied,
		`<message type="chat" id="ID" from="bot@rest.example.net" to="user@example.com/phone"><body>Yes</body></message>`,
	},
	{
		"type is not inherited", aMessage, 200, xmlType, `<message><body>Yes</body></message>`, outcomeReplied,
		mHead + `><body>Yes</body></message>`,
	},
	{
		"reply to an untyped one", untyped, 200, xmlType, `<message><body>Yes</body></message>`, outcomeReplied,
		mHead + `><body>Yes</body></message>`,
	},
	{
		"addresses do not count, id and language do", aMessage, 201, xmlType + "; charset=utf-8",
		`<message from="king@example.com" to="x@@y" id="r1" xml:lang="de" other="x"><body>Ja</body></message>`, outcomeReplied,
		`<message id="r1" from="bot@rest.example.net" to="user@example.com/phone" xml:lang="de"><body>Ja</body></message>`,
	},
	{"Content-Type in other case", aMessage, 200, "Application/XMPP+XML", `<message/>`, outcomeReplied, mHead + `/>`},
	{"XML declaration and white space", aMessage, 200, xmlType, "<?xml version='1.0'?>\n<message/>\n", outcomeReplied, mHead + `/>`},
	{"jabber:client", aMessage, 200, xmlType, `<message xmlns="jabber:client"><body>x</body></message>`, outcomeReplied, mHead + `><body>x</body></message>`},
	{
		"to the room", fromRoom, 200, xmlType, `<message type="groupchat"><body>x</body></message>`, outcomeReplied,
		`<message type="groupchat" id="ID" from="bot@rest.example.net/r" to="room@muc.example.com"><body>x</body></message>`,
	},
	{
		"to the room, whatever was asked", aMessage, 200, xmlType, `<message type="groupchat"/>`, outcomeReplied,
		`<message type="groupchat" id="ID" from="bot@rest.example.net" to="user@example.com"/>`,
	},
	{
		"to the occupant", fromRoom, 200, xmlType, `<message type="chat"><body>x</body></message>`, outcomeReplied,
		`<message type="chat" id="ID" from="bot@rest.example.net/r" to="room@muc.example.com/nick"><body>x</body></message>`,
	},
	{
		"presence", aRequest, 200, xmlType, `<presence type="subscribed"/>`, outcomeReplied,
		`<presence type="subscribed" id="ID" from="bot@rest.example.net" to="user@example.com"/>`,
	},
	{
		"error status with a stanza", aMessage, 500, xmlType, `<message><body>Sorry</body></message>`, outcomeReplied,
		mHead + `><body>Sorry</body></message>`,
	},
	{"redirect with a stanza", aMessage, 302, xmlType, `<message/>`, outcomeReplied, mHead + `/>`},

	{
		"query", aQuery, 200, xmlType, `<iq id="other"><pong xmlns="urn:x"/></iq>`, outcomeReplied,
		`<iq type="result" id="q1" from="bot@rest.example.net" to="user@example.com/phone"><pong xmlns="urn:x"/></iq>`,
	},
	{"query, type does not count", aQuery, 200, xmlType, `<iq type="set"/>`, outcomeReplied, qEmpty},
	{"query, not even groupchat", aQuery, 200, xmlType, `<iq type="groupchat"/>`, outcomeReplied, qEmpty},
	{
		"query, language", aQuery, 200, xmlType, `<iq xml:lang="de"/>`, outcomeReplied,
		`<iq type="result" id="q1" from="bot@rest.example.net" to="user@example.com/phone" xml:lang="de"/>`,
	},
	{"query, result with an error status", aQuery, 404, xmlType, `<iq type="result"/>`, outcomeReplied, qEmpty},
	{"query, error", aQuery, 200, xmlType, `<iq type="error" id="x">` + appError + `</iq>`, outcomeReplied, qError + appError + `</iq>`},
	{"query, error without a type", aQuery, 200, xmlType, `<iq>` + appError + `</iq>`, outcomeReplied, qError + appError + `</iq>`},
	{"query, error called a result", aQuery, 200, xmlType, `<iq type="result">` + appError + `</iq>`, outcomeReplied, qError + appError + `</iq>`},
	{"error", aMessage, 200, xmlType, `<message type="error" id="x">` + appError + `</message>`, outcomeReplied, mError + appError + `</message>`},
	{"error without a type", aMessage, 200, xmlType, `<message>` + appError + `</message>`, outcomeReplied, mError + appError + `</message>`},
	{"error without a type to an untyped one", untyped, 200, xmlType, `<message>` + appError + `</message>`, outcomeReplied, mError + appError + `</message>`},
	{
		"other people's error elements", aMessage, 200, xmlType, `<message><error xmlns="urn:x"/></message>`, outcomeReplied,
		mHead + `><error xmlns="urn:x"/></message>`,
	},
	{"error status with an error", aMessage, 404, xmlType, `<message type="error">` + appError + `</message>`, outcomeReplied, mError + appError + `</message>`},

	{
		"text", aMessage, 200, textType, "Yes <&> \x00", outcomeReplied,
		`<message type="chat" id="ID" from="bot@rest.example.net" to="user@example.com/phone"><body>Yes &lt;&amp;&gt; ` + "\uFFFD" + `</body></message>`,
	},
	{
		"text with parameters", untyped, 201, "text/plain; charset=utf-8", "Yes", outcomeReplied,
		`<message type="chat" id="ID" from="bot@rest.example.net" to="user@example.com/phone"><body>Yes</body></message>`,
	},
	{
		"text to the room is private", fromRoom, 200, textType, "Yes", outcomeReplied,
		`<message type="chat" id="ID" from="bot@rest.example.net/r" to="room@muc.example.com/nick"><body>Yes</body></message>`,
	},
	{"empty text", aMessage, 200, textType, "", outcomeAccepted, ""},
	{"text for presence", aPresence, 200, textType, "OK", outcomeAccepted, ""},
	{"text for a query", aQuery, 200, textType, "OK", outcomeAccepted, qEmpty},
	{"text error page", aMessage, 404, textType, "there is no such thing", outcomeErrorStatus, mError + notFound + `</message>`},
	{"text error page for a query", aQuery, 404, textType, "no", outcomeErrorStatus, qError + notFound + `</iq>`},

	{"nothing", aMessage, 200, "", "", outcomeAccepted, ""},
	{"nothing, said in XML", aMessage, 200, xmlType, " \n", outcomeAccepted, ""},
	{"nothing for presence", aRequest, 200, "", "", outcomeAccepted, ""},
	{"nothing for a query", aQuery, 200, "", "", outcomeAccepted, qEmpty},
	{"HTML", aMessage, 200, "text/html", "<html>", outcomeAccepted, ""},
	{"HTML for a query", aQuery, 200, "text/html", "<html>", outcomeAccepted, qEmpty},
	{"HTML error page", aQuery, 404, "text/html", "<html>", outcomeErrorStatus, qError + notFound + `</iq>`},

	{"not well-formed", aMessage, 200, xmlType, "<message></body>", outcomeBadAnswer, ""},
	{"not well-formed for a query", aQuery, 200, xmlType, "<iq></body>", outcomeBadAnswer, qError + broken + `</iq>`},
	{"not well-formed with an error status", aQuery, 404, xmlType, "<iq></body>", outcomeErrorStatus, qError + notFound + `</iq>`},
	{"two stanzas", aQuery, 200, xmlType, "<iq/><iq/>", outcomeBadAnswer, qError + broken + `</iq>`},
	{"other kind", aQuery, 200, xmlType, "<message/>", outcomeBadAnswer, qError + broken + `</iq>`},
	{"other kind for presence", aPresence, 200, xmlType, "<message/>", outcomeBadAnswer, ""},
	{"no stanza", aQuery, 200, xmlType, "<html/>", outcomeBadAnswer, qError + broken + `</iq>`},
	{"unbound prefix", aMessage, 200, xmlType, "<message><a:b/></message>", outcomeBadAnswer, ""},
	{"too large for the server", aQuery, 200, xmlType, "<iq><x>" + strings.Repeat("x", 3000) + "</x></iq>", outcomeBadAnswer, qError + broken + `</iq>`},
	{"too large once escaped", aMessage, 200, textType, strings.Repeat("<", 1000), outcomeBadAnswer, ""},

	// Other formats.
	{
		"JSON", aMessage, 200, jsonType, `{"type":"chat","body":"Yes"}`, outcomeReplied,
		`<message type="chat" id="ID" from="bot@rest.example.net" to="user@example.com/phone"><body>Yes</body></message>`,
	},
	{"JSON, type is not inherited", aMessage, 200, jsonType + "; charset=utf-8", `{"body":"Yes","to":"@"}`, outcomeReplied, mHead + `><body>Yes</body></message>`},
	{"JSON to a query", aQuery, 200, jsonType, `{"kind":"iq","version":{"name":"n"}}`, outcomeReplied, strings.TrimSuffix(qEmpty, "/>") + `><query xmlns="jabber:iq:version"><name>n</name></query></iq>`},
	{"JSON with an error", aQuery, 200, jsonType, `{"kind":"iq","error":{"type":"auth","condition":"gone"}}`, outcomeReplied, qError + appError + `</iq>`},
	{"JSON that is no stanza", aMessage, 200, jsonType, `{"status":"ok"}`, outcomeBadAnswer, ""},
	{"JSON that is no object", aMessage, 200, jsonType, `"OK"`, outcomeBadAnswer, ""},
	{"JSON that is no stanza to a query", aQuery, 200, jsonType, `{"status":"ok"}`, outcomeBadAnswer, qError + broken + `</iq>`},
	{"empty JSON", aMessage, 200, jsonType, " ", outcomeAccepted, ""},
	{"JSON error page", aMessage, 404, jsonType, `{"body":"not here"}`, outcomeErrorStatus, mError + notFound + `</message>`},
	{"JSON error page that is no stanza", aMessage, 404, jsonType, `{"detail":"not here"}`, outcomeErrorStatus, mError + notFound + `</message>`},
	{"JSON stanza error with an error status", aMessage, 404, jsonType, `{"error":{"type":"auth","condition":"gone"}}`, outcomeReplied, mError + appError + `</message>`},
	{"form", aMessage, 200, "application/x-www-form-urlencoded", `type=normal&body=a+b`, outcomeReplied, strings.Replace(mHead, "<message", `<message type="normal"`, 1) + `><body>a b</body></message>`},
	{"CBOR", aMessage, 200, "application/cbor", "\xa1\x64body\x62hi", outcomeReplied, mHead + `><body>hi</body></message>`},
	{"JSON in another charset, or so it says", aMessage, 200, jsonType + "; charset=iso-8859-1", `{"body":"Yes"}`, outcomeReplied, mHead + `><body>Yes</body></message>`},
	{
		"text in another charset", aMessage, 200, textType + ";charset=ISO-8859-1", "Yes", outcomeReplied,
		`<message type="chat" id="ID" from="bot@rest.example.net" to="user@example.com/phone"><body>Yes</body></message>`,
	},
	{"JSON list with an error status", aMessage, 500, jsonType, `{"xmpp":[{"body":"Yes"}]}`, outcomeErrorStatus, mError + crashed + `</message>`},
	{"XML list with an error status", aMessage, 500, xmlType, `<xmpp><message/></xmpp>`, outcomeReplied, mHead + `/>`},
	{"JSON array", aMessage, 200, jsonType, `[]`, outcomeBadAnswer, ""},
	{"JSON error called a chat", aMessage, 200, jsonType, `{"type":"chat","error":{"type":"auth","condition":"gone"}}`, outcomeReplied, mError + appError + `</message>`},
	{"JSON presence", aRequest, 200, jsonType, `{"kind":"presence","type":"subscribed"}`, outcomeReplied, `<presence type="subscribed" id="ID" from="bot@rest.example.net" to="user@example.com"/>`},
	{"JSON of another kind", aQuery, 200, jsonType, `{"body":"Yes"}`, outcomeBadAnswer, qError + broken + `</iq>`},
	{"form error page", aMessage, 404, "application/x-www-form-urlencoded", `body=x`, outcomeErrorStatus, mError + notFound + `</message>`},
	{"CBOR error page", aMessage, 404, "application/cbor", "\xa1\x64body\x62hi", outcomeErrorStatus, mError + notFound + `</message>`},
	{"JSON for an error", anError, 200, jsonType, `{"body":"never"}`, outcomeIgnored, ""},
	{"list for a result", aResult, 200, jsonType, `{"xmpp":[{"to":"x@y","body":"never"}]}`, outcomeIgnored, ""},
	{"CBOR cut off", aMessage, 200, "application/cbor", "\xa1\x64body", outcomeBadAnswer, ""},

	{"error", anError, 200, xmlType, "<message/>", outcomeIgnored, ""},
	{"error, refused", anError, 404, "", "", outcomeIgnored, ""},
	{"result", aResult, 200, xmlType, "<iq/>", outcomeIgnored, ""},
	{"result, refused", aResult, 500, "", "", outcomeIgnored, ""},
	{"result, accepted", aResult, 202, "", "", outcomeIgnored, ""},
	{"iq error", anIQError, 202, "", "", outcomeIgnored, ""},
	{"presence error", noPresence, 404, "", "", outcomeIgnored, ""},
}

func TestJudge(t *testing.T) {
	for _, c := range answerCases {
		t.Run(c.name, func(t *testing.T) {
			a := answer{status: c.status, format: formatOf(c.contentType), body: []byte(c.body)}
			v := judge(parse(t, c.to), a, 3000)
			if v.outcome != c.outcome {
				t.Errorf("outcome %s, want %s (%v)", v.outcome, c.outcome, v.flaw)
			}
			if v.status != c.status {
				t.Errorf("status %d, want %d", v.status, c.status)
			}
			if (v.outcome == outcomeBadAnswer) && v.flaw == nil {
				t.Error("no reason is given")
			}
			if diff := cmp.Diff(c.want, written(t, v.reply)); diff != "" {
				t.Errorf("reply (-want +got):\n%s", diff)
			}
		})
	}
}

// written returns the reply as XML, with a generated id as ID.
func written(t *testing.T, reply stanza.Stanza) string {
	t.Helper()
	if reply.IsZero() {
		return ""
	}
	if h := reply.Header(); len(h.ID) == 24 {
		h.ID = "ID"
		reply = reply.With(h)
	}
	return reply.String()
}

// The same through a callback: the reply is sent once, and nothing else is.
func TestCallback_answers(t *testing.T) {
	for _, c := range answerCases {
		t.Run(c.name, func(t *testing.T) {
			s := newServer()
			cb, stop := begin(t, s, over(always(c.status, c.contentType, c.body)), func(o *Options) { o.MaxStanza = 3000 })
			deliver(t, cb, parse(t, c.to))
			stop()
			if c.want != "" {
				if diff := cmp.Diff(c.want, written(t, s.next(t))); diff != "" {
					t.Errorf("reply (-want +got):\n%s", diff)
				}
			}
			s.nothing(t)
		})
	}
}

// A stanza that came without an addressee is answered by the domain.
func TestCallback_answersForTheDomain(t *testing.T) {
	s := newServer()
	cb, _ := begin(t, s, over(always(200, xmlType, "<iq/>")))
	deliver(t, cb, parse(t, `<iq type="get" id="q1" from="user@example.com/phone"/>`))
	if got, want := s.next(t).String(), `<iq type="result" id="q1" from="rest.example.net" to="user@example.com/phone"/>`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Whoever sent a query hears something even if the reply can't be sent.
func TestCallback_replyFails(t *testing.T) {
	s := newServer()
	var l logs
	s.refuse = func(st stanza.Stanza) error {
		if st.Type() == stanza.TypeError {
			return nil
		}
		return errTooLarge
	}
	cb, stop := begin(t, s, over(always(200, xmlType, "<iq/>")), logging(&l))
	deliver(t, cb, parse(t, aQuery))
	if e := s.next(t).Err(); e == nil || e.Condition != stanza.InternalServerError {
		t.Errorf("error %+v", e)
	}
	stop()
	s.nothing(t)
	if n := l.count("WARN", "not sent"); n != 1 {
		t.Errorf("%d warnings:\n%s", n, l.String())
	}
}

// mType is a chat message from the bot, up to its addressee.
const mType = `<message type="chat" id="ID" from="bot@rest.example.net" to="`

var severalCases = []struct {
	name, to, contentType, body string
	want                        []string
	flaw                        string // a part of it
}{
	{
		"JSON", aMessage, jsonType, `{"xmpp":[{"type":"chat","body":"a"},{"type":"chat","to":"x@y","from":"king@z","body":"b"},{"kind":"presence","type":"subscribe"}]}`,
		[]string{
			mType + `user@example.com/phone"><body>a</body></message>`, mType + `x@y"><body>b</body></message>`,
			`<presence type="subscribe" id="ID" from="bot@rest.example.net" to="user@example.com/phone"/>`,
		},
		"",
	},
	{
		"XML", aMessage, xmlType, `<xmpp><message type="chat"><body>a</body></message><message type="chat" to="x@y" id="i"/></xmpp>`,
		[]string{mType + `user@example.com/phone"><body>a</body></message>`, `<message type="chat" id="i" from="bot@rest.example.net" to="x@y"/>`},
		"",
	},
	{
		"CBOR", aMessage, "application/cbor", "\xa1\x64xmpp\x9f\xa1\x64body\x61a\xff",
		[]string{mHead + `><body>a</body></message>`},
		"",
	},
	{
		"a query gets its answer", aQuery, jsonType, `{"xmpp":[{"kind":"message","to":"x@y","type":"chat","body":"a"},{"kind":"iq","to":"user@example.com/phone","ping":true}]}`,
		[]string{mType + `x@y"><body>a</body></message>`, strings.TrimSuffix(qEmpty, "/>") + `><ping xmlns="urn:xmpp:ping"/></iq>`},
		"",
	},
	{
		"a query gets an empty result", aQuery, jsonType, `{"xmpp":[{"kind":"message","type":"chat","to":"x@y","body":"a"}]}`,
		[]string{qEmpty, mType + `x@y"><body>a</body></message>`},
		"",
	},
	{"an empty list", aMessage, jsonType, `{"xmpp":[]}`, nil, ""},
	{"a second answer", aQuery, jsonType, `{"xmpp":[{"kind":"iq"},{"kind":"iq"}]}`, []string{qError + broken + `</iq>`}, "stanza 2"},
	{"a question", aMessage, jsonType, `{"xmpp":[{"body":"a"},{"kind":"iq","to":"x@y","ping":true}]}`, nil, "stanza 2"},
	{"one of them is wrong", aMessage, jsonType, `{"xmpp":[{"body":"a"},{"body":5}]}`, nil, "xmpp/1/body"},
	{"an address is wrong", aMessage, jsonType, `{"xmpp":[{"body":"a","to":"@"}]}`, nil, "xmpp/0/to"},
	{"one of them is wrong in XML", aMessage, xmlType, `<xmpp><message/><foo/></xmpp>`, nil, "stanza 2"},
	{"one of them is too large", aMessage, jsonType, `{"xmpp":[{"body":"a"},{"body":"` + strings.Repeat("x", 3000) + `"}]}`, nil, "larger"},
	{"too many", aMessage, jsonType, `{"xmpp":[` + strings.Repeat(`{"body":"a"},`, 64) + `{"body":"a"}]}`, nil, "64"},
	{"more beside the list", aMessage, jsonType, `{"xmpp":[],"body":"a"}`, nil, "beside"},
	{"text in XML", aMessage, xmlType, `<xmpp>x<message/></xmpp>`, nil, "text"},
}

// Several stanzas in one answer.
func TestJudge_several(t *testing.T) {
	for _, tt := range severalCases {
		t.Run(tt.name, func(t *testing.T) {
			v := judge(parse(t, tt.to), answer{status: 200, format: formatOf(tt.contentType), body: []byte(tt.body)}, 3000)
			var got []string
			if !v.reply.IsZero() {
				got = append(got, written(t, v.reply))
			}
			for _, reply := range v.more {
				got = append(got, written(t, reply))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("replies (-want +got):\n%s", diff)
			}
			if (v.flaw == nil) != (tt.flaw == "") || v.flaw != nil && !strings.Contains(v.flaw.Error(), tt.flaw) {
				t.Errorf("flaw is %v, want %q", v.flaw, tt.flaw)
			}
		})
	}
}
