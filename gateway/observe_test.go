package gateway

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/stanza"
)

// An observer sees what went to nobody, with the component's own answer, and not
// what a receiver or a caller got.
func TestObserve(t *testing.T) {
	var seen []string
	q := &queue{limit: 1}
	f, err := NewFilter([]string{"message"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := newComponent(t, &fakeLink{}, func(o *Options) {
		o.Receiver, o.Filter = q, f
		o.Observe = func(st, answer stanza.Stanza) {
			line := string(st.Kind()) + " " + st.ID()
			if !answer.IsZero() {
				line += ": " + string(answer.Type())
			}
			seen = append(seen, line)
		}
	})
	for _, xml := range []string{
		`<message id="1" from="a@b/c" to="rest.example.net"/>`, // to the receiver
		`<message id="2" from="a@b/c" to="rest.example.net"/>`, // which is full now
		`<iq type="get" id="3" from="a@b/c" to="rest.example.net"><ping xmlns="urn:xmpp:ping"/></iq>`,
		`<iq type="result" id="4" from="a@b/c" to="rest.example.net"/>`,
		`<presence id="5" from="a@b/c" to="rest.example.net"/>`,
	} {
		c.Receive(parse(t, xml))
	}
	want := []string{"message 2: error", "iq 3: result", "iq 4", "presence 5"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
