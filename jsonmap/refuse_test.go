package jsonmap_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

// badJSON are documents and where they are wrong.
var badJSON = []struct {
	name, doc string
	reason    stanza.Reason
	pointer   string
	line, col int // 0: not compared
	text      string
}{
	// syntax
	{"nothing", ``, "", "", 1, 1, "empty"},
	{"blanks", " \n ", "", "", 0, 0, "empty"},
	{"array", `[]`, "", "", 1, 1, "object"},
	{"string", `"x"`, "", "", 1, 1, "object"},
	{"number", `1`, "", "", 1, 1, "object"},
	{"null", `null`, "", "", 1, 1, "object"},
	{"empty object", `{}`, "", "", 1, 1, "empty"},
	{"only a comma", `{,}`, "", "", 1, 2, ""},
	{"trailing garbage", `{"body":"x"} y`, "", "", 1, 14, ""},
	{"two documents", `{"body":"x"}{}`, "", "", 1, 0, "follows"},
	{"cut off", `{"body":"x"`, "", "", 1, 12, "ends too early"},
	{"byte-order mark", "\ufeff" + `{"body":"x"}`, "", "", 1, 1, "byte-order mark"},
	{"comma in an array", `{"kind":"iq","items":["a",]}`, "", "", 1, 0, ""},
	{"two commas", `{"body":"x",,}`, "", "", 1, 13, ""},
	{"wrong after a trailing comma", "{\"oob\":{\"url\":\"u\",},\n \"body\":x}", "", "/body", 2, 9, ""},
	{"twice", `{"body":"x","body":"y"}`, "", "/body", 1, 0, "twice"},
	{"twice further in", `{"oob":{"url":"x","url":"y"}}`, "", "/oob/url", 1, 0, "twice"},
	{"twice by an escape", `{"body":"x","\u0062ody":"y"}`, "", "/body", 1, 0, "twice"},
	{"lone surrogate", `{"body":"\ud800"}`, "", "/body", 1, 0, "surrogate"},
	{"lone surrogate far from the end", `{"payload":{"data":"\ud800"}}`, "", "/payload/data", 1, 21, "line 1, column 21 (payload/data): invalid surrogate pair \\ud800$"},
	{"two lone surrogates", `{"body":"\ud800\ud801xyz"}`, "", "/body", 1, 10, "invalid surrogate pair \\ud800\\ud801$"},
	{"a place in a syntax error", `{"body":x}`, "", "/body", 1, 9, "line 1, column 9 (body): "},
	{"an odd name in a syntax error", `{"a/b~c":x}`, "", "/a~1b~0c", 1, 0, " (a/b~c): "},
	{"no UTF-8", "{\"body\":\"\xff\"}", "", "/body", 1, 0, "UTF-8"},
	{"raw control character", "{\"body\":\"\x01\"}", "", "/body", 1, 0, ""},
	{"deep arrays", strings.Repeat("[", 100_000), "", "", 1, 0, "deep"},
	{"deep objects", strings.Repeat(`{"a":`, 30_000), "", "", 1, 0, "deep"},
	{"many values", `{"stanza_ids":[` + strings.Repeat("1,", 65_534) + `1]}`, "", "", 1, 0, "more than 65536 values"},
	// what XML can't carry
	{"control character", `{"body":"a\u0000"}`, "", "/body", 1, 9, "not allowed in XML"},
	{"U+FFFE", `{"body":"\ufffe"}`, "", "/body", 1, 9, "not allowed in XML"},
	{"U+FFFF in id", `{"id":"\uffff"}`, "", "/id", 1, 7, "not allowed in XML"},
	{"control character in an attribute", `{"replace":"\u0001"}`, "", "/replace", 1, 12, "not allowed in XML"},
	{"control character in a payload's string is escaped", `{"payload":{"datatype":"\u0001"}}`, "", "/payload/datatype", 1, 0, "not allowed in XML"},
	{"U+FFFE in a payload", "{\"payload\":{\"data\":\"\ufffe\"}}", "", "/payload/data", 1, 0, "escape it"},
	// start tag
	{"unknown kind", `{"kind":"mesage"}`, "", "/kind", 1, 9, "none of"},
	{"kind is empty", `{"kind":"","body":"x"}`, "", "/kind", 1, 9, `"" is none of message, presence, iq`},
	{"type is empty", `{"type":"","body":"x"}`, "", "/type", 1, 9, "this can't be empty: leave it out"},
	{"id is empty", `{"id":"","body":"x"}`, "", "/id", 1, 7, "this can't be empty: leave it out"},
	{"kind of another type", `{"kind":1}`, "", "/kind", 1, 9, "string"},
	{"to is a number", `{"to":1,"body":"x"}`, "", "/to", 1, 7, "string"},
	{"to is an object", `{"to":{"a":1},"body":"x"}`, "", "/to", 1, 7, "string"},
	{"from is an array", `{"from":[],"body":"x"}`, "", "/from", 1, 9, "string"},
	{"to is empty", `{"to":"","body":"x"}`, stanza.ImproperAddressing, "/to", 1, 7, "empty"},
	{"to is no address", `{"to":"a@b@c","body":"x"}`, stanza.ImproperAddressing, "/to", 1, 7, `^line 1, column 7 (to): address "a@b@c": a second @`},
	{"to is a blank", `{"to":" ","body":"x"}`, stanza.ImproperAddressing, "/to", 1, 7, `^line 1, column 7 (to): domain " ": `},
	{"from is empty", `{"from":"","body":"x"}`, stanza.InvalidFrom, "/from", 1, 9, "empty"},
	{"from is no address", `{"body":"x","from":"@"}`, stanza.InvalidFrom, "/from", 1, 20, ""},
	// members
	{"unknown member", `{"body":"x","bdy":"y"}`, "", "/bdy", 1, 19, "no such member"},
	{"misspelt member", `{"bodi":"x"}`, "", "/bodi", 1, 9, "did you mean body"},
	{"member of another kind", `{"kind":"message","show":"away"}`, "", "/show", 1, 0, "it belongs to presence"},
	{"unknown member further in", "{\n\"oob\":{\"uri\":\"x\"}}", "", "/oob/uri", 2, 14, "no such member"},
	{"a name with a slash", `{"a/b~c":"x"}`, "", "/a~1b~0c", 1, 0, ""},
	{"in an array", `{"stanza_ids":[{"id":"1"},{"id":2}]}`, "", "/stanza_ids/1/id", 1, 0, "string"},
	{"state that is none", `{"state":"a b"}`, "", "/state", 1, 10, "none of active"},
	{"html that is not well-formed", `{"html":"<p>"}`, "", "/html", 1, 9, "line 1, column 4 of it"},
	{"html that closes more than itself", `{"html":"</html><x/><html>"}`, "", "/html", 1, 9, "well-formed"},
	{"html with an undeclared prefix", `{"html":"<p:a/>"}`, "", "/html", 1, 9, "well-formed"},
	{"html that is a text", `{"html":"plain"}`, "", "/html", 1, 9, "one element <body>"},
	{"html that is empty", `{"html":""}`, "", "/html", 1, 9, "one element <body>"},
	{"html without a body", `{"html":"<p>a</p>"}`, "", "/html", 1, 9, "one element <body>"},
	{"html in another namespace", `{"html":"<body xmlns=\"u\">a</body>"}`, "", "/html", 1, 9, "one element <body>"},
	{"html with two bodies", `{"html":"<body/><body/>"}`, "", "/html", 1, 9, "one element <body>"},
	{"html with a text beside the body", `{"html":"<body/>x"}`, "", "/html", 1, 9, "one element <body>"},
	{"html that is a number", `{"html":1}`, "", "/html", 1, 9, "string"},
	{"oob_url and another oob", `{"oob_url":"u","oob":{"url":"v"}}`, "", "/oob_url", 1, 0, "differs"},
	{"form and its shorthand", `{"archive":{"form":{},"with":"a"}}`, "", "/archive/form", 1, 0, "shorthand"},
	{"page and its shorthand", `{"archive":{"page":{},"max":1}}`, "", "/archive/max", 1, 0, "shorthand"},
	{"condition that is none", `{"error":{"condition":"gome"}}`, "", "/error/condition", 1, 0, "none of"},
	{"error that is a string", `{"error":"gone"}`, "", "/error", 1, 0, "object"},
	{"text of an error", `{"error":{"text":1}}`, "", "/error/text", 1, 0, "string"},
	{"feature", `{"disco":{"features":[1]}}`, "", "/disco/features/0", 1, 0, "string"},
	{"features", `{"disco":{"features":{}}}`, "", "/disco/features", 1, 0, "array"},
	{"address of an item", `{"items":[{"jid":1}]}`, "", "/items/0/jid", 1, 0, "string"},
	{"command", `{"command":1}`, "", "/command", 1, 0, "object"},
	{"note", `{"command":{"note":"t"}}`, "", "/command/note", 1, 0, "object"},
	{"text of a note", `{"command":{"note":{"text":1}}}`, "", "/command/note/text", 1, 0, "string"},
	{"fields of a form", `{"dataform":{"fields":{}}}`, "", "/dataform/fields", 1, 0, "array"},
	{"value of a form", `{"formdata":{"a":{}}}`, "", "/formdata/a", 1, 0, "string"},
	// numbers
	{"number as a string", `{"priority":"1"}`, "", "/priority", 1, 13, "number"},
	{"out of bounds", `{"priority":1000}`, "", "/priority", 1, 13, "-128 to 127"},
	{"fraction", `{"priority":1.5}`, "", "/priority", 1, 13, "whole"},
	{"beyond 64 bits", `{"rsm":{"max":18446744073709551616}}`, "", "/rsm/max", 1, 0, "64 bits"},
	{"beyond everything", `{"rsm":{"max":1e400}}`, "", "/rsm/max", 1, 0, "64 bits"},
	{"number beyond everything", `{"kind":"iq","stats":[{"value":1e999}]}`, "", "/stats/0/value", 1, 0, "1e999 does not fit"},
	{"max below nothing", `{"rsm":{"max":-1}}`, "", "/rsm/max", 1, 0, "0 to 4294967295"},
	{"max too large", `{"rsm":{"max":4294967296}}`, "", "/rsm/max", 1, 0, "0 to 4294967295"},
	{"index below nothing", `{"rsm":{"index":-1}}`, "", "/rsm/index", 1, 0, "0 to 4294967295"},
	{"count below nothing", `{"rsm":{"count":-1}}`, "", "/rsm/count", 1, 0, "0 to 4294967295"},
	{"max as a string", `{"rsm":{"max":"1"}}`, "", "/rsm/max", 1, 0, "must be a number, not a string"},
	{"max of an archive", `{"archive":{"max":-5}}`, "", "/archive/max", 1, 0, "0 to 4294967295"},
	{"max of an archive as a string", `{"archive":{"max":"-5"}}`, "", "/archive/max", 1, 0, "0 to 4294967295"},
	{"max of an archive as too long a string", `{"archive":{"max":"99999999999999999999"}}`, "", "/archive/max", 1, 0, "64 bits"},
	{"max of an archive that is none", `{"archive":{"max":"ten"}}`, "", "/archive/max", 1, 0, "must be a number, not a string"},
	{"boolean as a number", `{"markable":1}`, "", "/markable", 1, 13, "true or false"},
	// the generic form
	{"xml that is no array", `{"xml":"<a/>"}`, "", "/xml", 1, 8, "array"},
	{"number in xml", `{"xml":[1]}`, "", "/xml/0", 1, 0, "string or an object"},
	{"null in xml", `{"xml":[null]}`, "", "/xml/0", 1, 0, "string or an object"},
	{"element without name", `{"xml":[{"attrs":{}}]}`, "", "/xml/0", 1, 0, "name"},
	{"name with markup", `{"xml":[{"name":"a><b"}]}`, "", "/xml/0/name", 1, 0, "name"},
	{"name with a prefix", `{"xml":[{"name":"a:b"}]}`, "", "/xml/0/name", 1, 0, "name"},
	{"name that is a number", `{"xml":[{"name":1}]}`, "", "/xml/0/name", 1, 0, "name"},
	{"attribute with markup", `{"xml":[{"name":"a","attrs":{"x='1' y":"z"}}]}`, "", "/xml/0/attrs/x='1' y", 1, 0, "attribute"},
	{"attribute xmlns", `{"xml":[{"name":"a","attrs":{"xmlns":"z"}}]}`, "", "/xml/0/attrs/xmlns", 1, 0, "attribute"},
	{"attribute with a declaration", `{"xml":[{"name":"a","attrs":{"xmlns:p":"z"}}]}`, "", "/xml/0/attrs/xmlns:p", 1, 0, "attribute"},
	{"attribute in no namespace", `{"xml":[{"name":"a","attrs":{"{}p":"z"}}]}`, "", "/xml/0/attrs/{}p", 1, 0, "attribute"},
	{"attribute in the namespace of xmlns", `{"xml":[{"name":"a","attrs":{"{http://www.w3.org/2000/xmlns/}p":"z"}}]}`, "", "", 1, 0, "attribute"},
	{"attribute that is a number", `{"xml":[{"name":"a","attrs":{"p":1}}]}`, "", "/xml/0/attrs/p", 1, 0, "string"},
	{"namespace of xmlns", `{"xml":[{"name":"a","xmlns":"http://www.w3.org/2000/xmlns/"}]}`, "", "/xml/0/xmlns", 1, 0, "namespace"},
	{"namespace with a line feed", `{"xml":[{"name":"a","xmlns":"a\nb"}]}`, "", "/xml/0/xmlns", 1, 0, "namespace"},
	{"namespace with a control character", `{"xml":[{"name":"a","xmlns":"\u0001"}]}`, "", "/xml/0/xmlns", 1, 0, "not allowed in XML"},
	{"children that are a string", `{"xml":[{"name":"a","children":"x"}]}`, "", "/xml/0/children", 1, 0, "array"},
	{"another key", `{"xml":[{"name":"a","text":"x"}]}`, "", "/xml/0/text", 1, 0, "nothing else"},
	{"member that there is not", `{"xml":[{"member":"bdy"}]}`, "", "/xml/0/member", 1, 0, "no member"},
	{"member that is no child", `{"xml":[{"member":"to"}]}`, "", "/xml/0/member", 1, 0, "no member"},
	{"member that is a number", `{"xml":[{"member":1}]}`, "", "/xml/0/member", 1, 0, "string"},
	{"member further in", `{"body":"x","xml":[{"name":"a","children":[{"member":"body","name":"b"}]}]}`, "", "/xml/0/children/0/member", 1, 0, "only"},
	{"deep elements", `{"xml":[` + strings.Repeat(`{"name":"a","children":[`, 70) + strings.Repeat(`]}`, 70) + `]}`, "", "", 0, 0, madeTooDeep},
	{"deep members", `{` + strings.Repeat(`"forwarded":{"message":{`, 40) + strings.Repeat(`}}`, 40) + `}`, "", "", 0, 0, "^the stanza that this makes is refused: <message> is nested more than 64 levels deep$"},
	{"many attributes", `{"xml":[{"name":"a","attrs":{` + manyAttributes(65) + `}}]}`, "", "", 0, 0, "^the stanza that this makes is refused: more than 64 attributes in one tag$"},
	{"deep payload", `{"payload":{"data":` + strings.Repeat("[", 33) + strings.Repeat("]", 33) + `}}`, "", "/payload/data", 1, 20, "more than 32 levels deep"},
	{"deeper elements", `{"xml":[` + strings.Repeat(`{"name":"a","children":[`, 7000) + strings.Repeat(`]}`, 7000) + `]}`, "", "", 1, 0, "deep"},
}

