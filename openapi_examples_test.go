package restanza_test

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/restanza/restanza/internal/xmpptest"
)

// apiExample is a request that the description shows, and what it says of the answer.
type apiExample struct {
	name, method, path string // path with its parameters filled in, and a query
	header             http.Header
	mediaType          string // of the body; empty: there is none
	body               any
	status             string
	response           *openapi3.Response
	asShown            func(content []byte) []byte // makes what comes what the description would show; nil: nothing is to do
}

// examplesOfRequests is how many requests the description shows: whoever takes one out, or
// puts one in, says so here.
const examplesOfRequests = 180

// Each example of the description is what it says: driven through a gateway it gets the
// status and the media type that are written there, an answer that fits its schema and,
// where one is shown in JSON, that very answer.
func TestOpenAPI_examples(t *testing.T) {
	_, g := startDev(t)
	o := startOperated(t)
	f := startFollowed(t)
	doc := readOpenAPI(t)
	n := 0
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			for _, e := range examplesOf(t, path, method, item, op) {
				n++
				accepts := []string{""}
				if e.status != "202" {
					accepts = append(accepts, slices.Sorted(maps.Keys(e.response.Content))...)
				}
				for _, accept := range accepts {
					t.Run(strings.TrimPrefix(op.OperationID+"/"+e.mediaType+"/"+e.name+"/"+accept, "/"), func(t *testing.T) {
						switch {
						case operates(op):
							o.driveOperator(t, doc, e, accept)
						case follows(op):
							f.driveReader(t, doc, e, accept)
						default:
							g.drive(t, doc, e, accept)
						}
					})
				}
			}
		}
	}
	if n != examplesOfRequests {
		t.Errorf("%d requests are shown, and have been %d", n, examplesOfRequests)
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

// Nobody answers in time, or the id is that of a query under way.
func TestOpenAPI_outstanding(t *testing.T) {
	server, g := startDev(t)
	doc := readOpenAPI(t)
	silent := xmpptest.Login(t, server, "alice/phone")
	ask := apiExample{
		name: "noAnswer", method: "POST", path: "/rest", mediaType: "application/json", status: "504",
		body:   map[string]any{"kind": "iq", "id": "q1", "to": silent.JID(), "ping": true},
		header: http.Header{"Prosody-Rest-Timeout": {"1"}}, response: doc.Components.Responses["504"].Value,
	}
	var first sync.WaitGroup
	first.Go(func() { g.drive(t, doc, ask, "application/problem+json") })
	g.waitUntil("a query is outstanding", func() bool { return g.outstanding() == 1 })
	ask.status, ask.response = "409", doc.Components.Responses["409"].Value
	g.drive(t, doc, ask, "")
	first.Wait()
}

// shownElsewhere are examples of answers to requests that the description does not show,
// and the tests that bring them about.
var shownElsewhere = map[string]string{
	"noCredentials": "TestOpenAPI_errors",
	"noAnswer":      "TestOpenAPI_outstanding",
	"down":          "TestOpenAPI_linkDown",
	"fault":         "TestOpenAPI_faultExample in package httpd",
}

// Each example of an answer is brought about by some test.
func TestOpenAPI_examplesOfAnswers(t *testing.T) {
	doc := readOpenAPI(t)
	requests, answers := map[string]bool{}, map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			for _, e := range examplesOf(t, path, method, item, op) {
				requests[e.name] = true
			}
			for _, r := range op.Responses.Map() {
				for _, m := range r.Value.Content {
					for name := range m.Examples {
						answers[name] = true
					}
				}
			}
		}
	}
	for name := range answers {
		if !requests[name] && shownElsewhere[name] == "" {
			t.Errorf("nothing brings about the answer %s", name)
		}
	}
	for name := range shownElsewhere {
		if !answers[name] {
			t.Errorf("the answer %s is not there", name)
		}
	}
}

// passing is what differs each time in what a gateway says of its links.
var passing = regexp.MustCompile(`[0-9]{4}-[0-9-]+T[0-9:]+Z|127\.0\.0\.1:[0-9]+|\] [a-z.-]+:`)

// Without a link to its server a gateway answers as is shown.
func TestOpenAPI_linkDown(t *testing.T) {
	server := xmpptest.StartFake(t)
	g := startGateway(t, server)
	doc := readOpenAPI(t)
	server.Stop(t)
	g.waitUntil("the gateway can't connect", func() bool { return strings.Contains(g.get("/readyz?verbose").body, "nothing listens") })
	if status := g.get("/readyz").status; status != http.StatusServiceUnavailable {
		t.Errorf("status %d", status)
	}
	shown := doc.Paths.Find("/readyz").Get.Responses.Value("503").Value.Content["text/plain"].Examples["down"].Value.Value.(string)
	got := g.get("/readyz?verbose").body
	if passing.ReplaceAllString(got, "…") != passing.ReplaceAllString(shown, "…") {
		t.Errorf("got %q, shown is %q", got, shown)
	}
	g.drive(t, doc, apiExample{
		name: "down", method: "POST", path: "/rest", mediaType: "application/json", status: "503",
		body: map[string]any{"to": "alice@" + g.domain, "body": "x"}, response: doc.Components.Responses["503"].Value,
	}, "application/problem+json")
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
				switch p.Value.In {
				case "path":
					e.path = strings.ReplaceAll(e.path, "{"+p.Value.Name+"}", url.PathEscape(value))
				case "query":
					query.Set(p.Value.Name, value)
				case "header":
					if p.Value.Examples[name] != nil {
						e.header.Set(p.Value.Name, value)
					}
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
		if op.RequestBody == nil {
			names["plain"] = true // if nothing has to be said
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
// success that there is, or that a WebSocket is wanted.
func expected(t *testing.T, op *openapi3.Operation, name string) (string, *openapi3.Response) {
	t.Helper()
	statuses := slices.DeleteFunc(slices.Sorted(maps.Keys(op.Responses.Map())), func(status string) bool { return status == "101" })
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
	if slices.Contains(statuses, "426") { // a request that shows no header does not upgrade
		return "426", op.Responses.Value("426").Value
	}
	return statuses[0], op.Responses.Value(statuses[0]).Value // 2xx and 3xx come first
}
