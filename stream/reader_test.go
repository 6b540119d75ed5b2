package stream

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/stanza"
)

const (
	open    = `<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='s1' from='c.example'>`
	closing = `</stream:stream>`
)

// describe turns what a Reader gives into lines, up to and including the error.
func describe(r *Reader) []string {
	var lines []string
	for range 1000 {
		item, err := r.Next()
		switch {
		case err != nil:
			return append(lines, "error: "+err.Error())
		case item.Skipped != nil:
			lines = append(lines, "skipped: "+item.Skipped.Error())
		case item.Element != nil:
			lines = append(lines, fmt.Sprintf("element %s {%s}", item.Element.Local, item.Element.Space))
		default:
			lines = append(lines, item.Stanza.String())
		}
	}
	return append(lines, "no end")
}

// cuts returns readers that deliver the same bytes in different pieces: whole,
// byte by byte, and in two pieces for every place of the cut.
func cuts(doc string) map[string]io.Reader {
	readers := map[string]io.Reader{
		"whole":        strings.NewReader(doc),
		"one byte":     iotest.OneByteReader(strings.NewReader(doc)),
		"halves":       iotest.HalfReader(strings.NewReader(doc)),
		"error at end": iotest.DataErrReader(strings.NewReader(doc)),
	}
	for i := 1; i < len(doc); i += 1 + i/500 { // all places, but not all of what is long
		readers[fmt.Sprintf("cut at %d", i)] = io.MultiReader(strings.NewReader(doc[:i]), strings.NewReader(doc[i:]))
	}
	return readers
}

func TestReader_itemsInAnyPieces(t *testing.T) {
	const long = `<message type="chat" from="a@b" to="c.example"><body>h&amp;ll&#246; &#x1F600; ]] ></body></message>`
	tests := []struct {
		name, doc string
		want      []string
	}{
		{
			"stanzas", open + `<message type='chat' from='a@b' to='c.example'><body>h&amp;ll&#246; &#x1F600; ]] ></body></message>` + "\n \t" + `<presence from='a@b'/>` + closing,
			[]string{long, `<presence from="a@b"/>`, "error: EOF"},
		},
		{"byte order mark and no declaration", "\uFEFF" + strings.TrimPrefix(open, "<?xml version='1.0'?>") + closing, []string{"error: EOF"}},
		{
			"byte order mark in text", open + "<message><body>\uFEFFx</body></message>" + closing,
			[]string{"<message><body>\uFEFFx</body></message>", "error: EOF"},
		},
		{
			"white space around the header", " \r\n<?xml version=\"1.0\" encoding='utf-8' standalone = 'yes' ?>\n\t" + strings.TrimPrefix(open, "<?xml version='1.0'?>") + "\n" + closing,
			[]string{"error: EOF"},
		},
		{
			"other prefix and space in the end tag", `<s:stream xmlns='jabber:client' xmlns:s="http://etherx.jabber.org/streams" to='>'><s:features/><iq id='1' type='result'/></s:stream ` + "\n>",
			[]string{"element features {http://etherx.jabber.org/streams}", `<iq type="result" id="1"/>`, "error: EOF"},
		},
		{"handshake", open + `<handshake/>` + closing, []string{"element handshake {jabber:component:accept}", "error: EOF"}},
		{"text between stanzas", open + `hm<presence/>&x;<presence/>]]>` + closing, []string{"<presence/>", "<presence/>", "error: EOF"}},
		{
			"CDATA in a stanza", open + `<message><body><![CDATA[<a>]]]]></body></message>` + closing,
			[]string{"<message><body><![CDATA[<a>]]]]></body></message>", "error: EOF"},
		},
		{"connection ends between stanzas", open + `<presence/>`, []string{"<presence/>", "error: unexpected EOF"}},
		{"connection ends in a stanza", open + `<presence`, []string{"error: unexpected EOF"}},
		{"connection ends in the header", `<?xml version='1.0'?><stream:str`, []string{"error: unexpected EOF"}},
		{"nothing", ``, []string{"error: unexpected EOF"}},
		{
			"unknown stanza name", open + `<massage/><presence/>` + closing,
			[]string{"element massage {jabber:component:accept}", "<presence/>", "error: EOF"},
		},
		{
			"stream error", open + `<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>taken &amp; gone</text></stream:error>` + closing,
			[]string{"error: stream error conflict: taken & gone"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for how, r := range cuts(tt.doc) {
				if diff := cmp.Diff(tt.want, describe(NewReader(r, ReaderOptions{}))); diff != "" {
					t.Fatalf("%s (-want +got):\n%s", how, diff)
				}
			}
		})
	}
}

