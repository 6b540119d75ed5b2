package xmpptest

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// readAll reads a stream with a component's header and the given content.
func readAll(r io.Reader, strict bool) (stanzas []string, err error) {
	e := newElementReader(r, 0, strict)
	if err := e.open(); err != nil {
		return nil, err
	}
	for {
		s, err := e.next()
		if err != nil {
			return stanzas, err
		}
		stanzas = append(stanzas, s.Raw)
	}
}

func TestElementReader_good(t *testing.T) {
	want := []string{
		"<message from='a@b' to='c'><body>x &gt; y ]] &amp; <![CDATA[<z>&#xD800;]]></body></message>",
		"<presence/>",
		`<iq type="get" xmlns:p="urn:p"><p:q p:a="1" a="2"><r xmlns=""/></p:q></iq>`,
		"<message xml:lang='de'><body>\U0001F600&#x1F600;\ufeff</body></message>",
		"<message><a b='>'\n c=\"'\" /></message>",
	}
	doc := componentHeader("d") + strings.Join(want, " \n") + "</stream:stream>"
	for name, r := range map[string]io.Reader{
		"at once":      strings.NewReader(doc),
		"byte by byte": iotest.OneByteReader(strings.NewReader(doc)),
	} {
		got, err := readAll(r, true)
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: stanzas (-want +got):\n%s", name, diff)
		}
	}
}

func TestElementReader_refuses(t *testing.T) {
	bad := map[string]string{
		"undeclared prefix":           "<message><p:x/></message>",
		"undeclared attribute prefix": "<message p:x=''/>",
		"prefix of a sibling":         "<message><a xmlns:p='u'/><p:b/></message>",
		"prefix of an earlier stanza": "<message xmlns:p='u'/><message><p:b/></message>",
		"attribute twice":             "<message to='a' to='a'/>",
		"attribute twice, expanded":   "<message xmlns:p='u' xmlns:q='u' p:a='' q:a=''/>",
		"no space":                    "<message to='a'from='b'/>",
		"surrogate reference":         "<message><body>&#xD800;</body></message>",
		"surrogate in an attribute":   "<message to='&#55296;'/>",
		"U+FFFF":                      "<message>\uffff</message>",
		"control character":           "<message>&#1;</message>",
		"invalid UTF-8":               "<message>\xff</message>",
		"unbound":                     "<message xmlns:p=''/>",
		"xmlns bound":                 "<message xmlns:xmlns='u'/>",
		"xml bound to another":        "<message xmlns:xml='u'/>",
		"namespace of xml":            "<message xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
		"colon first":                 "<message><:b/></message>",
		"two colons":                  "<message xmlns:a='u'><a:b:c/></message>",
		"comment":                     "<message><!-- --></message>",
		"comment between":             "<!-- --><message/>",
		"processing instruction":      "<message><?a?></message>",
		"document type":               "<!DOCTYPE a><message/>",
		"CDATA between":               "<![CDATA[ ]]><message/>",
		"entity":                      "<message>&nbsp;</message>",
		"]]>":                         "<message>]]></message>",
		"wrong end":                   "<message><a></b></message>",
		"emoji as a name":             "<message><\U0001F600/></message>",
		"< in an attribute":           "<message to='<'/>",
	}
	for name, doc := range bad {
		t.Run(name, func(t *testing.T) {
			_, err := readAll(strings.NewReader(componentHeader("d")+doc+"</stream:stream>"), true)
			var refused *notWellFormed
			if !errors.As(err, &refused) {
				t.Errorf("%s was read, then: %v", doc, err)
			}
		})
	}
}

func TestElementReader_lenient(t *testing.T) {
	doc := "<message><body p:x=''/></message>"
	got, err := readAll(strings.NewReader(clientHeader("d")+doc), false)
	if len(got) != 1 || got[0] != doc || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestElementReader_limit(t *testing.T) {
	r := newElementReader(strings.NewReader(clientHeader("d")+"<message/><message>"+strings.Repeat("x", 300)), 200, true)
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.next(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.next(); !errors.Is(err, errTooBig) {
		t.Errorf("got %v, want %v", err, errTooBig)
	}
}

func TestStanza_fields(t *testing.T) {
	s, err := parseStanza("<message type='error' id='1' from='a' to='b' xml:lang='de'><body>x</body>" +
		"<error type='wait' by='c'><gone xmlns='" + nsStanzaErr + "'>xmpp:d</gone><text xmlns='" + nsStanzaErr + "'>why</text></error></message>")
	if err != nil {
		t.Fatal(err)
	}
	want := Stanza{
		Name: "message", Type: "error", ID: "1", From: "a", To: "b", Lang: "de", Body: "x",
		Err: &Error{Type: "wait", Condition: "gone", Text: "why", By: "c"},
	}
	got := s
	got.Raw, got.Root, got.startLen, got.attrs, got.rawName = "", Node{}, 0, nil, ""
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Stanza{})); diff != "" {
		t.Errorf("stanza (-want +got):\n%s", diff)
	}
}

func TestStanza_with(t *testing.T) {
	cases := map[string]struct{ raw, want string }{
		"children": {
			`<message xmlns="jabber:client" to="x" id="1" xmlns:p="u" p:a="&quot;&#10;"><p:b/></message>`,
			`<message id='1' xmlns:p='u' p:a='&quot;&#10;' from='f' to='t'><p:b/></message>`,
		},
		"empty":  {`<presence from='other'/>`, `<presence from='f' to='t'/>`},
		"spaced": {`<presence ></presence >`, `<presence from='f' to='t'></presence >`},
	}
	for name, c := range cases {
		s, err := parseStanza(c.raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.with(map[string]string{"from": "f", "to": "t"}); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}
