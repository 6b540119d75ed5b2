package restanza_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
)

// drive sends an example, and checks the answer.
func (g *gatewayUnderTest) drive(t *testing.T, doc *description, e apiExample, accept string) {
	body := encodeExample(t, e.mediaType, e.body)
	base := g.url + strings.TrimSuffix(doc.Servers[0].URL, "/")
	req, err := http.NewRequestWithContext(t.Context(), e.method, base+e.path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", credential)
	for name, values := range e.header {
		req.Header[name] = values
		switch {
		case values[0] == "": // to leave it out
			req.Header.Del(name)
		case name == "Host":
			req.Host = values[0]
		}
	}
	if e.mediaType != "" {
		req.Header.Set("Content-Type", e.mediaType)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	resp, err := g.client.Transport.RoundTrip(req) // follows no redirects
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content := e.read(t, resp)
	if strconv.Itoa(resp.StatusCode) != e.status {
		t.Fatalf("%s %s: status %d, want %s: %s", e.method, e.path, resp.StatusCode, e.status, content)
	}
	checkHeader(t, e.response, resp.Header)
	doc.checkBody(t, e, resp.Header.Get("Content-Type"), content)
}

// read returns the body of an answer as the description would show it. Of what does not end by itself it is the beginning.
func (e apiExample) read(t *testing.T, resp *http.Response) []byte {
	t.Helper()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return nil
	}
	contentType := resp.Header.Get("Content-Type")
	var content []byte
	if end := ends[contentType]; end != "" {
		var shown *openapi3.Example
		if m := e.response.Content[contentType]; m != nil && m.Examples[e.name] != nil {
			shown = m.Examples[e.name].Value
		}
		content = readStream(t, resp.Body, end, shown)
	} else {
		var err error
		if content, err = io.ReadAll(resp.Body); err != nil {
			t.Fatal(err)
		}
	}
	if e.asShown != nil && contentType != "application/cbor" { // in which texts have lengths
		content = e.asShown(content)
	}
	return content
}

// encodeExample returns an example as it is sent. CBOR and forms are shown as objects.
func encodeExample(t *testing.T, mediaType string, value any) []byte {
	t.Helper()
	if s, ok := value.(string); ok && !strings.HasPrefix(mediaType, "application/json") {
		return []byte(s)
	}
	var body []byte
	var err error
	switch base, _, _ := strings.Cut(mediaType, ";"); base {
	case "":
		return nil
	case "application/json":
		body, err = json.Marshal(value)
	case "application/cbor":
		body, err = cbor.Marshal(value)
	case "application/x-www-form-urlencoded":
		form := url.Values{}
		addStrings(value, form.Set)
		return []byte(form.Encode())
	default:
		t.Fatalf("an example in %s is %T", mediaType, value)
	}
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// usualHeaders are fields that any answer may have and the description does not name.
var usualHeaders = []string{"Cache-Control", "Content-Length", "Content-Type", "Content-Security-Policy", "Date", "Referrer-Policy", "Vary", "X-Content-Type-Options"}

// checkHeader checks that the fields of an answer are documented, and fit.
func checkHeader(t *testing.T, documented *openapi3.Response, header http.Header) {
	t.Helper()
	known := map[string]*openapi3.Header{}
	for name, h := range documented.Headers {
		known[http.CanonicalHeaderKey(name)] = h.Value
	}
	for name, values := range header {
		h := known[name]
		if h == nil {
			if !slices.Contains(usualHeaders, name) {
				t.Errorf("the field %s is not documented", name)
			}
			continue
		}
		var value any = values[0]
		if n, err := strconv.Atoi(values[0]); err == nil && h.Schema.Value.Type.Is("integer") {
			value = float64(n)
		}
		if err := h.Schema.Value.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
			t.Errorf("the field %s is %q: %v", name, values[0], err)
		}
	}
}

// checkBody checks that a body has a documented media type, fits its schema, and is the
// one that is shown, where that is JSON.
func (d *description) checkBody(t *testing.T, e apiExample, contentType string, content []byte) {
	t.Helper()
	if len(e.response.Content) == 0 {
		if len(content) > 0 {
			t.Errorf("the answer has a body: %s", content)
		}
		return
	}
	m := e.response.Content[contentType]
	if m == nil {
		base, _, err := mime.ParseMediaType(contentType)
		if m = e.response.Content[base]; m == nil || err != nil {
			t.Fatalf("the media type %q is not documented for %s; the body is %s", contentType, e.status, content)
		}
	}
	if ends[contentType] != "" {
		d.checkStream(t, content)
	}
	value := decodeBody(t, contentType, content)
	if err := d.fits(t, m.Schema, value); err != nil {
		t.Errorf("%s does not fit its schema: %v", content, err)
	}
	shown := m.Examples[e.name]
	if shown == nil {
		return
	}
	if diff := cmp.Diff(withoutIDs(plain(shown.Value.Value)), withoutIDs(value)); diff != "" {
		t.Errorf("%s %s in %s gets another answer (+) than is shown (-):\n%s", e.method, e.path, e.mediaType, diff)
	}
}

func decodeBody(t *testing.T, contentType string, content []byte) (value any) {
	t.Helper()
	base, _, _ := strings.Cut(contentType, ";")
	switch {
	case base == "application/json" || strings.HasSuffix(base, "+json"):
		if err := json.Unmarshal(content, &value); err != nil {
			t.Fatalf("%v: %s", err, content)
		}
		return value
	case base == "application/cbor":
		if err := cbor.Unmarshal(content, &value); err != nil {
			t.Fatal(err)
		}
		return plain(value)
	case base == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(content))
		if err != nil {
			t.Fatal(err)
		}
		object := map[string]any{}
		for name := range form {
			object[name] = form.Get(name)
		}
		return object
	}
	return string(content)
}

// plain returns a value as encoding/json would read it.
func plain(value any) any {
	switch v := value.(type) {
	case map[string]any:
		object := map[string]any{}
		for key, member := range v {
			object[key] = plain(member)
		}
		return object
	case map[any]any: // of CBOR
		object := map[string]any{}
		for key, member := range v {
			object[key.(string)] = plain(member)
		}
		return object
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case uint64:
		return float64(v)
	}
	return value
}

// generatedID is an id that the gateway has made, alone and in XML, or a time.
var generatedID = regexp.MustCompile(`^[A-Za-z0-9_-]{24}$|\bid="[A-Za-z0-9_-]{24}"|^[0-9a-z]{16}-[0-9a-z]+$|^[0-9]{4}-[0-9-]+T[0-9:.]+Z$`)

// withoutIDs returns a plain value without the ids and times that differ each time.
func withoutIDs(value any) any {
	switch v := value.(type) {
	case map[string]any:
		object := map[string]any{}
		for key, member := range v {
			object[key] = withoutIDs(member)
		}
		return object
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = withoutIDs(v[i])
		}
		return list
	case string:
		return generatedID.ReplaceAllString(v, "generated")
	}
	return value
}
