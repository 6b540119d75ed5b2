package restanza_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/restanza/restanza/httpd"
)

// description is what a gateway says of its API.
type description struct {
	*openapi3.T
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema // by reference; openapi3 would compile them anew for each value
}

// readOpenAPI returns the description of the API as gateways serve it.
func readOpenAPI(t *testing.T) *description {
	t.Helper()
	d := &description{compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	text, err := os.ReadFile("apidoc/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if d.T, err = openapi3.NewLoader().LoadFromData(text); err != nil {
		t.Fatal(err)
	}
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.compiler.AddResource("openapi.json", tree); err != nil {
		t.Fatal(err)
	}
	return d
}

// fits says what is wrong with a value, which is as encoding/json would read it.
func (d *description) fits(t *testing.T, s *openapi3.SchemaRef, value any) error {
	t.Helper()
	if s.Ref == "" {
		if s.Value.AnyOf == nil {
			return s.Value.VisitJSON(value, openapi3.EnableJSONSchema2020())
		}
		var wrong []error
		for _, alternative := range s.Value.AnyOf {
			err := d.fits(t, alternative, value)
			if err == nil {
				return nil
			}
			wrong = append(wrong, err)
		}
		return errors.Join(wrong...)
	}
	if d.schemas[s.Ref] == nil {
		compiled, err := d.compiler.Compile("openapi.json" + s.Ref)
		if err != nil {
			t.Fatal(err)
		}
		d.schemas[s.Ref] = compiled
	}
	return d.schemas[s.Ref].Validate(value)
}

// Each example fits its schema, except those that show how not to do it.
func TestOpenAPI_exampleSchemas(t *testing.T) {
	doc := readOpenAPI(t)
	n := 0
	check := func(where string, content openapi3.Content) {
		for mediaType, m := range content {
			for name, e := range m.Examples {
				n++
				err := doc.fits(t, m.Schema, plain(e.Value.Value))
				if invalid := e.Value.Extensions["x-invalid"] == true; (err != nil) != invalid {
					t.Errorf("%s, %s, example %s: x-invalid is %t: %v", where, mediaType, name, invalid, err)
				}
			}
		}
	}
	items := maps.Clone(doc.Paths.Map())
	for name, item := range doc.Webhooks {
		items["webhook "+name] = item
	}
	for path, item := range items {
		for method, op := range item.Operations() {
			if op.RequestBody != nil {
				check(method+" "+path, op.RequestBody.Value.Content)
			}
			for status, r := range op.Responses.Map() {
				check(method+" "+path+" "+status, r.Value.Content)
			}
		}
	}
	if n < 100 {
		t.Errorf("%d examples only", n)
	}
}

// The description has the operations that the door has.
func TestOpenAPI_routes(t *testing.T) {
	want := map[string][]string{}
	for _, e := range httpd.Endpoints() {
		want[e.Path] = slices.Sorted(slices.Values(e.Methods))
	}
	got := map[string][]string{}
	for path, item := range readOpenAPI(t).Paths.Map() {
		got[path] = slices.Sorted(maps.Keys(item.Operations()))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("httpd (-) and openapi.yaml (+) differ:\n%s", diff)
	}
}

// The statuses of the description are those that the code of the door has.
func TestOpenAPI_statuses(t *testing.T) {
	documented := map[int]bool{http.StatusMethodNotAllowed: false}
	doc := readOpenAPI(t)
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for status := range op.Responses.Map() {
				n, err := strconv.Atoi(status)
				if err != nil {
					t.Fatal(err)
				}
				documented[n] = true
			}
		}
	}
	// That of a method which a path does not have belongs to no operation.
	documented[http.StatusMethodNotAllowed] = doc.Components.Responses["405"] != nil
	inCode := map[int]bool{}
	for _, folder := range []string{"httpd", "apidoc"} {
		for _, status := range statusesIn(t, folder) {
			inCode[status] = true
		}
	}
	if diff := cmp.Diff(inCode, documented); diff != "" {
		t.Errorf("code (-) and openapi.yaml (+) differ:\n%s", diff)
	}
}

