package callback

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// keeps reports whether st goes into the journal: nobody waits for the answer to it, and it is of use later.
func (c *Callback) keeps(st stanza.Stanza) bool {
	if c.o.Journal == nil || c.o.MaxAge == 0 {
		return false
	}
	switch st.Kind() {
	case stanza.Message:
		return st.Type() != stanza.TypeError && lasts(st)
	case stanza.Presence:
		return slices.Contains(requests, st.Type())
	case stanza.IQ:
	}
	return false
}

// requests are the types of presence that somebody has to act on.
var requests = []stanza.Type{stanza.Subscribe, stanza.Subscribed, stanza.Unsubscribe, stanza.Unsubscribed}

// passing are the namespaces of what a message may have beside its content, and which alone is of no use later.
var passing = map[string]bool{
	"http://jabber.org/protocol/chatstates": true, // XEP-0085
	"urn:xmpp:chat-markers:0":               true, // XEP-0333
	"urn:xmpp:hints":                        true, // XEP-0334
	"urn:xmpp:sid:0":                        true, // XEP-0359
}

// lasts reports whether a message has anything that is of use later.
func lasts(st stanza.Stanza) bool {
	content := st.Content()
	if strings.HasPrefix(content, "<body") {
		return true
	}
	if !strings.Contains(content, "chatstates") && !strings.Contains(content, "chat-markers") {
		return st.Children() > 0
	}
	for _, name := range st.ChildNames() {
		if !passing[name.Space] && name.Local != "thread" {
			return true
		}
	}
	return false
}

// keep puts st into the journal, and into the queue as far as there is room. What the journal has no room for is posted
// once, unless others of its conversation wait.
func (c *Callback) keep(st stanza.Stanza) bool {
	now := time.Now()
	err := c.queue.keep(keyOf(st), func() (delivery, error) {
		e, err := c.o.Journal.Add(c.o.Domain, st, now, now.Add(c.o.MaxAge))
		return delivery{stanza: st, entry: e}, err
	})
	if err == nil {
		return true
	}
	if errors.Is(err, journal.ErrFull) && c.queue.putOnce(delivery{id: c.newID(), stanza: st}) {
		return true
	}
	if omitted, ok := c.unkept.Allow(now); ok {
		c.log.Warn("stanza for the callback refused, since it can't be kept", slog.String("error", shorten(err)), slog.Int("not_logged", omitted))
	}
	return false
}

// lookTime bounds what is asked of the journal while a stanza waits to be taken.
const lookTime = time.Second

// inJournal reports whether a conversation has stanzas on disk.
func (c *Callback) inJournal(key conversationKey) (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	return c.o.Journal.Has(ctx, c.conversation(key))
}

// conversation returns what the journal calls a conversation.
func (c *Callback) conversation(key conversationKey) journal.Conversation {
	return journal.Conversation{Component: c.o.Domain, From: key.from, To: key.to}
}

// askedAgain returns the verdict on an answer that asks for another attempt, if d is one that can wait.
func (c *Callback) askedAgain(d delivery, resp *http.Response) (v verdict, ok bool) {
	if d.entry == nil || resp.StatusCode < 400 {
		return v, false
	}
	v = verdict{outcome: outcomeErrorStatus, status: resp.StatusCode, again: true}
	if v.after, ok = retryAfter(resp.Header, time.Now()); !ok {
		return v, false
	}
	v.body, _ = io.ReadAll(io.LimitReader(resp.Body, journal.MaxAnswer)) // for the operator: a part is better than nothing
	v.reply, _ = d.stanza.ErrorReply(statusError(resp.StatusCode))
	return v, true
}

// waits decides whether a stanza stays in the journal after a request, and notes that in v.
func (d *delivery) waits(v *verdict) bool {
	v.cut = d.entry != nil && v.cut
	v.kept = d.entry != nil && v.again && !d.expired()
	return v.kept || v.cut
}

// conclude notes in the journal what came of a request, and says what becomes of the stanza.
func (c *Callback) conclude(conv *conversation, d delivery, v *verdict, began time.Time, took time.Duration) fate {
	f := fate{answered: v.status != 0, busy: tooMuch(v.status)}
	down := false
	if v.status == 0 && v.again && c.o.Journal != nil && (c.o.MaxAge > 0 || d.entry != nil) {
		down = c.queue.failed(conv, d.attempt(), time.Now())
	}
	if d.entry == nil {
		return f
	}
	switch {
	case v.kept:
		f.again = &d
		next := time.Now()
		if !down {
			next = d.next(v, next.Add(c.o.delayAfter(d.attempt())))
			f.until = next
		}
		d.entry.Attempted(tried(v, began, took), next)
	case v.again:
		d.entry.Attempted(tried(v, began, took), time.Now())
		d.entry.Bury(outOfTime(d.entry))
	case v.outcome == outcomePanic:
		d.entry.Bury("handling it failed inside the gateway: the log says more")
	default:
		d.entry.Settle()
	}
	return f
}

// attempt returns how many requests for d there have been, with the one under way.
func (d *delivery) attempt() int {
	if d.entry == nil {
		return 1
	}
	return d.entry.Attempts() + 1
}

// next returns when d is to be tried again: not before what the answer asks for, but at the end of its time.
func (d *delivery) next(v *verdict, next time.Time) time.Time {
	if next.Before(v.after) {
		next = v.after
	}
	if end := d.entry.Expires(); end.After(time.Now()) && end.Before(next) {
		next = end
	}
	return next.Add(time.Millisecond - 1).Truncate(time.Millisecond) // as the journal has it
}

// tried makes the record of an attempt.
func tried(v *verdict, began time.Time, took time.Duration) journal.Attempt {
	a := journal.Attempt{At: began, Took: took, Status: v.status, Answer: v.body}
	if v.flaw != nil {
		a.Error = shorten(v.flaw)
	} else {
		a.Error = "status " + strconv.Itoa(v.status) + " with Retry-After"
	}
	return a
}

// outOfTime is why a stanza is a dead letter after its time.
func outOfTime(e *journal.Entry) string {
	last, ok := e.Last()
	if !ok {
		return "not accepted in time, and never tried"
	}
	return "not accepted in time: " + cmp.Or(last.Error, "status "+strconv.Itoa(last.Status))
}

// tooMuch reports whether a callback says with a status that it has too much to do.
func tooMuch(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}

// errExpired is why a stanza that was kept is not posted any more.
var errExpired = errors.New("the callback has not accepted the stanza in time")

// expire makes a dead letter of d, whose sender gets the error that the last attempt stands for.
func (c *Callback) expire(d delivery) {
	d.id = d.entry.ID()
	v := verdict{outcome: outcomeExpired, flaw: errExpired}
	failure := unavailable()
	if last, ok := d.entry.Last(); ok && last.Status != 0 {
		v.status = last.Status
		failure = statusError(last.Status)
	}
	v.reply, _ = d.stanza.ErrorReply(failure)
	c.guard(d.stanza, func() { c.answer(d, v.reply) })
	d.entry.Bury(outOfTime(d.entry))
	c.metrics.requests[v.outcome].Inc()
	if omitted, ok := c.expired.Allow(time.Now()); ok {
		c.log.Warn("stanza not accepted in time; its sender gets an error, and it is a dead letter now",
			slog.String("delivery", d.id), slog.Int("attempts", d.entry.Attempts()), slog.Int("not_logged", omitted))
	}
	c.observe(d, v, 0)
}
