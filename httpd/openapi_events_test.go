package httpd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/events"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
)

// testConsumer is the consumer of logs of events with which the description is tested.
const testConsumer = "mine"

// fewEvents returns a log with a stanza. There is one, since places depend on the clock.
var fewEvents = sync.OnceValue(func() *events.Log {
	l, err := newLog(nil)
	if err != nil {
		panic(err) // it needs no more than memory
	}
	return l
})

func newLog(j *journal.Journal) (*events.Log, error) {
	l, err := events.New(context.Background(), events.Options{Domain: jid.MustParse(testDomain), Journal: j})
	if err != nil {
		return nil, err
	}
	l.Add(events.In, events.Offered, mustParse(`<message type="chat" id="m1" from="user@example.org/x" to="bot@`+testDomain+`"><body>hi</body></message>`))
	return l, addConsumer(l, testConsumer)
}

// renewed returns fewEvents with its consumer, which somebody may have dropped.
func renewed() *events.Log {
	l := fewEvents()
	if err := addConsumer(l, testConsumer); err != nil {
		panic(err) // it needs no more than memory
	}
	return l
}

// addConsumer gives a log a consumer, if there is none of that name.
func addConsumer(l *events.Log, name string) error {
	owner := jid.MustParse(testDomain)
	if slices.ContainsFunc(l.Consumers(owner), func(c events.ConsumerState) bool { return c.Name == name }) {
		return nil
	}
	_, err := l.Consume(context.Background(), events.ConsumerOptions{Owner: owner, Name: name, After: l.First(), Poll: true})
	return err
}

// fullLog returns a log with as many consumers as there can be.
func fullLog(t *testing.T) *events.Log {
	t.Helper()
	l, err := newLog(nil)
	for i := 0; err == nil; i++ {
		err = addConsumer(l, fmt.Sprint(i))
	}
	if !errors.Is(err, events.ErrTooManyConsumers) {
		t.Fatal(err)
	}
	return l
}

// closedLog returns a log that has ended, as has its journal.
func closedLog(t *testing.T) *events.Log {
	t.Helper()
	j, err := journal.Open(journal.Options{Path: filepath.Join(t.TempDir(), "journal.db")})
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLog(j)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := errors.Join(l.Run(ctx), j.Close()); err != nil {
		t.Fatal(err)
	}
	return l
}

// ackOf returns the body of a request that acknowledges an event.
func ackOf(p events.Position) string { return `{"ack": "` + p.String() + `"}` }

// eventScenarios are what can befall those who read events, and nobody else.
func eventScenarios(t *testing.T) []scenario {
	t.Helper()
	reader := func(change func(r *http.Request)) func(*http.Request) {
		return func(r *http.Request) {
			if isEvents(r.URL.Path) {
				change(r)
			}
		}
	}
	asking := func(query string) func(*http.Request) {
		return reader(func(r *http.Request) { r.URL.RawQuery = strings.TrimPrefix(r.URL.RawQuery+"&"+query, "&") })
	}
	acknowledging := func(p events.Position) func(*http.Request) {
		return reader(func(r *http.Request) {
			if r.Method == http.MethodPost {
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(ackOf(p))), -1
			}
		})
	}
	closed := closedLog(t)
	return []scenario{
		{name: "WebSocket", request: reader(func(r *http.Request) {
			for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
				r.Header.Set(name, value)
			}
		})},
		{name: "from the beginning", request: asking("since=all")},
		{name: "from a place that is gone", request: asking("since=0-1")},
		{name: "a consumer of other filters", request: asking("consumer=" + testConsumer + "&kind=iq")},
		{name: "a consumer that is not there", only: http.MethodPost, request: reader(func(r *http.Request) { r.URL.RawQuery = "consumer=other" })},
		{name: "an event that the consumer has not got", request: acknowledging(fewEvents().Last() + 1)},
		{name: "one consumer too many", only: http.MethodGet, request: asking("consumer=new"), log: fullLog(t)},
		{name: "no log", options: func(o *Options) { o.Credentials[0].Events = nil }},
		{name: "the log has ended", request: acknowledging(closed.Last()), log: closed},
		{name: "the log has a fault", log: new(events.Log)}, // it panics when it is read, since nobody has made it
	}
}

// hijackable is a recorder whose connection can be taken over. Nobody is at its other end.
type hijackable struct{ *httptest.ResponseRecorder }

// Hijack implements http.Hijacker.
func (hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, other := net.Pipe()
	return conn, bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn)), other.Close()
}

