package jsonmap_test

import (
	"flag"
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

var (
	randomStanzas = flag.Int("stanzas", 2_000, "stanzas that TestAppend_randomRoundTrip makes")
	randomSeed    = flag.Uint64("stanza-seed", 1, "seed of TestAppend_randomRoundTrip; the same seed makes the same stanzas")
)
