package httpd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/getkin/kin-openapi/openapi3"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/events"
	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/gateway"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// operation is one of the description.
type operation struct {
	*openapi3.Operation
	path, method string
	item         *openapi3.PathItem
}

func readOpenAPI(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("../apidoc/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// operations returns the operations of a description in a fixed order.
func operations(doc *openapi3.T) []operation {
	var all []operation
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			all = append(all, operation{op, path, method, item})
		}
	}
	slices.SortFunc(all, func(a, b operation) int { return cmp.Compare(a.OperationID, b.OperationID) })
	return all
}

// kinds returns the kinds of stanza that op can have.
func (op operation) kinds() []stanza.Kind {
	switch {
	case !strings.HasPrefix(op.path, "/rest") || strings.HasPrefix(op.path, outboxPath) || op.method == http.MethodOptions:
		return nil
	case strings.Contains(op.path, "{field}"):
		return []stanza.Kind{stanza.IQ}
	case !strings.Contains(op.path, "{kind}"):
		return []stanza.Kind{stanza.Message, stanza.Presence, stanza.IQ}
	}
	var kinds []stanza.Kind
	for _, value := range op.Parameters.GetByInAndName("path", "kind").Schema.Value.Enum {
		kinds = append(kinds, stanza.Kind(value.(string)))
	}
	return kinds
}

// operates reports whether op is an operator's.
func (op operation) operates() bool { return slices.Contains(op.Tags, "operate") || op.tokens() }

// tokens reports whether op is about tokens.
func (op operation) tokens() bool { return strings.HasPrefix(op.path, tokensPath) }

// reads reports whether op is a reader's.
func (op operation) reads() bool { return slices.Contains(op.Tags, "receive") }

// samples are stanzas as callers send them.
var samples = map[stanza.Kind]stanza.Stanza{
	stanza.Message:  mustParse(message),
	stanza.Presence: mustParse(`<presence to="user@example.org"><show>away</show></presence>`),
	stanza.IQ:       mustParse(`<iq type="get" to="user@example.org"><ping xmlns="urn:xmpp:ping"/></iq>`),
}

// url returns the URL of a request for a stanza of that kind.
func (op operation) url(kind stanza.Kind) string {
	typ := map[stanza.Kind]string{stanza.Message: "chat", stanza.Presence: "available", stanza.IQ: "get"}[kind]
	url := strings.NewReplacer("{kind}", string(kind), "{type}", typ, "{to}", "user@example.org", "{field}", "disco", "{id}", "abc-1", "{name}", testConsumer).Replace(op.path)
	if op.tokens() {
		return url
	}
	if op.path == eventsPath+ackPath {
		url += "?consumer=" + testConsumer
	}
	if op.operates() {
		if op.method != http.MethodGet && !strings.Contains(op.path, "{id}") {
			url += "?all=true"
		}
		return strings.Replace(url, "/dead-letters/abc-1", "/dead-letters/abc-1-dead", 1)
	}
	if op.method == http.MethodGet && kind != "" && !strings.Contains(op.path, "{field}") {
		fields := map[stanza.Kind]string{stanza.Message: "body=hi", stanza.Presence: "show=away", stanza.IQ: "ping=true"}[kind]
		if !strings.Contains(op.path, "{to}") {
			fields += "&to=user@example.org&kind=" + string(kind)
		}
		url += "?" + fields
	}
	return url
}

// body returns the body of a request, and what it needs in the query.
func (op operation) body(kind stanza.Kind, f *format.Format) (body, query string) {
	if !strings.Contains(op.path, "{field}") || f == format.XML {
		if f == format.Text && !strings.Contains(op.path, "{to}") {
			query = "?to=user@example.org"
		}
		return string(f.Append(nil, samples[kind])), query
	}
	switch f.MediaType {
	case format.JSON.MediaType:
		return `{"node":"x"}`, ""
	case format.Form.MediaType:
		return "node=x", ""
	case format.CBOR.MediaType:
		b, err := cbor.Marshal(map[string]string{"node": "x"})
		if err != nil {
			panic(err) // it is a map of strings
		}
		return string(b), ""
	}
	return "hi", ""
}

