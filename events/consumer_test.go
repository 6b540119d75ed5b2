package events

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/restanza/restanza/jid"
)

var owner = jid.MustParse(domain)

// consume joins a consumer, which begins with all that there is.
func consume(t testing.TB, l *Log, o ConsumerOptions) *Member {
	t.Helper()
	o.Owner, o.Name, o.After = owner, "worker", l.First()
	m, err := l.Consume(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !o.Poll {
		t.Cleanup(m.Leave)
	}
	return m
}

// get returns the next events of a reader, as their texts and their positions.
func get(t testing.TB, m *Member, n int) (texts []string, at []Position) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for len(texts) < n {
		list, err := m.Next(ctx, n-len(texts), time.Minute)
		if err != nil {
			t.Fatalf("after %v: %v", texts, err)
		}
		for _, g := range list {
			texts, at = append(texts, g.Stanza.Body()), append(at, g.Position)
		}
	}
	return texts, at
}

// nothing fails the test if there is something for a reader.
func nothing(t testing.TB, m *Member) {
	t.Helper()
	if list, more, err := m.take(t.Context(), 10); err != nil || more || len(list) > 0 {
		t.Errorf("got %v, %v, %v", list, more, err)
	}
}

func ack(t testing.TB, l *Log, at ...Position) {
	t.Helper()
	if err := l.Acknowledge(t.Context(), owner, "worker", at...); err != nil {
		t.Error(err)
	}
}

// talk adds messages of several users in turn, with the user and a number for their text.
func talk(t testing.TB, l *Log, users, each int) {
	t.Helper()
	for i := range each {
		for u := range users {
			l.Add(In, Offered, said(t, fmt.Sprintf("user%d", u), "bot@"+domain, fmt.Sprintf("%d %d", u, i)))
		}
	}
}

// Readers of a consumer share what comes. Each event goes to one of them, and those of a conversation
// in order, while readers come, go, and forget to acknowledge.
func TestConsumer_shares(t *testing.T) {
	places(t, func(t *testing.T, path string) {
		t.Helper()
		const users, each = 10, 50
		l := newLog(t, path, Options{})
		consume(t, l, ConsumerOptions{}).Leave()
		var mu sync.Mutex
		got := map[string][]int{} // by user: the numbers in the order in which they were given first
		acked := map[string]bool{}
		var all sync.WaitGroup
		ctx, stop := context.WithCancel(t.Context())
		for w := range 5 {
			all.Go(func() {
				for round := 0; ctx.Err() == nil; round++ {
					m := consume(t, l, ConsumerOptions{Wait: 30 * time.Millisecond})
					for n := range 20 + w {
						list, err := m.Next(ctx, 3, time.Minute)
						if err != nil {
							break
						}
						mu.Lock()
						for _, g := range list {
							var user, number string
							if _, err := fmt.Sscan(g.Stanza.Body(), &user, &number); err != nil {
								t.Error(err)
							}
							i, _ := strconv.Atoi(number)
							if !slices.Contains(got[user], i) {
								got[user] = append(got[user], i)
							}
							if (n+w)%7 == 0 {
								continue // forgotten
							}
							acked[g.Stanza.Body()] = true
							if err := m.Acknowledge(ctx, g.Position); err != nil && ctx.Err() == nil {
								t.Error(err)
							}
						}
						if len(acked) == users*each {
							stop()
						}
						mu.Unlock()
					}
					m.Leave()
				}
			})
		}
		talk(t, l, users, each)
		timeout := time.AfterFunc(30*time.Second, stop)
		all.Wait()
		timeout.Stop()
		if len(acked) != users*each {
			t.Errorf("%d of %d were acknowledged", len(acked), users*each)
		}
		for user, list := range got {
			if !slices.IsSorted(list) {
				t.Errorf("user %s: %v", user, list)
			}
		}
	})
}

// While one reader has an event of a conversation no other gets one of it; other conversations go on.
func TestConsumer_order(t *testing.T) {
	l := newLog(t, "", Options{})
	a, b := consume(t, l, ConsumerOptions{}), consume(t, l, ConsumerOptions{})
	talk(t, l, 2, 2)
	first, at := get(t, a, 1)
	second, _ := get(t, b, 2)
	if !slices.Equal(first, []string{"0 0"}) || !slices.Equal(second, []string{"1 0", "1 1"}) {
		t.Errorf("got %v and %v", first, second)
	}
	nothing(t, b)
	ack(t, l, at...)
	if next, _ := get(t, b, 1); next[0] != "0 1" {
		t.Errorf("got %v", next)
	}
	nothing(t, a)
}

// What is not acknowledged in time goes to another reader, with what comes after it in its conversation.
func TestConsumer_late(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := New(t.Context(), Options{Domain: owner})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = l.Run(ctx) }()
		a := consume(t, l, ConsumerOptions{Wait: time.Minute})
		talk(t, l, 1, 3)
		_, at := get(t, a, 2)
		b := consume(t, l, ConsumerOptions{Wait: time.Hour})
		nothing(t, b)
		ack(t, l, at[1])
		nothing(t, b)
		began := time.Now()
		list, err := b.Next(t.Context(), 10, time.Hour)
		if err != nil || len(list) != 2 || list[0].Attempt != 2 || list[0].Position != at[0] || list[1].Attempt != 1 || list[1].Stanza.Body() != "0 2" {
			t.Errorf("got %v, %v", list, err)
		}
		if waited := time.Since(began); waited != time.Minute {
			t.Errorf("after %v", waited)
		}
		ack(t, l, list[0].Position, list[1].Position, at[1])
		nothing(t, a)
		b.Leave()
		a.Leave()
	})
}