// statusesIn returns the values of the constants http.Status… that the code in a folder
// names.
func statusesIn(t *testing.T, folder string) []int {
	t.Helper()
	files, err := filepath.Glob(folder + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]int{}
	for status := 100; status < 600; status++ {
		if text := http.StatusText(status); text != "" {
			byName["Status"+strings.NewReplacer(" ", "", "-", "").Replace(text)] = status
		}
	}
	var statuses []int
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := selector.X.(*ast.Ident)
			if !ok || pkg.Name != "http" || !strings.HasPrefix(selector.Sel.Name, "Status") || selector.Sel.Name == "StatusText" {
				return true
			}
			status, known := byName[selector.Sel.Name]
			if !known {
				t.Errorf("%s: unknown status http.%s", file, selector.Sel.Name)
			}
			statuses = append(statuses, status)
			return true
		})
	}
	return statuses
}

// apiExample is a request that the description shows, and what it says of the answer.
type apiExample struct {
	name, method, path string // path with its parameters filled in, and a query
	header             http.Header
	mediaType          string // of the body; empty: there is none
	body               any
	status             string
	response           *openapi3.Response
}

// Each example of the description is what it says: driven through a gateway it gets the
// status and the media type that are written there, an answer that fits its schema and,
// where one is shown in JSON, that very answer.
func TestOpenAPI_examples(t *testing.T) {
	_, g := startDev(t)
	doc := readOpenAPI(t)
	n := 0
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			for _, e := range examplesOf(t, path, method, item, op) {
				accepts := []string{""}
				if e.status != "202" {
					accepts = append(accepts, slices.Sorted(maps.Keys(e.response.Content))...)
				}
				for _, accept := range accepts {
					n++
					t.Run(strings.TrimPrefix(op.OperationID+"/"+e.mediaType+"/"+e.name+"/"+accept, "/"), func(t *testing.T) { g.drive(t, doc, e, accept) })
				}
			}
		}
	}
	if n < 100 {
		t.Errorf("%d requests only", n)
	}
}

// What no example brings about is as it is described, too.
func TestOpenAPI_errors(t *testing.T) {
	_, g := startDev(t)
	doc := readOpenAPI(t)
	fields := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	large := `<message to="alice@localhost"><body>` + strings.Repeat("x", 200_000) + `</body></message>`
	for _, e := range []apiExample{
		{name: "noCredentials", method: "POST", path: "/rest", status: "401", header: fields("Authorization", "")},
		{name: "unknownCredentials", method: "POST", path: "/rest", status: "403", header: fields("Authorization", "Bearer other")},
		{name: "unknownPath", method: "GET", path: "/nothing", status: "404"},
		{name: "gone", method: "POST", path: "/rest/message/chat/nobody@localhost", status: "503", header: fields("Prefer", "handling=strict"), mediaType: "text/plain", body: "x"},
		{name: "unknownMethod", method: "PUT", path: "/rest", status: "405"},
		{name: "unknownMethod", method: "POST", path: "/livez", status: "405"},
		{name: "tooLarge", method: "POST", path: "/rest", status: "413", mediaType: "application/xmpp+xml", body: large},
		{name: "unknownMediaType", method: "POST", path: "/rest", status: "415", mediaType: "image/png", body: "x"},
		{name: "unknownCoding", method: "POST", path: "/rest", status: "415", header: fields("Content-Encoding", "br"), mediaType: "text/plain", body: "x"},
		{name: "otherHost", method: "GET", path: "/livez", status: "421", header: fields("Host", "example.org")},
		{name: "unknownField", method: "GET", path: "/rest/nothing/localhost", status: "422"},
		{name: "notModified", method: "GET", path: "/docs/", status: "304", header: fields("If-None-Match", "*")},
	} {
		e.response = doc.Components.Responses[e.status].Value
		for _, accept := range append(slices.Sorted(maps.Keys(e.response.Content)), "") {
			t.Run(e.name+"/"+accept, func(t *testing.T) { g.drive(t, doc, e, accept) })
		}
	}
}

