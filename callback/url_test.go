package callback

import (
	"net/http"
	"strings"
	"testing"
)

func TestTarget_url(t *testing.T) {
	f := fields{kind: "message", typ: "chat", to: "bot@rest.example.net", from: `r\C3@ex.com/a b/ü%{to}`}
	for template, want := range map[string]string{
		"http://h/":                                "http://h/",
		"http://h":                                 "http://h/",
		"http://h?k={kind}":                        "http://h/?k=message",
		"HTTPS://h:8443/a/{kind}/{type}":           "https://h:8443/a/message/chat",
		"http://[::1]:80/{to}":                     "http://[::1]:80/bot%40rest.example.net",
		"http://[fe80::1%25eth0]:80/{to}":          "http://[fe80::1%25eth0]:80/bot%40rest.example.net",
		"http://h/%2F{from}?{from}":                "http://h/%2Fr%5cC3%40ex.com%2fa%20b%2f%c3%bc%25%7bto%7d?r%5cC3%40ex.com%2fa%20b%2f%c3%bc%25%7bto%7d",
		"http://user:p%40ss@h/x?a={type}&b={kind}": "http://h/x?a=chat&b=message",
	} {
		target, err := parseTarget(template)
		if err != nil {
			t.Errorf("%s: %v", template, err)
			continue
		}
		if got := target.url(f); got != want {
			t.Errorf("%s gives %s, want %s", template, got, want)
		}
	}
}

// What is expanded is what stands in the request line.
func TestTarget_request(t *testing.T) {
	target, err := parseTarget("http://h/a%2Fb/{from}?x={from}")
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, target.url(fields{from: "a@b/ü"}), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := req.URL.RequestURI(), "/a%2Fb/a%40b%2f%c3%bc?x=a%40b%2f%c3%bc"; got != want {
		t.Errorf("request line has %s, want %s", got, want)
	}
}

func TestTarget_refused(t *testing.T) {
	for template, reason := range map[string]string{
		"":                              "http://",
		"callback.example/x":            "http://",
		"ftp://h/":                      "http://",
		"http:h/x":                      "http://",
		"http:///x":                     "host",
		"http://:80/x":                  "host",
		"http://h/#x":                   "fragment",
		"http://h/{kind":                "}",
		"http://h/{Kind}":               "{Kind}",
		"http://h/{type?chat}":          "{type?chat}",
		"http://{to}/":                  "can't be read",
		"http://{to}@h/":                "can't be read",
		"http://h{to}/":                 "can't be read",
		"http://h:{to}/":                "can't be read",
		"http://h\\{to}/":               "can't be read",
		"http://h\\@{to}/":              "can't be read",
		"http://h.{to}":                 "can't be read",
		"{kind}://h/":                   "can't be read",
		"http://u:s3cret@h:s3cret/":     "can't be read",
		"http://u:s3cret@h/%zz":         "can't be read",
		"http://u:s3cret@h/ü":           "percent-encode",
		"http://u:s3cret@h/a b":         "percent-encode",
		"http://u:s3cret@h/?q=a b":      "percent-encode",
		"http://u:s3cret@h/a|b":         "percent-encode",
		"http://u:s3cret@h/a\x00b":      "can't be read",
		"http://u:s3cret/x@h:80:90/a|b": "can't be read",
	} {
		_, err := parseTarget(template)
		if err == nil {
			t.Errorf("%q is accepted", template)
			continue
		}
		if !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: error %q, want one about %q", template, err, reason)
		}
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: the error shows the password: %q", template, err)
		}
	}
}

func TestTarget_credentials(t *testing.T) {
	for template, want := range map[string]string{
		"http://h/":                  "",
		"http://user:password@h/":    "Basic dXNlcjpwYXNzd29yZA==",
		"http://us%2fer:p%3aq%40@h/": "Basic dXMvZXI6cDpxQA==",
		"http://user@h/":             "Basic dXNlcjo=",
	} {
		target, err := parseTarget(template)
		if err != nil {
			t.Errorf("%s: %v", template, err)
			continue
		}
		if target.authorization != want {
			t.Errorf("%s: authorization %q, want %q", template, target.authorization, want)
		}
		if target.origin != "http://h" {
			t.Errorf("%s: origin %q", template, target.origin)
		}
	}
}

// Missing attributes leave nothing literal behind; a message without a type is
// normal.
func TestStanzaFields(t *testing.T) {
	for doc, want := range map[string]fields{
		`<message from="a@b/c" to="d@e"/>`:               {"message", "normal", "d@e", "a@b/c"},
		`<message type="headline" from="a@b" to="d@e"/>`: {"message", "headline", "d@e", "a@b"},
		`<presence from="a@b"/>`:                         {"presence", "", "", "a@b"},
		`<iq type="get" to="e"/>`:                        {"iq", "get", "e", ""},
	} {
		if got := stanzaFields(parse(t, doc)); got != want {
			t.Errorf("%s: %+v, want %+v", doc, got, want)
		}
	}
}

func FuzzTarget(f *testing.F) {
	f.Add("http://user:pass@h/{kind}?{from}", "a@b/c d")
	f.Add("https://[::1]:1/{type}/{to}", "\xff/%")
	f.Fuzz(func(t *testing.T, template, value string) {
		target, err := parseTarget(template)
		if err != nil {
			return
		}
		expanded := target.url(fields{value, value, value, value})
		req, err := http.NewRequest(http.MethodPost, expanded, http.NoBody)
		if err != nil {
			t.Fatalf("%q expands to %q: %v", template, expanded, err)
		}
		if !strings.HasPrefix(expanded, target.origin+"/") || origin(req.URL) != target.origin || req.URL.Hostname() != target.host || req.URL.User != nil {
			t.Fatalf("%q expands to %q, which is another host's", template, expanded)
		}
		if got := target.origin + req.URL.RequestURI(); got != expanded {
			t.Fatalf("%q expands to %q, but %q is requested", template, expanded, got)
		}
	})
}