func TestReader_header(t *testing.T) {
	doc := `<stream:stream version='1.0' xml:lang='de' xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" ` +
		`xmlns:db='jabber:server:dialback' id='a&amp;b' from="x" to='y@z'>`
	want := Header{
		ID: "a&b", From: "x", To: "y@z", Lang: "de", Version: "1.0", Default: "jabber:client",
		Prefixes: map[string]string{"stream": NSStreams, "db": "jabber:server:dialback"},
	}
	for how, r := range cuts(doc) {
		got, err := NewReader(r, ReaderOptions{}).Header()
		if err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", how, diff)
		}
	}
}

func TestReader_faults(t *testing.T) {
	tests := []struct {
		name, doc string
		want      Condition
	}{
		{"other encoding", `<?xml version='1.0' encoding='ISO-8859-1'?>` + open, UnsupportedEncoding},
		{"UTF-16", "\xfe\xff\x00<", UnsupportedEncoding},
		{"HTTP answer", "HTTP/1.1 400 Bad Request\r\n\r\n", BadFormat},
		{"bad declaration", `<?xml vers='1.0'?>` + open, NotWellFormed},
		{"endless declaration", `<?xml version='1.0'` + strings.Repeat(" ", 1000), NotWellFormed},
		{"other root", `<foo xmlns='jabber:client'>`, BadFormat},
		{"other stream namespace", `<stream:stream xmlns:stream='http://example.net/'>`, InvalidNamespace},
		{"undeclared prefix in the header", `<stream:stream>`, NotWellFormed},
		{"stream that ends at once", `<stream:stream xmlns:stream='http://etherx.jabber.org/streams'/>`, BadFormat},
		{"endless header", `<stream:stream x='` + strings.Repeat("x", maxHeader), PolicyViolation},
		{"foreign end tag", open + `</stream>`, NotWellFormed},
		{"end tag without end", open + `</stream:stream` + strings.Repeat(" ", maxHeader+10), NotWellFormed},
		{"nested stream", open + `<stream:stream>`, BadFormat},
		{"nested stream with attributes", open + `<stream:stream a='b'>`, BadFormat},
		{"nested stream under another prefix", open + `<s:stream xmlns:s='http://etherx.jabber.org/streams'/>`, BadFormat},
		{"nesting", open + `<message><body></message>`, NotWellFormed},
		{"forbidden character", open + "<message>\x01</message>", NotWellFormed},
		{"U+FFFF by reference", open + "<message>&#xFFFF;</message>", NotWellFormed},
		{"entity", open + "<message>&nbsp;</message>", RestrictedXML},
		{"comment between stanzas", open + "<!-- x -->", RestrictedXML},
		{"CDATA between stanzas", open + "<![CDATA[x]]>", NotWellFormed},
		{"processing instruction", open + "<?x y?>", RestrictedXML},
		{"duplicate attribute", open + "<message a='' a=''/>", NotWellFormed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for how, r := range cuts(tt.doc) {
				reader := NewReader(r, ReaderOptions{})
				_, err := reader.Next()
				fault, ok := errors.AsType[*Fault](err)
				if !ok || fault.Condition != tt.want {
					t.Fatalf("%s: error %v, want a fault with %s", how, err, tt.want)
				}
				if _, again := reader.Next(); !errors.Is(again, err) {
					t.Fatalf("%s: the next error is %v, want the same", how, again)
				}
			}
		})
	}
}

