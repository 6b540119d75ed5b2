package httpd

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/restanza/restanza/gateway"
	"github.com/restanza/restanza/stanza"
)

// preferences are a caller's wishes about how to wait and how to be answered.
type preferences struct {
	wait         time.Duration // for the answer to an iq; negative: not said
	waitSeconds  string        // what "Prefer: wait" said, if that is where wait is from
	respondAsync bool          // "Prefer: respond-async": not to wait for the server's confirmation
	strict       bool          // "Prefer: handling=strict": a stanza error is an HTTP error
}

// preferencesOf reads the header fields Prosody-Rest-Timeout, which is
// mod_rest's and goes first, and Prefer (RFC 7240).
func preferencesOf(h http.Header) preferences {
	p := preferences{wait: -1}
	if lines := h["Prefer"]; len(lines) > 0 {
		p.readPrefer(lines)
	}
	if lines := h["Prosody-Rest-Timeout"]; len(lines) > 0 {
		if wait, ok := parseTimeout(lines[0]); ok {
			p.wait, p.waitSeconds = wait, ""
		}
	}
	return p
}

// readPrefer takes the preferences that the gateway knows. Of those with one
// name the first counts (RFC 7240 §2). Malformed ones are none.
func (p *preferences) readPrefer(lines []string) {
	handlingSeen, waitSeen := false, false
	for _, line := range lines {
		for l := (lexer{line}); !l.done(); l.nextElement() {
			name, value, ok := l.preference()
			if !ok {
				continue
			}
			switch {
			case strings.EqualFold(name, "respond-async"):
				p.respondAsync = true
			case strings.EqualFold(name, "handling") && !handlingSeen:
				handlingSeen = true
				p.strict = strings.EqualFold(value, "strict")
			case strings.EqualFold(name, "wait") && !waitSeen:
				waitSeen = true
				if wait, ok := parseSeconds(value); ok {
					p.wait, p.waitSeconds = wait, value
				}
			}
		}
	}
}

// preference takes one preference. Its parameters are checked and dropped: no
// preference that the gateway knows has any.
func (l *lexer) preference() (name, value string, ok bool) {
	l.blanks()
	if name, value, ok = l.pair(); !ok {
		return "", "", false
	}
	for !l.atEnd() {
		if !l.eat(';') {
			return "", "", false
		}
		l.blanks()
		if l.atEnd() || l.rest[0] == ';' {
			continue
		}
		if _, _, ok := l.pair(); !ok {
			return "", "", false
		}
	}
	return name, value, true
}

// parseSeconds reads the delta-seconds of "Prefer: wait" (RFC 7240 §4.3).
func parseSeconds(s string) (time.Duration, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, false
	}
	return secondsToDuration(float64(n)), true
}

// parseTimeout reads a Prosody-Rest-Timeout: seconds, perhaps with a fraction.
// mod_rest takes a negative one like zero, and ignores what is no number.
func parseTimeout(s string) (time.Duration, bool) {
	seconds, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(seconds) {
		return 0, false
	}
	return secondsToDuration(max(seconds, 0)), true
}

// secondsToDuration converts without overflow.
func secondsToDuration(seconds float64) time.Duration {
	const longest = math.MaxInt64 / float64(time.Second)
	if seconds >= longest {
		return math.MaxInt64
	}
	return time.Duration(seconds * float64(time.Second))
}

func (p *preferences) submitOptions() gateway.SubmitOptions {
	return gateway.SubmitOptions{Wait: p.wait, Async: p.respondAsync, Strict: p.strict}
}

// applied returns the value of Preference-Applied (RFC 7240 §3) for the answer
// to st, empty if no preference had anything to do with it.
func (p *preferences) applied(st, answer stanza.Stanza) string {
	if !p.strict && !p.respondAsync && p.waitSeconds == "" {
		return ""
	}
	var list []string
	if p.strict {
		list = append(list, "handling=strict")
	}
	if p.respondAsync && answer.IsZero() {
		list = append(list, "respond-async")
	}
	if p.waitSeconds != "" && st.IsRequest() {
		list = append(list, "wait="+p.waitSeconds)
	}
	return strings.Join(list, ", ")
}
