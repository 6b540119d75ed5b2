package jsonmap_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

// FuzzRoundTrip: a stanza that is mapped to JSON and back is the same stanza.
func FuzzRoundTrip(f *testing.F) {
	for _, s := range corpus {
		f.Add([]byte(s))
	}
	for _, p := range append(append(bothWays, toXML...), toJSON...) {
		f.Add([]byte(p.xml))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		st, err := stanza.Parse(doc)
		if err != nil {
			return
		}
		checkRoundTrip(t, st)
	})
}

func checkRoundTrip(t *testing.T, st stanza.Stanza) {
	t.Helper()
	text := jsonmap.Append(nil, st, jsonmap.Full)
	if !json.Valid(text) {
		t.Fatalf("%s\nis written as what is no JSON: %s", st.XML(), text)
	}
	back, err := jsonmap.Parse(text, jsonmap.Envelope{}, jsonmap.Full)
	if err != nil {
		t.Fatalf("%s\nis written as %s\nwhich is refused: %v", st.XML(), text, err)
	}
	if got, want := canonical(t, back), canonical(t, st); got != want {
		t.Fatalf("%s\nis written as %s\nwhich reads as %s\n got %s\nwant %s", st.XML(), text, back.XML(), got, want)
	}
	if strict := jsonmap.Append(nil, st, jsonmap.Strict); !json.Valid(strict) {
		t.Fatalf("%s\nis written strictly as what is no JSON: %s", st.XML(), strict)
	}
}

// FuzzParseJSON: what is accepted is JSON, but for commas at the end of an object; and see
// checkAccepted.
func FuzzParseJSON(f *testing.F) {
	for _, tt := range badJSON {
		if len(tt.doc) < 2_000 {
			f.Add([]byte(tt.doc))
		}
	}
	for _, p := range append(append(bothWays, toXML...), toJSON...) {
		f.Add([]byte(p.json))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		before := bytes.Clone(doc)
		st, err := jsonmap.Parse(doc, jsonmap.Envelope{}, jsonmap.Full)
		if !bytes.Equal(before, doc) {
			t.Fatal("the document was changed")
		}
		checkAccepted(t, st, err)
		if err == nil && !json.Valid(doc) && !json.Valid(withoutLastCommas(doc)) {
			t.Fatalf("%q is accepted and is no JSON", doc)
		}
		for _, e := range []jsonmap.Envelope{{Field: "disco", To: "a.b"}, {Field: "archive"}, {Field: "x"}, {Kind: stanza.Presence}} {
			st, err := jsonmap.Parse(doc, e, jsonmap.Strict)
			checkAccepted(t, st, err)
		}
	})
}

// withoutLastCommas takes out commas that stand before the end of an object.
func withoutLastCommas(doc []byte) []byte {
	var out []byte
	quoted := false
	for i := 0; i < len(doc); i++ {
		c := doc[i]
		switch {
		case quoted && c == '\\' && i+1 < len(doc):
			out = append(out, c)
			i++
			c = doc[i]
		case c == '"':
			quoted = !quoted
		case !quoted && c == '}':
			if before := bytes.TrimRight(out, " \t\r\n"); bytes.HasSuffix(before, []byte(",")) {
				out = before[:len(before)-1]
			}
		}
		out = append(out, c)
	}
	return out
}

// checkAccepted: what is refused is refused with a reason, and what is accepted is a stanza
// that can be written in each notation, and read again as the same.
func checkAccepted(t *testing.T, st stanza.Stanza, err error) {
	t.Helper()
	if err != nil {
		if r, ok := errors.AsType[*stanza.Refusal](err); !ok || r.Text == "" || r.Reason == "" {
			t.Fatalf("%T %v, want a refusal", err, err)
		}
		return
	}
	again, err := stanza.Parse(st.XML())
	if err != nil {
		t.Fatalf("%s: %v", st.XML(), err)
	}
	if canonical(t, again) != canonical(t, st) {
		t.Fatalf("%s reads as %s", st.XML(), again.XML())
	}
	checkRoundTrip(t, st)
	if st.Kind() == stanza.IQ && st.Type() == "" {
		return
	}
	back, err := jsonmap.ParseCBOR(jsonmap.AppendCBOR(nil, st, jsonmap.Full), jsonmap.Envelope{}, jsonmap.Full)
	if err != nil {
		t.Fatalf("%s: from CBOR: %v", st.XML(), err)
	}
	if back.Kind() != st.Kind() || back.Type() != st.Type() && st.Type() != "available" {
		t.Fatalf("%s: from CBOR: %s", st.XML(), back.XML())
	}
	jsonmap.AppendForm(nil, st)
}

// FuzzParseForm: see checkAccepted.
func FuzzParseForm(f *testing.F) {
	for _, doc := range []string{"body=a+b%26", "kind=iq&ping=", "priority=-5", "id=1&to=a%40b&from=x", "a=%zz", "oob_url=u", "=", "&&a", "disco=n", "body=\xff", "markable=true"} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		st, err := jsonmap.ParseForm(doc, jsonmap.Envelope{}, jsonmap.Full)
		checkAccepted(t, st, err)
		st, err = jsonmap.ParseForm(doc, jsonmap.Envelope{Field: "archive", To: "a.b"}, jsonmap.Full)
		checkAccepted(t, st, err)
	})
}

// FuzzParseCBOR: see checkAccepted.
func FuzzParseCBOR(f *testing.F) {
	for _, s := range corpus {
		st, err := stanza.Parse([]byte(s))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(jsonmap.AppendCBOR(nil, st, jsonmap.Full))
	}
	f.Add([]byte("\xbf\x64body\x7f\x61a\x61b\xff\xff"))
	f.Add([]byte("\xa1\x67payload\xa1\x64data\xfb\x7f\xef\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		st, err := jsonmap.ParseCBOR(doc, jsonmap.Envelope{}, jsonmap.Full)
		checkAccepted(t, st, err)
	})
}

// FuzzParseReplies: see checkAccepted; only stanzas in a list have addresses, and no from.
func FuzzParseReplies(f *testing.F) {
	for _, doc := range []string{`{"body":"x","to":"@"}`, `{"xmpp":[{"body":"x","to":"a@b","from":"c"},{"kind":"presence"}]}`, `{"xmpp":[{}]}`, `{"xmpp":[{"xmpp":[]}]}`} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		for _, kind := range stanzaKinds {
			r, err := jsonmap.ParseReplies(doc, kind, jsonmap.Full)
			checkAccepted(t, stanza.New(stanza.Header{Kind: stanza.Message}, ""), err)
			for _, st := range r.Stanzas {
				checkAccepted(t, st, nil)
				if h := st.Header(); !h.From.IsZero() || !r.Wrapped && !h.To.IsZero() || h.Kind == stanza.Message && st.Content() == "" {
					t.Fatalf("%s", st.XML())
				}
			}
			if len(r.Stanzas) > jsonmap.MaxReplies {
				t.Fatal("too many stanzas")
			}
		}
	})
}