func TestReader_whatCostsOneStanzaOnly(t *testing.T) {
	limits := ReaderOptions{MaxStanza: 300, MaxDepth: 4, MaxAttributes: 3}
	tests := []struct{ name, doc string }{
		{"undeclared prefix of an attribute", `<message from='a@b'><x p:a='b'/></message>`},
		{"undeclared prefix of a child", `<message from='a@b'><p:x/></message>`},
		{"undeclared prefix of the stanza", `<p:message/>`},
		{"malformed sender", `<message from='@b'/>`},
		{"empty addressee", `<message to='/'/>`},
		{"too large", `<message><body a=">'" b='/>'>` + strings.Repeat("x>", 300) + `<![CDATA[>]></body>]]]]]]><a/></body></message>`},
		{"too deep", `<message><a><a><a><a><a></a></a></a></a></a></message>`},
		{"too many attributes", `<message a='' b='' c='' d=''/>`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for how, r := range cuts(open + tt.doc + `<presence/>` + closing) {
				got := describe(NewReader(r, limits))
				if len(got) != 3 || !strings.HasPrefix(got[0], "skipped: ") {
					t.Fatalf("%s: got %q, want one item skipped and two more", how, got)
				}
				if diff := cmp.Diff([]string{"<presence/>", "error: EOF"}, got[1:]); diff != "" {
					t.Fatalf("%s (-want +got):\n%s", how, diff)
				}
			}
		})
	}
}

func TestReader_stanzaLiftedFromItsStream(t *testing.T) {
	doc := `<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:p' xmlns:q='urn:q'>` +
		`<message xmlns='jabber:component:accept'><x xmlns='urn:x' p:a='1'><p:y/></x></message>`
	item, err := NewReader(strings.NewReader(doc), ReaderOptions{}).Next()
	if err != nil {
		t.Fatal(err)
	}
	lifted, err := stanza.Parse(item.Stanza.XML())
	if err != nil {
		t.Fatalf("the stanza %s does not stand on its own: %v", item.Stanza, err)
	}
	text := lifted.String()
	if !strings.Contains(text, `xmlns:p="urn:p"`) || strings.Contains(text, "urn:q") || strings.Contains(text, "component") {
		t.Errorf("got %s; want the prefix p declared, and nothing else", text)
	}
}

