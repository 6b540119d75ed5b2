package jsonmap_test

import (
	"errors"
	"testing"

	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

// checkParsed: an error is one for the caller, and a stanza is one that XML, and JSON,
// can carry.
func checkParsed(t *testing.T, doc []byte, st stanza.Stanza, err error) {
	t.Helper()
	if err != nil {
		if _, ok := errors.AsType[*stanza.Refusal](err); !ok || err.Error() == "" {
			t.Fatalf("%q: %T %v", doc, err, err)
		}
		return
	}
	again, err := stanza.Parse(st.XML())
	if err != nil {
		t.Fatalf("%q gives %s, which is refused: %v", doc, st, err)
	}
	if got, want := canonical(t, again), canonical(t, st); got != want {
		t.Fatalf("%q\n got %s\nwant %s", doc, got, want)
	}
	checkRoundTrip(t, st)
}

func FuzzParse(f *testing.F) {
	for _, s := range corpus {
		if st, err := stanza.Parse([]byte(s)); err == nil {
			f.Add(jsonmap.Append(nil, st, jsonmap.Full), "", false)
		}
	}
	f.Add([]byte(`{"to":"a@b","type":"chat","body":"hi",}`), "", true)
	f.Add([]byte(`{"node":"n"}`), "disco", false)
	f.Add([]byte(`{"max":"10","with":"a@b","ids":["1"]}`), "archive", false)
	f.Fuzz(func(t *testing.T, doc []byte, field string, strict bool) {
		st, err := jsonmap.Parse(doc, jsonmap.Envelope{Field: field}, jsonmap.Profile(strict))
		checkParsed(t, doc, st, err)
		if _, err := jsonmap.ParseReplies(doc, jsonmap.Profile(strict)); err != nil {
			checkParsed(t, doc, stanza.Stanza{}, err)
		}
	})
}

func FuzzParseForm(f *testing.F) {
	f.Add([]byte("to=a%40b&type=chat&body=a+b"), "")
	f.Add([]byte("filename=x&size=5"), "upload_request")
	f.Add([]byte("%=&&a"), "")
	f.Fuzz(func(t *testing.T, doc []byte, field string) {
		st, err := jsonmap.ParseForm(doc, jsonmap.Envelope{Kind: stanza.IQ, Field: field}, jsonmap.Full)
		checkParsed(t, doc, st, err)
		st, err = jsonmap.ParseForm(doc, jsonmap.Envelope{}, jsonmap.Full)
		checkParsed(t, doc, st, err)
	})
}

func FuzzParseCBOR(f *testing.F) {
	for _, s := range corpus {
		if st, err := stanza.Parse([]byte(s)); err == nil {
			f.Add(jsonmap.AppendCBOR(nil, st, jsonmap.Full))
		}
	}
	f.Add([]byte("\xbf\x64xmpp\x9f\xff\xff"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		st, err := jsonmap.ParseCBOR(doc, jsonmap.Envelope{}, jsonmap.Full)
		checkParsed(t, doc, st, err)
		if _, err := jsonmap.ParseRepliesCBOR(doc, jsonmap.Full); err != nil {
			checkParsed(t, doc, stanza.Stanza{}, err)
		}
	})
}