// request returns a request for op that is right, with a stanza of that kind, in JSON if
// it has a body.
func (op operation) request(kind stanza.Kind) *http.Request {
	body := ""
	switch {
	case op.method == http.MethodPost && op.tokens():
		body = `{"name": "x", "rights": ["send"]}`
	case op.method == http.MethodPost && !op.operates():
		body, _ = op.body(kind, format.JSON)
	}
	if op.reads() && body != "" {
		body = ackOf(fewEvents().Last())
	}
	r := httptest.NewRequest(op.method, "http://gateway"+op.url(kind), strings.NewReader(body))
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	} else {
		r.Header.Set("Content-Type", format.JSON.MediaType)
	}
	r.Header.Set("Authorization", testSecret)
	if op.operates() {
		r.Header.Set("Authorization", adminSecret)
	}
	return r
}

// fewTokens is a journal with a token, which does not change.
type fewTokens struct{ err error }

func (f fewTokens) AddToken(_ context.Context, t journal.Token) (journal.Token, error) {
	t.ID, t.Created = "abc-2", time.Now()
	return t, f.err
}

func (fewTokens) Tokens(_ context.Context, of journal.TokenFilter, _ int64, _ int) ([]journal.Token, error) {
	if of.ID != "" && of.ID != "abc-1" {
		return nil, nil
	}
	domain := jid.MustParse(testDomain)
	return []journal.Token{{Seq: 1, ID: "abc-1", Hash: make([]byte, 32), Component: domain, Identity: domain, Rights: []string{"send"}, Created: time.Unix(1, 0)}}, nil
}

func (f fewTokens) RevokeToken(context.Context, string) error              { return f.err }
func (f fewTokens) UsedTokens(context.Context, map[string]time.Time) error { return f.err }

// failingLater is fewTokens that can be read at the start only, and not written.
type failingLater struct {
	fewTokens

	started bool
}

func (f *failingLater) Tokens(ctx context.Context, of journal.TokenFilter, after int64, limit int) ([]journal.Token, error) {
	if f.started {
		return nil, journal.ErrDamaged
	}
	f.started = true
	return f.fewTokens.Tokens(ctx, of, after, limit)
}

func (*failingLater) AddToken(context.Context, journal.Token) (journal.Token, error) {
	return journal.Token{}, journal.ErrUnwritable
}

// fewDeliveries is a journal with a delivery and a dead letter, which do not change.
type fewDeliveries struct{ err error }

func (f fewDeliveries) List(context.Context, journal.Filter, int64, int) ([]journal.Delivery, error) {
	return make([]journal.Delivery, 1), f.err
}

func (f fewDeliveries) Show(_ context.Context, id string) (journal.Detail, error) {
	states := map[string]journal.DeliveryState{"abc-1": journal.Waiting, "abc-1-dead": journal.Dead}
	if f.err == nil && states[id] == "" {
		return journal.Detail{}, journal.ErrNotFound
	}
	return journal.Detail{Delivery: journal.Delivery{ID: id, State: states[id]}, Stanza: samples[stanza.Message]}, f.err
}

func (f fewDeliveries) Drop(_ context.Context, of journal.Filter) (int, error) {
	if of.ID != "" && !strings.HasPrefix(of.ID, "abc-1") {
		return 0, f.err
	}
	return 1, f.err
}

func (f fewDeliveries) Retry(ctx context.Context, of journal.Filter) (int, error) {
	return f.Drop(ctx, of)
}

func (f fewDeliveries) Replay(ctx context.Context, of journal.Filter, _ func(jid.JID) time.Time) (int, error) {
	return f.Drop(ctx, of)
}

// scenario is what can befall a request.
type scenario struct {
	name    string
	only    string // a method; empty: any
	request func(r *http.Request)
	options func(o *Options)
	submit  func(st stanza.Stanza) (stanza.Stanza, error) // what becomes of the stanza
	fault   error                                         // of the component, whatever it is asked
	log     *events.Log                                   // whose events are read; nil: one with a few
}

// faulty is a component with a fault.
type faulty struct {
	*fakeComponent
	err error
}

func (c faulty) Complete(jid.JID, stanza.Stanza) (stanza.Stanza, error) {
	return stanza.Stanza{}, c.err
}

