package callback

import (
	"context"
	"testing"

	"github.com/restanza/restanza/stanza"
)

// FuzzAnswer states what holds whatever a callback answers: nothing panics, at
// most one stanza is sent, exactly one to a query and none to an error or a
// result; it goes back where the posted one came from and nowhere else, is of
// its kind, and is one that can be read again.
func FuzzAnswer(f *testing.F) {
	for i, c := range answerCases {
		f.Add(uint8(i), c.status, c.contentType, []byte(c.body))
	}
	posted := []string{aMessage, untyped, fromRoom, aPresence, aRequest, aQuery, aCommand, anError, aResult, anIQError, noPresence}
	f.Fuzz(func(t *testing.T, which uint8, status int, contentType string, body []byte) {
		st := parse(t, posted[int(which)%len(posted)])
		s := &server{replies: make(chan stanza.Stanza, 8)}
		c := build(t, s, over(always(status, contentType, string(body))))
		c.deliver(context.Background(), st)
		if counted(t, c, outcomePanic) != 0 {
			t.Fatal("it panicked")
		}
		switch sent := len(s.replies); {
		case sent > 1:
			t.Fatalf("%d answers", sent)
		case sent == 0 && st.IsRequest():
			t.Fatal("a query without an answer")
		case sent == 0:
			return
		}
		reply := <-s.replies
		if !st.Answerable() {
			t.Fatalf("%s is answered with %s", st, reply)
		}
		check(t, st, reply)
	})
}

// check fails if reply is none that may be sent in answer to st.
func check(t *testing.T, st, reply stanza.Stanza) {
	t.Helper()
	h := reply.Header()
	to := st.From()
	if h.Type == stanza.Groupchat {
		to = to.Bare()
	}
	if h.Kind != st.Kind() || h.From != st.To() || h.To != to {
		t.Fatalf("%s is answered with %s", st, reply)
	}
	if st.Kind() == stanza.IQ && (h.ID != st.ID() || !reply.IsAnswer()) {
		t.Fatalf("the query %s is answered with %s", st, reply)
	}
	if h.Type == stanza.TypeError && h.ID != st.ID() {
		t.Fatalf("%s has an error with another id: %s", st, reply)
	}
	if !reply.FitsIn(DefaultMaxStanza) {
		t.Fatalf("the reply has %d bytes", len(reply.XML()))
	}
	again, err := stanza.Parse(reply.XML())
	if err != nil || again.String() != reply.String() {
		t.Fatalf("the reply %s reads as %s, %v", reply, again, err)
	}
}
