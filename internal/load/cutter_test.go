package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

var stream = []string{
	`<message to='a'><body>x &gt; y</body><active xmlns='n'/></message>`,
	`<iq type='result' id='1'/>`,
	`<iq type='get'><query><item/><item>t</item></query></iq>`,
	`</stream:stream>`,
}

func TestCutter_anyPieces(t *testing.T) {
	var whole []byte
	for _, element := range stream {
		whole = append(whole, element...)
	}
	for size := 1; size <= len(whole); size++ {
		var (
			cut   cutter
			got   []string
			start int
		)
		for end := 0; end < len(whole); {
			end = min(end+size, len(whole))
			for n := cut.end(whole[start:end]); n > 0; n = cut.end(whole[start:end]) {
				got = append(got, string(whole[start:start+n]))
				start += n
			}
		}
		if diff := cmp.Diff(stream, got); diff != "" {
			t.Fatalf("in pieces of %d bytes (-want +got):\n%s", size, diff)
		}
	}
}

func TestAttribute(t *testing.T) {
	element := []byte(`<iq id="a'b" from='x@y/z' type='get'><c to='wrong'/></iq>`)
	for name, want := range map[string]string{" id=": "a'b", " from=": "x@y/z", " type=": "get", " to=": ""} {
		if got := string(attribute(element, name)); got != want {
			t.Errorf("attribute %q is %q, want %q", name, got, want)
		}
	}
}

func TestDomain(t *testing.T) {
	for address, want := range map[string]string{"a.b": "a.b", "l@a.b": "a.b", "l@a.b/r@s/t": "a.b", "a.b/r@s": "a.b"} {
		if got := string(domain([]byte(address))); got != want {
			t.Errorf("domain of %q is %q, want %q", address, got, want)
		}
	}
}
