package jsonmap_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

// What the path says goes before what the document says.
func TestParse_envelope(t *testing.T) {
	for _, tt := range []struct {
		doc  string
		e    jsonmap.Envelope
		want string
	}{
		{`{"body":"x","kind":"iq","type":"get","to":"c@d"}`, jsonmap.Envelope{Kind: "message", Type: "chat", To: "a@b"}, `<message type="chat" to="a@b"><body>x</body></message>`},
		{`{}`, jsonmap.Envelope{Kind: "presence", Type: "subscribe", To: "a@b"}, `<presence type="subscribe" to="a@b"/>`},
		{`{}`, jsonmap.Envelope{Kind: "presence", Type: "available", To: "a@b"}, `<presence to="a@b"/>`},
		{`{"ping":true}`, jsonmap.Envelope{Kind: "iq", Type: "get", To: "a.b"}, `<iq type="get" to="a.b"><ping xmlns="urn:xmpp:ping"/></iq>`},
		{`{"to":"c@d","body":"x"}`, jsonmap.Envelope{Kind: "message", Type: "chat"}, `<message type="chat" to="c@d"><body>x</body></message>`},
		{`{}`, jsonmap.Envelope{To: "a.b", Field: "ping"}, `<iq type="get" to="a.b"><ping xmlns="urn:xmpp:ping"/></iq>`},
		{``, jsonmap.Envelope{To: "a.b", Field: "ping"}, `<iq type="get" to="a.b"><ping xmlns="urn:xmpp:ping"/></iq>`},
		{` true `, jsonmap.Envelope{To: "a.b", Field: "ping"}, `<iq type="get" to="a.b"><ping xmlns="urn:xmpp:ping"/></iq>`},
		{`null`, jsonmap.Envelope{To: "a.b", Field: "ping"}, `<iq type="get" to="a.b"><ping xmlns="urn:xmpp:ping"/></iq>`},
		{`{"max":"10"}`, jsonmap.Envelope{To: "a.b", Field: "archive"}, `<iq type="set" to="a.b"><query xmlns="urn:xmpp:mam:2"><set xmlns="http://jabber.org/protocol/rsm"><max>10</max></set></query></iq>`},
		{`{"node":"n"}`, jsonmap.Envelope{To: "a.b", Field: "disco"}, `<iq type="get" to="a.b"><query xmlns="http://jabber.org/protocol/disco#info" node="n"/></iq>`},
		{`{}`, jsonmap.Envelope{To: "a.b", Field: "items"}, `<iq type="get" to="a.b"><query xmlns="http://jabber.org/protocol/disco#items"/></iq>`},
		{`{}`, jsonmap.Envelope{To: "a.b", Field: "stats"}, `<iq type="get" to="a.b"><query xmlns="http://jabber.org/protocol/stats"/></iq>`},
		{`{}`, jsonmap.Envelope{To: "a.b", Field: "version"}, `<iq type="get" to="a.b"><query xmlns="jabber:iq:version"/></iq>`},
		{`{"node":"n"}`, jsonmap.Envelope{To: "a.b", Field: "command"}, `<iq type="set" to="a.b"><command xmlns="http://jabber.org/protocol/commands" node="n"/></iq>`},
		{`{}`, jsonmap.Envelope{To: "a.b", Field: "archive"}, `<iq type="set" to="a.b"><query xmlns="urn:xmpp:mam:2"/></iq>`},
		{`{"filename":"f","size":1}`, jsonmap.Envelope{To: "a.b", Field: "upload_request"}, `<iq type="get" to="a.b"><request xmlns="urn:xmpp:http:upload:0" filename="f" size="1"/></iq>`},
		{`{"data":[1, 2]}`, jsonmap.Envelope{To: "a.b", Field: "payload"}, `<iq type="get" to="a.b"><payload xmlns="urn:xmpp:json-msg:0"><json xmlns="urn:xmpp:json:0">[1, 2]</json></payload></iq>`},
	} {
		st, err := jsonmap.Parse([]byte(tt.doc), tt.e, jsonmap.Full)
		if err != nil {
			t.Errorf("%+v %s: %v", tt.e, tt.doc, err)
			continue
		}
		if got, want := canonical(t, st), canonical(t, parseXML(t, tt.want)); got != want {
			t.Errorf("%+v %s\n got %s\nwant %s", tt.e, tt.doc, got, want)
		}
	}
}

