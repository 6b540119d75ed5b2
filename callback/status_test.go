package callback

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/restanza/restanza/stanza"
)

// statusTable is the mapping that programs written for mod_rest rely on: status,
// error type, condition, text.
const statusTable = `
400 modify bad-request Bad Request
401 auth not-authorized Unauthorized
402 auth payment-required Payment Required
403 auth forbidden Forbidden
404 cancel item-not-found Not Found
405 cancel not-allowed Method Not Allowed
406 modify not-acceptable Not Acceptable
407 auth registration-required Proxy Authentication Required
408 wait remote-server-timeout Request Timeout
409 cancel conflict Conflict
410 cancel gone Gone
411 modify bad-request Length Required
412 cancel conflict Precondition Failed
413 modify resource-constraint Payload Too Large
414 modify resource-constraint URI Too Long
415 cancel feature-not-implemented Unsupported Media Type
416 modify bad-request Range Not Satisfiable
417 cancel undefined-condition Expectation Failed
418 cancel undefined-condition I'm a teapot
421 cancel undefined-condition Misdirected Request
422 modify bad-request Unprocessable Entity
423 wait resource-constraint Locked
424 cancel undefined-condition Failed Dependency
425 cancel undefined-condition Too Early
426 cancel undefined-condition Upgrade Required
428 cancel undefined-condition Precondition Required
429 wait resource-constraint Too Many Requests
431 modify resource-constraint Request Header Fields Too Large
451 auth forbidden Unavailable For Legal Reasons
499 cancel undefined-condition Unassigned
500 wait internal-server-error Internal Server Error
501 cancel feature-not-implemented Not Implemented
502 wait remote-server-timeout Bad Gateway
503 cancel service-unavailable Service Unavailable
504 wait remote-server-timeout Gateway Timeout
505 cancel undefined-condition HTTP Version Not Supported
506 cancel undefined-condition Variant Also Negotiates
507 wait resource-constraint Insufficient Storage
508 cancel undefined-condition Loop Detected
510 cancel undefined-condition Not Extended
511 auth not-authorized Network Authentication Required
599 cancel undefined-condition Unassigned
300 cancel undefined-condition Multiple Choices
301 cancel undefined-condition Moved Permanently
302 cancel undefined-condition Found
304 cancel undefined-condition Not Modified
307 cancel undefined-condition Temporary Redirect
308 cancel undefined-condition Permanent Redirect
399 cancel undefined-condition Unassigned
999 cancel undefined-condition Unassigned
`

// Each status, sent by a real server, becomes the error of the table, whatever
// is being answered.
func TestStatus_table(t *testing.T) {
	srv := listen(t, func(w http.ResponseWriter, r *http.Request) {
		status, err := strconv.Atoi(r.URL.Query().Get("id"))
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	})
	s := newServer()
	c, _ := begin(t, s, to(srv.URL+"/?id={to}"))
	for line := range strings.Lines(strings.TrimSpace(statusTable)) {
		columns := strings.SplitN(strings.TrimSpace(line), " ", 4)
		status, errorType, condition, phrase := columns[0], columns[1], columns[2], columns[3]
		for _, start := range []string{`message type="chat"`, `message`, `presence`, `presence type="unavailable"`, `iq type="get"`, `iq type="set"`} {
			deliver(t, c, parse(t, fmt.Sprintf(`<%s id="i1" from="user@example.com/phone" to="%s"><x xmlns="urn:x"/></%s>`,
				start, status, strings.Fields(start)[0])))
			got := s.next(t)
			e := got.Err()
			if e == nil {
				t.Errorf("%s in answer to %s: %s", status, start, got)
				continue
			}
			want := &stanza.Error{
				Type: stanza.ErrorType(errorType), Condition: stanza.Condition(condition), Text: status + " " + phrase,
			}
			if *e != *want {
				t.Errorf("%s in answer to %s: error %+v, want %+v", status, start, e, want)
			}
			if h := got.Header(); string(h.Kind) != strings.Fields(start)[0] || h.ID != "i1" || h.From.String() != status || h.To.String() != "user@example.com/phone" {
				t.Errorf("%s in answer to %s: header %+v", status, start, h)
			}
		}
	}
	s.nothing(t)
}

// The table names no status that does not become an error.
func TestStatus_range(t *testing.T) {
	for status := range conditions {
		if status < 400 || status > 599 {
			t.Errorf("status %d", status)
		}
	}
	for status := 200; status <= 299; status++ {
		if !success(status) {
			t.Errorf("%d is no success", status)
		}
	}
	if success(199) || success(300) {
		t.Error("success goes beyond 2xx")
	}
}