// A reader that leaves gives back what it has; a reader that polls acknowledges by the next poll.
func TestConsumer_leavesAndPolls(t *testing.T) {
	l := newLog(t, "", Options{})
	a := consume(t, l, ConsumerOptions{})
	talk(t, l, 1, 3)
	get(t, a, 2)
	a.Leave()
	poll := ConsumerOptions{Poll: true, Polling: "x"}
	m := consume(t, l, poll)
	if list, err := m.Next(t.Context(), 2, time.Hour); err != nil || len(list) != 2 || list[0].Attempt != 2 || list[0].Stanza.Body() != "0 0" {
		t.Errorf("got %v, %v", list, err)
	}
	if next, _ := get(t, consume(t, l, poll), 1); next[0] != "0 2" {
		t.Errorf("got %v", next)
	}
	nothing(t, consume(t, l, poll))
	if s := l.Consumers(owner); len(s) != 1 || s[0].Waiting != 0 || s[0].Cursor != l.Last() || s[0].Name != "worker" {
		t.Errorf("got %+v", s)
	}
}

// After a restart what was acknowledged is not given again, what was not is, and what was given before
// the restart can be acknowledged.
func TestConsumer_restart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	var at []Position
	t.Run("before", func(t *testing.T) {
		l := newLog(t, path, Options{})
		m := consume(t, l, ConsumerOptions{})
		talk(t, l, 5, 1)
		_, at = get(t, m, 5)
		ack(t, l, at[1], at[3])
	})
	l := newLog(t, path, Options{})
	ack(t, l, at[2])
	m := consume(t, l, ConsumerOptions{})
	if got, _ := get(t, m, 2); !slices.Equal(got, []string{"0 0", "4 0"}) {
		t.Errorf("got %v", got)
	}
	nothing(t, m)
}

// A window that is full of what nobody acknowledges does not grow, and goes on when somebody does.
func TestConsumer_window(t *testing.T) {
	l := newLog(t, filepath.Join(t.TempDir(), "journal.db"), Options{Memory: 1 << 16})
	m := consume(t, l, ConsumerOptions{})
	talk(t, l, 1, maxWindow+500)
	_, at := get(t, m, maxWindow)
	nothing(t, m)
	ack(t, l, at[1:]...)
	nothing(t, m)
	ack(t, l, at[0])
	get(t, m, 500)
	nothing(t, m)
}

// What was dropped before anybody read it is said once; then it goes on.
func TestConsumer_gone(t *testing.T) {
	places(t, func(t *testing.T, path string) {
		t.Helper()
		l := newLog(t, path, Options{MaxEvents: 10})
		m := consume(t, l, ConsumerOptions{})
		talk(t, l, 1, 30)
		l.trim(t.Context())
		var gone *Gone
		if _, err := m.Next(t.Context(), 1, time.Hour); !errors.As(err, &gone) {
			t.Fatalf("got %v", err)
		}
		if got, _ := get(t, m, 10); got[0] != "0 20" {
			t.Errorf("got %v", got)
		}
	})
}

func TestConsumer_refuses(t *testing.T) {
	l := newLog(t, filepath.Join(t.TempDir(), "journal.db"), Options{})
	m := consume(t, l, ConsumerOptions{Filter: Filter{To: jid.MustParse("bot@" + domain)}})
	talk(t, l, 1, 1)
	l.Add(In, Offered, said(t, "user0", "other@"+domain, "not for this one"))
	_, at := get(t, m, 1)
	for name, err := range map[string]error{
		"nobody's consumer": l.Acknowledge(t.Context(), owner, "nothing", at[0]),
		"another owner":     l.Acknowledge(t.Context(), jid.MustParse("bot@"+domain), "worker", at[0]),
	} {
		if !errors.Is(err, ErrNoConsumer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, p := range []Position{l.Last(), l.Last() + 1, 1<<63 - 1} {
		if err := l.Acknowledge(t.Context(), owner, "worker", at[0], p); !errors.Is(err, ErrNotGiven) {
			t.Errorf("%v: %v", p, err)
		}
	}
	if _, err := l.Consume(t.Context(), ConsumerOptions{Owner: owner, Name: "worker"}); !errors.Is(err, ErrOtherFilter) {
		t.Errorf("got %v", err)
	}
	for _, name := range []string{"", "a b", "a/b", "ä", string(make([]byte, 65))} {
		if _, err := l.Consume(t.Context(), ConsumerOptions{Owner: owner, Name: name}); err == nil {
			t.Errorf("%q is a name", name)
		}
	}
	if err := l.DropConsumer(t.Context(), owner, "worker"); err != nil {
		t.Error(err)
	}
	if _, err := m.Next(t.Context(), 1, time.Hour); !errors.Is(err, ErrNoConsumer) {
		t.Errorf("got %v", err)
	}
	if rows, err := l.o.Journal.Consumers(t.Context(), owner); err != nil || len(rows) > 0 {
		t.Errorf("left: %v, %v", rows, err)
	}
}
