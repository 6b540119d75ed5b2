package httpd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/restanza/restanza/events"
	"github.com/restanza/restanza/stanza"
)

// eventFields are the parameters of a request for events, beside credentials.
var eventFields = []string{"kind", "type", "from", "to", "direction", "since", "watch", "format", "wait", "limit", "consumer", "reader", "ack_wait"}

const (
	// longestPoll is how long a poll may wait.
	longestPoll = 5 * time.Minute
	// maxTypes is how many types a request can name.
	maxTypes = 20
	// longestAckWait is how long an event may be with a reader that does not acknowledge it.
	longestAckWait = time.Hour
)

// eventQuery is what a request for events asks.
type eventQuery struct {
	form   eventForm
	filter events.Filter
	since  string // empty: from now on
	xml    bool
	wait   time.Duration
	limit  int

	consumer string // empty: the reader reads for itself
	reader   string // the name by which one that polls for a consumer is known again
	ackWait  time.Duration
}

// parseEventQuery reads a request for events. Nothing in it is passed over: a filter that is
// misspelt would let through more than was meant.
//
//go:noinline
func parseEventQuery(r *http.Request) (*eventQuery, *problem) {
	q := &eventQuery{form: eventFormOf(r), limit: maxBatch, filter: events.Filter{Direction: events.In}}
	values, err := url.ParseQuery(withoutCredentials(r.URL.RawQuery))
	if err != nil {
		return q, badPath("the query can't be decoded: percent signs stand before two hexadecimal digits, and parameters are separated by &")
	}
	for name, given := range values {
		if !slices.Contains(eventFields, name) {
			return q, badPath(fmt.Sprintf("there is no parameter %.40q here; there are %s", name, strings.Join(eventFields, ", ")))
		}
		if len(given) > 1 {
			return q, badPath(name + " stands there twice")
		}
		if wrong := q.set(name, given[0]); wrong != "" {
			return q, badPath(name + ": " + wrong)
		}
	}
	if q.form != formPoll && (values.Has("wait") || values.Has("limit")) {
		return q, badPath("wait and limit are for polls: a stream goes on until you end it")
	}
	if q.consumer == "" && (values.Has("reader") || values.Has("ack_wait")) {
		return q, badPath("reader and ack_wait are for those who read for a consumer")
	}
	if q.consumer != "" && q.filter.Watch {
		return q, badPath("watch: who reads for a consumer receives, and does not only look on")
	}
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		if _, err := events.ParsePosition(id); err != nil {
			return q, badPath("Last-Event-ID: " + err.Error())
		}
		q.since = id
	}
	return q, nil
}

// set takes a parameter, and says what is wrong with it; empty: nothing.
func (q *eventQuery) set(name, value string) (wrong string) {
	if value == "" {
		return "it has no value; leave it out, or say what you want"
	}
	switch name {
	case "kind":
		return q.setKinds(value)
	case "type":
		return q.setTypes(value)
	case "from":
		return address(&q.filter.From, value)
	case "to":
		return address(&q.filter.To, value)
	case "direction":
		return q.setDirection(value)
	case "since":
		q.since = value
		return wrongSince(value)
	case "watch":
		q.filter.Watch = value == "true"
		if !q.filter.Watch && value != "false" {
			return "there are true and false"
		}
	case "format":
		q.xml = value == "xml"
		if !q.xml && value != "json" {
			return "there are json and xml"
		}
	case "wait", "limit", "ack_wait":
		return q.setNumber(name, value)
	case "consumer", "reader":
		if !events.ValidConsumer(value) {
			return "a name has letters, digits, hyphens, dots and underscores, at most 64"
		}
		if name == "consumer" {
			q.consumer = value
		} else {
			q.reader = value
		}
	}
	return ""
}

// setDirection sets which way stanzas went. Unless told otherwise a reader gets what comes in: a
// bot that got what it has sent itself would talk to itself.
func (q *eventQuery) setDirection(value string) (wrong string) {
	switch value {
	case "in", "out":
		q.filter.Direction = events.Direction(value)
	case "both":
		q.filter.Direction = ""
	default:
		return "there are in, out and both"
	}
	return ""
}

func (q *eventQuery) setKinds(value string) (wrong string) {
	kinds := []stanza.Kind{stanza.Message, stanza.Presence, stanza.IQ}
	for word := range strings.SplitSeq(value, ",") {
		if !slices.Contains(kinds, stanza.Kind(word)) {
			return "there are message, presence and iq, with commas between them"
		}
		q.filter.Kinds = append(q.filter.Kinds, stanza.Kind(word))
		if len(q.filter.Kinds) > len(kinds) {
			return "one of them stands there twice"
		}
	}
	return ""
}

