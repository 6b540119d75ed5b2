package httpd

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/journal"
)

// An operator's operations have the parameters that are looked at, and their bounds and
// values are those that are taken.
func TestOpenAPI_deliveryParameters(t *testing.T) {
	doc := readOpenAPI(t)
	n := 0
	for _, op := range operations(doc) {
		if !op.operates() || op.tokens() {
			continue
		}
		n++
		var want []string
		switch {
		case strings.Contains(op.path, "{id}"):
		case op.method == http.MethodGet:
			want = listFields
		default:
			want = changeFields
		}
		got := slices.Sorted(maps.Keys(op.queryParameters()))
		if diff := cmp.Diff(slices.Sorted(slices.Values(want)), got); diff != "" {
			t.Errorf("%s: the parameters (-) and the description's (+):\n%s", op.OperationID, diff)
		}
	}
	if n != 12 {
		t.Errorf("%d operations", n)
	}
	limit := doc.Components.Parameters["DeliveryLimit"].Value.Schema.Value
	if *limit.Max != largestPage || *limit.Min != 1 || limit.Default != float64(defaultPage) {
		t.Errorf("limit is %v to %v, %v if not given", *limit.Min, *limit.Max, limit.Default)
	}
	for _, kind := range doc.Components.Parameters["DeliveryKind"].Value.Schema.Value.Enum {
		if _, err := parseDeliveryQuery("kind="+kind.(string), true, time.Now()); err != nil {
			t.Error(err)
		}
	}
}

// The schemas of an operator's documents have the members that are written, and require
// those that always are.
func TestOpenAPI_deliverySchemas(t *testing.T) {
	schemas := readOpenAPI(t).Components.Schemas
	now := time.Now()
	full := deliveryDetail{
		delivery{"id", journal.Dead, "c", "f", "t", "message", 1, now, now, now, 1, 503, "e", now, "r"},
		json.RawMessage(`{"kind":"message"}`),
		[]attempt{{now, 1.5, 503, "a", "e"}},
	}
	for name, pair := range map[string][2]any{
		"Delivery":      {full, delivery{}},
		"Deliveries":    {deliveryPage{[]delivery{full.delivery}, "1"}, deliveryPage{}},
		"DeliveryCount": {map[string]int{"count": 1}, map[string]int{"count": 1}},
	} {
		var most, least map[string]any
		for i, into := range []*map[string]any{&most, &least} {
			if err := json.Unmarshal(encodeJSON(pair[i]), into); err != nil {
				t.Fatal(err)
			}
		}
		delete(most, "stanza") // it has a schema of its own
		s := *schemas[name].Value
		s.Properties = maps.Clone(s.Properties)
		delete(s.Properties, "stanza")
		checkObject(t, name, &s, most, least)
		if name == "Delivery" {
			history := most["history"].([]any)
			least := map[string]any{"at": "", "milliseconds": 0}
			checkObject(t, "Delivery.history", s.Properties["history"].Value.Items.Value, history[0].(map[string]any), least)
		}
	}
}
