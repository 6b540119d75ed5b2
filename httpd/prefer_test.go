package httpd

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/restanza/restanza/stanza"
)

func TestPreferencesOf_table(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		want  preferences
	}{
		{"none", nil, preferences{wait: -1}},
		{"all", []string{"respond-async, wait=10, handling=strict"}, preferences{10 * time.Second, "10", true, true}},
		{"several lines", []string{"respond-async", "wait=10", "handling=strict"}, preferences{10 * time.Second, "10", true, true}},
		{"any case", []string{"Respond-Async, WAIT=1, Handling=Strict"}, preferences{time.Second, "1", true, true}},
		{"quoted", []string{`wait="10", handling="str\ict"`}, preferences{10 * time.Second, "10", false, true}},
		{"white space", []string{" wait = 10 ,\thandling\t=\tstrict "}, preferences{10 * time.Second, "10", false, true}},
		{"parameters", []string{`handling=strict; a; b=c ;d="e,f;g",respond-async;x=1`}, preferences{-1, "", true, true}},
		{"empty parameters", []string{"handling=strict;;, respond-async;"}, preferences{-1, "", true, true}},
		{"empty elements", []string{",, ,respond-async,,"}, preferences{-1, "", true, false}},
		{"the first counts", []string{"wait=1, handling=lenient", "wait=2, handling=strict"}, preferences{time.Second, "1", false, false}},
		{"the first counts, even if it says nothing", []string{"wait=soon, wait=2"}, preferences{wait: -1}},
		{"in quotes it is none", []string{`foo="respond-async, wait=5", handling=strict`}, preferences{-1, "", false, true}},
		{"unknown", []string{"return=minimal, depth-noroot, foo"}, preferences{wait: -1}},
		{"other values", []string{"handling=stricter, wait=-1"}, preferences{wait: -1}},
		{"fractions are none", []string{"wait=1.5"}, preferences{wait: -1}},
		{"signs are none", []string{"wait=+1"}, preferences{wait: -1}},
		{"endless", []string{"wait=18446744073709551615"}, preferences{1<<63 - 1, "18446744073709551615", false, false}},
		{"past counting", []string{"wait=18446744073709551616"}, preferences{wait: -1}},
		{"malformed costs itself only", []string{"=x, handling=, wait=5 6, respond-async"}, preferences{-1, "", true, false}},
		{"malformed up to a comma outside of quotes", []string{`=x "a\", respond-async", handling=strict`}, preferences{-1, "", false, true}},
		{"open quote", []string{`wait="10, respond-async`}, preferences{wait: -1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := preferencesOf(http.Header{"Prefer": tt.lines}); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func FuzzPrefer(f *testing.F) {
	f.Add(`respond-async, wait=10;a="b", handling=strict`, "5")
	f.Add(`wait="1\0", foo="a,b" ; c`, "1e309")
	f.Add(`"\`, "-0")
	iq, err := stanza.Parse([]byte(ping))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, prefer, timeout string) {
		got := preferencesOf(http.Header{"Prefer": {prefer}})
		if got.wait < -1 || (got.wait >= 0) != (got.waitSeconds != "") {
			t.Errorf("got %+v", got)
		}
		// What is said to be applied is a Prefer header that says the same.
		again := preferencesOf(http.Header{"Prefer": {got.applied(iq, stanza.Stanza{})}})
		if again != got {
			t.Errorf("got %+v, and %+v from what was applied", got, again)
		}
		// A broken preference never reaches past its own line.
		if both := preferencesOf(http.Header{"Prefer": {prefer, "handling=strict, respond-async"}}); !both.respondAsync {
			t.Error("the second line is lost")
		}
		if with := preferencesOf(http.Header{"Prosody-Rest-Timeout": {timeout}}); with.wait < -1 {
			t.Errorf("%q gives %v", timeout, with.wait)
		}
		if strings.TrimSpace(prefer) == "" && got != (preferences{wait: -1}) {
			t.Errorf("nothing gives %+v", got)
		}
	})
}