// Outgoing implements Component.
func (c faulty) Outgoing(context.Context, jid.JID, string) (gateway.Outgoing, bool, error) {
	return gateway.Outgoing{}, false, c.err
}

// takes is what becomes of a stanza as a rule: a query has an answer, all else has none.
func takes(st stanza.Stanza) (stanza.Stanza, error) {
	if st.Kind() != stanza.IQ {
		return stanza.Stanza{}, nil
	}
	return mustParse(`<iq type="result" id="x" from="user@example.org"/>`), nil
}

// bounces returns the answer to a stanza that is refused.
func bounces(c stanza.Condition) func(stanza.Stanza) (stanza.Stanza, error) {
	return func(st stanza.Stanza) (stanza.Stanza, error) {
		content := fmt.Sprintf(`<error type="cancel"><%s xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>`, c)
		if st.Kind() == stanza.Message {
			content = "<body>hi</body>" + content
		}
		return mustParse(fmt.Sprintf(`<%[1]s type="error" id="x" from="user@example.org">%[2]s</%[1]s>`, st.Kind(), content)), nil
	}
}

// queues is what becomes of a stanza while the link is down and there is an outbox.
func queues(st stanza.Stanza) (stanza.Stanza, error) {
	if st.Kind() != stanza.IQ {
		return stanza.Stanza{}, &gateway.Queued{ID: "abc-1"}
	}
	return takes(st)
}

// repeated gives a request the key that the same request had before.
func repeated(r *http.Request) {
	r.Header.Set(keyField, strconv.Quote(fmt.Sprint(r.Method, r.URL.Path, r.ContentLength)))
}

func withField(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// scenarios returns all that can befall a request: what a caller can do wrong, each
// reason to refuse a stanza, and each condition of a stanza error.
func scenarios(t *testing.T) []scenario {
	t.Helper()
	strict := withField("Prefer", "handling=strict, wait=1, respond-async")
	refused := func(reason stanza.Reason) func(stanza.Stanza) (stanza.Stanza, error) {
		return func(stanza.Stanza) (stanza.Stanza, error) { return stanza.Stanza{}, &stanza.Refusal{Reason: reason} }
	}
	all := []scenario{
		{name: "all is well"},
		{name: "preferences", request: strict},
		{name: "no credentials", request: func(r *http.Request) { r.Header.Del("Authorization") }},
		{name: "unknown credentials", request: withField("Authorization", "Bearer x")},
		{name: "other host", request: func(r *http.Request) { r.Host = "example.org" }, options: func(o *Options) { o.LocalOnly = true }},
		{name: "large body", only: http.MethodPost, request: func(r *http.Request) { r.ContentLength = 1 << 30 }},
		{name: "slow body", only: http.MethodPost, request: func(r *http.Request) {
			r.Body = io.NopCloser(iotest.ErrReader(os.ErrDeadlineExceeded))
		}},
		{name: "unknown format", only: http.MethodPost, request: withField("Content-Type", "image/png")},
		{name: "unknown coding", only: http.MethodPost, request: withField("Content-Encoding", "br")},
		{name: "malformed", only: http.MethodPost, request: func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("{")) }},
		{name: "unknown member", request: func(r *http.Request) { r.URL.RawQuery += "&bdoy=x" }},
		{name: "bad address", request: func(r *http.Request) {
			r.URL.Path = strings.ReplaceAll(r.URL.Path, "user@", "user@@")
			r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, "user@", "user@@")
			if r.Method == http.MethodPost && !strings.Contains(r.URL.Path, "@@") {
				r.Body = io.NopCloser(strings.NewReader(`{"to":"user@@example.org"}`))
			}
		}},
		{name: "not modified", request: withField("If-None-Match", "*")},
		{name: "link down", options: func(o *Options) { o.Checks = func() []Check { return []Check{{Name: "link"}} } }},
		{name: "page of another origin", only: http.MethodOptions, request: withField("Origin", "https://a.example"), options: func(o *Options) { o.CORSOrigins = []string{"*"} }},
		{name: "queued", submit: queues},
		{name: "not queued", request: func(r *http.Request) { r.URL.Path = strings.ReplaceAll(r.URL.Path, "abc-1", "other") }},
		{name: "repeated", request: repeated},
		{name: "key of another request", request: withField(keyField, `"key"`)},
		{name: "no journal", options: func(o *Options) { o.Deliveries, o.Tokens = nil, nil }},
		{name: "no disk", options: func(o *Options) { o.Deliveries = fewDeliveries{journal.ErrUnwritable} }},
		{name: "no reading", options: func(o *Options) { o.Tokens = &failingLater{} }},
		{name: "fault", fault: errors.New("a fault")},
	}
	all = append(all, eventScenarios(t)...)
	for _, reason := range stanza.Reasons() {
		all = append(all, scenario{name: string(reason), submit: refused(reason)},
			scenario{name: string(reason) + ", repeated", request: repeated, submit: refused(reason)})
	}
	strictly := func(r *http.Request) {
		strict(r)
		repeated(r)
	}
	for _, condition := range stanza.Conditions() {
		all = append(all, scenario{name: string(condition), request: strict, submit: bounces(condition)},
			scenario{name: string(condition) + ", repeated", request: strictly, submit: bounces(condition)},
			scenario{name: string(condition) + ", not strict", request: withField("Prefer", "wait=1"), submit: bounces(condition)})
	}
	return all
}

