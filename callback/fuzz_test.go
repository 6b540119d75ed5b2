package callback

import (
	"context"
	"testing"

	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

// Whatever the answer to whatever stanza: a query is answered exactly once, an error
// or a result never. What is sent comes from the address that the stanza went to, is
// no question, and can be read again.
func FuzzAnswer(f *testing.F) {
	for i, c := range answerCases {
		f.Add(uint8(i), c.status, c.contentType, []byte(c.body))
	}
	posted := []string{aMessage, untyped, fromRoom, aPresence, aRequest, aQuery, aCommand, anError, aResult, anIQError, noPresence}
	for which := range posted {
		for _, c := range severalCases {
			f.Add(uint8(which), 200, c.contentType, []byte(c.body))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, status int, contentType string, body []byte) {
		st := parse(t, posted[int(which)%len(posted)])
		s := &server{replies: make(chan stanza.Stanza, jsonmap.MaxReplies+2)}
		c := build(t, s, over(always(status, contentType, string(body))))
		c.deliver(context.Background(), nil, delivery{stanza: st})
		close(s.replies)
		if counted(t, c, outcomePanic) != 0 {
			t.Fatal("it panicked")
		}
		answers, sent := 0, 0
		for reply := range s.replies {
			check(t, st, reply)
			if reply.IsAnswer() {
				answers++
			}
			sent++
		}
		switch {
		case sent > jsonmap.MaxReplies+1:
			t.Fatalf("%d stanzas are sent", sent)
		case !st.Answerable() && sent > 0:
			t.Fatalf("%s is answered", st)
		case st.IsRequest() && answers != 1, !st.IsRequest() && answers > 0:
			t.Fatalf("%s has %d answers", st, answers)
		}
	})
}

// check fails if reply is none that may be sent in answer to st.
func check(t *testing.T, st, reply stanza.Stanza) {
	t.Helper()
	h := reply.Header()
	if h.From != st.To() || h.To.IsZero() {
		t.Fatalf("%s is answered with %s", st, reply)
	}
	if h.Kind == stanza.IQ && (h.ID != st.ID() || h.To != st.From() || st.Kind() != stanza.IQ || !reply.IsAnswer()) {
		t.Fatalf("%s makes an iq of its own: %s", st, reply)
	}
	if !reply.FitsIn(DefaultMaxStanza) {
		t.Fatalf("the reply has %d bytes", len(reply.XML()))
	}
	again, err := stanza.Parse(reply.XML())
	if err != nil || again.String() != reply.String() {
		t.Fatalf("the reply %s reads as %s, %v", reply, again, err)
	}
}

// A single reply goes back where the stanza came from, and is of its kind.
func FuzzJudge_single(f *testing.F) {
	for i, c := range answerCases {
		f.Add(uint8(i), c.status, c.contentType, []byte(c.body))
	}
	posted := []string{aMessage, untyped, fromRoom, aPresence, aRequest, aQuery, aCommand}
	f.Fuzz(func(t *testing.T, which uint8, status int, contentType string, body []byte) {
		st := parse(t, posted[int(which)%len(posted)])
		a := answer{status: status, format: formatOf(contentType), body: body}
		if a.format != nil {
			if read, err := a.format.ParseReplies(body, st.Kind()); err == nil && read.Wrapped {
				t.Skip("a list")
			}
		}
		v := judge(st, a, DefaultMaxStanza)
		if len(v.more) > 0 {
			t.Fatalf("%d stanzas of one", 1+len(v.more))
		}
		if v.reply.IsZero() {
			return
		}
		h, to := v.reply.Header(), st.From()
		if h.Type == stanza.Groupchat {
			to = to.Bare()
		}
		if h.Kind != st.Kind() || h.To != to || h.Type == stanza.TypeError && h.ID != st.ID() {
			t.Fatalf("%s is answered with %s", st, v.reply)
		}
	})
}
