package format_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

func TestFind(t *testing.T) {
	for contentType, want := range map[string]*format.Format{
		"application/xmpp+xml":                                    format.XML,
		"Application/XMPP+XML":                                    format.XML,
		"application/json charset=utf-8":                          format.JSON,
		" application/json ; charset=UTF-8":                       format.JSON,
		`application/json; charset="utf-8"`:                       format.JSON,
		`application/json; profile="strict-mod_rest"`:             format.StrictJSON,
		"application/json; profile=strict-mod_rest;charset=utf-8": format.StrictJSON,
		"application/json; profile=other":                         format.JSON,
		`application/cbor; profile="strict-mod_rest"`:             format.StrictCBOR,
		`application/x-www-form-urlencoded`:                       format.Form,
		"text/plain; charset=us-ascii":                            format.Text,
		"text/plain; format=flowed":                               format.Text,
		"application/json;":                                       format.JSON,
		"application/json; charset":                               format.JSON,
		"":                                                        nil,
		";":                                                       nil,
		"text/html":                                               nil,
		"application/jsonx":                                       nil,
		"json":                                                    nil,
		"application/json, text/plain":                            nil,
		"application/json; charset=latin1":                        nil,
		"text/plain; charset=utf-16":                              nil,
	} {
		got, err := format.Find(contentType)
		if got != want || (err == nil) != (want != nil) {
			t.Errorf("%q is %v, %v", contentType, got, err)
		}
	}
	if _, err := format.Find("text/html"); !strings.Contains(err.Error(), format.Names()) {
		t.Errorf("%v does not say what can be sent", err)
	}
}

func TestFormat_strict(t *testing.T) {
	for f, want := range map[*format.Format]*format.Format{
		format.XML: format.XML, format.JSON: format.StrictJSON, format.StrictJSON: format.StrictJSON, format.Form: format.StrictForm, format.StrictForm: format.StrictForm,
		format.Text: format.Text, format.CBOR: format.StrictCBOR, format.StrictCBOR: format.StrictCBOR,
	} {
		if f.Strict() != want {
			t.Errorf("%s is %s", f.ContentType, f.Strict().ContentType)
		}
	}
	for _, f := range format.All() {
		if found, err := format.Find(f.ContentType[0]); found != f || err != nil || format.Named(f.Name) != f {
			t.Errorf("%s is found as %v, %v", f.ContentType, found, err)
		}
	}
	if format.Named("html") != nil {
		t.Error("html is a format")
	}
}

func TestFormat_parse(t *testing.T) {
	chat := jsonmap.Envelope{Kind: stanza.Message, Type: stanza.Chat, To: "a@b"}
	for _, tt := range []struct {
		f    *format.Format
		doc  string
		e    jsonmap.Envelope
		want string // empty: it is refused
	}{
		{format.XML, `<message to="a@b"><body>x</body></message>`, chat, `<message to="a@b"><body>x</body></message>`},
		{format.JSON, `{"body":"x"}`, chat, `<message type="chat" to="a@b"><body>x</body></message>`},
		{format.CBOR, "\xa1\x64body\x61x", chat, `<message type="chat" to="a@b"><body>x</body></message>`},
		{format.Form, "body=x+y", chat, `<message type="chat" to="a@b"><body>x y</body></message>`},
		{format.Form, "hi there", chat, `<message type="chat" to="a@b"><body>hi there</body></message>`},
		{format.Form, "hi%20there+you", chat, `<message type="chat" to="a@b"><body>hi there+you</body></message>`},
		{format.Form, "100%", chat, `<message type="chat" to="a@b"><body>100%</body></message>`},
		{format.Form, "hi%ff", chat, `<message type="chat" to="a@b"><body>hi%ff</body></message>`},
		{format.Form, "hi", jsonmap.Envelope{}, `<message type="chat"><body>hi</body></message>`},
		{format.Form, "hi", jsonmap.Envelope{Field: "disco"}, ``},
		{format.Form, "", jsonmap.Envelope{To: "a.b", Field: "disco"}, `<iq type="get" to="a.b"><query xmlns="http://jabber.org/protocol/disco#info"/></iq>`},
		{format.Text, "a <b>", jsonmap.Envelope{}, `<message type="chat"><body>a &lt;b&gt;</body></message>`},
		{format.Text, "a=b", chat, `<message type="chat" to="a@b"><body>a=b</body></message>`},
		{format.Text, "x", jsonmap.Envelope{Kind: stanza.Message, Type: stanza.Headline}, `<message type="headline"><body>x</body></message>`},
		{format.Text, "away", jsonmap.Envelope{Kind: stanza.Presence, Type: "available"}, `<presence><show>away</show></presence>`},
		{format.Text, "lunch", jsonmap.Envelope{Kind: stanza.Presence, Type: "available"}, ``},
		{format.Text, "x", jsonmap.Envelope{Kind: stanza.IQ, Type: stanza.Get}, ``},
		{format.Text, "x", jsonmap.Envelope{Field: "disco"}, ``},
		{format.Text, "\xff", jsonmap.Envelope{}, ``},
		{format.Text, "\x00", jsonmap.Envelope{}, ``},
	} {
		st, err := tt.f.Parse([]byte(tt.doc), tt.e)
		if tt.want == "" {
			if r, ok := errors.AsType[*stanza.Refusal](err); !ok || r.Reason != stanza.NotWellFormed {
				t.Errorf("%s %q %+v: %s, %v", tt.f.Name, tt.doc, tt.e, st.XML(), err)
			}
			continue
		}
		if got := string(st.AppendXML(nil)); err != nil || got != tt.want {
			t.Errorf("%s %q: %s, %v, want %s", tt.f.Name, tt.doc, got, err, tt.want)
		}
	}
}