// set is a set of statuses, media types or header fields.
type set map[string]bool

// seen is what the door has been seen to answer.
type seen struct {
	statuses map[string]set // by operation
	types    map[string]set // by response, see place
	header   map[string]set
}

// place names a response: those that operations share have one name.
func place(op operation, status string) string {
	if ref := op.Responses.Value(status); ref != nil && ref.Ref != "" {
		return ref.Ref
	}
	return op.OperationID + " " + status
}

func (s *seen) note(where string, resp *http.Response) {
	for _, m := range []map[string]set{s.types, s.header} {
		if m[where] == nil {
			m[where] = set{}
		}
	}
	if contentType := resp.Header.Get("Content-Type"); contentType != "" {
		s.types[where][mediaType(contentType)] = true
	}
	for name := range resp.Header {
		s.header[where][name] = true
	}
}

// accepts are Accept headers that ask for all that there is, and for what there is not.
func accepts() []string {
	list := append([]string{
		"", "image/png", "application/openmetrics-text; version=1.0.0",
		"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
	}, slices.Concat(documentTypes, eventTypes)...)
	for _, f := range format.All() {
		list = append(list, f.MediaType)
	}
	return list
}

// watch lets everything befall every operation, and notes what comes of it.
func watch(t *testing.T, doc *openapi3.T) *seen {
	t.Helper()
	s := &seen{statuses: map[string]set{}, types: map[string]set{}, header: map[string]set{}}
	for _, sc := range scenarios(t) {
		c := newFake()
		server, err := New(optionsOf(c, sc))
		if err != nil {
			panic(err) // the options are those of the test
		}
		for _, op := range operations(doc) {
			if sc.only != "" && sc.only != op.method {
				continue
			}
			for _, kind := range append(op.kinds(), "")[:max(1, len(op.kinds()))] {
				for _, accept := range accepts() {
					s.try(server, op, sc, kind, accept)
				}
			}
		}
	}
	return s
}

// optionsOf returns the options of a Server that serves all there is, in a scenario.
func optionsOf(c *fakeComponent, sc scenario) Options {
	c.submit = func(_ context.Context, st stanza.Stanza) (stanza.Stanza, error) {
		switch {
		case sc.fault != nil:
			return stanza.Stanza{}, sc.fault
		case sc.submit != nil:
			return sc.submit(st)
		}
		return takes(st)
	}
	c.outgoing = func(_ jid.JID, id string) (gateway.Outgoing, bool, error) {
		return gateway.Outgoing{ID: id, State: "queued"}, id == "abc-1", nil
	}
	var component Component = c
	if sc.fault != nil {
		component = faulty{c, sc.fault}
	}
	log := sc.log
	if log == nil {
		log = renewed()
	}
	o := Options{Credentials: []Credential{{Authorization: testSecret, Component: component, Events: log}}}
	all(&o)
	o.Admin, o.Deliveries = adminSecret, fewDeliveries{}
	o.Tokens, o.Components = fewTokens{}, []Attachment{{Component: component}}
	if sc.options != nil {
		sc.options(&o)
	}
	return o
}

