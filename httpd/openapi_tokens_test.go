package httpd

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/access"
)

// The operations about tokens have the parameters and members that are looked at, and their documents
// those that are written.
func TestOpenAPI_tokens(t *testing.T) {
	doc := readOpenAPI(t)
	for _, op := range operations(doc) {
		if op.OperationID != "listTokens" {
			continue
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(tokenFields)), slices.Sorted(maps.Keys(op.queryParameters()))); diff != "" {
			t.Errorf("the parameters (-) and the description's (+):\n%s", diff)
		}
	}
	schemas := doc.Components.Schemas
	members := slices.Sorted(maps.Keys((&newTokenDoc{}).members()))
	if diff := cmp.Diff(members, slices.Sorted(maps.Keys(schemas["NewToken"].Value.Properties))); diff != "" {
		t.Errorf("the members of a new token (-) and the description's (+):\n%s", diff)
	}
	if got := *schemas["NewToken"].Value.Properties["name"].Value.MaxLength; got != maxTokenName {
		t.Errorf("names have at most %d characters", got)
	}
	if got := *schemas["NewToken"].Value.Properties["burst"].Value.Max; got != access.MaxRate {
		t.Errorf("bursts have at most %v", got)
	}
	now, list := time.Now(), []string{"x"}
	full := tokenDoc{"i", "t", "n", tokenActive, "c", "i", []string{"send"}, list, []string{"iq"}, list, "1/s", 1, true, now, now, now, now}
	for name, pair := range map[string][2]any{
		"Token":  {full, tokenDoc{State: tokenActive, Rights: []string{"send"}}},
		"Tokens": {tokenPage{[]tokenDoc{full}, "1"}, tokenPage{}},
	} {
		var most, least map[string]any
		for i, into := range []*map[string]any{&most, &least} {
			if err := json.Unmarshal(encodeJSON(pair[i]), into); err != nil {
				t.Fatal(err)
			}
		}
		checkObject(t, name, schemas[name].Value, most, least)
	}
}
