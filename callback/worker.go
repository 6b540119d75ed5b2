package callback

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/restanza/restanza/stanza"
)

// errTimeout is the cause of the end of a request that took too long.
var errTimeout = errors.New("no complete answer in time")

// work posts stanzas until none is ready for it.
func (c *Callback) work(ctx context.Context) {
	conv, d, ok := c.queue.next(nil, fate{})
	for ok {
		conv, d, ok = c.queue.next(conv, c.deliver(ctx, conv, d))
	}
}

// deliver posts one stanza and sends what its answer asks for.
func (c *Callback) deliver(ctx context.Context, conv *conversation, d delivery) fate {
	st := d.stanza
	began := time.Now()
	if d.expired() {
		c.expire(d)
		return fate{}
	}
	if d.entry != nil {
		d.id = d.entry.ID()
	}
	v := verdict{outcome: outcomePanic}
	answered := false
	c.guard(st, func() {
		c.exchange(ctx, d, func(given verdict) {
			v, answered = given, true
			if d.waits(&v) {
				return
			}
			c.answer(d, given.reply)
			for _, reply := range given.more {
				c.answer(d, reply)
			}
		})
	})
	if !answered { // it panicked before
		c.guard(st, func() {
			reply, _ := st.ErrorReply(internalError(""))
			c.answer(d, reply)
		})
	}
	if v.cut {
		return fate{again: &d} // as if there had been no request
	}
	took := time.Since(began)
	f := c.conclude(conv, d, &v, began, took)
	c.metrics.finished(&v, took)
	c.report(d, v, took)
	c.observe(d, v, took)
	return f
}

// guard calls f. A panic is counted and logged, and goes no further.
func (c *Callback) guard(st stanza.Stanza, f func()) {
	defer func() {
		if p := recover(); p != nil {
			c.metrics.panics.Inc()
			c.log.Error("handling a stanza for the callback panicked", slog.String("kind", string(st.Kind())), slog.String("id", st.ID()),
				slog.String("panic", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))
		}
	}()
	f()
}

// attempt makes the request for d and calls decide as soon as it is known what
// the answer means. What is left of the answer is read after that. If the
// callback can't be reached and this is not the last attempt, it calls nothing
// and returns false.
func (c *Callback) attempt(ctx context.Context, d delivery, last bool, decide func(verdict)) (done bool) {
	st := d.stanza
	ctx, cancel := context.WithTimeoutCause(ctx, c.o.Timeout, errTimeout)
	defer cancel()
	resp, err := c.post(ctx, d)
	if err != nil {
		if !last && unreachable(err) && ctx.Err() == nil {
			c.suspect(err)
			return false
		}
		decide(c.noAnswer(ctx, st, err))
		return true
	}
	defer finish(resp.Body)
	c.answers()
	if v, ok := c.askedAgain(d, resp); ok {
		decide(v)
		return true
	}
	a := answer{status: resp.StatusCode, format: formatOf(resp.Header.Get("Content-Type"))}
	if a.format == nil {
		a.unread = unread(resp.Header, resp.ContentLength)
	}
	if a.matters(st) {
		a.body, err = readBody(resp, c.o.MaxAnswer)
	}
	switch {
	case errors.Is(err, errTooLarge), errors.Is(err, errEncoded):
		a.flaw = err
	case err != nil:
		decide(c.noAnswer(ctx, st, err))
		return true
	}
	decide(judge(st, a, c.o.MaxStanza))
	return true
}

// noAnswer returns the verdict on a request that got no answer, or half of one.
func (c *Callback) noAnswer(ctx context.Context, st stanza.Stanza, err error) verdict {
	v := verdict{outcome: outcomeNoAnswer, flaw: err, again: !refused(err)}
	v.reply, _ = st.ErrorReply(unavailable())
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errStopped):
		v.flaw, v.again, v.cut = errStopped, false, true
		return v // says nothing about the callback
	case errors.Is(cause, errTimeout):
		v.outcome, v.flaw = outcomeTimeout, errTimeout
	}
	c.suspect(v.flaw)
	return v
}

// answer sends the reply to d, if there is one. If it can't be sent and
// somebody waits for it, he gets an error instead.
func (c *Callback) answer(d delivery, reply stanza.Stanza) {
	if reply.IsZero() {
		return
	}
	st, send := d.stanza, c.o.Reply
	if d.reply != nil {
		send = d.reply
	}
	err := send(c.addressed(reply))
	if err == nil {
		return
	}
	if st.IsRequest() && reply.IsAnswer() {
		if instead, ok := st.ErrorReply(internalError("")); ok {
			err = errors.Join(err, send(c.addressed(instead)))
		}
	}
	if omitted, ok := c.unsent.Allow(time.Now()); ok {
		c.log.Warn("reply of the callback not sent", slog.String("kind", string(reply.Kind())), slog.String("id", reply.ID()),
			slog.String("error", shorten(err)), slog.Int("not_logged", omitted))
	}
}

// addressed fills in a sender where the stanza that is answered had no
// addressee: servers end the stream for a stanza without one.
func (c *Callback) addressed(reply stanza.Stanza) stanza.Stanza {
	h := reply.Header()
	if !h.From.IsZero() {
		return reply
	}
	h.From = c.o.Domain
	return reply.With(h)
}

// report logs what became of a stanza: answers that can't be used as warnings,
// though not many a second, everything else for debugging.
func (c *Callback) report(d delivery, v verdict, took time.Duration) {
	st := d.stanza
	attrs := []slog.Attr{
		slog.String("delivery", d.id),
		slog.String("kind", string(st.Kind())), slog.String("type", string(st.Type())), slog.String("id", st.ID()),
		slog.String("outcome", string(v.outcome)), slog.Int("status", v.status), slog.Duration("took", took),
	}
	flaw := cmp.Or(v.flaw, v.spoilt)
	if flaw != nil {
		attrs = append(attrs, slog.String("error", shorten(flaw)))
	}
	ctx := context.Background()
	if flaw != nil && v.status != 0 {
		if omitted, ok := c.flawed.Allow(time.Now()); ok {
			c.log.LogAttrs(ctx, slog.LevelWarn, "answer of the callback can't be used as it is", append(attrs, slog.Int("not_logged", omitted))...)
			return
		}
	}
	c.log.LogAttrs(ctx, slog.LevelDebug, "stanza posted to the callback", attrs...)
}

// maxDrain is how many bytes of an answer that nobody needs are read, so that
// its connection can be used again. Beyond that a new connection is cheaper.
const maxDrain = 64 << 10

// finish ends an answer. An error in what is left of it, or more than maxDrain
// of it, means only that Close closes the connection.
func finish(body io.ReadCloser) {
	if body != http.NoBody {
		_, _ = io.CopyN(io.Discard, body, maxDrain)
	}
	body.Close()
}
