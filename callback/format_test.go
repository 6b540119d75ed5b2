package callback

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/restanza/restanza/format"
)

// What a callback is sent in each format, by configuration.
func TestRequest_formats(t *testing.T) {
	type seen struct{ contentType, body string }
	for _, c := range []struct {
		format *format.Format
		st     string
		want   seen
	}{
		{nil, aPresence, seen{xmlType, aPresence}},
		{format.XML, aMessage, seen{xmlType, aMessage}},
		{format.JSON, aMessage, seen{jsonType, `{"kind":"message","type":"chat","id":"m1","from":"user@example.com/phone","to":"bot@rest.example.net","body":"Hello"}`}},
		{format.StrictJSON, aQuery, seen{jsonType, `{"kind":"iq","type":"get","id":"q1","from":"user@example.com/phone","to":"bot@rest.example.net","ping":true}`}},
		{format.Form, aMessage, seen{"application/x-www-form-urlencoded", `kind=message&type=chat&id=m1&from=user%40example.com%2Fphone&to=bot%40rest.example.net&body=Hello`}},
		{format.Text, aMessage, seen{textType, "Hello"}},
		{format.Text, aPresence, seen{textType, ""}},
		{format.Text, aQuery, seen{textType, ""}},
	} {
		got := make(chan seen, 1)
		x, stop := begin(t, newServer(), func(o *Options) { o.Format = c.format }, over(fake(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			got <- seen{r.Header.Get("Content-Type"), string(body)}
			return respond(http.StatusAccepted, "", ""), err
		})))
		deliver(t, x, parse(t, c.st))
		if g := <-got; g != c.want {
			t.Errorf("%s is posted as\n%q, want\n%q", c.st, g, c.want)
		}
		stop()
	}
}

// A stanza that goes to the callback and comes back in the same format is the
// same, as far as the format can express it.
func TestRequest_thereAndBack(t *testing.T) {
	for _, f := range []*format.Format{format.XML, format.JSON, format.Form, format.Text, format.CBOR, format.StrictJSON, format.StrictCBOR} {
		s := newServer()
		x, stop := begin(t, s, func(o *Options) { o.Format = f }, over(fake(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			return respond(http.StatusOK, r.Header.Get("Content-Type"), string(body)), err
		})))
		deliver(t, x, parse(t, aMessage))
		if got := s.next(t); got.Body() != "Hello" || got.Type() != "chat" || got.To() != at(t, "user@example.com/phone") {
			t.Errorf("%s: %s came back", f.MediaType, got)
		}
		stop()
	}
}

// The callback's answer to the probe goes before the configuration.
func TestProbe_format(t *testing.T) {
	for _, c := range []struct {
		name       string
		configured *format.Format
		strict     bool
		status     int
		accept     []string
		want       *format.Format
	}{
		{"JSON", nil, false, 200, []string{"application/json"}, format.JSON},
		{"first in the list", nil, false, 200, []string{"application/json, application/xmpp+xml"}, format.JSON},
		{"first in several lines", format.JSON, false, 200, []string{"text/html", "application/cbor", "application/json"}, format.CBOR},
		{"quality", nil, false, 200, []string{"application/xmpp+xml;q=0.1, text/plain ; q=0.9, application/json;q=0.9"}, format.Text},
		{"never", nil, false, 200, []string{"application/json;q=0, application/cbor;Q=0.000, application/x-www-form-urlencoded"}, format.Form},
		{"a quality that is none", nil, false, 200, []string{"application/xmpp+xml;q=0.5, application/json;q=x"}, format.JSON},
		{"mod_rest's own mapping", nil, false, 200, []string{`application/json; profile="strict-mod_rest"`}, format.StrictJSON},
		{"that mapping by configuration", nil, true, 200, []string{"application/json"}, format.StrictJSON},
		{"configured, strict", format.CBOR, true, 405, nil, format.StrictCBOR},
		{"anything", format.JSON, false, 200, []string{"*/*"}, format.JSON},
		{"anything else", format.XML, false, 200, []string{"*/*, application/json;q=0.1"}, format.JSON},
		{"nothing of ours", format.JSON, false, 200, []string{"text/html"}, format.JSON},
		{"nothing", format.Text, false, 200, nil, format.Text},
		{"other status", format.JSON, false, 204, []string{"application/xmpp+xml"}, format.JSON},
		{"nonsense", format.JSON, false, 200, []string{";;,=,\x00,q=0.5"}, format.JSON},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x, _ := begin(t, newServer(), over(&site{status: c.status, accept: c.accept}), func(o *Options) {
					o.Format, o.StrictJSON = c.configured, c.strict
				})
				synctest.Wait()
				if got := x.format.Load(); got != c.want {
					t.Errorf("%v, want %v", got.ContentType, c.want.ContentType)
				}
			})
		})
	}
}

// Probe tells what stanzas would be posted as.
func TestProbe_tellsTheFormat(t *testing.T) {
	o := Options{URL: "http://h/", Domain: at(t, "rest.example.net"), Format: format.Text}
	for accept, want := range map[string]string{"": textType, jsonType: jsonType} {
		o.Transport = &site{status: 200, accept: []string{accept}}
		if got, err := Probe(t.Context(), o); err != nil || got.Format != want {
			t.Errorf("Accept %q: %q, %v; want %q", accept, got.Format, err, want)
		}
	}
}
