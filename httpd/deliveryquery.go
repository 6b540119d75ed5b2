package httpd

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

const (
	defaultPage = 50
	largestPage = 10 * defaultPage
	// longestAge bounds older_than: a hundred years.
	longestAge = 876_000 * time.Hour
)

// filterFields are the query parameters that choose deliveries; lists and changes have some
// more.
var (
	filterFields = []string{"component", "from", "to", "kind", "older_than", "before", "error"}
	listFields   = append(slices.Clone(filterFields), "limit", "after")
	changeFields = append(slices.Clone(filterFields), "all")
)

// deliveryQuery is what the query of an operator's request says.
type deliveryQuery struct {
	filter   journal.Filter
	filtered bool // filter is not empty
	all      bool // that is intended
	after    int64
	limit    int
}

// parseDeliveryQuery reads a query, of a list or of a change. Nothing in it is passed over:
// what is misspelt, empty or there twice would choose more than was meant.
func parseDeliveryQuery(query string, list bool, now time.Time) (deliveryQuery, error) {
	q := deliveryQuery{limit: defaultPage}
	values, err := url.ParseQuery(query)
	if err != nil {
		return q, badPath("the query can't be decoded: percent signs stand before two hexadecimal digits, and parameters are separated by &")
	}
	fields := changeFields
	if list {
		fields = listFields
	}
	for name, given := range values {
		if !slices.Contains(fields, name) {
			return q, badPath(fmt.Sprintf("there is no parameter %.40q here; there are %s", name, strings.Join(fields, ", ")))
		}
		if len(given) > 1 {
			return q, badPath(name + " stands there twice")
		}
		if wrong := q.set(name, given[0], now); wrong != "" {
			return q, badPath(name + ": " + wrong)
		}
		q.filtered = q.filtered || slices.Contains(filterFields, name)
	}
	if values.Has("older_than") && values.Has("before") {
		return q, badPath("older_than and before say the same; leave one of them out")
	}
	return q, nil
}

// set takes a parameter, and says what is wrong with it; empty: nothing.
func (q *deliveryQuery) set(name, value string, now time.Time) (wrong string) {
	if value == "" {
		return "it has no value; leave it out, or say what to choose"
	}
	switch name {
	case "component":
		return address(&q.filter.Component, value)
	case "from":
		return address(&q.filter.From, value)
	case "to":
		return address(&q.filter.To, value)
	case "kind":
		return q.setKind(value)
	case "older_than", "before":
		return q.setBefore(name, value, now)
	case "error":
		if !utf8.ValidString(value) {
			return "this is no UTF-8"
		}
		q.filter.Error = value
	case "limit", "after":
		return q.setPlace(name, value)
	case "all":
		if value != "true" {
			return `the only value is "true"`
		}
		q.all = true
	}
	return ""
}

func address(j *jid.JID, value string) (wrong string) {
	parsed, err := jid.Parse(value)
	if err != nil {
		return "this is no XMPP address: " + err.Error()
	}
	*j = parsed
	return ""
}

func (q *deliveryQuery) setKind(value string) (wrong string) {
	kinds := []stanza.Kind{stanza.Message, stanza.Presence, stanza.IQ}
	if !slices.Contains(kinds, stanza.Kind(value)) {
		return "there are message, presence and iq"
	}
	q.filter.Kind = stanza.Kind(value)
	return ""
}

func (q *deliveryQuery) setBefore(name, value string, now time.Time) (wrong string) {
	if name == "before" {
		at, err := time.Parse(time.RFC3339, value)
		if err != nil {
			return "this is no time as in 2026-01-31T12:00:00Z (a plus sign in a query is written %2B)"
		}
		q.filter.Before = at
		return ""
	}
	age, err := time.ParseDuration(value)
	if err != nil || age < 0 || age > longestAge {
		return "this is no duration as in 90s, 30m or 48h"
	}
	q.filter.Before = now.Add(-age)
	return ""
}

func (q *deliveryQuery) setPlace(name, value string) (wrong string) {
	n, err := strconv.ParseInt(value, 10, 64)
	if name == "after" {
		if err != nil || n < 0 {
			return "this is no cursor; it is the next of an answer"
		}
		q.after = n
		return ""
	}
	if err != nil || n < 1 || n > largestPage {
		return fmt.Sprintf("a number from 1 to %d is needed", largestPage)
	}
	q.limit = int(n)
	return ""
}

// allOrSome refuses a change of everything that does not say so, and one that says so and
// something else.
func allOrSome(all bool) *problem {
	if all {
		return badPath("all=true and a filter are there at once; leave one of them out")
	}
	return badPath("nothing says which ones; choose by " + strings.Join(filterFields, ", ") + ", or say all=true")
}
