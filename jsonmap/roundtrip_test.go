package jsonmap_test

import (
	"testing"

	"github.com/restanza/restanza/stanza"
)

func TestAppend_roundTrip(t *testing.T) {
	for _, s := range corpus {
		st, err := stanza.Parse([]byte(s))
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		checkRoundTrip(t, st)
	}
}