// examplesOf returns the requests that an operation shows, one for each name among its
// examples, and for each media type of the body that has that name.
func examplesOf(t *testing.T, path, method string, item *openapi3.PathItem, op *openapi3.Operation) []apiExample {
	t.Helper()
	parameters := slices.Concat(item.Parameters, op.Parameters)
	var all []apiExample
	add := func(name, mediaType string, body *openapi3.Example) {
		e := apiExample{name: name, method: method, header: http.Header{}, mediaType: mediaType}
		query := url.Values{}
		e.path = path
		for _, p := range parameters {
			if value, ok := parameterValue(p.Value, name); ok {
				if p.Value.In == "path" {
					e.path = strings.ReplaceAll(e.path, "{"+p.Value.Name+"}", url.PathEscape(value))
				} else if p.Value.In == "query" {
					query.Set(p.Value.Name, value)
				}
			}
		}
		if body != nil {
			e.body = body.Value
			addStrings(body.Extensions["x-query"], query.Set)
			addStrings(body.Extensions["x-headers"], e.header.Set)
		}
		if len(query) > 0 {
			e.path += "?" + query.Encode()
		}
		e.status, e.response = expected(t, op, name)
		all = append(all, e)
	}
	inBody := map[string]bool{}
	if op.RequestBody != nil {
		for mediaType, m := range op.RequestBody.Value.Content {
			for name, ex := range m.Examples {
				inBody[name] = true
				add(name, mediaType, ex.Value)
			}
			if len(m.Examples) == 0 {
				t.Errorf("%s %s: no example in %s", method, path, mediaType)
			}
		}
	}
	names := map[string]bool{}
	for _, p := range parameters {
		for name := range p.Value.Examples {
			names[name] = true
		}
	}
	if op.RequestBody == nil || !op.RequestBody.Value.Required {
		if op.RequestBody == nil && len(names) == 0 {
			names["plain"] = true
		}
		for name := range names {
			if !inBody[name] && complete(parameters, name) {
				add(name, "", nil)
			}
		}
	}
	return all
}

// parameterValue returns the value of a parameter in the examples of a name.
func parameterValue(p *openapi3.Parameter, name string) (string, bool) {
	if e := p.Examples[name]; e != nil {
		s, ok := e.Value.Value.(string)
		return s, ok
	}
	s, ok := p.Example.(string)
	return s, ok
}

// complete reports whether all required parameters have a value in the examples of a name.
func complete(parameters openapi3.Parameters, name string) bool {
	for _, p := range parameters {
		if _, ok := parameterValue(p.Value, name); p.Value.Required && !ok {
			return false
		}
	}
	return true
}

// addStrings calls set for the members of an object of strings.
func addStrings(object any, set func(name, value string)) {
	members, _ := object.(map[string]any)
	for name, value := range members {
		set(name, value.(string))
	}
}

// expected returns the response that shows an example of that name, else 202, else the
// success that there is.
func expected(t *testing.T, op *openapi3.Operation, name string) (string, *openapi3.Response) {
	t.Helper()
	statuses := slices.Sorted(maps.Keys(op.Responses.Map()))
	for _, status := range statuses {
		for _, m := range op.Responses.Value(status).Value.Content {
			if m.Examples[name] != nil {
				return status, op.Responses.Value(status).Value
			}
		}
	}
	if slices.Contains(statuses, "202") {
		return "202", op.Responses.Value("202").Value
	}
	return statuses[0], op.Responses.Value(statuses[0]).Value // 2xx and 3xx come first
}

// drive sends an example, and checks the answer.
func (g *gatewayUnderTest) drive(t *testing.T, doc *description, e apiExample, accept string) {
	body := encodeExample(t, e.mediaType, e.body)
	req, err := http.NewRequestWithContext(t.Context(), e.method, g.url+e.path, bytes.NewReader(body))
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
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if strconv.Itoa(resp.StatusCode) != e.status {
		t.Fatalf("%s %s: status %d, want %s: %s", e.method, e.path, resp.StatusCode, e.status, content)
	}
	checkHeader(t, e.response, resp.Header)
	doc.checkBody(t, e, resp.Header.Get("Content-Type"), content)
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

// generatedID is an id that the gateway has made, alone and in XML.
var generatedID = regexp.MustCompile(`^[A-Za-z0-9_-]{24}$|\bid="[A-Za-z0-9_-]{24}"`)

// withoutIDs returns a plain value without the ids that differ each time.
func withoutIDs(value any) any {
	switch v := value.(type) {
	case map[string]any:
		object := map[string]any{}
		for key, member := range v {
			object[key] = withoutIDs(member)
		}
		return object
	case string:
		return generatedID.ReplaceAllString(v, "generated")
	}
	return value
}
