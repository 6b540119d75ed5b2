package main

import (
	"bytes"
	"context"
	"errors"
	"time"
)

// loadCallback measures the way back: as many conversations as there are
// connections, each with one message under way. The next message of a conversation
// goes out when the reply to the last is back.
func (b *bench) loadCallback(ctx context.Context, p *program, m mode, conversations int, duration time.Duration) measurement {
	result, a := b.begin(p, m, conversations)
	posted := newTracker(a.tracker.cell, conversations, a.tracker.start)
	b.hook.current.Store(posted)
	defer b.hook.current.Store(nil)

	c := newConversations(b.server.receiver, p.domain, a.tracker, conversations, duration)
	first := c.begin()
	b.receiver.use(c.receive)
	result.fail(b.receiver.component.out.write(first))
	result.fail(c.await(ctx, duration+drainTimeout))
	b.receiver.use(nil)

	counted, last, times := a.tracker.result()
	result.counts = counted
	result.Done = counted.Arrived
	result.Rate = perSecond(counted.Arrived, last)
	result.Arrival = spreadOf(times)
	result.Lost = c.sent - counted.Arrived
	seen, _, _ := posted.result()
	result.Duplicates += seen.Duplicates
	result.Strays += seen.Strays
	a.settle(&result)
	return result
}

// conversations are the senders of messages to a callback. Between begin and the
// end the receiver's goroutine owns them.
type conversations struct {
	tracker  *tracker
	duration time.Duration
	messages [][]byte // of each conversation, to be written over
	numbers  [][]byte // the places for their numbers
	next     []int    // the next number of each
	sent     int
	open     int           // conversations that wait for a reply
	ended    chan struct{} // closed when none does
}

func newConversations(from, to string, t *tracker, n int, duration time.Duration) *conversations {
	c := &conversations{tracker: t, duration: duration, next: make([]int, n), ended: make(chan struct{})}
	for i := range n {
		text := []byte(message(senderAddress(i, from), "bot@"+to))
		at := bytes.Index(text, []byte(blankNumber))
		c.messages = append(c.messages, text)
		c.numbers = append(c.numbers, text[at:at+numberLength])
	}
	return c
}

// begin returns the first message of each conversation. All count as sent from
// here on.
func (c *conversations) begin() (first []byte) {
	c.open = len(c.messages)
	for i := range c.messages {
		first = c.say(first, i)
	}
	return first
}

// say appends the next message of a conversation.
func (c *conversations) say(dst []byte, i int) []byte {
	number{cell: c.tracker.cell, sender: i, n: c.next[i], sent: time.Since(c.tracker.start)}.put(c.numbers[i])
	c.next[i]++
	c.sent++
	return append(dst, c.messages[i]...)
}

// receive counts a reply and goes on with its conversation.
func (c *conversations) receive(element, out []byte) []byte {
	u, ok := parseNumber(element)
	if !ok || !bytes.HasPrefix(element, []byte("<message")) || bytes.Equal(attribute(element, " type="), []byte("error")) {
		return out
	}
	now := time.Since(c.tracker.start)
	if !c.tracker.arrived(u, now) {
		return out
	}
	if now < c.duration {
		return c.say(out, u.sender)
	}
	c.open--
	if c.open == 0 {
		close(c.ended)
	}
	return out
}

// await waits until every conversation has its last reply.
func (c *conversations) await(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errors.New("replies are missing"))
	defer cancel()
	select {
	case <-c.ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
