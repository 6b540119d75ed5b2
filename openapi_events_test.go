package restanza_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/events"
	"github.com/restanza/restanza/internal/xmpptest"
)

// followed is a gateway without a callback and without a journal, where a message has come that was given to the
// consumer "mine". What the description shows is of a gateway with other addresses and ids.
type followed struct {
	*gatewayUnderTest

	toReal, toShown *strings.Replacer
}

func startFollowed(t *testing.T) *followed {
	t.Helper()
	server := xmpptest.StartFake(t)
	f := &followed{gatewayUnderTest: startGateway(t, server, withoutCallback)}
	begin := f.poll("").Next
	const mine = "?consumer=mine&since=all"
	f.poll(mine)
	alice := xmpptest.Login(t, server, "alice/phone")
	alice.Send(`<message type="chat" id="m1" to="bot@` + f.domain + `"><body>Hello!</body></message>`)
	page := f.poll(mine + "&wait=30")
	if len(page.Events) != 1 {
		t.Fatalf("got %+v", page)
	}
	id, err := events.ParsePosition(page.Events[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	pairs := []string{"bot.localhost", f.domain, "localhost", server.Host(), "3-1k8", begin, "3-1k9", id.String(), "3-1ka", (id + 1).String()}
	f.toReal = strings.NewReplacer(pairs...)
	slices.Reverse(pairs)
	f.toShown = strings.NewReplacer(append([]string{f.domain, "bot.localhost"}, pairs...)...)
	return f
}

// follows reports whether an operation is a reader's.
func follows(op *openapi3.Operation) bool { return slices.Contains(op.Tags, "receive") }

// driveReader sends an example of a reader's operation. What may change something, or tells of such changes, goes to a
// gateway of its own.
func (f *followed) driveReader(t *testing.T, doc *description, e apiExample, accept string) {
	if e.method != http.MethodGet || strings.HasSuffix(e.path, "/consumers") {
		f = startFollowed(t)
	}
	e.path = f.toReal.Replace(e.path)
	for _, values := range e.header {
		for i := range values {
			values[i] = f.toReal.Replace(values[i])
		}
	}
	if e.body != nil {
		text, err := json.Marshal(e.body)
		if err != nil {
			t.Fatal(err)
		}
		e.body = json.RawMessage(f.toReal.Replace(string(text)))
	}
	e.asShown = func(content []byte) []byte {
		return timeOfEvent.ReplaceAll([]byte(f.toShown.Replace(string(content))), []byte(`"time":"2026-01-02T03:04:05.678Z"`))
	}
	f.drive(t, doc, e, accept)
}

// timeOfEvent is when an event came.
var timeOfEvent = regexp.MustCompile(`"time":"[0-9]{4}-[0-9-]+T[0-9:.]+Z"`)

// ends are what stands after each event of a stream.
var ends = map[string]string{"text/event-stream": "\n\n", "application/x-ndjson": "\n"}

// readStream reads as many events as the description shows, or one.
func readStream(t *testing.T, body io.Reader, end string, shown *openapi3.Example) []byte {
	t.Helper()
	n := 1
	if shown != nil {
		n = strings.Count(shown.Value.(string), end)
	}
	var content bytes.Buffer
	for r := bufio.NewReader(body); strings.Count(content.String(), end) < n; {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream ended after %q: %v", content.String(), err)
		}
		content.WriteString(line)
	}
	return content.Bytes()
}

// checkStream checks that the objects in a stream fit their schema.
func (d *description) checkStream(t *testing.T, content []byte) {
	t.Helper()
	n := 0
	for line := range strings.Lines(string(content)) {
		text, isData := strings.CutPrefix(line, "data: ")
		if !isData && !strings.HasPrefix(line, "{") {
			continue
		}
		n++
		var object any
		if err := json.Unmarshal([]byte(text), &object); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if err := d.fits(t, &openapi3.SchemaRef{Ref: "#/components/schemas/EventObject"}, object); err != nil {
			t.Errorf("%s does not fit its schema: %v", line, err)
		}
	}
	if n == 0 && !bytes.HasPrefix(content, []byte("retry: ")) {
		t.Errorf("there is no object in %q", content)
	}
}

// What readers of events are refused, and how a WebSocket begins, is as it is described, too.
func TestOpenAPI_events(t *testing.T) {
	f := startFollowed(t)
	doc := readOpenAPI(t)
	upgrade := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}}
	foreign := upgrade.Clone()
	foreign.Set("Origin", "https://evil.example")
	keyless := upgrade.Clone()
	keyless.Del("Sec-Websocket-Key")
	large := fmt.Sprintf(`{"ack": [%s"3-1k9"]}`, strings.Repeat(`"3-1k9", `, 10_000))
	many := fmt.Sprintf(`{"ack": [%s"3-1k9"]}`, strings.Repeat(`"3-1k9", `, 1000))
	none := startGateway(t, xmpptest.StartFake(t), withoutCallback, func(c *config.Config) { c.Events.MaxEvents = 0 })
	for _, e := range []struct {
		name, method, path, status string
		header                     http.Header
		body                       string
		g                          *gatewayUnderTest
	}{
		{"upgrade", "GET", "/events", "101", upgrade, "", f.gatewayUnderTest},
		{"upgrade", "GET", "/events/ws?since=all", "101", upgrade, "", f.gatewayUnderTest},
		{"handshake", "GET", "/events/ws", "400", keyless, "", f.gatewayUnderTest},
		{"origin", "GET", "/events/ws", "403", foreign, "", f.gatewayUnderTest},
		{"no credentials", "GET", "/events.sse", "401", http.Header{"Authorization": {""}}, "", f.gatewayUnderTest},
		{"unknown credentials", "GET", "/events.ndjson", "403", http.Header{"Authorization": {"Bearer other"}}, "", f.gatewayUnderTest},
		{"unknown parameter", "GET", "/events.sse?wait=5", "400", nil, "", f.gatewayUnderTest},
		{"unknown path", "GET", "/events/nothing", "404", nil, "", f.gatewayUnderTest},
		{"unknown method", "POST", "/events", "405", nil, "", f.gatewayUnderTest},
		{"unknown method", "GET", "/events/ack", "405", nil, "", f.gatewayUnderTest},
		{"unknown method", "POST", "/events/consumers/mine", "405", nil, "", f.gatewayUnderTest},
		{"too large", "POST", "/events/ack?consumer=mine", "413", nil, large, f.gatewayUnderTest},
		{"too many", "POST", "/events/ack?consumer=mine", "400", nil, many, f.gatewayUnderTest},
		{"no log", "GET", "/events", "404", nil, "", none},
	} {
		t.Run(e.name+" "+e.path, func(t *testing.T) {
			example := apiExample{name: "none", method: e.method, path: e.path, header: e.header, status: e.status, response: doc.Components.Responses[e.status].Value}
			if e.body != "" {
				example.mediaType, example.body = "application/json", json.RawMessage(e.body)
			}
			e.g.drive(t, doc, example, "")
		})
	}
}
