package jsonmap_test

import (
	"encoding/json"
	"testing"

	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

// FuzzRoundTrip: a stanza that is mapped to JSON and back is the same stanza.
func FuzzRoundTrip(f *testing.F) {
	for _, s := range corpus {
		f.Add([]byte(s))
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
		t.Fatalf("%s\nis written as what is no JSON: %s", st, text)
	}
	back, err := jsonmap.Parse(text, jsonmap.Envelope{}, jsonmap.Full)
	if err != nil {
		t.Fatalf("%s\nis written as %s\nwhich is refused: %v", st, text, err)
	}
	if got, want := canonical(t, back), canonical(t, st); got != want {
		t.Fatalf("%s\nis written as %s\nwhich reads as %s\n got %s\nwant %s", st, text, back, got, want)
	}
	if strict := jsonmap.Append(nil, st, jsonmap.Strict); !json.Valid(strict) {
		t.Fatalf("%s\nis written strictly as what is no JSON: %s", st, strict)
	}
}
