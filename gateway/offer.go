package gateway

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/restanza/restanza/events"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// record notes in the log of events what came or went.
func (c *Component) record(d events.Direction, state events.State, st stanza.Stanza) {
	if c.o.Events != nil {
		c.o.Events.Add(d, state, st)
	}
}

// Replied notes in the log of events what a Receiver has sent.
func (c *Component) Replied(st stanza.Stanza) { c.record(events.Out, events.Sent, st) }

// deliverRecorded is deliver, and notes what came of it in the log of events.
func (c *Component) deliverRecorded(ctx context.Context, identity jid.JID, st stanza.Stanza, o SubmitOptions) (stanza.Stanza, error) {
	answer, err := c.deliver(ctx, identity, st, o)
	switch {
	case err == nil && answer.IsZero():
		c.record(events.Out, events.Sent, st)
	case err == nil:
		c.record(events.Out, events.Bounced, st)
	default:
		if _, queued := errors.AsType[*Queued](err); queued {
			c.record(events.Out, events.Queued, st)
		}
	}
	return answer, err
}

// recordQuery notes in the log of events a query of a caller, unless it was not sent.
func (c *Component) recordQuery(st stanza.Stanza, err error) {
	if refusal, ok := errors.AsType[*stanza.Refusal](err); err == nil || ok && refusal.Reason == stanza.AnswerTimeout {
		c.record(events.Out, events.Sent, st)
	}
}

// offer leaves a stanza to those who read the log of events. If nobody does, it is served as
// if there were none: its sender must not believe that somebody got it. What needs no
// answer is logged all the same.
func (c *Component) offer(st stanza.Stanza) {
	switch {
	case c.o.Events == nil || c.isOwn(st):
		c.serve(st)
	case !st.Answerable() || st.Kind() == stanza.Presence:
		c.record(events.In, events.Offered, st)
		c.answer(st, stanza.Stanza{})
	case !c.o.Events.Attended(st, st.Kind() == stanza.IQ):
		c.serve(st)
	case st.Kind() == stanza.IQ:
		c.ask(st)
	default:
		c.record(events.In, events.Offered, st)
		c.answer(st, stanza.Stanza{})
	}
}

// isOwn reports whether st is a question to the domain that the component answers itself.
func (c *Component) isOwn(st stanza.Stanza) bool {
	if st.Kind() != stanza.IQ {
		return false
	}
	_, e := c.ownAnswer(st)
	return e == nil
}

// askedKey names a question that was offered to readers: the one who asks, whom, and the id.
type askedKey struct{ peer, own, id string }

// asked are the questions that were offered to readers and are not answered. Its zero value
// is ready for use.
type asked struct {
	mu    sync.Mutex
	table map[askedKey]*time.Timer
}

// ask offers an iq to readers. It has the time that a caller's query has, and then gets an
// error, as from a callback that does not answer.
func (c *Component) ask(st stanza.Stanza) {
	key := askedKey{peer: st.From().FoldKey(), own: st.To().FoldKey(), id: st.ID()}
	a := &c.asked
	a.mu.Lock()
	full, twice := len(a.table) >= c.o.MaxOutstanding, a.table[key] != nil
	if !full && !twice {
		if a.table == nil {
			a.table = map[askedKey]*time.Timer{}
		}
		a.table[key] = time.AfterFunc(c.o.IQTimeout, func() {
			if a.take(key) {
				c.fail(st, &stanza.Error{Type: stanza.Wait, Condition: stanza.RecipientUnavailable, Text: "nobody has answered in time"})
			}
		})
	}
	a.mu.Unlock()
	switch {
	case full:
		c.metrics.overflow()
		c.fail(st, &stanza.Error{Type: stanza.Wait, Condition: stanza.ResourceConstraint, Text: "too many queries wait for their answers; try again later"})
	case twice:
		c.fail(st, &stanza.Error{Type: stanza.Modify, Condition: stanza.Conflict, Text: "a query with this id waits for its answer already"})
	default:
		c.record(events.In, events.Offered, st)
		if c.o.Observe != nil {
			c.o.Observe(st, stanza.Stanza{})
		}
	}
}

// take removes a question, and reports whether it was there: whoever gets true answers it.
func (a *asked) take(key askedKey) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.table[key]
	if t == nil {
		return false
	}
	t.Stop()
	delete(a.table, key)
	return true
}

// answerAsked sends a caller's answer to a question that was offered to readers.
func (c *Component) answerAsked(st stanza.Stanza) error {
	key := askedKey{peer: st.To().FoldKey(), own: st.From().FoldKey(), id: st.ID()}
	if !c.asked.take(key) {
		return &stanza.Refusal{
			Reason: stanza.NotAsked,
			Text: fmt.Sprintf("%.80s waits for no answer of %.80s with the id %.80q: the query was answered already, its time is up, or there was none",
				st.To(), st.From(), st.ID()),
		}
	}
	if err := c.o.Link.Reply(st); err != nil {
		return &stanza.Refusal{Reason: stanza.LinkUnavailable, Text: "the XMPP server can't be reached at the moment", Err: err}
	}
	c.record(events.Out, events.Sent, st)
	return nil
}
