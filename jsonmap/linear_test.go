package jsonmap_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

// longDocuments are JSON documents of about n bytes, each long in another way.
var longDocuments = []struct {
	name string
	doc  func(n int) string
}{
	{"body", func(n int) string { return `{"body":"` + fill("x", n) + `"}` }},
	{"unknown members that are null", func(n int) string { return `{` + members(n, "null") + `"body":"x"}` }},
	{"places and members", func(n int) string {
		return `{"xml":[` + fill(`{"member":"body"},`, n/2) + `"x"],` + members(n/2, "null") + `"body":"x"}`
	}},
	{"a wrong item at the end of an array", func(n int) string { return `{"stanza_ids":[` + fill(`{},`, n) + `1]}` }},
	{"texts between elements", func(n int) string { return `{"xml":[` + fill(`"a",{"name":"b"},`, n) + `""]}` }},
	{"payload with an exact form", func(n int) string {
		data := `{` + members(n/3, "1") + `"":1}`
		back := `{"":1`
		for i := strings.Count(data, ",") - 1; i >= 0; i-- {
			back += fmt.Sprintf(`,"%d":1`, i)
		}
		return payloadTwice(data, back+`}`)
	}},
	{"fields of a form", func(n int) string { return `{"dataform":{"fields":[` + fill(`{"var":"a"},`, n) + `{}]}}` }},
	{"compact form", func(n int) string { return `{"formdata":{` + members(n, `"a"`) + `"":""}}` }},
	{"features", func(n int) string { return `{"disco":{"features":[` + fill(`"a",`, n) + `""]}}` }},
	{"trailing commas", func(n int) string { return `{"payload":{"data":[` + fill(`{"a":1,},`, n) + `1],},}` }},
	{"brackets", func(n int) string { return fill(`[`, n) }},
}

func fill(s string, n int) string { return strings.Repeat(s, n/len(s)) }

// members are about n bytes of members of different names.
func members(n int, value string) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, `"%d":%s,`, i, value)
	}
	return b.String()
}

func payloadTwice(data, again string) string {
	return `{"payload":{"data":` + data + `},"xml":[{"member":"payload","name":"payload","xmlns":"urn:xmpp:json-msg:0","attrs":{"a":"b"},` +
		`"children":[{"name":"json","xmlns":"urn:xmpp:json:0","children":["` + strings.ReplaceAll(again, `"`, `\"`) + `"]}]}]}`
}

// 16 times the document takes 16 times as long, not 256 times. Eight times as much as
// that is allowed, for the sake of busy machines.
func TestParse_isLinear(t *testing.T) {
	const size, times = 12_000, 16
	for _, tt := range longDocuments {
		t.Run(tt.name, func(t *testing.T) {
			var short, long time.Duration
			for range 10 { // what is quadratic is too slow each time, what is only disturbed is not
				short, long = fastestParse(tt.doc(size)), fastestParse(tt.doc(size*times))
				if long <= 8*times*max(short, 50*time.Microsecond) {
					return
				}
			}
			t.Errorf("%d bytes take %v, %d times as many take %v", size, short, times, long)
		})
	}
}

func fastestParse(doc string) time.Duration {
	best := time.Hour
	for range 3 {
		start := time.Now()
		_, _ = jsonmap.Parse([]byte(doc), jsonmap.Envelope{}, jsonmap.Full)
		best = min(best, time.Since(start))
	}
	return best
}

// Comparing two values takes one look at each, however deeply they are nested.
func TestParse_deepPayload(t *testing.T) {
	data := strings.Repeat(`{"a":`, 31) + "1" + strings.Repeat("}", 31)
	st, err := jsonmap.Parse([]byte(payloadTwice(data, data)), jsonmap.Envelope{}, jsonmap.Full)
	if err != nil {
		t.Fatal(err)
	}
	if want := `<payload xmlns="urn:xmpp:json-msg:0" a="b">`; !strings.HasPrefix(st.Content(), want) {
		t.Errorf("got %s, want %s: the exact form says the same as the member", st.Content(), want)
	}
}

// longStanzas are stanzas of about n bytes, each long in another way.
var longStanzas = []struct {
	name string
	doc  func(n int) string
}{
	{"texts between elements", func(n int) string { return `<message>` + fill(`aaaa<b/>`, n) + `</message>` }},
	{"texts inside of a child", func(n int) string { return `<message><body>` + fill(`aaaa<b/>`, n) + `</body></message>` }},
	{"CDATA sections", func(n int) string {
		return `<message><body>` + fill(`<![CDATA[aaaaaaaaaaaa]]>`, n) + `</body></message>`
	}},
	{"lists taken apart", func(n int) string {
		return `<message>` + fill(`<stanza-id xmlns="urn:xmpp:sid:0"/><b/>`, n) + `</message>`
	}},
	{"parts of a field", func(n int) string {
		return `<message><x xmlns="jabber:x:data"><field>` + fill(`<value/>`, n/2) + fill(`<desc/>`, n/2) + `</field></x></message>`
	}},
	{"forms of one type", func(n int) string {
		return `<iq><query xmlns="http://jabber.org/protocol/disco#info">` + fill(`<x xmlns="jabber:x:data"/>`, n) + `</query></iq>`
	}},
}

func TestAppend_isLinear(t *testing.T) {
	const size, times = 12_000, 16
	for _, tt := range longStanzas {
		t.Run(tt.name, func(t *testing.T) {
			short, long := fastestAppend(t, tt.doc(size)), fastestAppend(t, tt.doc(size*times))
			if long > 8*times*max(short, 50*time.Microsecond) {
				t.Errorf("%d bytes take %v, %d times as many take %v", size, short, times, long)
			}
		})
	}
}

func fastestAppend(t *testing.T, doc string) time.Duration {
	t.Helper()
	st, err := stanza.Parse([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	best := time.Hour
	for range 3 {
		start := time.Now()
		jsonmap.Append(nil, st, jsonmap.Full)
		best = min(best, time.Since(start))
	}
	return best
}

// The largest stanza with the most values is written in each notation, and read again.
func TestAppend_manyValues(t *testing.T) {
	st, err := stanza.Parse([]byte(`<message>` + fill(`a<b/>`, 250_000) + `</message>`))
	if err != nil {
		t.Fatal(err)
	}
	checkRoundTrip(t, st)
	back, err := jsonmap.ParseCBOR(jsonmap.AppendCBOR(nil, st, jsonmap.Full), jsonmap.Envelope{}, jsonmap.Full)
	if err != nil {
		t.Fatal(err)
	}
	if canonical(t, back) != canonical(t, st) {
		t.Error("CBOR loses something")
	}
	jsonmap.AppendForm(nil, st)
}
