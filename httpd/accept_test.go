package httpd

import (
	"strings"
	"testing"
)

func TestPreferred_table(t *testing.T) {
	tests := []struct{ accept, want string }{
		{"*/*", "application/problem+json"},
		{"application/*", "application/problem+json"},
		{"text/*", "text/plain"},
		{"image/png", "application/problem+json"},
		{"application/xmpp+xml", "application/xmpp+xml"},
		{"application/xml", "application/xml"},
		{"application/json", "application/json"},
		{"APPLICATION/JSON", "application/json"},
		{"application/json, text/plain, */*", "application/json"},                        // axios
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"}, // a browser
		{"application/json;q=0.5, application/xml", "application/xml"},                   // quality first
		{"application/json;q=0.5, application/xml;q=0.50", "application/json"},           // then position
		{"*/*;q=0.1, text/html;q=0.2", "text/html"},                                      //
		{"text/html;q=0, */*", "application/problem+json"},                               // zero is never
		{"application/problem+json;q=0, */*", "application/xmpp+xml"},                    //
		{"application/problem+json;q=0", "application/problem+json"},                     // better than nothing
		{"application/json;version=\"a,b;q=0\", text/html;q=0.9", "application/json"},    // quoted
		{"application/json ; q=0.1 , text/html ; q=0.2", "text/html"},                    // white space
		{"application/json;q=1.5, text/html;q=0.1", "text/html"},                         // no quality
		{"application/json;q=0.0001, text/html;q=0.1", "text/html"},                      //
		{"application/json;;q=0.1;, text/html;q=0.2;", "text/html"},                      // empty parameters
		{"json, text/html", "text/html"},                                                 // no media range
		{"*/json, text/html;q=0.1", "text/html"},                                         //
		{",,application/json,", "application/json"},                                      // empty elements
		{"application/xmpp+xml, application/json", "application/xmpp+xml"},               // as in mod_rest
		{"application/json, application/xmpp+xml", "application/json"},                   //
		{"application/*, application/problem+json;q=0.1, application/xmpp+xml;q=0.1", "application/xml"},
		{"text/html;level=1", "text/html"},                                                            // parameters say nothing
		{"application/*;q=0.2, application/json;q=0.1, text/html;q=0.15", "application/problem+json"}, // the closest range counts
	}
	for _, tt := range tests {
		if got := documentTypes[preferred([]string{tt.accept}, documentTypes)]; got != tt.want {
			t.Errorf("Accept: %s: got %s, want %s", tt.accept, got, tt.want)
		}
	}
	if got := preferred(nil, documentTypes); got != 0 {
		t.Errorf("no Accept: got %s", documentTypes[got])
	}
	if got := documentTypes[preferred([]string{"image/png", "text/html"}, documentTypes)]; got != "text/html" {
		t.Errorf("two lines: got %s", got)
	}
}

func FuzzAccept(f *testing.F) {
	f.Add("text/html, */*;q=0.5", "application/json")
	f.Add(`application/json;a="b,c";q=0`, `*/*;q="0.1"`)
	f.Add("\"\\", ";;,,=")
	f.Fuzz(func(t *testing.T, a, b string) {
		got := preferred([]string{a, b}, documentTypes)
		if other := preferred([]string{a + "," + b}, documentTypes); other != got && !strings.ContainsAny(a, `"\`) {
			t.Errorf("two lines give %d, one line gives %d", got, other)
		}
		// What is named in front with the highest quality is taken.
		if got := documentTypes[preferred([]string{"text/html", a}, documentTypes)]; got != "text/html" {
			t.Errorf("text/html is named first, got %s", got)
		}
		for _, r := range parseAccept([]string{a}) {
			if r.quality < 0 || r.quality > 1000 || r.mainType == "" || r.subtype == "" {
				t.Errorf("got %+v", r)
			}
		}
	})
}
