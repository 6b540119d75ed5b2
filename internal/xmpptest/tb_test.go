package xmpptest

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRun(t *testing.T) {
	var order []string
	var dir string
	err := Run("tool", func(tb TB) {
		dir = tb.TempDir()
		tb.Cleanup(func() { order = append(order, "first") })
		tb.Cleanup(func() { order = append(order, "second") })
		srv := Start(tb, "fake")
		DialComponent(tb, srv, 0)
		tb.Errorf("one %d", 1)
		tb.Fatalf("two")
		order = append(order, "never")
	})
	if err == nil || err.Error() != "one 1\ntwo" {
		t.Errorf("the error is %v", err)
	}
	if want := []string{"second", "first"}; !slices.Equal(order, want) {
		t.Errorf("ran %v, want %v", order, want)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}
}

// failing runs f with a TB of its own and gives the text with which it failed.
func failing(t *testing.T, f func(tb TB)) string {
	t.Helper()
	err := Run(t.Name(), f)
	if err == nil {
		t.Fatal("nothing has failed")
	}
	return err.Error()
}

func TestStream_failureSaysWhatCame(t *testing.T) {
	text := failing(t, func(tb TB) {
		srv := Start(tb, "fake")
		alice := Login(tb, srv, "alice")
		alice.SendMessage(alice.Bare(), "this came")
		alice.Sync()
		alice.WaitBody(time.Millisecond, "that")
	})
	for _, want := range []string{"user alice", "time is up", "this came", "fake's log", "started"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in: %s", want, text)
		}
	}
}

func TestStream_failureAfterTheEnd(t *testing.T) {
	text := failing(t, func(tb TB) {
		f := StartFake(tb)
		c := DialComponent(tb, f, 0)
		f.CloseStream(c.Domain(), "reset", "for a test")
		c.Next(time.Hour) // does not wait: nothing can come
	})
	if !strings.Contains(text, "reset for a test") {
		t.Errorf("no reason in: %s", text)
	}
}

func TestStart_unknownServer(t *testing.T) {
	failing(t, func(tb TB) { Start(tb, "other") })
}

func TestPeers_unknownName(t *testing.T) {
	t.Setenv(PeersVariable, "prosdy")
	failing(t, func(tb TB) { Peers(tb) })
}

func TestInbox_order(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newInbox[int]()
		go func() {
			for i := range 5 {
				time.Sleep(time.Second)
				b.put(i)
			}
		}()
		even := func(i int) bool { return i%2 == 0 }
		for _, want := range []int{0, 2} {
			if got, err := b.wait(time.Minute, even); got != want || err != nil {
				t.Errorf("got %d, %v; want %d", got, err, want)
			}
		}
		if got, err := b.wait(time.Minute, nil); got != 1 || err != nil {
			t.Errorf("got %d, %v; want 1", got, err)
		}
		if _, err := b.wait(time.Second, func(i int) bool { return i > 10 }); !errors.Is(err, errTimeout) {
			t.Errorf("got %v, want %v", err, errTimeout)
		}
		time.Sleep(time.Minute)
		if got, want := b.unconsumed(), []int{3, 4}; !slices.Equal(got, want) {
			t.Errorf("left are %v, want %v", got, want)
		}
		if got, want := b.history(), []int{0, 1, 2, 3, 4}; !slices.Equal(got, want) {
			t.Errorf("the history is %v, want %v", got, want)
		}
	})
}