func (s *seen) try(server *Server, op operation, sc scenario, kind stanza.Kind, accept string) {
	r := op.request(kind)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	if sc.request != nil {
		sc.request(r)
	}
	if sc.log == nil {
		renewed()
	}
	w := hijackable{httptest.NewRecorder()}
	server.ServeHTTP(w, r)
	resp := w.Result()
	status := strconv.Itoa(resp.StatusCode)
	if s.statuses[op.OperationID] == nil {
		s.statuses[op.OperationID] = set{}
	}
	s.statuses[op.OperationID][status] = true
	s.note(place(op, status), resp)
}

// unsaid are fields that any response may have and the description does not name.
var unsaid = set{
	"Cache-Control": true, "Content-Length": true, "Content-Security-Policy": true, "Content-Type": true,
	"Referrer-Policy": true, "Vary": true, "X-Content-Type-Options": true,
}

// The description has, for each operation, the statuses that it can have, no more and no
// fewer; and each response has the media types and header fields with which it comes.
func TestOpenAPI_responses(t *testing.T) {
	doc := readOpenAPI(t)
	s := watch(t, doc)
	responses := map[string]*openapi3.Response{}
	for _, op := range operations(doc) {
		described := set{}
		for status, ref := range op.Responses.Map() {
			described[status] = true
			responses[place(op, status)] = ref.Value
		}
		if diff := gocmp.Diff(s.statuses[op.OperationID], described); diff != "" {
			t.Errorf("%s: the statuses that come (-) and the description's (+):\n%s", op.OperationID, diff)
		}
	}
	server, err := New(optionsOf(newFake(), scenario{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, accept := range accepts() {
		for _, outside := range []struct{ status, method, path string }{{"404", "GET", "/nothing"}, {"405", "PUT", "/rest"}, {"405", "POST", "/livez"}, {"405", "POST", "/docs/"}} {
			r := httptest.NewRequest(outside.method, outside.path, nil)
			r.Header.Set("Accept", accept)
			where := "#/components/responses/" + outside.status
			s.note(where, do(server, r).Result())
			responses[where] = doc.Components.Responses[outside.status].Value
		}
	}
	for where, response := range responses {
		s.check(t, where, response)
	}
}

// check compares a response with what has been seen of it.
func (s *seen) check(t *testing.T, where string, described *openapi3.Response) {
	t.Helper()
	types := set{}
	for contentType := range described.Content {
		types[contentType] = true
	}
	if diff := gocmp.Diff(s.types[where], types); diff != "" && len(s.types[where])+len(types) > 0 {
		t.Errorf("%s: the media types that come (-) and the description's (+):\n%s", where, diff)
	}
	names := set{}
	for name := range described.Headers {
		names[http.CanonicalHeaderKey(name)] = true
	}
	for name := range unsaid {
		if !names[name] {
			delete(s.header[where], name)
		}
	}
	if diff := gocmp.Diff(s.header[where], names); diff != "" && len(s.header[where])+len(names) > 0 {
		t.Errorf("%s: the header fields that come (-) and the description's (+):\n%s", where, diff)
	}
}

// What net/http answers by itself is described, too.
func TestOpenAPI_largeHeader(t *testing.T) {
	response := readOpenAPI(t).Components.Responses["431"]
	if response == nil {
		t.Fatal("431 is not described")
	}
	synctest.Test(t, func(t *testing.T) {
		conn := serve(t, newTestServer(t, newFake(), nil)).dialRaw(t)
		defer conn.Close()
		go func() {
			_, _ = io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: gateway\r\nX: "+strings.Repeat("x", 64<<10)+"\r\n\r\n") // it is not read to its end
		}()
		resp, _ := conn.answer()
		base, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge || err != nil || !slices.Equal(slices.Collect(maps.Keys(response.Value.Content)), []string{base}) {
			t.Errorf("got %s in %s", resp.Status, resp.Header.Get("Content-Type"))
		}
	})
}