func TestFormat_replies(t *testing.T) {
	many := strings.Repeat("<message/>", jsonmap.MaxReplies)
	for _, tt := range []struct {
		f       *format.Format
		doc     string
		wrapped bool
		want    []string // nil: nothing; one empty string: it is refused
	}{
		{format.XML, " \n", false, nil},
		{format.XML, `<message to="@" from="@"><body>x</body></message>`, false, []string{`<message><body>x</body></message>`}},
		{format.XML, `<xmpp><message to="a@b" from="c@d"/> <presence/></xmpp>`, true, []string{`<message to="a@b"/>`, `<presence/>`}},
		{format.XML, `<xmpp xmlns="jabber:client"><message/></xmpp>`, true, []string{`<message/>`}},
		{format.XML, `<xmpp/>`, true, nil},
		{format.XML, `<xmpp>x</xmpp>`, false, []string{``}},
		{format.XML, `<xmpp><foo/></xmpp>`, false, []string{``}},
		{format.XML, `<xmpp><message to="@"/></xmpp>`, false, []string{``}},
		{format.XML, `<xmpp>` + many + `<message/></xmpp>`, false, []string{``}},
		{format.XML, `<message><xmpp xmlns="urn:x"/></message>`, false, []string{`<message><xmpp xmlns="urn:x"/></message>`}},
		{format.JSON, " ", false, nil},
		{format.JSON, `{"body":"x"}`, false, []string{`<message><body>x</body></message>`}},
		{format.JSON, `{"xmpp":[{"body":"x"},{"kind":"presence"}]}`, true, []string{`<message><body>x</body></message>`, `<presence/>`}},
		{format.JSON, `{}`, false, []string{``}},
		{format.CBOR, "", false, nil},
		{format.CBOR, "\xa1\x64xmpp\x9f\xa1\x64body\x61x\xff", true, []string{`<message><body>x</body></message>`}},
		{format.Form, "", false, nil},
		{format.Form, "body=x", false, []string{`<message><body>x</body></message>`}},
		{format.Form, "hi+%20", false, []string{`<message type="chat"><body>hi+ </body></message>`}},
		{format.Text, "", false, nil},
		{format.Text, "a\x00", false, []string{"<message type=\"chat\"><body>a\ufffd</body></message>"}},
	} {
		r, err := tt.f.ParseReplies([]byte(tt.doc), stanza.Message)
		if len(tt.want) == 1 && tt.want[0] == "" {
			if _, ok := errors.AsType[*stanza.Refusal](err); !ok {
				t.Errorf("%s %.60q: %+v, %v", tt.f.Name, tt.doc, r, err)
			}
			continue
		}
		var got []string
		for _, st := range r.Stanzas {
			got = append(got, string(st.AppendXML(nil)))
		}
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" || r.Wrapped != tt.wrapped {
			t.Errorf("%s %.60q: %v, wrapped %t (-want +got):\n%s", tt.f.Name, tt.doc, err, r.Wrapped, diff)
		}
	}
}

