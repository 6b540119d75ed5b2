package client

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzJudge: whatever a gateway answers is either an answer or an Error whose line is
// short, printable and in no need of trust; and every query reads every answer.
func FuzzJudge(f *testing.F) {
	for _, body := range []string{
		"", "<iq type='result'/>", "<xmpp><iq type='result'/></xmpp>", "<message type='error'><error/></message>",
		`{"error":{"condition":"x"}}`, "<error xmlns='s'><a/><text>b</text></error>", "<p>x</p><!--", "<script",
		"<iq type='result'><query xmlns='http://jabber.org/protocol/disco#items'><item jid='a'/></query></iq>",
	} {
		for _, contentType := range []string{"application/xmpp+xml", "application/problem+json", "text/html"} {
			f.Add(200, contentType, "", []byte(body))
			f.Add(500, contentType, "http://h/x", []byte(body))
		}
	}
	f.Add(301, "text/html", "http://h/\x1b?x", []byte{})
	c := &Client{url: &url.URL{Scheme: "http", Host: "h", Path: "/rest"}}
	f.Fuzz(func(t *testing.T, status int, contentType, location string, body []byte) {
		resp := response{status: status, header: http.Header{"Content-Type": {contentType}, "Location": {location}}, body: body}
		answer, err := c.judge(resp)
		if err == nil && status >= 400 {
			err = c.disobeyed(resp)
		}
		if err != nil {
			line := err.Error()
			unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
			if utf8.RuneCountInString(line) > 3*maxText || !utf8.ValidString(line) || strings.ContainsFunc(line, unprintable) {
				t.Errorf("%q", line)
			}
			return
		}
		for _, q := range Queries() {
			q.Read(answer)
		}
	})
}
