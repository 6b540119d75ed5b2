package httpd

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/stanza"
)

// An observer sees each request to /rest once, with what came of it.
func TestObserve(t *testing.T) {
	type seen struct {
		Component, Stanza, Answer string
		Status                    int
		Failed                    bool
	}
	const ours = `<message type="chat" from="rest.example.net" to="user@example.org"><body>Hello!</body></message>`
	const bounce = `<message type="error" from="user@example.org" to="rest.example.net"/>`
	for _, tt := range []struct {
		name   string
		change func(*fakeComponent, *http.Request)
		body   string
		want   seen
	}{
		{"accepted", func(*fakeComponent, *http.Request) {}, message, seen{testDomain, ours, "", http.StatusAccepted, false}},
		{"answered", func(c *fakeComponent, _ *http.Request) { c.answerWith(t, bounce) }, message, seen{testDomain, ours, bounce, http.StatusOK, false}},
		{"failed", func(c *fakeComponent, _ *http.Request) {
			c.failWith(&stanza.Refusal{Reason: stanza.AnswerTimeout, Text: "late"})
		}, message, seen{testDomain, ours, "", http.StatusGatewayTimeout, true}},
		{"no stanza", func(*fakeComponent, *http.Request) {}, "<message", seen{testDomain, "", "", http.StatusBadRequest, true}},
		{"unknown caller", func(_ *fakeComponent, r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, message, seen{"", "", "", http.StatusForbidden, true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newFake()
			var got []seen
			s := newTestServer(t, c, func(o *Options) {
				o.Observe = func(x Exchange) {
					if x.Took <= 0 {
						t.Errorf("it took %v", x.Took)
					}
					text := func(st stanza.Stanza) string {
						if st.IsZero() {
							return ""
						}
						return st.String()
					}
					got = append(got, seen{x.Component.String(), text(x.Stanza), text(x.Answer), x.Status, x.Err != nil})
				}
			})
			r := newPost(tt.body)
			tt.change(c, r)
			do(s, r)
			if diff := cmp.Diff([]seen{tt.want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What is only shown to its caller is no traffic.
func TestObserve_echoIsNone(t *testing.T) {
	n := 0
	s := newTestServer(t, newFake(), func(o *Options) { o.Observe = func(Exchange) { n++ } })
	if w := do(s, newRequest("POST", "/rest/echo", xmlType, message)); w.Code != http.StatusOK || n != 0 {
		t.Errorf("got %d, observed %d times", w.Code, n)
	}
	if do(s, newRequest("GET", "/rest/ping/example.org", "", "")); n != 1 {
		t.Errorf("a query by GET was observed %d times", n)
	}
}