// A reader's operations have the parameters that are looked at, and their bounds, defaults and values
// are those that are taken.
func TestOpenAPI_eventParameters(t *testing.T) {
	doc := readOpenAPI(t)
	streams := slices.DeleteFunc(slices.Clone(eventFields), func(name string) bool { return name == "wait" || name == "limit" })
	want := map[string][]string{
		"/events": eventFields, "/events.json": eventFields,
		"/events.sse": streams, "/events.ndjson": streams, "/events/ws": streams,
		"/events/ack": {"consumer"}, "/events/consumers": nil, "/events/consumers/{name}": nil,
	}
	got := map[string][]string{}
	for _, op := range operations(doc) {
		if op.reads() {
			got[op.path] = slices.Sorted(maps.Keys(op.queryParameters()))
		}
	}
	for path := range want {
		want[path] = slices.Sorted(slices.Values(want[path]))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the parameters (-) and the description's (+):\n%s", diff)
	}
	schema := func(name string) *openapi3.Schema { return doc.Components.Parameters[name].Value.Schema.Value }
	for name, want := range map[string][2]int{"EventWait": {0, int(longestPoll / time.Second)}, "EventLimit": {1, maxBatch}, "EventAckWait": {1, int(longestAckWait / time.Second)}} {
		if s := schema(name); *s.Min != float64(want[0]) || *s.Max != float64(want[1]) {
			t.Errorf("%s is %v to %v, want %v", name, *s.Min, *s.Max, want)
		}
	}
	if got := [3]any{schema("EventWait").Default, schema("EventLimit").Default, schema("EventAckWait").Default}; got != [3]any{0.0, float64(maxBatch), events.DefaultAckWait.Seconds()} {
		t.Errorf("the defaults are %v", got)
	}
	for name, parameter := range map[string]string{"EventDirection": "direction", "EventFormat": "format"} {
		for _, value := range schema(name).Enum {
			r := httptest.NewRequest(http.MethodGet, "/events?"+parameter+"="+value.(string), nil)
			if _, p := parseEventQuery(r); p != nil {
				t.Errorf("%s: %s", name, p.text)
			}
		}
		asked, p := parseEventQuery(httptest.NewRequest(http.MethodGet, "/events?"+parameter+"="+schema(name).Default.(string), nil))
		if plain, _ := parseEventQuery(httptest.NewRequest(http.MethodGet, "/events", nil)); p != nil || plain.xml != asked.xml || plain.filter.Direction != asked.filter.Direction {
			t.Errorf("%s: its default is another", name)
		}
	}
}

// objectOf returns a document as an object.
func objectOf(t *testing.T, text []byte) (object map[string]any) {
	t.Helper()
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return object
}

// The schemas of a reader's documents have the members that are written, and require those that always
// are.
func TestOpenAPI_eventSchemas(t *testing.T) {
	schemas := readOpenAPI(t).Components.Schemas
	s := newTestServer(t, newFake(), nil)
	list, err := fewEvents().Read(events.Filter{}, fewEvents().First())
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	found, err := list.Next(t.Context(), 1, 0)
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	full := objectOf(t, s.given(events.Given{Event: found[0], Attempt: 2}, true))
	checkObject(t, "Event", schemas["Event"].Value, full, objectOf(t, s.object(found[0], true)))
	notices := notice{eventRefused, "3-1k9", "rest.example.net", "7", http.StatusNotFound, "item-not-found", "text"}
	checkObject(t, "EventNotice", schemas["EventNotice"].Value, objectOf(t, notices.append(nil)), objectOf(t, (&notice{Event: eventKeepalive}).append(nil)))
	checkObject(t, "Consumer", schemas["Consumer"].Value, objectOf(t, encodeJSON(consumer{"mine", "3-1k8", 1, 1, time.Now()})), objectOf(t, encodeJSON(consumer{})))
	checkObject(t, "EventPage", schemas["EventPage"].Value, map[string]any{"events": []any{}, "next": "3-1k9"}, objectOf(t, encodeJSON(eventPage{})))

	names, states := []eventName{}, []events.State{}
	for _, value := range schemas["EventNotice"].Value.Properties["event"].Value.Enum {
		names = append(names, eventName(value.(string)))
	}
	if want := []eventName{eventOpen, eventKeepalive, eventGap, eventEnd, eventAccepted, eventRefused}; !slices.Equal(names, want) {
		t.Errorf("the notices are %v, and the description's %v", want, names)
	}
	for _, value := range schemas["Event"].Value.Properties["state"].Value.Enum {
		states = append(states, events.State(value.(string)))
	}
	if want := []events.State{events.Posted, events.Offered, events.Sent, events.Bounced, events.Queued}; !slices.Equal(states, want) {
		t.Errorf("the states are %v, and the description's %v", want, states)
	}
	for _, alternative := range schemas["Acknowledgement"].Value.Properties["ack"].Value.AnyOf {
		if most := alternative.Value.MaxItems; most != nil && *most != maxAcks {
			t.Errorf("%d events can be acknowledged at once, by the description %d", maxAcks, *most)
		}
	}
}

// The limits in docs/receiving.md are those of the code.
func TestReceivingDocument_limits(t *testing.T) {
	text, err := os.ReadFile("../docs/receiving.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		sentence string
		value    int
	}{
		{"| readers of a gateway | %s; one more gets `503` |", maxReaders},
		{"| events of a page | %s (`limit`) |", maxBatch},
		{"| up to %s seconds (`wait`)", int(longestPoll.Seconds())},
		{"shows that it lives each %s seconds", int(keepaliveEvery.Seconds())},
		{"nothing has come for %s seconds", int(keepaliveEvery.Seconds())},
		{"is cut off after %s seconds", int(eventTime.Seconds())},
		{"a list of up to %s ids", maxAcks},
		{"(`ack_wait`, up to %s)", int(longestAckWait.Seconds())},
		{"within %s seconds (`ack_wait`", int(events.DefaultAckWait.Seconds())},
		{"the room of a stanza and %s KiB", frameRoom >> 10},
		{"and %s of each component (`events.max_age`", events.DefaultMaxEvents},
		{"for %s hours, and", int(events.DefaultMaxAge.Hours())},
		{"at most %s MiB of it for each component", events.DefaultMemory >> 20},
	} {
		number := strconv.Itoa(c.value)
		if n := len(number) - 3; n > 0 {
			number = number[:n] + "," + number[n:]
		}
		if sentence := fmt.Sprintf(c.sentence, number); !strings.Contains(string(text), sentence) {
			t.Errorf("docs/receiving.md does not say %q", sentence)
		}
	}
}