func TestParse_refuses(t *testing.T) {
	for _, tt := range badJSON {
		t.Run(tt.name, func(t *testing.T) {
			_, err := jsonmap.Parse([]byte(tt.doc), jsonmap.Envelope{}, jsonmap.Full)
			r := refusal(t, tt.doc, err)
			want := tt.reason
			if want == "" {
				want = stanza.NotWellFormed
			}
			if r.Reason != want || !says(r.Text, tt.text) {
				t.Errorf("%s: %s, want %s with %q", r.Reason, r.Text, want, tt.text)
			}
			if strings.HasPrefix(r.Text, "the stanza that this makes") && r.Place != (stanza.Place{}) {
				t.Errorf("%s: at %+v, which is no place of the caller's", r.Text, r.Place)
			}
			if tt.pointer != "" && r.Place.Pointer != tt.pointer || tt.line != 0 && r.Place.Line != tt.line || tt.col != 0 && r.Place.Column != tt.col {
				t.Errorf("%s: at %+v, want %q, line %d, column %d", r.Text, r.Place, tt.pointer, tt.line, tt.col)
			}
			if len(r.Text) > 500 {
				t.Errorf("the text has %d bytes", len(r.Text))
			}
		})
	}
}

const madeTooDeep = "^the stanza that this makes is refused: <a> is nested more than 64 levels deep$"

