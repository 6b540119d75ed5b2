package httpd

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/restanza/restanza/stanza"
)

func TestOutcomes_haveEveryReason(t *testing.T) {
	for _, reason := range stanza.Reasons() {
		if o, ok := outcomes[reason]; !ok || o.status < 400 || o.status == http.StatusInternalServerError || o.condition == "" || o.errorType == "" {
			t.Errorf("%s: got %+v", reason, o)
		}
	}
	if len(outcomes) != len(stanza.Reasons()) {
		t.Errorf("%d outcomes for %d reasons", len(outcomes), len(stanza.Reasons()))
	}
}

func TestConditionStatus_hasEveryCondition(t *testing.T) {
	for _, c := range stanza.Conditions() {
		if _, ok := conditionStatus[c]; !ok {
			t.Errorf("%s has no status", c)
		}
	}
	for c, status := range conditionStatus {
		switch status {
		case http.StatusUnauthorized, http.StatusProxyAuthRequired, http.StatusMethodNotAllowed:
			t.Errorf("%s: %d needs a header that nobody has", c, status)
		case http.StatusInternalServerError:
			t.Errorf("%s: 500 is the gateway's own", c)
		}
		if status < 400 || status > 599 || http.StatusText(status) == "" {
			t.Errorf("%s: %d is no error", c, status)
		}
	}
}

// What a callback says by its HTTP status (the table by which it becomes a
// stanza error) reaches a strict caller at the other end unchanged.
func TestConditionStatus_wayBack(t *testing.T) {
	for status, condition := range map[int]stanza.Condition{
		400: stanza.BadRequest, 402: stanza.PaymentRequired, 403: stanza.Forbidden, 404: stanza.ItemNotFound,
		406: stanza.NotAcceptable, 409: stanza.Conflict, 410: stanza.Gone, 429: stanza.ResourceConstraint,
		501: stanza.FeatureNotImplemented, 503: stanza.ServiceUnavailable, 504: stanza.RemoteServerTimeout,
	} {
		if got := statusOf(&stanza.Error{Condition: condition}); got != status {
			t.Errorf("%s: got %d, want %d", condition, got, status)
		}
	}
}

func TestStatusOf_withoutACondition(t *testing.T) {
	for _, e := range []*stanza.Error{nil, {}, {Condition: "made-up"}} {
		if got := statusOf(e); got != http.StatusBadGateway {
			t.Errorf("%v: got %d, want 502", e, got)
		}
	}
}

// docs/http.md has a row for each answer to a refusal.
func TestOutcomes_document(t *testing.T) {
	text, err := os.ReadFile("../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	for reason, o := range outcomes {
		if row := fmt.Sprintf("| %d | `%s` |", o.status, o.condition); !strings.Contains(string(text), row) {
			t.Errorf("docs/http.md has no row %s for %s", row, reason)
		}
	}
}