// What is written between a Wrapper's parts is read as the same stanzas, and as the
// notation's own libraries read it.
func TestFormat_wrapper(t *testing.T) {
	stanzas := []stanza.Stanza{
		stanza.New(stanza.Header{Kind: stanza.Message, Type: stanza.Chat}, "<body>x</body>"),
		stanza.New(stanza.Header{Kind: stanza.IQ, Type: stanza.Result, ID: "1"}, ""),
	}
	for _, f := range []*format.Format{format.XML, format.JSON, format.StrictJSON, format.CBOR, format.StrictCBOR} {
		for n := range len(stanzas) + 1 {
			doc := []byte(f.Wrapper().Open)
			for i, st := range stanzas[:n] {
				if i > 0 {
					doc = append(doc, f.Wrapper().Between...)
				}
				doc = f.Append(doc, st)
			}
			doc = append(doc, f.Wrapper().Close...)
			r, err := f.ParseReplies(doc, stanza.Message)
			if err != nil || !r.Wrapped || len(r.Stanzas) != n {
				t.Fatalf("%s %q: %+v, %v", f.Name, doc, r, err)
			}
			for i, st := range r.Stanzas {
				if got, want := string(st.AppendXML(nil)), string(stanzas[i].AppendXML(nil)); got != want {
					t.Errorf("%s: %s, want %s", f.Name, got, want)
				}
			}
			if f.Name != "cbor" {
				continue
			}
			var back struct {
				XMPP []map[string]any `cbor:"xmpp"`
			}
			if err := cbor.Unmarshal(doc, &back); err != nil || len(back.XMPP) != n || n > 0 && back.XMPP[0]["body"] != "x" {
				t.Errorf("%q: %v, %v", doc, back, err)
			}
		}
	}
	for _, f := range []*format.Format{format.Form, format.Text} {
		if f.Wrapper() != (format.Wrapper{}) {
			t.Errorf("%s has a wrapper", f.Name)
		}
	}
}

func TestFormat_append(t *testing.T) {
	st := stanza.New(stanza.Header{Kind: stanza.Message, Type: stanza.Chat}, `<body>a &amp; b</body><x xmlns="urn:x"/>`)
	for f, want := range map[*format.Format]string{
		format.XML:        `<message type="chat"><body>a &amp; b</body><x xmlns="urn:x"/></message>`,
		format.JSON:       `{"kind":"message","type":"chat","body":"a & b","xml":[{"name":"x","xmlns":"urn:x"}]}`,
		format.StrictJSON: `{"kind":"message","type":"chat","body":"a & b"}`,
		format.Form:       `kind=message&type=chat&body=a+%26+b`,
		format.Text:       `a & b`,
		format.StrictCBOR: "\xa3\x64kind\x67message\x64type\x64chat\x64body\x65a & b",
	} {
		if got := string(f.Append([]byte("+"), st)); got != "+"+want {
			t.Errorf("%s: %q, want %q", f.ContentType, got, want)
		}
	}
}

// FuzzFormats: no body makes any format panic, under any Content-Type; what is refused
// is refused with a reason.
func FuzzFormats(f *testing.F) {
	for _, contentType := range []string{"application/json", `application/cbor; profile="strict-mod_rest"`, "text/plain;charset=utf-8", "application/x-www-form-urlencoded", "application/xmpp+xml", "a/b;c=\xff"} {
		for _, doc := range []string{`{"body":"x"}`, "\xa1\x64body\x61x", "body=x%20&y", "hi%", "<xmpp><message/></xmpp>", ""} {
			f.Add(contentType, []byte(doc))
		}
	}
	f.Fuzz(func(t *testing.T, contentType string, doc []byte) {
		found, err := format.Find(contentType)
		if err != nil {
			return
		}
		for _, e := range []jsonmap.Envelope{{}, {Kind: stanza.Message, Type: stanza.Chat, To: "a@b"}, {Kind: stanza.Presence}, {Field: "items", To: "a.b"}} {
			st, err := found.Parse(doc, e)
			check(t, []stanza.Stanza{st}, err)
		}
		r, err := found.ParseReplies(doc, stanza.Message)
		check(t, r.Stanzas, err)
	})
}

func check(t *testing.T, stanzas []stanza.Stanza, err error) {
	t.Helper()
	if err != nil {
		if r, ok := errors.AsType[*stanza.Refusal](err); !ok || r.Text == "" || r.Reason == "" {
			t.Fatalf("%T %v, want a refusal", err, err)
		}
		return
	}
	for _, st := range stanzas {
		for _, f := range format.All() {
			f.Append(nil, st)
		}
		if _, err := stanza.Parse(st.AppendXML(nil)); err != nil {
			t.Fatalf("%s: %v", st.XML(), err)
		}
	}
}