func manyAttributes(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"a%d":""`, i))
	}
	return strings.Join(all, ",")
}

// says reports whether a text has a part: at its beginning if that begins with ^, and at
// its end if that ends with $.
func says(text, part string) bool {
	part, begins := strings.CutPrefix(part, "^")
	part, ends := strings.CutSuffix(part, "$")
	return strings.Contains(text, part) && (!begins || strings.HasPrefix(text, part)) && (!ends || strings.HasSuffix(text, part))
}

func refusal(t *testing.T, doc string, err error) *stanza.Refusal {
	t.Helper()
	if len(doc) > 300 {
		doc = doc[:300] + "…"
	}
	r, ok := errors.AsType[*stanza.Refusal](err)
	if !ok {
		t.Fatalf("%s: %T %v, want a refusal", doc, err, err)
	}
	if r.Text == "" || strings.ToValidUTF8(r.Text, "") != r.Text {
		t.Fatalf("%s: the text is %q", doc, r.Text)
	}
	return r
}

// wrongFor are values of types that a member does not have. A null is no value.
func wrongFor(s jsonmap.Schema) []string {
	all := map[jsonmap.Type]string{
		jsonmap.String: `"\u0001"`, jsonmap.Number: `1.5`, jsonmap.Boolean: `true`, jsonmap.Array: `[1]`, jsonmap.Object: `{"no such member":1}`,
	}
	drop := func(s jsonmap.Schema) {
		switch s.Type {
		case jsonmap.Array:
			all[jsonmap.Array] = `[[1]]`
		case jsonmap.Number:
			delete(all, jsonmap.Number)
		case jsonmap.Boolean:
			delete(all, jsonmap.Boolean)
		case jsonmap.Any:
			clear(all)
		case jsonmap.Object:
			if s.Free != nil {
				all[jsonmap.Object] = `{"a":{"b":[{}]}}`
			}
		case jsonmap.String, jsonmap.Integer: // a control character and a fraction are wrong
		}
	}
	drop(s)
	for _, other := range s.Either {
		drop(*other)
	}
	if s.Free == nil {
		for _, other := range s.Either {
			if other.Free != nil {
				delete(all, jsonmap.Object)
			}
		}
	}
	var values []string
	for _, v := range all {
		values = append(values, v)
	}
	return values
}

// Whatever the table says of a member, values of other types are refused, and the
// refusal points at them.
func TestParse_wrongTypes(t *testing.T) {
	tried := 0
	for _, kind := range stanzaKinds {
		for _, m := range jsonmap.Fields(kind) {
			tried += tryWrong(t, m, fmt.Sprintf(`{"kind":%q,`, kind), `}`, "")
		}
	}
	if tried < 800 {
		t.Errorf("only %d values tried", tried)
	}
}

var stanzaKinds = []stanza.Kind{stanza.Message, stanza.Presence, stanza.IQ}

// tryWrong tries values for a member, and for its members, in a document that has it
// between before and after.
func tryWrong(t *testing.T, m jsonmap.Member, before, after, pointer string) (tried int) {
	t.Helper()
	if m.Name == "kind" {
		return 0
	}
	name, _ := json.Marshal(m.Name)
	before += string(name) + ":"
	pointer += "/" + m.Name
	for _, value := range wrongFor(m.Schema) {
		doc := before + value + after
		_, err := jsonmap.Parse([]byte(doc), jsonmap.Envelope{}, jsonmap.Full)
		if err == nil {
			t.Errorf("%s is accepted", doc)
			continue
		}
		if r := refusal(t, doc, err); !strings.HasPrefix(r.Place.Pointer, pointer) {
			t.Errorf("%s: %s: points at %s", doc, r.Text, r.Place.Pointer)
		}
		tried++
	}
	for _, inner := range m.Schema.Members {
		tried += tryWrong(t, inner, before+"{", "}"+after, pointer)
	}
	if m.Schema.Items != nil {
		for _, inner := range m.Schema.Items.Members {
			tried += tryWrong(t, inner, before+"[{", "}]"+after, pointer+"/0")
		}
	}
	return tried
}

// A member that is null is not there, at any depth.
func TestParse_nullIsAbsent(t *testing.T) {
	for _, kind := range stanzaKinds {
		for _, m := range jsonmap.Fields(kind) {
			if m.Name == "kind" {
				continue
			}
			checkSame(t, fmt.Sprintf(`{"kind":%q,"id":"1",%q:null}`, kind, m.Name), fmt.Sprintf(`{"kind":%q,"id":"1"}`, kind))
			for _, inner := range m.Schema.Members {
				if m.Schema.Type != jsonmap.Object || m.Name == "payload" && inner.Name == "data" { // which is any value
					continue
				}
				checkSame(t, fmt.Sprintf(`{"kind":%q,%q:{%q:null}}`, kind, m.Name, inner.Name), fmt.Sprintf(`{"kind":%q,%q:{}}`, kind, m.Name))
			}
		}
	}
}

// checkSame: two documents make the same stanza, or are refused both.
func checkSame(t *testing.T, a, b string) {
	t.Helper()
	if strings.Contains(a, `"id":"1","id"`) {
		return // twice
	}
	first, err := jsonmap.Parse([]byte(a), jsonmap.Envelope{}, jsonmap.Full)
	second, again := jsonmap.Parse([]byte(b), jsonmap.Envelope{}, jsonmap.Full)
	if (err == nil) != (again == nil) || err == nil && canonical(t, first) != canonical(t, second) {
		t.Errorf("%s makes %s, %v\n%s makes %s, %v", a, first.XML(), err, b, second.XML(), again)
	}
}

// In mod_rest's profile, unknown members are ignored and wrong values are refused.
func TestParse_strict(t *testing.T) {
	st, err := jsonmap.Parse([]byte(`{"body":"x","bdy":1,"xml":[{"name":"a"}],"oob":{"url":"u","a":1}}`), jsonmap.Envelope{}, jsonmap.Strict)
	if want := `<body>x</body><x xmlns="jabber:x:oob"><url>u</url></x>`; err != nil || st.Content() != want {
		t.Errorf("%s, %v, want %s", st.Content(), err, want)
	}
	if _, err := jsonmap.Parse([]byte(`{"body":1}`), jsonmap.Envelope{}, jsonmap.Strict); err == nil {
		t.Error("a body that is a number is accepted")
	}
}

// What a program takes out of an object is not there, whatever its xml says.
func TestParse_placesOfNothing(t *testing.T) {
	st, err := jsonmap.Parse([]byte(`{"subject":"s","xml":[{"member":"body","name":"body","children":["x"]},{"member":"subject"},"t",{"member":"subject"}]}`), jsonmap.Envelope{}, jsonmap.Full)
	if want := `<subject>s</subject>t`; err != nil || st.Content() != want {
		t.Errorf("%s, %v, want %s", st.Content(), err, want)
	}
}

func TestParseForm_refuses(t *testing.T) {
	for _, tt := range []struct{ doc, pointer, text string }{
		{"body=%", "/body", "percent"},
		{"body=%4", "/body", "percent"},
		{"body=%zz", "/body", "percent"},
		{"%=x", "", "percent"},
		{"body=%ff", "/body", "UTF-8"},
		{"body=\xff", "/body", "UTF-8"},
		{"=x", "", "no name"},
		{"body=a&body=b", "/body", `^field 2: the field "body" is there twice$`},
		{"a/b=a&a%2fb=b", "/a~1b", `^field 2: the field "a/b" is there twice$`},
		{"bdy=x", "/bdy", "did you mean body"},
		{"body=%00", "/body", "not allowed in XML"},
		{"priority=x", "/priority", "this must be a number$"},
		{"priority=1.5", "/priority", "whole"},
		{"markable=maybe", "/markable", "this must be true or false$"},
		{"oob=x", "/oob", "this must be an object$"},
		{"stanza_ids=x", "/stanza_ids", "this must be an array$"},
		{"kind=x&body=x", "/kind", "none of message, presence, iq"},
		{"to=&body=x", "/to", "empty"},
	} {
		_, err := jsonmap.ParseForm([]byte(tt.doc), jsonmap.Envelope{}, jsonmap.Full)
		if r := refusal(t, tt.doc, err); !says(r.Text, tt.text) || r.Place.Pointer != tt.pointer {
			t.Errorf("%s: at %q: %s, want %s at %q", tt.doc, r.Place.Pointer, r.Text, tt.text, tt.pointer)
		}
	}
	var long strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&long, "f%d=&", i)
	}
	_, err := jsonmap.ParseForm([]byte(long.String()), jsonmap.Envelope{}, jsonmap.Full)
	_ = refusal(t, long.String(), err)
}

func TestParseForm_values(t *testing.T) {
	for doc, want := range map[string]string{
		"body=a+b%26%C3%A9&subject=": `<body>a b&amp;é</body><subject/>`,
		"priority=5&kind=presence":   `<priority>5</priority>`,
		"markable=":                  `<markable xmlns="urn:xmpp:chat-markers:0"/>`,
		"markable=true&&":            `<markable xmlns="urn:xmpp:chat-markers:0"/>`,
		"markable=false":             ``,
		// fields of a form that were not filled in
		"kind=&type=&id=&body=x": `<body>x</body>`,
		"type=&ping=true":        `<ping xmlns="urn:xmpp:ping"/>`,
	} {
		st, err := jsonmap.ParseForm([]byte(doc), jsonmap.Envelope{}, jsonmap.Full)
		if err != nil || st.Content() != want {
			t.Errorf("%s: %s, %v, want %s", doc, st.Content(), err, want)
		}
	}
}

func TestParseCBOR_refuses(t *testing.T) {
	const body, page = "\xa1\x64body", "\xa1\x63rsm\xa1\x63max"
	for _, tt := range []struct{ name, doc, pointer, text string }{
		{"nothing", "", "", "^CBOR: the document is empty"},
		{"cut off", body + "\x65ab", "", "^CBOR: the document ends too early$"},
		{"huge text", body + "\x7b\x7f\xff\xff\xff\xff\xff\xff\xff", "", "ends too early$"},
		{"larger text", body + "\x7b\xff\xff\xff\xff\xff\xff\xff\xff", "", "ends too early$"},
		{"huge array", body + "\x9b\x00\x00\x00\xff\xff\xff\xff\xff", "", "^CBOR: the document has more than 65536 values$"},
		{"huge map", "\xbb\x00\x00\x00\xff\xff\xff\xff\xff", "", "more than 65536 values$"},
		{"many values", body + "\x9f" + strings.Repeat("\x99\x80\x00"+strings.Repeat("\x01", 1<<15), 3) + "\xff", "", "more than 65536 values$"},
		{"trailing", body + "\x61x\x00", "", "something follows after the document's end$"},
		{"deep", body + strings.Repeat("\x81", 1000) + "\x00", "", "nested more than 160 levels deep$"},
		{"break alone", "\xff", "", `^CBOR: unexpected "break" code$`},
		{"array", "\x80", "", "must be an object, not an array$"},
		{"null", "\xf6", "", "not null$"},
		{"empty map", "\xa0", "", "empty"},
		{"byte string", body + "\x41x", "/body", "^CBOR, body: a byte string has no counterpart in JSON$"},
		{"byte string further in", "\xa1\x63xml\x82\x61x\x41x", "/xml/1", "^CBOR, xml/1: a byte string"},
		{"byte string alone", "\x41x", "", "^CBOR, the document: a byte string"},
		{"tag", body + "\xc0\x61x", "", "^CBOR: tags are not supported$"},
		{"big number", body + "\xc2\x41\x01", "", "tags are not supported$"},
		{"simple value", body + "\xe0", "/body", "^CBOR, body: this has no counterpart in JSON$"},
		{"twice", "\xa2\x64body\x61x\x64body\x61y", "", `^CBOR: the member "body" is there twice$`},
		{"number twice", "\xa2\x01\x61x\x01\x61y", "", "^CBOR: a member is there twice$"},
		{"NaN", page + "\xf9\x7e\x00", "/rsm/max", "NaN is no number that JSON has$"},
		{"infinity", page + "\xf9\x7c\x00", "/rsm/max", "Inf is no number that JSON has$"},
		{"far below", page + "\x3b\xff\xff\xff\xff\xff\xff\xff\xff", "/rsm/max", "^CBOR, rsm/max: -18446744073709551616 does not fit into 64 bits$"},
		{"beyond 64 bits", page + "\x1b\xff\xff\xff\xff\xff\xff\xff\xff", "/rsm/max", "64 bits$"},
		{"fraction", page + "\xf9\x3e\x00", "/rsm/max", "whole"},
		{"name that is a number", "\xa1\x01\x61x", "", "^CBOR, the document: the name of a member must be a text$"},
		{"name that is null", "\xa1\x63oob\xa1\xf6\x61x", "/oob", "^CBOR, oob: the name of a member must be a text$"},
		{"name that is bytes", "\xa1\x44body\x61x", "", "the name of a member must be a text$"},
		{"name that is an array", "\xa1\x80\x61x", "", "the name of a member must be a text$"},
		{"no UTF-8", body + "\x61\xff", "/body", "^CBOR, body: the text is not UTF-8$"},
		{"name that is no UTF-8", "\xa1\x61\xff\x61x", "", "the name of a member is not UTF-8$"},
		{"number", body + "\x01", "/body", "^body: this must be a string, not a number$"},
		{"kind is empty", "\xa1\x64kind\x60", "/kind", "none of message, presence, iq"},
		{"type is empty", "\xa1\x64type\x60", "/type", "leave it out"},
		{"id is empty", "\xa1\x62id\x60", "/id", "leave it out"},
	} {
		_, err := jsonmap.ParseCBOR([]byte(tt.doc), jsonmap.Envelope{}, jsonmap.Full)
		r := refusal(t, tt.name, err)
		if r.Reason != stanza.NotWellFormed || r.Place.Pointer != tt.pointer || !says(r.Text, tt.text) {
			t.Errorf("%s: %s at %q: %s, want %q at %q", tt.name, r.Reason, r.Place.Pointer, r.Text, tt.text, tt.pointer)
		}
		if strings.Contains(r.Text, "cbor") || strings.Contains(r.Text, "interface") {
			t.Errorf("%s: %s: words of the code", tt.name, r.Text)
		}
	}
}

// A pointer that would be larger than the rest of the answer is left out.
func TestParse_longPointer(t *testing.T) {
	for _, n := range []int{1000, 95_000} {
		key := strings.Repeat("~", n/2)
		for _, doc := range []string{`{"` + key + `":1}`, `{"` + key + `":x}`, `{"payload":{"` + key + `":1}}`} {
			_, err := jsonmap.Parse([]byte(doc), jsonmap.Envelope{}, jsonmap.Full)
			checkPointer(t, err, n < 1024 && !strings.Contains(doc, "payload") || n < 1010)
		}
		_, err := jsonmap.ParseForm([]byte(key+"=1"), jsonmap.Envelope{}, jsonmap.Full)
		checkPointer(t, err, n < 1024)
		_, err = jsonmap.ParseForm([]byte(key+"=1&"+key+"=2"), jsonmap.Envelope{}, jsonmap.Full)
		checkPointer(t, err, n < 1024)
	}
}

func checkPointer(t *testing.T, err error, want bool) {
	t.Helper()
	r := refusal(t, "a long name", err)
	if (r.Place.Pointer != "") != want || len(r.Text) > 500 {
		t.Errorf("a pointer of %d bytes and a text of %d: %.100s", len(r.Place.Pointer), len(r.Text), r.Text)
	}
}

// What CBOR can hold comes back from it.
func TestAppendCBOR(t *testing.T) {
	for _, data := range []string{"0", "23", "24", "255", "256", "65536", "4294967296", "18446744073709551615", "-1", "-9223372036854775808", "1.5", "-1e-7", "1e300", "true", "null", `"é"`, `[]`, `{}`, `[1,{"a":[]}]`} {
		doc := `{"payload":{"data":` + data + `}}`
		st, err := jsonmap.Parse([]byte(doc), jsonmap.Envelope{}, jsonmap.Full)
		if err != nil {
			t.Fatal(err)
		}
		back, err := jsonmap.ParseCBOR(jsonmap.AppendCBOR(nil, st, jsonmap.Full), jsonmap.Envelope{}, jsonmap.Full)
		if got, want := strings.ReplaceAll(back.Content(), "e-07", "e-7"), strings.ReplaceAll(st.Content(), "1e300", "1e+300"); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", data, got, err, want)
		}
	}
}

func TestParseCBOR_values(t *testing.T) {
	for doc, want := range map[string]string{
		"\xbf\x64body\x7f\x61a\x61b\xff\xff":         `<body>ab</body>`,
		"\xa1\x63rsm\xa1\x63max\xf9\x49\x00":         `<set xmlns="http://jabber.org/protocol/rsm"><max>10</max></set>`,
		"\xa1\x63rsm\xa1\x63max\x1a\x07\x5b\xcd\x15": `<set xmlns="http://jabber.org/protocol/rsm"><max>123456789</max></set>`,
		"\xa2\x64body\x61x\x67subject\xf6":           `<body>x</body>`,
	} {
		st, err := jsonmap.ParseCBOR([]byte(doc), jsonmap.Envelope{}, jsonmap.Full)
		if err != nil || st.Content() != want {
			t.Errorf("%q: %s, %v, want %s", doc, st.Content(), err, want)
		}
	}
}
