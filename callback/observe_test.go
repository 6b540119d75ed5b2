package callback

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/format"
)

// An observer sees each stanza once, with the callback's status and the reply.
func TestObserve(t *testing.T) {
	type seen struct {
		ID, Reply string
		Status    int
		Failed    bool
	}
	watched := make(chan seen, 10)
	c := build(t, newServer(), func(o *Options) {
		o.Observe = func(x Exchange) {
			reply := ""
			if !x.Reply.IsZero() {
				reply = x.Reply.Body() + string(x.Reply.Type())
			}
			watched <- seen{x.Stanza.ID(), reply, x.Status, x.Err != nil}
		}
	}, over(fake(func(r *http.Request) (*http.Response, error) {
		if r.Header.Get("Content-Language") == "de" {
			return nil, http.ErrHandlerTimeout
		}
		return respond(http.StatusOK, "text/plain", "yes"), nil
	})))
	stop := runs(t, c)
	deliver(t, c, chat(t, "a@b/c", "bot@rest.example.net", "1"))
	if diff := cmp.Diff(seen{"1", "yeschat", http.StatusOK, false}, <-watched); diff != "" {
		t.Errorf("replied (-want +got):\n%s", diff)
	}
	deliver(t, c, parse(t, `<message id="2" from="a@b/c" to="bot@rest.example.net" xml:lang="de"/>`))
	if diff := cmp.Diff(seen{"2", "error", 0, true}, <-watched); diff != "" {
		t.Errorf("without an answer (-want +got):\n%s", diff)
	}
	stop()
}

// An observer is told of an answer whose body nobody reads.
func TestObserve_unread(t *testing.T) {
	for _, c := range []struct {
		status     int
		mediaType  string
		body, want string
	}{
		{http.StatusOK, "text/html; charset=utf-8", "hi", "no reply, since the answer's Content-Type is text/html; a reply is one of " + format.Names()},
		{http.StatusOK, "", "hi", "no reply, since the answer's Content-Type is missing; a reply is one of " + format.Names()},
		{http.StatusOK, "text/html", "", "<nil>"},
		{http.StatusOK, "text/plain", "hi", "<nil>"},
		{http.StatusOK, "text/plain; charset=iso-8859-1", "caf\xe9", errSpoilt.Error()},
		{http.StatusAccepted, "text/html", "hi", "<nil>"},
		{http.StatusNotFound, "text/html", "hi", "<nil>"},
	} {
		watched := make(chan error, 1)
		x, stop := begin(t, newServer(), over(always(c.status, c.mediaType, c.body)), func(o *Options) {
			o.Observe = func(x Exchange) { watched <- x.Err }
		})
		deliver(t, x, chat(t, "a@b/c", "bot@rest.example.net", "1"))
		if got := fmt.Sprint(<-watched); got != c.want {
			t.Errorf("%d %s %q: %s, want %s", c.status, c.mediaType, c.body, got, c.want)
		}
		stop()
	}
}

// An observer is shown all stanzas of a list, which are sent in its order.
func TestObserve_several(t *testing.T) {
	watched := make(chan Exchange, 1)
	s := newServer()
	c, _ := begin(t, s, over(always(http.StatusOK, jsonType, `{"xmpp":[{"body":"1"},{"body":"2","to":"x@y"},{"body":"3"}]}`)), func(o *Options) {
		o.Observe = func(x Exchange) { watched <- x }
	})
	deliver(t, c, chat(t, "a@b/c", "bot@rest.example.net", "1"))
	x := <-watched
	if got := fmt.Sprintf("%s %d %s %s", x.Reply.Body(), len(x.More), x.More[0].To(), x.More[1].Body()); got != "1 2 x@y 3" {
		t.Errorf("watched %s", got)
	}
	for _, want := range []string{"1", "2", "3"} {
		if got := s.next(t).Body(); got != want {
			t.Errorf("%q is sent, want %q", got, want)
		}
	}
}

// A panic of the observer costs nothing but a line in the log.
func TestObserve_panics(t *testing.T) {
	s := newServer()
	var l logs
	c, stop := begin(t, s, logging(&l), over(always(http.StatusOK, "text/plain", "yes")), func(o *Options) {
		o.Observe = func(Exchange) { panic("observer") }
	})
	for _, id := range []string{"1", "2"} {
		deliver(t, c, chat(t, "a@b/c", "bot@rest.example.net", id))
		if got := s.next(t).Body(); got != "yes" {
			t.Errorf("the reply is %q", got)
		}
	}
	stop()
	if n := l.count("panic=observer"); n != 2 {
		t.Errorf("%d panics in the log, want 2", n)
	}
}
