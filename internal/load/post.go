package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// load measures the modes in which the load posts: each connection posts, waits
// for the response, and posts again.
func (b *bench) load(ctx context.Context, p *program, m mode, connections int, duration time.Duration) measurement {
	senders, err := b.dialSenders(ctx, p, m, connections)
	defer closeSenders(senders)
	result, a := b.begin(p, m, connections)
	if err != nil {
		result.fail(err)
		return result
	}
	b.receiver.use(a.receive(m))
	defer b.receiver.use(nil)
	inParallel(connections, func(i int) { senders[i].run(ctx, a.tracker, duration) })
	if p.name != bareName {
		result.fail(awaitArrivals(ctx, a.tracker, senders))
	}
	sum(&result, a.tracker, senders)
	a.settle(&result)
	return result
}

// receive returns what the receiver does: count, and answer queries.
func (a *accounts) receive(m mode) func(element, out []byte) []byte {
	return func(element, out []byte) []byte {
		if u, ok := parseNumber(element); ok {
			a.tracker.arrived(u, time.Since(a.tracker.start))
		}
		if m == modeIQ && bytes.HasPrefix(element, []byte("<iq")) {
			out = appendResult(out, element, answerPayload)
		}
		return out
	}
}

// sender is one connection of the load and what came of it.
type sender struct {
	poster  *poster
	index   int
	want    int            // the status of success
	echo    bool           // the body must bear the number
	posted  int            // numbers used
	refused map[int]string // by number: why
	answers []time.Duration
	last    time.Duration // when the latest response came, since the start
	err     error         // that ended it
}

// dialSenders connects the senders. What it returns is to be closed even if there
// is an error.
func (b *bench) dialSenders(ctx context.Context, p *program, m mode, connections int) ([]*sender, error) {
	senders := make([]*sender, 0, connections)
	for i := range connections {
		s := &sender{index: i, want: http.StatusAccepted, refused: make(map[int]string)}
		from, to := senderAddress(i, p.domain), "inbox@"+b.server.receiver
		text := message(from, to)
		if m == modeIQ {
			s.want, s.echo = http.StatusOK, true
			text = query(from, to)
		}
		var err error
		if s.poster, err = dialPoster(ctx, p, p.paths[m], text); err != nil {
			return senders, err
		}
		senders = append(senders, s)
	}
	return senders, nil
}

func closeSenders(senders []*sender) {
	for _, s := range senders {
		s.poster.conn.Close()
	}
}

// run posts until the time is over.
func (s *sender) run(ctx context.Context, t *tracker, duration time.Duration) {
	for ctx.Err() == nil {
		sent := time.Since(t.start)
		if sent >= duration {
			return
		}
		n := s.posted
		s.posted++
		status, err := s.poster.post(number{cell: t.cell, sender: s.index, n: n, sent: sent})
		if err != nil {
			s.err = fmt.Errorf("connection %d: %w", s.index, err)
			s.refused[n] = "no response"
			return
		}
		s.last = time.Since(t.start)
		switch {
		case status != s.want:
			s.refused[n] = fmt.Sprintf("status %d: %.300s", status, s.poster.body)
		case s.echo && !bytes.Contains(s.poster.body, s.poster.number):
			s.refused[n] = fmt.Sprintf("another's answer: %.300s", s.poster.body)
		default:
			s.answers = append(s.answers, s.last-sent)
		}
	}
}

// awaitArrivals waits until all that was accepted has arrived.
func awaitArrivals(ctx context.Context, t *tracker, senders []*sender) error {
	accepted := 0
	for _, s := range senders {
		accepted += s.posted - len(s.refused)
	}
	err := await(ctx, drainTimeout, time.Millisecond, func() error {
		if t.total() < accepted {
			return errors.New("not all that was accepted has arrived")
		}
		return nil
	})
	return errors.Join(err, ctx.Err())
}

// sum adds up what the senders and the receiver have seen.
func sum(m *measurement, t *tracker, senders []*sender) {
	var (
		answers []time.Duration
		last    time.Duration
	)
	for _, s := range senders {
		m.fail(s.err)
		answers = append(answers, s.answers...)
		last = max(last, s.last)
		m.Refused += len(s.refused)
		for _, why := range s.refused {
			if len(m.Errors) < 3 {
				m.fail(errors.New("refused: " + why))
			}
		}
	}
	m.Done = len(answers)
	m.Answer = spreadOf(answers)
	m.Rate = perSecond(m.Done, last)
	if m.Program == bareName {
		return
	}
	counted, lastArrival, times := t.result()
	m.counts = counted
	m.Arrival = spreadOf(times)
	if m.Mode == modeSend {
		m.Rate = perSecond(counted.Arrived, lastArrival)
	}
	for _, s := range senders {
		m.Lost += s.lost(t)
	}
}

// lost counts what was accepted and has not arrived.
func (s *sender) lost(t *tracker) (n int) {
	for i := range s.posted {
		if _, refused := s.refused[i]; !refused && !t.has(s.index, i) {
			n++
		}
	}
	return n
}
