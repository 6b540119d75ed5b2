package httpd

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestCredentials_inQuery(t *testing.T) {
	const open, closed, pair = "open token+/=", "closed", "Basic dTpw"
	auth := func(e *base64.Encoding, s string) string {
		return "auth=" + url.QueryEscape(e.EncodeToString([]byte(s)))
	}
	token := func(s string) string { return "access_token=" + url.QueryEscape(s) }
	tests := []struct {
		name, query, header string
		want                int
	}{
		{"token", token(open), "", 202},
		{"token with an encoded name", "access%5Ftoken=" + url.QueryEscape(open), "", 202},
		{"whole value", auth(base64.RawURLEncoding, "Bearer "+open), "", 202},
		{"whole value, padded", auth(base64.URLEncoding, "Bearer "+open), "", 202},
		{"Basic", auth(base64.RawURLEncoding, pair), "", 202},
		{"header alone", "", "Bearer " + closed, 202},
		{"unknown", token("x"), "", 403},
		{"not allowed there", token(closed), "", 403},
		{"not allowed there, whole", auth(base64.RawURLEncoding, "Bearer "+closed), "", 403},
		{"no base64", "auth=%21", "", 403},
		{"empty", "auth=", "", 403},
		{"empty token", "access_token", "", 403},
		{"Basic as a token", token("dTpw"), "", 403},
		{"neither", "", "", 401},
		{"both", token(open), "Bearer " + closed, 400},
		{"both the same", token(open), "Bearer " + open, 400},
		{"twice", token(open) + "&" + token(open), "", 400},
		{"both names", token(open) + "&" + auth(base64.RawURLEncoding, pair), "", 400},
	}
	var refused []string
	for _, tt := range tests {
		for _, method := range []string{"GET", "POST"} {
			c := newFake()
			logger, log := logTo()
			s := newTestServer(t, nil, func(o *Options) {
				o.Logger = logger
				o.Credentials = []Credential{
					{Authorization: "Bearer " + open, Component: c, InQuery: true},
					{Authorization: pair, Component: c, InQuery: true},
					{Authorization: "Bearer " + closed, Component: c},
				}
			})
			r := newRequest(method, "/rest?to=a@b&body=hi&"+tt.query, "", "")
			r.Header.Del("Authorization")
			if tt.header != "" {
				r.Header.Set("Authorization", tt.header)
			}
			w := do(s, r)
			if w.Code != tt.want {
				t.Errorf("%s %s: got %d %s, want %d", method, tt.name, w.Code, w.Body, tt.want)
			}
			if sent := len(c.calls()); sent != 0 != (tt.want == http.StatusAccepted) {
				t.Errorf("%s %s: %d stanzas were sent", method, tt.name, sent)
			}
			if w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s %s: it may be cached", method, tt.name)
			}
			if w.Code == http.StatusForbidden && tt.header == "" {
				refused = append(refused, w.Body.String())
			}
			for _, shown := range []string{log.String(), w.Body.String()} {
				if strings.Contains(shown, closed+`"`) || strings.Contains(shown, "token+") || strings.Contains(shown, "dTpw") {
					t.Errorf("%s %s: a credential is shown in %s", method, tt.name, shown)
				}
			}
		}
	}
	// Nobody learns whether a credential exists that may not stand there.
	for _, text := range refused {
		if text != refused[0] {
			t.Errorf("the refusals differ: %s\n%s", refused[0], text)
		}
	}
}

// Credentials are no part of what is sent or asked, whatever the path.
func TestCredentials_inQueryAreNoMembers(t *testing.T) {
	tests := []struct{ target, contentType, body, want string }{
		{"/rest/ping/example.org?access_token=x", "", "", `<iq type="get" to="example.org"><ping xmlns="urn:xmpp:ping"/></iq>`},
		{"/rest/items/example.org?auth=QmVhcmVyIHg&node=n", "", "", `<iq type="get" to="example.org"><query xmlns="http://jabber.org/protocol/disco#items" node="n"/></iq>`},
		{"/rest?access_token=x", xmlType, message, message},
		{"/rest?access_token=x", jsonType, `{"to":"a@b"}`, `<message to="a@b"/>`},
		{"/rest/message/chat/a@b?access_token=x", formType, "hi", `<message type="chat" to="a@b"><body>hi</body></message>`},
	}
	for _, tt := range tests {
		c := newFake()
		s := newTestServer(t, nil, func(o *Options) {
			o.Credentials = []Credential{{Authorization: "Bearer x", Component: c, InQuery: true}}
		})
		method := "POST"
		if tt.body == "" {
			method = "GET"
		}
		r := newRequest(method, tt.target, tt.contentType, tt.body)
		r.Header.Del("Authorization")
		w := do(s, r)
		if w.Code != http.StatusAccepted {
			t.Errorf("%s: got %d %s", tt.target, w.Code, w.Body)
		} else if got := c.calls()[0].stanza.String(); got != tt.want {
			t.Errorf("%s: got %s", tt.target, got)
		}
	}
}