// Parameters of a query have numbers and booleans as text.
func TestParseForm_envelope(t *testing.T) {
	for doc, want := range map[string]string{
		"with=a%40b&max=10": `<query xmlns="urn:xmpp:mam:2"><x xmlns="jabber:x:data" type="submit"><field var="FORM_TYPE" type="hidden"><value>urn:xmpp:mam:2</value></field><field var="with"><value>a@b</value></field></x><set xmlns="http://jabber.org/protocol/rsm"><max>10</max></set></query>`,
		"":                  `<query xmlns="urn:xmpp:mam:2"/>`,
		"ids=1,2":           `<query xmlns="urn:xmpp:mam:2"><x xmlns="jabber:x:data" type="submit"><field var="FORM_TYPE" type="hidden"><value>urn:xmpp:mam:2</value></field><field var="ids"><value>1</value><value>2</value></field></x></query>`,
	} {
		st, err := jsonmap.ParseForm([]byte(doc), jsonmap.Envelope{To: "a.b", Field: "archive"}, jsonmap.Full)
		if err != nil || st.Content() != want || st.Type() != stanza.Set {
			t.Errorf("%q: %s, %v, want %s", doc, st.XML(), err, want)
		}
	}
	st, err := jsonmap.ParseForm([]byte("datatype=d&data=x"), jsonmap.Envelope{To: "a.b", Field: "payload"}, jsonmap.Full)
	if want := `<payload xmlns="urn:xmpp:json-msg:0" datatype="d"><json xmlns="urn:xmpp:json:0">"x"</json></payload>`; err != nil || st.Content() != want {
		t.Errorf("%s, %v, want %s", st.Content(), err, want)
	}
}

// A refusal points into the document that the caller sent, not at what the path made
// of it.
func TestParse_envelopeRefuses(t *testing.T) {
	for _, tt := range []struct {
		doc     string
		e       jsonmap.Envelope
		reason  stanza.Reason
		pointer string
		text    string
	}{
		{`{"node":1}`, jsonmap.Envelope{To: "a.b", Field: "disco"}, stanza.NotWellFormed, "/node", "line 1, column 9 (node): this must be a string"},
		{`[]`, jsonmap.Envelope{To: "a.b", Field: "disco"}, stanza.NotWellFormed, "", "this must be true, a node or an object"},
		{`{}`, jsonmap.Envelope{To: "a.b", Field: "foo"}, stanza.NotWellFormed, "", `"foo"`},
		{`{"body":"x"}`, jsonmap.Envelope{Kind: "message", To: "a@b@c"}, stanza.ImproperAddressing, "", `^the address "a@b@c" in the path: a second @`},
		{`{"body":"x","to":"localhost"}`, jsonmap.Envelope{Kind: "message", To: "a@@b"}, stanza.ImproperAddressing, "", `^the address "a@@b" in the path: a second @`},
		{`{"body":"x"}`, jsonmap.Envelope{Kind: "message", To: "a@b c"}, stanza.ImproperAddressing, "", `^the address "a@b c" in the path: domain "b c": `},
		{`{"body":"x","kind":"zzz"}`, jsonmap.Envelope{Kind: "message", To: "a@b"}, stanza.NotWellFormed, "/kind", "none of message, presence, iq"},
		{`{"body":"x","kind":""}`, jsonmap.Envelope{Kind: "message", To: "a@b"}, stanza.NotWellFormed, "/kind", "none of message, presence, iq"},
		{`false`, jsonmap.Envelope{Field: "ping", To: "a.b"}, stanza.NotWellFormed, "", "line 1, column 1 (the document): this must be true"},
		{`5`, jsonmap.Envelope{Field: "ping", To: "a.b"}, stanza.NotWellFormed, "", "this must be true"},
		{`[]`, jsonmap.Envelope{Field: "ping", To: "a.b"}, stanza.NotWellFormed, "", "this must be true"},
		{`{"a":1}`, jsonmap.Envelope{Field: "ping", To: "a.b"}, stanza.NotWellFormed, "/a", "line 1, column 6 (a): ping has no members"},
		{`{"body":"x","from":"@"}`, jsonmap.Envelope{Kind: "message", To: "a@b"}, stanza.InvalidFrom, "/from", ""},
		{`[]`, jsonmap.Envelope{Kind: "message", To: "a@b"}, stanza.NotWellFormed, "", "object"},
	} {
		_, err := jsonmap.Parse([]byte(tt.doc), tt.e, jsonmap.Full)
		r := refusal(t, tt.doc, err)
		if r.Reason != tt.reason || r.Place.Pointer != tt.pointer || !says(r.Text, tt.text) {
			t.Errorf("%+v %s: %s at %q: %s, want %s at %q with %q", tt.e, tt.doc, r.Reason, r.Place.Pointer, r.Text, tt.reason, tt.pointer, tt.text)
		}
	}
}

