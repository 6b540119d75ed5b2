package gateway

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/restanza/restanza/events"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// offering returns a component without a receiver that has a log of events.
func offering(t *testing.T, l Link) (*Component, *events.Log) {
	t.Helper()
	log, err := events.New(t.Context(), events.Options{Domain: domain})
	if err != nil {
		t.Fatal(err)
	}
	return newComponent(t, l, func(o *Options) { o.Events = log }), log
}

// logged returns what a log has, each as the direction, the state, and the stanza's id.
func logged(t *testing.T, log *events.Log) (list []string) {
	t.Helper()
	r, err := log.Read(events.Filter{}, log.First())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	found, err := r.Next(t.Context(), 100, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range found {
		list = append(list, string(e.Direction)+" "+string(e.State)+" "+e.Stanza.ID())
	}
	return list
}

const (
	said  = `<message id="m" from="a@example.org/x" to="bot@rest.example.net"><body>hi</body></message>`
	wants = `<iq type="get" id="q" from="a@example.org/x" to="bot@rest.example.net"><query xmlns="x"/></iq>`
)

// A stanza that nobody reads is answered as if there were no log, and is not there for who comes later.
func TestOffer_unattended(t *testing.T) {
	l := &fakeLink{}
	c, log := offering(t, l)
	c.Receive(parse(t, said))
	c.Receive(parse(t, wants))
	c.Receive(parse(t, `<presence id="p" from="a@example.org/x" to="bot@rest.example.net"/>`))
	for i, sent := range l.log() {
		if !strings.HasPrefix(sent, "reply ") || !strings.Contains(sent, "service-unavailable") || i > 1 {
			t.Errorf("sent %s", sent)
		}
	}
	if got := logged(t, log); !slices.Equal(got, []string{"in offered p"}) {
		t.Errorf("logged %v", got)
	}
}

// A reader takes stanzas in, also for a moment after it is gone; questions only while it is there.
func TestOffer_attended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLink{}
		c, log := offering(t, l)
		r, err := log.Read(events.Filter{Direction: events.In}, log.Last())
		if err != nil {
			t.Fatal(err)
		}
		c.Receive(parse(t, said))
		c.Receive(parse(t, wants))
		r.Close()
		time.Sleep(10 * time.Second)
		c.Receive(parse(t, said))
		if sent := l.log(); len(sent) > 0 {
			t.Errorf("sent %v", sent)
		}
		c.Receive(parse(t, strings.Replace(wants, `"q"`, `"q2"`, 1)))
		time.Sleep(2 * time.Minute)
		c.Receive(parse(t, said))
		sent := l.log()
		if len(sent) != 3 || !strings.Contains(sent[0], "service-unavailable") || !strings.Contains(sent[0], `id="q2"`) ||
			!strings.Contains(sent[1], `id="q"`) || !strings.Contains(sent[1], "recipient-unavailable") || !strings.Contains(sent[2], `id="m"`) {
			t.Errorf("sent %v", sent)
		}
		if got := logged(t, log); !slices.Equal(got, []string{"in offered m", "in offered q", "in offered m"}) {
			t.Errorf("logged %v", got)
		}
	})
}

// Whoever reads a question may answer it, once, in time, and as the one who was asked.
func TestOffer_answer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLink{}
		c, log := offering(t, l)
		r, err := log.Read(events.Filter{}, log.Last())
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		c.Receive(parse(t, wants))
		submit := func(identity, xml string) stanza.Reason {
			answer, err := c.Submit(t.Context(), jid.MustParse(identity), parse(t, xml), SubmitOptions{Wait: -1})
			if err == nil && !answer.IsZero() {
				t.Errorf("got %s", answer)
			}
			return reasonOf(err)
		}
		const result = `<iq type="result" id="q" from="bot@rest.example.net" to="a@example.org/x"/>`
		for _, c := range []struct {
			name, identity, xml string
			want                stanza.Reason
		}{
			{"another id", "rest.example.net", strings.Replace(result, `"q"`, `"z"`, 1), stanza.NotAsked},
			{"another asker", "rest.example.net", strings.Replace(result, "/x", "/y", 1), stanza.NotAsked},
			{"another address", "rest.example.net", strings.Replace(result, "bot@", "bob@", 1), stanza.NotAsked},
			{"somebody else's address", "bob@rest.example.net", result, stanza.ForeignSender},
			{"right", "bot@rest.example.net", result, ""},
			{"twice", "bot@rest.example.net", result, stanza.NotAsked},
		} {
			if got := submit(c.identity, c.xml); got != c.want {
				t.Errorf("%s: %q", c.name, got)
			}
		}
		if sent := l.log(); !slices.Equal(sent, []string{"reply " + result}) {
			t.Errorf("sent %v", sent)
		}
		c.Receive(parse(t, wants))
		c.Receive(parse(t, wants))
		time.Sleep(DefaultIQTimeout)
		synctest.Wait()
		if got := submit("bot@rest.example.net", result); got != stanza.NotAsked {
			t.Errorf("after its time: %q", got)
		}
		sent := l.log()
		if len(sent) != 3 || !strings.Contains(sent[1], "conflict") || !strings.Contains(sent[2], "recipient-unavailable") {
			t.Errorf("sent %v", sent)
		}
		if got := logged(t, log); !slices.Equal(got, []string{"in offered q", "out sent q", "in offered q"}) {
			t.Errorf("logged %v", got)
		}
	})
}

// The log has what goes out, with what came of it, and not what was refused.
func TestOffer_outgoing(t *testing.T) {
	l := &fakeLink{}
	c, log := offering(t, l)
	for _, xml := range []string{
		`<message id="1" to="a@example.org"/>`, `<message id="2" from="x@elsewhere" to="a@example.org"/>`, `<iq type="result" id="3" to="a@example.org"/>`,
	} {
		_, _ = c.Submit(t.Context(), domain, parse(t, xml), SubmitOptions{})
	}
	if got := logged(t, log); !slices.Equal(got, []string{"out sent 1"}) {
		t.Errorf("logged %v", got)
	}
}
