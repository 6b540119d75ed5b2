package jsonmap_test

import (
	"encoding/json"
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

func TestParse_isLinear(t *testing.T) {
	for _, tt := range longDocuments {
		t.Run(tt.name, func(t *testing.T) {
			checkLinear(t, func(n int) func() {
				doc := []byte(tt.doc(n))
				return func() { _, _ = jsonmap.Parse(doc, jsonmap.Envelope{}, jsonmap.Full) }
			})
		})
	}
}

// checkLinear: 32 times the input takes 32 times as long, not 1024 times. Eight times as
// much as that is allowed, and several attempts, for the sake of busy machines.
func checkLinear(t *testing.T, of func(n int) func()) {
	t.Helper()
	const size, times = 6_000, 32
	small, large := of(size), of(size*times)
	short, long := time.Hour, time.Hour
	for range 3 {
		short = min(short, elapsed(small))
	}
	short = max(short, 50*time.Microsecond)
	for range 20 {
		if long = min(long, elapsed(large)); long < 8*times*short {
			t.Logf("%d bytes take %v", size*times, long)
			return
		}
	}
	t.Errorf("%d bytes take %v, %d times as many take %v", size, short, times, long)
}

func elapsed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
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
	for _, tt := range longStanzas {
		t.Run(tt.name, func(t *testing.T) {
			checkLinear(t, func(n int) func() {
				st := parseXML(t, tt.doc(n))
				return func() { jsonmap.Append(nil, st, jsonmap.Full) }
			})
		})
	}
}

// The largest stanzas with the most values are written in each notation. What a document
// may have of them is read again.
func TestAppend_manyValues(t *testing.T) {
	const inbound = 1 << 20 // bytes of the largest stanza that a server can send
	for _, doc := range []string{
		`<message>` + fill(`a<b/>`, 100_000) + `</message>`,
		`<message>` + fill(`a<b/>`, inbound) + `</message>`,
		`<message><stanza-id xmlns="urn:xmpp:sid:0"/>` + fill(`<b/>`, inbound) + `</message>`,
		`<iq type="result"><query xmlns="http://jabber.org/protocol/disco#items">` + fill(`<item/>`, inbound) + `</query></iq>`,
		`<message>` + strings.Repeat(`<b>a`, 63) + strings.Repeat(`</b>`, 63) + `</message>`,
		`<message><payload xmlns="urn:xmpp:json-msg:0"><json xmlns="urn:xmpp:json:0">[` + fill("1,", 800_000) + `1]</json></payload></message>`,
	} {
		st, err := stanza.Parse([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		if text := jsonmap.Append(nil, st, jsonmap.Full); !json.Valid(text) {
			t.Errorf("%.100s: %.100s", doc, text)
		}
		jsonmap.AppendCBOR(nil, st, jsonmap.Full)
		jsonmap.AppendForm(nil, st)
		if len(doc) > 200_000 {
			continue
		}
		checkRoundTrip(t, st)
		back, err := jsonmap.ParseCBOR(jsonmap.AppendCBOR(nil, st, jsonmap.Full), jsonmap.Envelope{}, jsonmap.Full)
		if err != nil {
			t.Fatal(err)
		}
		if canonical(t, back) != canonical(t, st) {
			t.Error("CBOR loses something")
		}
	}
}