// The same where the document is a form or a query.
func TestParseForm_envelopeRefuses(t *testing.T) {
	for _, tt := range []struct{ doc, field, pointer, text string }{
		{"a=b", "ping", "/a", "ping has no members"},
		{"max=-1", "archive", "/max", "0 to 4294967295"},
		{"max=x", "archive", "/max", "this must be a number$"},
	} {
		_, err := jsonmap.ParseForm([]byte(tt.doc), jsonmap.Envelope{Field: tt.field, To: "a.b"}, jsonmap.Full)
		if r := refusal(t, tt.doc, err); r.Place.Pointer != tt.pointer || !says(r.Text, tt.text) {
			t.Errorf("%s: at %q: %s", tt.doc, r.Place.Pointer, r.Text)
		}
	}
}

// What asks for nothing more than the path does is nothing, in CBOR too.
func TestParseCBOR_envelope(t *testing.T) {
	for _, doc := range []string{"", "\xa0", "\xf5", "\xf6"} {
		st, err := jsonmap.ParseCBOR([]byte(doc), jsonmap.Envelope{Field: "ping", To: "a.b"}, jsonmap.Full)
		if want := `<ping xmlns="urn:xmpp:ping"/>`; err != nil || st.Content() != want {
			t.Errorf("%q: %s, %v", doc, st.Content(), err)
		}
	}
}

func TestParseText(t *testing.T) {
	st, err := jsonmap.ParseText([]byte("a <b>\r\n"), "body", jsonmap.Envelope{Type: "chat"})
	if want := "<body>a &lt;b&gt;&#13;\n</body>"; err != nil || st.Content() != want {
		t.Errorf("%q, %v, want %q", st.Content(), err, want)
	}
	for _, doc := range []string{"\x00", "\xff", "a\ufffe"} {
		_, err := jsonmap.ParseText([]byte(doc), "body", jsonmap.Envelope{})
		_ = refusal(t, doc, err)
	}
}

