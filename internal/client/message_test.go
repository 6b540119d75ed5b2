package client_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/internal/client"
	"github.com/restanza/restanza/stanza"
)

func TestMessage_XML(t *testing.T) {
	m := client.Message{
		To: "Bob@H", From: "bot@b", Type: "chat", ID: `i"d`, Subject: "a<b", Lang: "en", Text: "1 < 2 & \"3\" > ]]>\n</body>",
	}
	raw, err := m.XML()
	if err != nil {
		t.Fatal(err)
	}
	want := `<message type="chat" id="i&quot;d" from="bot@b" to="bob@h" xml:lang="en"><subject>a&lt;b</subject><body>`
	if !strings.HasPrefix(string(raw), want) {
		t.Errorf("%s, want %s", raw, want)
	}
	if s, err := stanza.Parse(raw); err != nil || s.Children() != 2 || s.ID() != m.ID {
		t.Errorf("%v, %v", s, err)
	}
}

func TestMessage_refused(t *testing.T) {
	good := client.Message{To: "bob@h", Type: "chat", Text: "hi"}
	for name, test := range map[string]struct {
		change func(*client.Message)
		words  string
	}{
		"no address":        {func(m *client.Message) { m.To = "" }, `the address ""`},
		"wrong address":     {func(m *client.Message) { m.To = "@" }, `the address "@"`},
		"wrong sender":      {func(m *client.Message) { m.From = "@" }, "--from: "},
		"type":              {func(m *client.Message) { m.Type = "chta" }, `--type: "chta" is none of chat,`},
		"empty type":        {func(m *client.Message) { m.Type = "" }, "--type"},
		"two types":         {func(m *client.Message) { m.Type = "chat normal" }, "--type"},
		"empty":             {func(m *client.Message) { m.Text = "" }, "the text is empty"},
		"control character": {func(m *client.Message) { m.Text = "ab\x1bc" }, "the text: byte 3 is the control character U+001B, which XML forbids"},
		"noncharacter":      {func(m *client.Message) { m.Subject = "\uFFFE" }, "--subject: byte 1 is"},
		"not UTF-8":         {func(m *client.Message) { m.Text = "ab\xff" }, "the text: byte 3 is not UTF-8"},
		"id":                {func(m *client.Message) { m.ID = "\x00" }, "--id: "},
		"language":          {func(m *client.Message) { m.Lang = "\x00" }, "--lang: "},
		"too long":          {func(m *client.Message) { m.Text = strings.Repeat("a", client.MaxText+1) }, "194561 bytes are too many"},
	} {
		t.Run(name, func(t *testing.T) {
			m := good
			test.change(&m)
			raw, err := m.XML()
			if err == nil || !strings.Contains(err.Error(), test.words) {
				t.Errorf("%s, %v, want %s", raw, err, test.words)
			}
		})
	}
	good.Text = "\uFFFD \t\r\n" + strings.Repeat("a", client.MaxText-7)
	if _, err := good.XML(); err != nil {
		t.Errorf("the longest text: %v", err)
	}
}

func TestPayload(t *testing.T) {
	raw, err := client.Payload("set", "h", "", "1", "<?xml version='1.0'?>\n<q xmlns='x'>a</q>\n")
	if want := `<iq type="set" id="1" to="h"><q xmlns='x'>a</q></iq>`; err != nil || string(raw) != want {
		t.Errorf("%s, %v, want %s", raw, err, want)
	}
	for _, xml := range []string{"", "x", "<a>", "<a/><b/>", "</iq><iq>", "<a/></iq><iq><b/>", "<!-- x --><a/>"} {
		if raw, err := client.Payload("get", "h", "", "1", xml); err == nil || !strings.HasPrefix(err.Error(), "--xml: ") {
			t.Errorf("%q: %s, %v", xml, raw, err)
		}
	}
}

// Each query asks what its XEP says, and reads what an answer says.
func TestQueries(t *testing.T) {
	seconds := int64(903)
	for name, test := range map[string]struct {
		payload, answer string
		want            client.Result
		read            bool
	}{
		"ping":    {`<ping xmlns="urn:xmpp:ping"/>`, "", client.Result{Milliseconds: 1.5}, true},
		"version": {`<query xmlns="jabber:iq:version"/>`, `<query xmlns="jabber:iq:version"><name>a&amp;b</name><version>1</version></query>`, client.Result{Name: "a&b", Version: "1"}, true},
		"disco": {`<query xmlns="http://jabber.org/protocol/disco#info" node="&quot;/&gt;"/>`, `<p:query xmlns:p="http://jabber.org/protocol/disco#info"><p:identity category="c" type="t" name="n"/><p:feature var="f"/><x xmlns="y" var="g"/></p:query>`, client.Result{
			Identities: []client.Identity{{"c", "t", "n"}}, Features: []string{"f"},
		}, true},
		"items":        {`<query xmlns="http://jabber.org/protocol/disco#items" node="&quot;/&gt;"/>`, `<query xmlns="http://jabber.org/protocol/disco#items"><item jid="a@b" node="n" name="m"/></query>`, client.Result{Items: []client.Item{{"a@b", "n", "m"}}}, true},
		"lastactivity": {`<query xmlns="jabber:iq:last"/>`, `<query xmlns="jabber:iq:last" seconds="903">away</query>`, client.Result{Seconds: &seconds, Status: "away"}, true},
		"time":         {`<time xmlns="urn:xmpp:time"/>`, `<time xmlns="urn:xmpp:time"><tzo>+01:00</tzo><utc>2026-01-02T03:04:05Z</utc></time>`, client.Result{UTC: "2026-01-02T03:04:05Z", Offset: "+01:00"}, true},
		"vcard":        {`<vCard xmlns="vcard-temp"/>`, `<vCard xmlns="vcard-temp"/>`, client.Result{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			q := query(t, name)
			node := ""
			if q.HasNode {
				node = `"/>`
			}
			raw, err := q.XML("h", "a@b", "1", node)
			if want := `<iq type="get" id="1" from="a@b" to="h">` + test.payload + "</iq>"; err != nil || string(raw) != want {
				t.Errorf("%s, %v, want %s", raw, err, want)
			}
			answer := answerOf(t, `<iq type="result" id="1">`+test.answer+"</iq>")
			got, read := q.Read(answer)
			if diff := cmp.Diff(test.want, got); diff != "" || read != test.read {
				t.Errorf("%v: %s", read, diff)
			}
			if name == "ping" {
				return
			}
			if _, read := q.Read(answerOf(t, `<iq type="result" id="1"><other xmlns="x"/></iq>`)); read {
				t.Error("another payload was read")
			}
		})
	}
	if _, err := query(t, "disco").XML("h", "", "1", "\x00"); err == nil {
		t.Error("a node with a control character")
	}
}

func query(t *testing.T, name string) client.Query {
	t.Helper()
	for _, q := range client.Queries() {
		if q.Name == name {
			return q
		}
	}
	t.Fatalf("no query %s", name)
	return client.Query{}
}

func answerOf(t *testing.T, xml string) client.Answer {
	t.Helper()
	s, err := stanza.Parse([]byte(xml))
	if err != nil {
		t.Fatal(err)
	}
	return client.Answer{Stanza: s, XML: xml, Took: 1500 * 1000}
}