func TestReader_restart(t *testing.T) {
	r := NewReader(strings.NewReader(open+`<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`+"\n"+
		strings.Replace(open, "s1", "s2", 1)+`<presence/>`+closing), ReaderOptions{})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	r.Restart()
	header, err := r.Header()
	if err != nil || header.ID != "s2" {
		t.Fatalf("the header of the second stream has the id %q, error %v", header.ID, err)
	}
	if diff := cmp.Diff([]string{"<presence/>", "error: EOF"}, describe(r)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestReader_streamErrors(t *testing.T) {
	tests := []struct {
		name, xml string
		want      Error
	}{
		{
			"condition and text", `<conflict xmlns='` + NSStreamErrors + `'/><text xmlns='` + NSStreamErrors + `'>no</text>`,
			Error{Condition: Conflict, Text: "no"},
		},
		{
			"application condition", `<policy-violation xmlns='` + NSStreamErrors + `'/><stanza-too-big xmlns='urn:xmpp:errors'/>`,
			Error{Condition: PolicyViolation, AppCondition: stanza.Name{Space: "urn:xmpp:errors", Local: "stanza-too-big"}},
		},
		{"condition of RFC 3920", `<xml-not-well-formed xmlns='` + NSStreamErrors + `'/>`, Error{Condition: NotWellFormed}},
		{"unknown condition", `<tired xmlns='` + NSStreamErrors + `'/>`, Error{Condition: UndefinedCondition}},
		{"empty", ``, Error{Condition: UndefinedCondition}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewReader(strings.NewReader(open+"<stream:error>"+tt.xml+"</stream:error>"), ReaderOptions{}).Next()
			got, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("error %v, want a stream error", err)
			}
			if diff := cmp.Diff(tt.want, *got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAppend_readBack(t *testing.T) {
	want := Error{Condition: HostUnknown, Text: `no <"&'> here`, AppCondition: stanza.Name{Space: "urn:x", Local: "y"}}
	doc := AppendOpen(nil, Open{Default: "jabber:client", ID: `"<`, From: "a", To: "b", Version: "1.0", Lang: "en"})
	doc = AppendClose(AppendError(doc, &want))
	r := NewReader(strings.NewReader(string(doc)), ReaderOptions{})
	header, err := r.Header()
	if err != nil {
		t.Fatal(err)
	}
	wantHeader := Header{
		ID: `"<`, From: "a", To: "b", Version: "1.0", Lang: "en", Default: "jabber:client",
		Prefixes: map[string]string{"stream": NSStreams},
	}
	if diff := cmp.Diff(wantHeader, header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	_, err = r.Next()
	got, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("error %v, want a stream error", err)
	}
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestReader_memoryShrinksAfterALargeStanza(t *testing.T) {
	large := `<message><body>` + strings.Repeat("x", 900<<10) + `</body></message>`
	r := NewReader(io.MultiReader(strings.NewReader(open+large), strings.NewReader(`<presence/>`), strings.NewReader(closing)), ReaderOptions{})
	for range 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if got := cap(r.in.data); got > DefaultBuffer {
		t.Errorf("the buffer holds %d bytes after a large stanza, want %d", got, DefaultBuffer)
	}
}

func TestReader_memoryIsBounded(t *testing.T) {
	endless := io.MultiReader(strings.NewReader(open+"<message><body>"), endlessText{})
	r := NewReader(io.LimitReader(endless, 64<<20), ReaderOptions{})
	if _, err := r.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("error %v, want the end of the input", err)
	}
	if got := cap(r.in.data); got > 4*DefaultMaxStanza {
		t.Errorf("the buffer grew to %d bytes", got)
	}
}

type endlessText struct{}

func (endlessText) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestReader_skippedErrorNamesTheLimit(t *testing.T) {
	r := NewReader(strings.NewReader(open+`<message>`+strings.Repeat("x", 100)+`</message>`), ReaderOptions{MaxStanza: 50})
	item, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := errors.AsType[*element.SyntaxError](item.Skipped); !ok {
		t.Errorf("skipped for %v, want an *element.SyntaxError", item.Skipped)
	}
}

// chunks gives one chunk after the other, and remembers what the Reader said
// before each.
type chunks struct {
	r       *Reader
	left    []string
	partial []bool
}

func (c *chunks) Read(p []byte) (int, error) {
	c.partial = append(c.partial, c.r.Partial())
	if len(c.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.left[0])
	c.left = c.left[1:]
	return n, nil
}

func TestReader_partial(t *testing.T) {
	src := &chunks{left: []string{open, " \n", "<presence/> ", "<message/><pres", "ence/>\n", ""}}
	src.r = NewReader(src, ReaderOptions{})
	for {
		if _, err := src.r.Next(); err != nil {
			break
		}
		if want := len(src.left) == 2 && len(src.partial) == 4; src.r.Partial() && !want {
			t.Errorf("partial after an element, with %q to come", src.left)
		}
	}
	want := []bool{false, false, false, false, true, false, false}
	if diff := cmp.Diff(want, src.partial); diff != "" {
		t.Errorf("partial before each read (-want +got):\n%s", diff)
	}
}

// A stanza that is skipped can still be looked at.
func TestReader_skippedElement(t *testing.T) {
	r := NewReader(strings.NewReader(open+`<message id="1" to="a@@b"/>`), ReaderOptions{})
	item, err := r.Next()
	if err != nil || item.Skipped == nil || item.Element == nil {
		t.Fatalf("got %+v, %v; want what was skipped and why", item, err)
	}
	if got := string(item.Element.Raw); got != `<message id="1" to="a@@b"/>` {
		t.Errorf("skipped %s", got)
	}
}
