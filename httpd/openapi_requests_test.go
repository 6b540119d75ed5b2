package httpd

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

// An operation with a body has each format that it takes, no more and no fewer: and where
// the body is the whole stanza, the strict variants of those that have one.
func TestOpenAPI_requestTypes(t *testing.T) {
	server, err := New(optionsOf(newFake(), scenario{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range operations(readOpenAPI(t)) {
		if (op.RequestBody != nil) != (op.method == http.MethodPost && (!op.operates() || op.tokens())) {
			t.Errorf("%s: a %s has a body only if it is a POST, and no operator's", op.OperationID, op.method)
		}
		if op.RequestBody == nil || op.tokens() || op.reads() {
			continue
		}
		taken := set{}
		for _, f := range format.All() {
			strict := f.MediaType + `; profile="` + strictProfile + `"`
			if !op.takes(server, f, f.MediaType) {
				continue
			}
			taken[f.MediaType] = true
			if found, err := format.Find(strict); err == nil && found != f && op.RequestBody.Value.Required {
				taken[strict] = op.takes(server, f, strict)
			}
		}
		described := set{}
		for contentType := range op.RequestBody.Value.Content {
			described[contentType] = true
		}
		if diff := cmp.Diff(taken, described); diff != "" {
			t.Errorf("%s: the formats that are taken (-) and the description's (+):\n%s", op.OperationID, diff)
		}
	}
}

// takes reports whether op takes a body in a format.
func (op operation) takes(s *Server, f *format.Format, contentType string) bool {
	kind := op.kinds()[0]
	body, query := op.body(kind, f)
	r := httptest.NewRequest(op.method, "http://gateway"+op.url(kind)+query, strings.NewReader(body))
	r.Header.Set("Authorization", testSecret)
	r.Header.Set("Content-Type", contentType)
	return do(s, r).Code < 300
}

// probes are values of header and query fields that make a difference, each if anything
// looks at the field.
var probes = []struct{ in, name, value string }{
	{"header", "Prefer", "handling=strict"},
	{"header", "Prosody-Rest-Timeout", "7"},
	{"header", "Content-Encoding", "unknown"},
	{"header", "If-None-Match", "*"},
	{"header", "Idempotency-Key", `"no end`},
	{"header", "Last-Event-ID", "x"},
	{"query", "verbose", ""},
	{"query", "quiet", ""},
}

// An operation has a parameter for each field that makes a difference to it, and for no
// other. Those that stand for members of a stanza, an operator's and a reader's have tests of their own.
func TestOpenAPI_parameters(t *testing.T) {
	known := []string{"Accept", "Authorization", "Content-Type"} // which OpenAPI does not let stand among the parameters
	for _, p := range probes {
		known = append(known, p.name)
	}
	for name := range strings.SplitSeq(corsHeaders[0], ", ") {
		if !slices.Contains(known, name) {
			t.Errorf("web pages may send %s, and no test knows what for", name)
		}
	}
	for _, op := range operations(readOpenAPI(t)) {
		if op.OperationID == "createToken" {
			continue // whose answer differs each time
		}
		effective, described := set{}, set{}
		for _, p := range probes {
			if (p.in == "header" || op.kinds() == nil && !op.operates() && !op.reads()) && op.differs(t, p.in, p.name, p.value) {
				effective[p.name] = true
			}
		}
		for _, p := range slices.Concat(op.item.Parameters, op.Parameters) {
			if p.Value.In != "path" && (p.Value.In != "query" || op.kinds() == nil && !op.operates() && !op.reads()) {
				described[p.Value.Name] = true
			}
		}
		if diff := cmp.Diff(effective, described); diff != "" {
			t.Errorf("%s: the parameters that make a difference (-) and the description's (+):\n%s", op.OperationID, diff)
		}
	}
}

// differs reports whether a field makes a difference to a stanza of any kind that op can
// have.
func (op operation) differs(t *testing.T, in, name, value string) bool {
	t.Helper()
	for _, kind := range append(op.kinds(), "")[:max(1, len(op.kinds()))] {
		plain, changed := op.request(kind), op.request(kind)
		if in == "header" {
			changed.Header.Set(name, value)
		} else {
			changed.URL.RawQuery = name + "=" + value
		}
		if op.outcome(t, plain) != op.outcome(t, changed) {
			return true
		}
	}
	return false
}

// outcome returns what comes of a request when the stanza in it is refused: the status, the
// body, and how long an answer was waited for.
func (op operation) outcome(t *testing.T, r *http.Request) (outcome struct {
	status int
	body   string
	wait   time.Duration
},
) {
	t.Helper()
	c := newFake()
	o := optionsOf(c, scenario{submit: bounces(stanza.ItemNotFound)})
	o.Checks = func() []Check { return []Check{{Name: "link", OK: true}} }
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	w := do(s, r)
	outcome.status, outcome.body = w.Code, w.Body.String()
	for _, call := range c.calls() {
		if call.stanza.IsRequest() { // to nothing else there is an answer
			outcome.wait = call.options.Wait
		}
	}
	return outcome
}

// The codings in the description are those that are understood.
func TestOpenAPI_codings(t *testing.T) {
	parameter := readOpenAPI(t).Components.Parameters["ContentEncoding"]
	for _, coding := range []string{"gzip", "x-gzip", "identity", "deflate", "compress", "br", "zstd", "dcb"} {
		_, p := decodeBody(nil, http.Header{"Content-Encoding": {coding}}, 100)
		if got := p == nil || p.status != http.StatusUnsupportedMediaType; got != slices.Contains(parameter.Value.Schema.Value.Enum, any(coding)) {
			t.Errorf("%s: understood is %t", coding, got)
		}
	}
}

// isScalar reports whether a member can stand in a query.
func isScalar(m jsonmap.Member) bool {
	return m.Schema.Type != jsonmap.Object && m.Schema.Type != jsonmap.Array
}

// parameterType returns the type of a member as a parameter has it: all of them are text,
// but for numbers.
func parameterType(m jsonmap.Member) string {
	if m.Schema.Type == jsonmap.Integer {
		return "integer"
	}
	return "string"
}

// queryParameters returns the types of the query parameters of op.
func (op operation) queryParameters() map[string]string {
	types := map[string]string{}
	for _, p := range op.Parameters {
		if p.Value.In == "query" {
			types[p.Value.Name] = strings.Join(p.Value.Schema.Value.Type.Slice(), "|")
		}
	}
	return types
}

// A stanza that stands in a query has as parameters those of its members that RFC 6120 and
// RFC 6121 have, unless the path says them. Beside a body nothing is a parameter.
func TestOpenAPI_stanzaParameters(t *testing.T) {
	n := 0
	for _, op := range operations(readOpenAPI(t)) {
		want := map[string]string{}
		kinds := op.kinds()
		switch {
		case kinds == nil || op.method == http.MethodGet && strings.Contains(op.path, "{field}"):
			continue
		case op.method == http.MethodGet:
			n++
		default:
			kinds = nil
		}
		for _, kind := range kinds {
			for _, m := range jsonmap.Fields(kind) {
				if strings.HasPrefix(m.XEP, "RFC 612") && isScalar(m) && !strings.Contains(op.path, "{"+m.Name+"}") {
					want[m.Name] = parameterType(m)
				}
			}
		}
		if diff := cmp.Diff(want, op.queryParameters()); diff != "" {
			t.Errorf("%s: the members (-) and the description's parameters (+):\n%s", op.OperationID, diff)
		}
	}
	if n != 2 {
		t.Errorf("%d operations", n)
	}
}

// What is asked by GET has as parameters all members that can stand in a query of the
// fields for which the table names any, and the table names all of these.
func TestOpenAPI_queryParameters(t *testing.T) {
	op := readOpenAPI(t).Paths.Find("/rest/{field}/{to}").Get
	members := map[string][]jsonmap.Member{}
	for _, field := range jsonmap.Fields(stanza.IQ) {
		for _, schema := range append(field.Schema.Either, &field.Schema) {
			members[field.Name] = append(members[field.Name], slices.DeleteFunc(slices.Clone(schema.Members), func(m jsonmap.Member) bool { return !isScalar(m) })...)
		}
	}
	want := map[string]string{}
	rows := 0
	for line := range strings.SplitSeq(op.Description, "\n") {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		rows++
		cells := strings.Split(line, "|")
		field := strings.Trim(cells[1], " `")
		if !slices.Contains(jsonmap.QueryFields(), field) {
			t.Errorf("%s is nothing that can be asked", field)
		}
		if strings.TrimSpace(cells[3]) == "" {
			continue
		}
		var named, there []string
		for name := range strings.SplitSeq(cells[3], ",") {
			named = append(named, strings.Trim(name, " `"))
		}
		for _, m := range members[field] {
			there = append(there, m.Name)
			want[m.Name] = parameterType(m)
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(there)), slices.Sorted(slices.Values(named))); diff != "" {
			t.Errorf("members of %s (-) and the description's (+):\n%s", field, diff)
		}
	}
	if diff := cmp.Diff(want, operation{Operation: op}.queryParameters()); diff != "" || rows == 0 {
		t.Errorf("%d rows; the members (-) and the description's parameters (+):\n%s", rows, diff)
	}
}

// Credentials are needed where the description says so, and each of its ways to show them
// works; those in a query have the names that are looked for there.
func TestOpenAPI_security(t *testing.T) {
	doc := readOpenAPI(t)
	for _, op := range operations(doc) {
		needed := doc.Security
		if op.Security != nil {
			needed = *op.Security
		}
		server, err := New(optionsOf(newFake(), scenario{}))
		if err != nil {
			t.Fatal(err)
		}
		r := op.request(append(op.kinds(), "")[0])
		r.Header.Del("Authorization")
		if status := do(server, r).Code; (status == http.StatusUnauthorized) != (len(needed) > 0) {
			t.Errorf("%s: %d without credentials; the description needs %v", op.OperationID, status, needed)
		}
	}
	inQuery, schemes := []string{}, set{}
	for name, ref := range doc.Components.SecuritySchemes {
		schemes[name] = true
		query, authorization := shown(t, ref.Value)
		if query != "" {
			inQuery = append(inQuery, ref.Value.Name)
		}
		o := Options{Credentials: []Credential{{Authorization: "Bearer t", Component: newFake(), InQuery: true}, {Authorization: "Basic dTpw", Component: newFake()}}}
		server, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/rest?to=user@example.org&body=hi"+query, nil)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		if w := do(server, r); w.Code != http.StatusAccepted {
			t.Errorf("credentials shown as %s: %d %s", name, w.Code, w.Body)
		}
	}
	if want := []string{tokenField, authField}; !slices.Equal(slices.Sorted(slices.Values(inQuery)), slices.Sorted(slices.Values(want))) {
		t.Errorf("the description has credentials in the query as %v, the gateway as %v", inQuery, want)
	}
	required := set{}
	for _, requirement := range doc.Security {
		for name := range requirement {
			required[name] = true
		}
	}
	if !maps.Equal(required, schemes) || len(doc.Security) != len(schemes) {
		t.Errorf("there are the schemes %v, and %v will do", schemes, doc.Security)
	}
}

// shown returns how the credentials of TestOpenAPI_security are shown by a scheme.
func shown(t *testing.T, s *openapi3.SecurityScheme) (query, authorization string) {
	t.Helper()
	switch {
	case s.Type == "http" && s.Scheme == "bearer":
		return "", "Bearer t"
	case s.Type == "http" && s.Scheme == "basic":
		return "", "Basic dTpw"
	case s.Type == "apiKey" && s.In == "query" && strings.HasSuffix(s.Name, "token"):
		return "&" + s.Name + "=t", ""
	case s.Type == "apiKey" && s.In == "query":
		return "&" + s.Name + "=" + base64.RawURLEncoding.EncodeToString([]byte("Bearer t")), ""
	}
	t.Errorf("unknown scheme %+v", s)
	return "", ""
}

// The schemas of error documents have the members that are written, and require those
// that always are.
func TestOpenAPI_errorSchemas(t *testing.T) {
	schemas := readOpenAPI(t).Components.Schemas
	bare := newProblem(http.StatusBadRequest, stanza.Modify, "bad-format", "text")
	full := newProblem(http.StatusBadRequest, stanza.Modify, "bad-format", "text")
	full.instance, full.place, full.oldest = "id", stanza.Place{Pointer: "/body", Line: 1, Column: 2}, "3-1k8"
	for name, write := range map[string]func(*problem) []byte{"Problem": writeProblemJSON, "RestError": writeRestJSON} {
		var most, least map[string]any
		if err := json.Unmarshal(write(full), &most); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(write(bare), &least); err != nil {
			t.Fatal(err)
		}
		checkObject(t, name, schemas[name].Value, most, least)
	}
}

// checkObject checks that a schema has the members of most, and requires those of least.
func checkObject(t *testing.T, name string, s *openapi3.Schema, most, least map[string]any) {
	t.Helper()
	if got, want := slices.Sorted(maps.Keys(s.Properties)), slices.Sorted(maps.Keys(most)); !slices.Equal(got, want) {
		t.Errorf("%s has the members %v, written are %v", name, got, want)
	}
	if got, want := slices.Sorted(slices.Values(s.Required)), slices.Sorted(maps.Keys(least)); !slices.Equal(got, want) {
		t.Errorf("%s requires %v, always written are %v", name, got, want)
	}
	for member, value := range most {
		object, ok := value.(map[string]any)
		property := s.Properties[member]
		if ok && property != nil {
			inner, _ := least[member].(map[string]any)
			checkObject(t, name+"."+member, property.Value, object, inner)
		} else if property != nil {
			if err := property.Value.VisitJSON(value); err != nil {
				t.Errorf("%s.%s: %v", name, member, err)
			}
		}
	}
}

// The example of a fault is what a fault is answered with.
func TestOpenAPI_faultExample(t *testing.T) {
	content := readOpenAPI(t).Components.Responses["500"].Value.Content["application/problem+json"]
	if content.Examples["fault"] == nil {
		t.Fatal("there is no example")
	}
	shown := content.Examples["fault"].Value.Value
	var written any
	if err := json.Unmarshal(writeProblemJSON(internalProblem(shown.(map[string]any)["instance_id"].(string))), &written); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(written, shown); diff != "" {
		t.Errorf("the answer (-) and the example (+):\n%s", diff)
	}
}
