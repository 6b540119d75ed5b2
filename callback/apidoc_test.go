package callback

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/restanza/restanza/stanza"
)

// statusWords are a part of a description that says which statuses stand for a condition.
var statusWords = regexp.MustCompile("((?:[0-9]{3}, )*[0-9]{3}|others|every status): `([a-z-]+)`")

// The description of the API has every status that a callback can answer with: those by
// themselves that are read in a way of their own, and the stanza errors of all others.
func TestOpenAPI_statuses(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("../apidoc/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	responses := doc.Webhooks["stanza"].Post.Responses.Map()
	want := map[string]bool{"200": true}
	for status := 200; status < 600; status++ {
		class := strconv.Itoa(status/100) + "XX"
		want[class] = true
		if a := (answer{status: status}); a.accepts() {
			want[strconv.Itoa(status)] = true
		}
		if success(status) || responses[class] == nil {
			continue
		}
		described := stanza.Condition("")
		for _, words := range statusWords.FindAllStringSubmatch(*responses[class].Value.Description, -1) {
			if statuses := strings.Split(words[1], ", "); slices.Contains(statuses, strconv.Itoa(status)) || described == "" && statuses[0][0] > '9' {
				described = stanza.Condition(words[2])
			}
		}
		if got := statusError(status).Condition; got != described {
			t.Errorf("%d %s is %s, described as %q", status, http.StatusText(status), got, described)
		}
	}
	if words := "No answer at all: `" + string(unavailable().Condition) + "`"; responses["5XX"] != nil && !strings.Contains(*responses["5XX"].Value.Description, words) {
		t.Errorf("the description of 5XX does not say %q", words)
	}
	if got := slices.Sorted(maps.Keys(responses)); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
		t.Errorf("described are %v, want %v", got, slices.Sorted(maps.Keys(want)))
	}
}
