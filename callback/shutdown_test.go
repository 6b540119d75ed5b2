package callback

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/restanza/restanza/stanza"
)

// hanging answers nothing until the request is cut off.
var hanging = fake(func(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
})

// unavailableReply fails unless the stanza is the error of a stanza that no
// callback took.
func unavailableReply(t *testing.T, st stanza.Stanza) {
	t.Helper()
	if e := st.Err(); e == nil || *e != (stanza.Error{Type: stanza.Wait, Condition: stanza.RecipientUnavailable}) {
		t.Errorf("not recipient-unavailable: %s", st)
	}
}

// What was accepted before the end is still posted, and nothing after it.
func TestRun_drains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := fake(func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return respond(200, textType, "Yes"), nil
		})
		s := newServer()
		c, stop := begin(t, s, over(slow))
		for i := range 5 {
			deliver(t, c, chat(t, "user@example.com", "bot@rest.example.net", fmt.Sprint(i)))
		}
		synctest.Wait()
		began := time.Now()
		go func() {
			time.Sleep(time.Millisecond)
			if c.Deliver(chat(t, "user@example.com", "bot@rest.example.net", "")) {
				t.Error("a stanza was taken after the end")
			}
		}()
		stop()
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("the end took %v", took)
		}
		for range 5 {
			if st := s.next(t); st.Type() != stanza.Chat {
				t.Errorf("%s", st)
			}
		}
		s.nothing(t)
	})
}

// When the grace period is over, each query has exactly one answer, posted or
// not, and so has each message; errors and results have none.
func TestRun_cutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		var l logs
		c, stop := begin(t, s, over(hanging), logging(&l), func(o *Options) { o.Concurrency = 2; o.Grace = 3 * time.Second })
		for i := range 10 {
			deliver(t, c, ping(t, fmt.Sprint("q", i)), parse(t, anError), parse(t, aResult),
				chat(t, fmt.Sprintf("user%d@example.com", i), "bot@rest.example.net", fmt.Sprint("m", i)))
		}
		synctest.Wait()
		began := time.Now()
		stop()
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("the end took %v", took)
		}
		ids := map[string]int{}
		for range 20 {
			st := s.next(t)
			unavailableReply(t, st)
			ids[st.ID()]++
		}
		s.nothing(t)
		if len(ids) != 20 {
			t.Errorf("answered: %v", ids)
		}
		if n := l.count("level=WARN", "not posted"); n != 1 {
			t.Errorf("%d warnings:\n%s", n, l.String())
		}
	})
}

// A panic costs the stanza that it happened with, which is answered.
func TestCallback_panic(t *testing.T) {
	panics := fake(func(r *http.Request) (*http.Response, error) {
		if strings.Contains(r.URL.Path, "iq") {
			panic("a fault")
		}
		return respond(200, textType, "Yes"), nil
	})
	s := newServer()
	var l logs
	c, stop := begin(t, s, over(panics), to("http://h/{kind}"), logging(&l), func(o *Options) { o.Concurrency = 1 })
	deliver(t, c, ping(t, "q1"), parse(t, aResult), chat(t, "user@example.com/phone", "bot@rest.example.net", ""))
	if st := s.next(t); st.ID() != "q1" || st.Err() == nil || st.Err().Condition != stanza.InternalServerError {
		t.Errorf("answer to the query: %s", st)
	}
	if st := s.next(t); st.Kind() != stanza.Message || st.Type() != stanza.Chat {
		t.Errorf("answer to the message: %s", st)
	}
	stop()
	s.nothing(t)
	if n := l.count("level=ERROR", "a fault", "stack"); n != 2 {
		t.Errorf("%d errors logged, want 2:\n%s", n, l.String())
	}
}

// A Reply that panics is not called again for the same stanza, and the next
// stanza is served.
func TestCallback_replyPanics(t *testing.T) {
	s := newServer()
	s.refuse = func(st stanza.Stanza) error {
		if st.ID() == "q1" {
			panic("a fault")
		}
		return nil
	}
	c, stop := begin(t, s, over(always(202, "", "")))
	deliver(t, c, ping(t, "q1"), ping(t, "q2"))
	if st := s.next(t); st.ID() != "q2" {
		t.Errorf("%s", st)
	}
	stop()
	s.nothing(t)
}

func TestNew_options(t *testing.T) {
	good := Options{URL: "http://h/", Domain: at(t, "rest.example.net"), Reply: newServer().reply}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"URL":      func(o *Options) { o.URL = "http://user:s3cret@h:s3cret/" },
		"domain":   func(o *Options) { o.Domain = at(t, "user@rest.example.net") },
		"Reply":    func(o *Options) { o.Reply = nil },
		"negative": func(o *Options) { o.Concurrency = -1 },
	} {
		o := good
		change(&o)
		_, err := New(o)
		if err == nil || !strings.Contains(err.Error(), name) || !strings.HasPrefix(err.Error(), "callback: ") {
			t.Errorf("%s: error %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
}

var errRefused = errors.New("connection refused")
