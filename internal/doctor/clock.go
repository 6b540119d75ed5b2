package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// nsTime is the namespace of entity time (XEP-0202).
const nsTime = "urn:xmpp:time"

// maxSkew is how far clocks may be apart without a warning.
const maxSkew = 30 * time.Second

// askLimit is how long an answer about the time is waited for: the domain that is
// asked may be far away, and the connection is to be short.
const askLimit = 3 * time.Second

// clock compares this machine's clock with the server's, or else with the
// callback's.
func (v *visit) clock(ctx context.Context) finding {
	if theirs, ok := v.askTime(ctx); ok {
		return skew(theirs, "the XMPP server's")
	}
	if v.callbackDated {
		return skew(v.callbackAhead, "the callback's")
	}
	return skipped("can't be judged: neither the XMPP server nor the callback says what time it is")
}

// askTime asks the server for its time, and returns how much that is ahead of
// ours.
func (v *visit) askTime(ctx context.Context) (time.Duration, bool) {
	host, ok := parent(v.c.Domain)
	if v.trial == nil || !ok {
		return 0, false
	}
	ctx, cancel := context.WithTimeoutCause(ctx, askLimit, errTooSlow)
	defer cancel()
	began := time.Now()
	answer, err := v.trial.Ask(ctx, host, `<time xmlns="`+nsTime+`"/>`)
	if err != nil || answer.Type() != stanza.Result {
		return 0, false
	}
	theirs, ok := readTime(answer)
	return ahead(theirs, began, time.Since(began)), ok
}

// parent returns the domain that a component's domain lies in, which is where
// most servers have their users.
func parent(domain jid.JID) (jid.JID, bool) {
	_, host, found := strings.Cut(domain.Domain(), ".")
	if !found {
		return jid.JID{}, false
	}
	j, err := jid.Parse(host)
	return j, err == nil
}

// readTime reads the answer to a question for the time (XEP-0202 §3).
func readTime(answer stanza.Stanza) (time.Time, bool) {
	el, err := element.NewScanner(element.Limits{}, element.Scope{Default: stanza.NSClient}).Document([]byte(answer.Content()))
	if err != nil || string(el.Local) != "time" || element.Unescape(el.Space) != nsTime {
		return time.Time{}, false
	}
	for _, child := range el.Children {
		if string(child.Local) == "utc" && element.Unescape(child.Space) == nsTime {
			t, err := time.Parse(time.RFC3339, strings.TrimSpace(element.Text(child.Raw)))
			return t, err == nil
		}
	}
	return time.Time{}, false
}

// ahead returns how much a clock is ahead of ours that gave the time theirs at
// about the middle of an exchange.
func ahead(theirs, began time.Time, took time.Duration) time.Duration {
	return theirs.Sub(began.Add(took / 2))
}

// skew judges how much another clock is ahead.
func skew(ahead time.Duration, whose string) finding {
	apart, direction := ahead.Abs().Round(time.Second), "behind"
	if ahead < 0 {
		direction = "ahead of"
	}
	switch {
	case apart > maxSkew:
		return warning(fmt.Sprintf("this machine's is %s %s %s", apart, direction, whose),
			"let both set their clocks by NTP: timedatectl shows whether they do",
			"certificates are refused, and messages get wrong times, when clocks differ")
	case apart <= time.Second:
		return ok("agrees with " + whose)
	}
	return ok(fmt.Sprintf("this machine's is %s %s %s", apart, direction, whose))
}
