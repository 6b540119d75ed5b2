package link

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// Trial is one connection to a server that is made to see whether the settings
// of a component are right. It shakes hands as Run does, and never connects
// again. While it lasts the server sends it the component's stanzas: messages
// and iq requests are answered with recipient-unavailable, the rest is lost. So
// keep it short. Its methods belong to one goroutine.
type Trial struct {
	s     *session
	pings pinger
}

// Try connects to the server and shakes hands. Of the options Domain, Address,
// Secret, ConfirmTo and Dial count. The end of ctx interrupts it, and its cause is
// in the error then; there are the time limits of Run as well, ten seconds for
// the connection and ten for the handshake. Explain tells what an error means.
func Try(ctx context.Context, o ComponentOptions) (*Trial, error) {
	o.Receive = func(stanza.Stanza) {}
	o.Logger = slog.New(slog.DiscardHandler)
	o.Metrics = nil
	c, err := NewComponent(o)
	if err != nil {
		return nil, err
	}
	s, err := c.connect(ctx)
	if err != nil {
		return nil, orCause(ctx, err)
	}
	return &Trial{s: s, pings: newPinger(c.o.Domain, c.o.ConfirmTo)}, nil
}

// Explain says in words what an error of Try means for the operator of a
// component, and what to do about it: in the words of State.LastError.
func Explain(err error, server string, domain jid.JID) string {
	return explain(err, server, domain.String(), false)
}

// ExplainTrial is Explain for the errors of a Trial's methods.
func ExplainTrial(err error, server string, domain jid.JID) string {
	return explain(err, server, domain.String(), true)
}

// Ping has the server route a ping back, which is what confirms stanzas, and
// returns how long that took.
func (t *Trial) Ping(ctx context.Context) (time.Duration, error) {
	t.pings.wanted = true
	began := time.Now()
	_, err := t.exchange(ctx, t.pings.append(nil, 0, false), func(st stanza.Stanza) bool {
		_, ok := t.pings.recognise(st)
		return ok
	})
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w (%w)", errNoPong, err)
	}
	return time.Since(began), err
}

// Ask sends an iq of type get with the given payload, which must be
// well-formed, from the component, and returns the answer: a result or an error.
func (t *Trial) Ask(ctx context.Context, to jid.JID, payload string) (stanza.Stanza, error) {
	question := stanza.New(stanza.Header{
		Kind: stanza.IQ, Type: stanza.Get, ID: t.pings.prefix + "trial", From: t.s.c.o.Domain, To: to,
	}, payload)
	return t.exchange(ctx, question.AppendXML(nil), func(st stanza.Stanza) bool {
		return st.Kind() == stanza.IQ && st.IsAnswer() && st.ID() == question.ID() && st.From() == to
	})
}

// exchange writes a stanza and reads until the wanted one comes. After an error
// the Trial can only be ended.
func (t *Trial) exchange(ctx context.Context, out []byte, wanted func(stanza.Stanza) bool) (stanza.Stanza, error) {
	_ = t.s.conn.SetDeadline(time.Time{})
	interrupt := context.AfterFunc(ctx, func() {
		_ = t.s.conn.SetDeadline(time.Now()) // ends a read or write that is under way
	})
	defer interrupt()

	for {
		if len(out) > 0 {
			if _, err := t.s.conn.Write(out); err != nil {
				return stanza.Stanza{}, orCause(ctx, t.s.reason(err))
			}
		}
		item, err := t.s.in.Next()
		if err != nil {
			return stanza.Stanza{}, orCause(ctx, err)
		}
		if wanted(item.Stanza) {
			return item.Stanza, nil
		}
		out = t.decline(out[:0], item.Stanza)
	}
}

// decline appends an answer to a stanza that is not for us but for the gateway
// which is not there, if it asks for one. To a room an error would mean that its
// occupant is gone (XEP-0045 §18.1.2).
func (t *Trial) decline(dst []byte, st stanza.Stanza) []byte {
	if st.IsZero() || st.Kind() == stanza.Presence || st.Type() == stanza.Groupchat || t.s.foreign(st) {
		return dst
	}
	if _, ours := t.pings.recognise(st); ours {
		return dst
	}
	reply, ok := st.ErrorReply(&stanza.Error{Type: stanza.Wait, Condition: stanza.RecipientUnavailable})
	if !ok {
		return dst
	}
	return reply.AppendXML(dst)
}

// End ends the stream, waits two seconds at most for the server to do so too, and
// closes the connection; at once if ctx has ended, or as soon as it does.
func (t *Trial) End(ctx context.Context) {
	interrupt := context.AfterFunc(ctx, func() { _ = t.s.conn.Close() })
	defer interrupt()
	reading := make(chan error, 1)
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			if _, err := t.s.in.Next(); err != nil {
				reading <- err
				return
			}
		}
	})
	_ = t.s.endStream(reading) // nothing is on it that could get lost
	_ = t.s.conn.Close()
	reader.Wait()
}

// orCause adds why ctx ended to an error, if it has ended.
func orCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}
