package gateway

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	noService = `<error type="cancel"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>`
	full      = `<error type="wait"><resource-constraint xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>` +
		`<text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">too many stanzas are waiting; try again later</text></error>`
)

func TestReceive_withoutReceiver(t *testing.T) {
	tests := []struct{ name, in, out string }{
		{"message", `<message id="1" from="a@b/c" to="bot@rest.example.net"><body>x</body></message>`, `<message type="error" id="1" from="bot@rest.example.net" to="a@b/c">` + noService + `</message>`},
		{"error", `<message type="error" id="1" from="a@b/c" to="bot@rest.example.net"/>`, ""},
		{"presence", `<presence from="a@b/c" to="bot@rest.example.net"/>`, ""},
		{"ping", `<iq type="get" id="1" from="a@b/c" to="rest.example.net"><ping xmlns="urn:xmpp:ping"/></iq>`, `<iq type="result" id="1" from="rest.example.net" to="a@b/c"/>`},
		{"ping to a user", `<iq type="get" id="1" from="a@b/c" to="bot@rest.example.net"><ping xmlns="urn:xmpp:ping"/></iq>`, `<iq type="error" id="1" from="bot@rest.example.net" to="a@b/c">` + noService + `</iq>`},
		{"version", `<iq type="get" id="1" from="a@b/c" to="rest.example.net"><query xmlns="jabber:iq:version"/></iq>`, `<iq type="result" id="1" from="rest.example.net" to="a@b/c"><query xmlns="jabber:iq:version"><name>Restanza</name><version>1.2 &lt;3&gt;</version></query></iq>`},
		{"disco", `<iq type="get" id="1" from="a@b/c" to="rest.example.net"><query xmlns="http://jabber.org/protocol/disco#info"/></iq>`, `<iq type="result" id="1" from="rest.example.net" to="a@b/c">` + discoInfo + `</iq>`},
		{"disco of a node", `<iq type="get" id="1" from="a@b/c" to="rest.example.net"><d:query` + "\n" + `node = 'x' xmlns:d='http://jabber.org/protocol/disco#info'/></iq>`, `<iq type="error" id="1" from="rest.example.net" to="a@b/c"><error type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`},
		{"set", `<iq type="set" id="1" from="a@b/c" to="rest.example.net"><ping xmlns="urn:xmpp:ping"/></iq>`, `<iq type="error" id="1" from="rest.example.net" to="a@b/c">` + noService + `</iq>`},
		{"unknown get", `<iq type="get" id="1" from="a@b/c" to="rest.example.net"><query xmlns="jabber:iq:last"/></iq>`, `<iq type="error" id="1" from="rest.example.net" to="a@b/c">` + noService + `</iq>`},
		{"result", `<iq type="result" id="1" from="a@b/c" to="rest.example.net"/>`, ""},
		{"iq of no known type", `<iq type="x" id="1" from="a@b/c" to="rest.example.net"/>`, `<iq type="error" id="1" from="rest.example.net" to="a@b/c">` + noService + `</iq>`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := &fakeLink{}
			newComponent(t, l).Receive(parse(t, tt.in))
			var want []string
			if tt.out != "" {
				want = []string{"reply " + tt.out}
			}
			if diff := cmp.Diff(want, l.log()); diff != "" {
				t.Errorf("answered (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReceive_filter(t *testing.T) {
	const toBare = `<message id="1" from="a@b/c" to="bot@rest.example.net"/>`
	tests := []struct {
		name         string
		kinds, forms []string
		in           string
		delivered    bool
	}{
		{"everything", nil, nil, toBare, true},
		{"kind named", []string{"message"}, nil, toBare, true},
		{"kind not named", []string{"iq", "presence"}, nil, toBare, false},
		{"form named", nil, []string{"bare"}, toBare, true},
		{"form not named", nil, []string{"full", "host"}, toBare, false},
		{"domain with a resource is a host", nil, []string{"host"}, `<message from="a@b/c" to="rest.example.net/x"/>`, true},
		{"full", nil, []string{"full"}, `<message from="a@b/c" to="bot@rest.example.net/x"/>`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := NewFilter(tt.kinds, tt.forms)
			if err != nil {
				t.Fatal(err)
			}
			l, q := &fakeLink{}, &queue{}
			newComponent(t, l, func(o *Options) { o.Filter, o.Receiver = f, q }).Receive(parse(t, tt.in))
			if delivered := len(q.got) == 1; delivered != tt.delivered {
				t.Errorf("delivered: %v, want %v", delivered, tt.delivered)
			}
			if answered := len(l.log()) == 1; answered == tt.delivered {
				t.Errorf("answered by the component: %v, want the opposite of delivered", answered)
			}
		})
	}
}

func TestNewFilter_unknownWords(t *testing.T) {
	for _, words := range [][2][]string{{{"Message"}, nil}, {nil, {"domain"}}} {
		if _, err := NewFilter(words[0], words[1]); err == nil {
			t.Errorf("%q: no error", words)
		}
	}
}

func TestReceive_fullReceiver(t *testing.T) {
	l, q := &fakeLink{}, &queue{limit: 1}
	c := newComponent(t, l, func(o *Options) { o.Receiver = q })
	for _, id := range []string{"1", "2"} {
		c.Receive(parse(t, `<message id="`+id+`" from="a@b/c" to="rest.example.net"/>`))
	}
	want := []string{`reply <message type="error" id="2" from="rest.example.net" to="a@b/c">` + full + `</message>`}
	if diff := cmp.Diff(want, l.log()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
