package main

import (
	"testing"
	"time"
)

func TestNumber_roundTrip(t *testing.T) {
	want := number{cell: 12, sender: 345, n: 67890123, sent: 1234 * time.Second}
	stanza := []byte(message("a@b", "c@d"))
	at := len(stanza)
	if at != messageSize {
		t.Errorf("the message has %d bytes, want %d", at, messageSize)
	}
	c := newConversations("b", "d", newTracker(0, 1, time.Now()), 1, 0)
	want.put(c.numbers[0])
	if got, ok := parseNumber(c.messages[0]); !ok || got != want {
		t.Errorf("got %+v, %t; want %+v", got, ok, want)
	}
}

func TestNumber_parseRefuses(t *testing.T) {
	for _, text := range []string{"", "<message/>", "#", "#00001.", blankNumber[:numberLength-1], "#x" + blankNumber[2:]} {
		if u, ok := parseNumber([]byte(text)); ok {
			t.Errorf("%q is the number %+v", text, u)
		}
	}
}
