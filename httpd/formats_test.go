package httpd

import (
	"net/http"
	"testing"
)

// Two formats show the rule, whatever formats there are.
func TestFormats_forAnswer(t *testing.T) {
	x, j := &format{mediaType: "application/xmpp+xml"}, &format{mediaType: "application/json"}
	fs := formats{x, j}
	tests := []struct {
		accept      []string
		contentType string
		want        *format
	}{
		{nil, "application/xmpp+xml", x},
		{nil, "application/json", j},
		{nil, "text/plain", x},
		{[]string{"*/*"}, "application/json", j},
		{[]string{"application/json"}, "application/xmpp+xml", j},
		{[]string{"application/json;q=0, application/xmpp+xml"}, "application/xmpp+xml", j},
		{[]string{"text/html", "Application/JSON"}, "application/xmpp+xml", j},
		{[]string{"image/png"}, "application/json", j},
	}
	for _, tt := range tests {
		h := http.Header{"Accept": tt.accept, "Content-Type": {tt.contentType}}
		if got := fs.forAnswer(h); got != tt.want {
			t.Errorf("Accept %q, Content-Type %q: got %s", tt.accept, tt.contentType, got.mediaType)
		}
	}
	if got, want := fs.names(), "application/xmpp+xml, application/json"; got != want {
		t.Errorf("names: got %q, want %q", got, want)
	}
}