func TestParseReplies(t *testing.T) {
	for _, tt := range []struct {
		doc     string
		wrapped bool
		want    []string
	}{
		{`{"body":"x","to":"odd@@","from":"@"}`, false, []string{`<message><body>x</body></message>`}},
		{`{"xmpp":[{"body":"x","to":"a@b","from":"c@d"},{"kind":"presence"}]}`, true, []string{`<message to="a@b"><body>x</body></message>`, `<presence/>`}},
		{`{"xmpp":[]}`, true, nil},
		{`{"kind":"presence"}`, false, []string{`<presence/>`}},
		{`{"type":"unavailable"}`, false, []string{`<presence type="unavailable"/>`}},
		{`{"body":""}`, false, []string{`<message><body/></message>`}},
	} {
		r, err := jsonmap.ParseReplies([]byte(tt.doc), stanza.Message, jsonmap.Full)
		if err != nil || r.Wrapped != tt.wrapped || len(r.Stanzas) != len(tt.want) {
			t.Errorf("%s: %+v, %v", tt.doc, r, err)
			continue
		}
		for i, st := range r.Stanzas {
			if got, want := canonical(t, st), canonical(t, parseXML(t, tt.want[i])); got != want {
				t.Errorf("%s: %s, want %s", tt.doc, got, want)
			}
		}
	}
	for doc, pointer := range map[string]string{
		`{"body":null}`: "", `{"kind":"message","type":"chat","id":"1","to":"a@b","from":"c@d","lang":"de"}`: "", `{"markable":false}`: "",
		`{"xmpp":[{"body":"x"},{"body":null}]}`: "/xmpp/1", `{"xmpp":[{"type":"chat"}]}`: "/xmpp/0",
		`{"xmpp":[` + strings.Repeat(`{"forwarded":{"message":`, 40) + `{}` + strings.Repeat(`}}`, 40) + `]}`: "/xmpp/0",
		`{"xmpp":{}}`: "/xmpp", `{"xmpp":[1]}`: "/xmpp/0", `{"xmpp":[{}]}`: "/xmpp/0", `{"xmpp":[],"body":"x"}`: "/body", `{}`: "", `[]`: "",
		`{"xmpp":[{"body":"x"},{"body":"x","to":"@"}]}`: "/xmpp/1/to", `{"xmpp":[{"xmpp":[]}]}`: "/xmpp/0/xmpp",
		`{"xmpp":[` + strings.Repeat(`{"body":"x"},`, jsonmap.MaxReplies) + `{"body":"x"}]}`: "/xmpp/64",
	} {
		_, err := jsonmap.ParseReplies([]byte(doc), stanza.Message, jsonmap.Full)
		if r := refusal(t, doc, err); r.Place.Pointer != pointer {
			t.Errorf("%s: %s: at %q, want %q", doc, r.Text, r.Place.Pointer, pointer)
		}
	}
}

// A reply that does not tell its kind is of the kind of what it answers, unless it has an
// addressee of its own.
func TestParseReplies_kind(t *testing.T) {
	for _, tt := range []struct {
		kind stanza.Kind
		doc  string
		want []string
	}{
		{stanza.IQ, `{"error":{"condition":"gone"}}`, []string{"iq error"}},
		{stanza.Presence, `{"error":{"condition":"gone"}}`, []string{"presence error"}},
		{stanza.Message, `{"error":{"condition":"gone"}}`, []string{"message error"}},
		{"", `{"error":{"condition":"gone"}}`, []string{"message error"}},
		{stanza.IQ, `{"type":"error"}`, []string{"iq error"}},
		{stanza.IQ, `{"id":"1"}`, []string{"iq get"}},
		{stanza.IQ, `{"kind":"message","body":"x"}`, []string{"message "}},
		{stanza.IQ, `{"body":"x"}`, []string{"message "}},
		{stanza.IQ, `{"type":"chat","nick":"x"}`, []string{"message chat"}},
		{stanza.Message, `{"show":"away"}`, []string{"presence "}},
		{stanza.IQ, `{"xmpp":[{"error":{}},{"nick":"x","to":"a@b"},{"nick":"x"}]}`, []string{"iq error", "message ", "iq get"}},
	} {
		r, err := jsonmap.ParseReplies([]byte(tt.doc), tt.kind, jsonmap.Full)
		var got []string
		for _, st := range r.Stanzas {
			got = append(got, string(st.Kind())+" "+string(st.Type()))
		}
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s to %s: %q, %v, want %q", tt.doc, tt.kind, got, err, tt.want)
		}
	}
	for doc, parse := range map[string]func([]byte, stanza.Kind, jsonmap.Profile) (jsonmap.Replies, error){
		"nick=x":            jsonmap.ParseRepliesForm,
		"\xa1\x64nick\x61x": jsonmap.ParseRepliesCBOR,
	} {
		r, err := parse([]byte(doc), stanza.IQ, jsonmap.Full)
		if err != nil || len(r.Stanzas) != 1 || r.Stanzas[0].Kind() != stanza.IQ {
			t.Errorf("%q: %v, %v", doc, r, err)
		}
	}
}
