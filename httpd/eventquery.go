package httpd

import (
	"context"
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
var eventFields = []string{"kind", "type", "from", "to", "direction", "since", "format", "wait", "limit"}

const (
	// longestPoll is how long a poll may wait.
	longestPoll = 5 * time.Minute
	// maxTypes is how many types a request can name.
	maxTypes = 20
)

// eventQuery is what a request for events asks.
type eventQuery struct {
	form   eventForm
	filter events.Filter
	since  string // empty: from now on
	xml    bool
	wait   time.Duration
	limit  int
}

// parseEventQuery reads a request for events. Nothing in it is passed over: a filter that is
// misspelt would let through more than was meant.
func parseEventQuery(r *http.Request) (eventQuery, *problem) {
	q := eventQuery{form: eventFormOf(r), limit: maxBatch, filter: events.Filter{Direction: events.In}}
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
	case "format":
		q.xml = value == "xml"
		if !q.xml && value != "json" {
			return "there are json and xml"
		}
	case "wait", "limit":
		return q.setNumber(name, value)
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
	most := maxBatch
	if name == "wait" {
		most = int(longestPoll / time.Second)
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > most || name == "limit" && n == 0 {
		return fmt.Sprintf("a whole number up to %d is needed", most)
	}
	if name == "wait" {
		q.wait = time.Duration(n) * time.Second
	} else {
		q.limit = n
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