func (q *eventQuery) setTypes(value string) (wrong string) {
	for word := range strings.SplitSeq(value, ",") {
		if word == "" || len(q.filter.Types) == maxTypes {
			return fmt.Sprintf("types of stanzas are wanted, such as chat, groupchat or available, with commas between them, at most %d", maxTypes)
		}
		q.filter.Types = append(q.filter.Types, stanza.Type(word))
	}
	return ""
}

func (q *eventQuery) setNumber(name, value string) (wrong string) {
	least, most := 0, int(longestPoll/time.Second)
	switch name {
	case "limit":
		least, most = 1, maxBatch
	case "ack_wait":
		least, most = 1, int(longestAckWait/time.Second)
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		return fmt.Sprintf("a whole number from %d to %d is needed", least, most)
	}
	switch name {
	case "limit":
		q.limit = n
	case "wait":
		q.wait = time.Duration(n) * time.Second
	case "ack_wait":
		q.ackWait = time.Duration(n) * time.Second
	}
	return ""
}

// wrongSince says what is wrong with a value of since.
func wrongSince(value string) string {
	if _, err := time.ParseDuration(value); err == nil && !strings.HasPrefix(value, "-") && !strings.HasPrefix(value, "+") {
		return ""
	}
	if _, err := time.Parse(time.RFC3339, value); err == nil {
		return ""
	}
	if _, err := events.ParsePosition(value); err == nil || value == "all" || value == "latest" {
		return ""
	}
	return "there are the id of an event, a duration as in 10m, a time as in 2026-01-31T12:00:00Z (a plus sign in a query is written %2B), all and latest"
}

// after returns the position where reading begins. Errors are *events.Gone and the log's.
func (q *eventQuery) after(ctx context.Context, log *events.Log) (events.Position, error) {
	switch q.since {
	case "", "latest":
		return log.Last(), nil
	case "all":
		return log.First(), nil
	}
	if p, err := events.ParsePosition(q.since); err == nil {
		if p > log.Last() {
			return 0, &events.Gone{Oldest: log.First()}
		}
		return p, nil
	}
	at, err := time.Parse(time.RFC3339, q.since)
	if err != nil {
		age, _ := time.ParseDuration(q.since) // it is one, see wrongSince
		at = time.Now().Add(-age)
	}
	return log.Since(ctx, at)
}

// eventSource is where a request gets events from: the log, or a consumer.
type eventSource interface {
	// Next returns the next events, none if there are none for as long as wait.
	Next(ctx context.Context, limit int, wait time.Duration) ([]events.Given, error)
	// Place is the id from which to go on; empty: the source remembers it.
	Place() string
	// Acknowledge says that events have arrived.
	Acknowledge(ctx context.Context, list ...events.Position) error
	Close()
}

// open returns what a request asks for. Errors are those of events.
//
//go:noinline
func (q *eventQuery) open(ctx context.Context, g *grant) (eventSource, error) {
	after, err := q.after(ctx, g.events)
	if gone, ok := errors.AsType[*events.Gone](err); ok && q.consumer != "" {
		after, err = gone.Oldest, nil // it is for a new consumer, and may be in a URL for ever
	}
	if err != nil {
		return nil, err
	}
	if q.consumer == "" {
		r, err := g.events.Read(q.filter, after)
		if err != nil {
			return nil, err
		}
		return &logSource{r}, nil
	}
	m, err := g.events.Consume(ctx, events.ConsumerOptions{
		Owner: g.identity, Name: q.consumer, Filter: q.filter, After: after, Wait: q.ackWait,
		Poll: q.form == formPoll, Polling: q.reader,
	})
	if err != nil {
		return nil, err
	}
	return &consumerSource{m, q.form == formPoll}, nil
}

// logSource reads the log.
type logSource struct{ *events.Reader }

// Next implements eventSource.
func (r *logSource) Next(ctx context.Context, limit int, wait time.Duration) ([]events.Given, error) {
	return given(r.Reader.Next(ctx, limit, wait))
}

func given(list []*events.Event, err error) ([]events.Given, error) {
	all := make([]events.Given, len(list))
	for i, e := range list {
		all[i] = events.Given{Event: e, Attempt: 1}
	}
	return all, err
}

// Place implements eventSource.
func (r *logSource) Place() string { return r.Position().String() }

// errNoAcks says that somebody reads the log, who has nothing to acknowledge.
var errNoAcks = errors.New("acknowledging is for those who read for a consumer: read with consumer=NAME")

// Acknowledge implements eventSource.
func (r *logSource) Acknowledge(context.Context, ...events.Position) error {
	return badPath(errNoAcks.Error())
}

// consumerSource reads for a consumer.
type consumerSource struct {
	*events.Member

	polls bool
}

// Place implements eventSource.
func (m *consumerSource) Place() string { return "" }

// Close ends the reader, unless it will be back.
func (m *consumerSource) Close() {
	if !m.polls {
		m.Leave()
	}
}
