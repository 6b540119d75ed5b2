package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// NSArchive is the namespace of message archives (XEP-0313).
const NSArchive = "urn:xmpp:mam:2"

// Collector takes the results of one archive query: the messages with a result that
// come from exactly the address asked, to the sender of the query, with the queryid of
// the query (if it has none, with any or none). They go nowhere else then.
type Collector interface {
	// Collect is called in the order of the stream, never after Search has returned,
	// and must not block. With false it says that it can't take more: the query ends
	// with stanza.CallerTooSlow, and its other results are dropped.
	Collect(st stanza.Stanza) bool
}

// IsArchiveQuery reports whether st asks an archive for messages (XEP-0313 §4): they
// come as results, each in a message of its own, before the answer to the iq.
//
//go:noinline
func IsArchiveQuery(st stanza.Stanza) bool { // see docs/decisions/0005-small-frames.md
	return st.IsRequest() && st.Children() == 1 && st.Payload() == stanza.Name{Space: NSArchive, Local: "query"}
}

// result is the element in which an archive sends a message.
var result = stanza.Name{Space: NSArchive, Local: "result"}

// Search is Submit for an archive query, whose results go to a Collector; Submit
// leaves them to the Receiver. While results come, wait is how long the next one or the
// answer may take: it bounds a silence, not the whole transfer. A query with a wait of
// zero collects nothing.
func (c *Component) Search(ctx context.Context, identity jid.JID, st stanza.Stanza, wait time.Duration, results Collector) (stanza.Stanza, error) {
	if wait == 0 || !IsArchiveQuery(st) {
		return c.Submit(ctx, identity, st, SubmitOptions{Wait: wait})
	}
	st, err := c.address(identity, st)
	if err != nil {
		return stanza.Stanza{}, err
	}
	wait = c.patience(wait)

	w := newWaiter(st)
	if err := c.waiting.addQuery(w, c.o.MaxOutstanding); err != nil {
		return stanza.Stanza{}, err
	}
	defer c.waiting.remove(w)

	began := time.Now()
	answer, err := c.collect(ctx, st, w, wait, results)
	c.metrics.queryEnded(answer, err, time.Since(began))
	return answer, err
}

// collect sends an archive query and waits for its answer and the results before it.
func (c *Component) collect(ctx context.Context, st stanza.Stanza, w *waiter, wait time.Duration, results Collector) (stanza.Stanza, error) {
	searching, cancel := context.WithCancelCause(ctx)
	defer cancel(nil) // also tells the link not to write the query again
	col := newCollection(st, wait, results, cancel)
	defer col.silence.Stop()

	c.archives.add(col)
	answer, err := c.await(searching, st, w, wait)
	got, full := c.archives.leave(col, ctx.Err() != nil)
	switch {
	case full: // even if the answer has come since: some results are lost
		return stanza.Stanza{}, errTooSlow
	case got > 0 && errors.Is(err, errAnswerTimeout):
		return stanza.Stanza{}, &stanza.Refusal{
			Reason: stanza.AnswerTimeout,
			Text:   fmt.Sprintf("%s fell silent: neither another result nor the answer came within %s", st.To(), wait),
			Err:    errAnswerTimeout,
		}
	}
	return answer, err
}

// errTooSlow is the end of a query whose results are not taken.
var errTooSlow = &stanza.Refusal{
	Reason: stanza.CallerTooSlow,
	Text:   "the results came faster than they were read; ask for fewer at a time (max), and read the response as it comes",
}
