package gateway

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// fakeLink is a link whose server does what the test says. It keeps what it was
// given, in order.
type fakeLink struct {
	mu     sync.Mutex
	sent   []string // how, and the stanza
	queued []stanza.Stanza
	down   error
	// onSend is called with each stanza sent and returns the outcome of its
	// confirmation; a nil channel never confirms.
	onSend func(st stanza.Stanza) <-chan error
}

func (l *fakeLink) note(how string, st stanza.Stanza) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down != nil {
		return l.down
	}
	l.sent = append(l.sent, how+" "+st.String())
	l.queued = append(l.queued, st)
	return nil
}

func (l *fakeLink) send(how string, st stanza.Stanza) (<-chan error, error) {
	if err := l.note(how, st); err != nil {
		return nil, err
	}
	l.mu.Lock()
	onSend := l.onSend
	l.mu.Unlock()
	if onSend != nil {
		return onSend(st), nil
	}
	return outcome(nil), nil
}

func (l *fakeLink) Send(_ context.Context, st stanza.Stanza) (<-chan error, error) {
	return l.send("send", st)
}

func (l *fakeLink) SendOnce(_ context.Context, st stanza.Stanza) (<-chan error, error) {
	return l.send("once", st)
}

func (l *fakeLink) Post(_ context.Context, st stanza.Stanza) error { return l.note("post", st) }
func (l *fakeLink) Reply(st stanza.Stanza) error                   { return l.note("reply", st) }

func (l *fakeLink) log() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.sent...)
}

func outcome(err error) <-chan error {
	ch := make(chan error, 1)
	ch <- err
	return ch
}

var domain = jid.MustParse("rest.example.net")

func newComponent(t testing.TB, l Link, change ...func(*Options)) *Component {
	t.Helper()
	o := Options{Domain: domain, Link: l, Version: "1.2 <3>"}
	for _, f := range change {
		f(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func parse(t testing.TB, xml string) stanza.Stanza {
	t.Helper()
	st, err := stanza.Parse([]byte(xml))
	if err != nil {
		t.Fatalf("%s: %v", xml, err)
	}
	return st
}

func reasonOf(err error) stanza.Reason {
	if r, ok := errors.AsType[*stanza.Refusal](err); ok {
		return r.Reason
	}
	return ""
}

func TestSubmit_addresses(t *testing.T) {
	tests := []struct {
		name, identity, xml string
		want                string // what the link gets
		refused             stanza.Reason
	}{
		{name: "from defaults to the domain", identity: "rest.example.net", xml: `<message id="1" to="a@b"/>`, want: `send <message id="1" from="rest.example.net" to="a@b"/>`},
		{name: "from defaults to the identity", identity: "bot@rest.example.net/x", xml: `<message id="1" to="a@b"/>`, want: `send <message id="1" from="bot@rest.example.net/x" to="a@b"/>`},
		{name: "any address of the domain", identity: "rest.example.net", xml: `<message id="1" to="a@b" from="any@rest.example.net/y"/>`, want: `send <message id="1" from="any@rest.example.net/y" to="a@b"/>`},
		{name: "upper case is normalised", identity: "rest.example.net", xml: `<message id="1" to="A@B" from="Bot@REST.Example.net"/>`, want: `send <message id="1" from="bot@rest.example.net" to="a@b"/>`},
		{name: "any resource of a bare identity", identity: "bot@rest.example.net", xml: `<message id="1" to="a@b" from="bot@rest.example.net/y"/>`, want: `send <message id="1" from="bot@rest.example.net/y" to="a@b"/>`},
		{name: "another local part", identity: "bot@rest.example.net", xml: `<message to="a@b" from="bob@rest.example.net"/>`, refused: stanza.ForeignSender},
		{name: "another resource", identity: "bot@rest.example.net/x", xml: `<message to="a@b" from="bot@rest.example.net/y"/>`, refused: stanza.ForeignSender},
		{name: "another domain", identity: "rest.example.net", xml: `<message to="a@b" from="example.net"/>`, refused: stanza.ForeignSender},
		{name: "a subdomain", identity: "rest.example.net", xml: `<message to="a@b" from="x.rest.example.net"/>`, refused: stanza.ForeignSender},
		{name: "no to", identity: "rest.example.net", xml: `<message/>`, refused: stanza.ImproperAddressing},
		{name: "iq without type", identity: "rest.example.net", xml: `<iq to="a@b"><ping xmlns="urn:xmpp:ping"/></iq>`, refused: stanza.InvalidIQType},
		{name: "iq result", identity: "rest.example.net", xml: `<iq to="a@b" type="result"/>`, refused: stanza.InvalidIQType},
		{name: "iq without child", identity: "rest.example.net", xml: `<iq to="a@b" type="get"> </iq>`, refused: stanza.InvalidIQPayload},
		{name: "iq with two children", identity: "rest.example.net", xml: `<iq to="a@b" type="get"><a xmlns="x"/><b xmlns="x"/></iq>`, refused: stanza.InvalidIQPayload},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := &fakeLink{}
			_, err := newComponent(t, l).Submit(t.Context(), jid.MustParse(tt.identity), parse(t, tt.xml), SubmitOptions{Wait: -1})
			if reasonOf(err) != tt.refused {
				t.Fatalf("refused as %q (%v), want %q", reasonOf(err), err, tt.refused)
			}
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			if diff := cmp.Diff(want, l.log()); diff != "" {
				t.Errorf("the link got (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSubmit_generatesDistinctIDs(t *testing.T) {
	l := &fakeLink{}
	c := newComponent(t, l)
	for range 2 {
		if _, err := c.Submit(t.Context(), domain, parse(t, `<message to="a@b"/>`), SubmitOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	a, b := l.queued[0].ID(), l.queued[1].ID()
	if len(a) != 24 || len(b) != 24 || a == b {
		t.Errorf("ids %q and %q, want two different ones of 24 characters", a, b)
	}
}

// A start tag grows on its way: quotes in an id become references. What would
// be too large for the server then is refused to its sender.
func TestSubmit_sizeAfterRewriting(t *testing.T) {
	l := &fakeLink{}
	c := newComponent(t, l, func(o *Options) { o.MaxStanza = 1000 })
	for quotes, want := range map[int]stanza.Reason{100: "", 200: stanza.TooLarge} {
		st := parse(t, `<message to="a@b" id='`+strings.Repeat(`"`, quotes)+`'/>`)
		if _, err := c.Submit(t.Context(), domain, st, SubmitOptions{}); reasonOf(err) != want {
			t.Errorf("%d quotes: %v, want %q", quotes, err, want)
		}
	}
}

func TestSubmit_bounceBeforeConfirmation(t *testing.T) {
	l := &fakeLink{}
	c := newComponent(t, l)
	l.onSend = func(st stanza.Stanza) <-chan error {
		other := parse(t, `<message type="error" id="other" from="ghost@example.net" to="rest.example.net"><error type="cancel"/></message>`)
		c.Receive(other)
		bounce, _ := st.ErrorReply(&stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable})
		c.Receive(bounce)
		return outcome(nil)
	}
	answer, err := c.Submit(t.Context(), domain, parse(t, `<message id="m" to="ghost@example.net"><body>x</body></message>`), SubmitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if answer.ID() != "m" || answer.Err() == nil || answer.Err().Condition != stanza.ServiceUnavailable {
		t.Errorf("answer %s, want the server's error for this very stanza", answer)
	}
}

// Two callers may use one id for messages to one address; each gets its own
// error, and a confirmed one takes nobody else's.
func TestSubmit_bouncesWithOneID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLink{onSend: func(stanza.Stanza) <-chan error { return nil }}
		c := newComponent(t, l)
		answers := make(chan string, 3)
		for range 3 {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				answer, err := c.Submit(ctx, domain, parse(t, `<message id="m" to="ghost@example.net"/>`), SubmitOptions{})
				if err != nil {
					answers <- err.Error()
					return
				}
				answers <- answer.Err().Text
			}()
			synctest.Wait()
		}
		for _, text := range []string{"first", "second"} {
			bounce, _ := l.queued[0].ErrorReply(&stanza.Error{Type: stanza.Wait, Condition: stanza.ResourceConstraint, Text: text})
			c.Receive(bounce)
			if got := <-answers; got != text {
				t.Errorf("answer %q, want %q", got, text)
			}
		}
		if got := <-answers; got != context.DeadlineExceeded.Error() {
			t.Errorf("the third got %q, want its deadline", got)
		}
		if n := len(c.waiting.waiters); n != 0 {
			t.Errorf("%d waiters are left", n)
		}
	})
}

func TestSubmit_async(t *testing.T) {
	l := &fakeLink{}
	c := newComponent(t, l)
	answer, err := c.Submit(t.Context(), domain, parse(t, `<message id="1" to="a@b"/>`), SubmitOptions{Async: true})
	if err != nil || !answer.IsZero() {
		t.Fatalf("%v, %v", answer, err)
	}
	if diff := cmp.Diff([]string{`post <message id="1" from="rest.example.net" to="a@b"/>`}, l.log()); diff != "" {
		t.Error(diff)
	}
}

// retryError is an error of a link that is down.
type retryError struct{ error }

func (retryError) RetryAfter() time.Duration { return time.Second }

func TestSubmit_linkDown(t *testing.T) {
	down := retryError{errors.New("dial 127.0.0.1:5347: refused")}
	for _, xml := range []string{`<message to="a@b"/>`, `<presence to="a@b" type="error"/>`, `<iq type="set" to="a@b"><x xmlns="y"/></iq>`} {
		for _, confirmed := range []bool{false, true} {
			l := &fakeLink{}
			if confirmed {
				l.onSend = func(stanza.Stanza) <-chan error { return outcome(down) }
			} else {
				l.down = down
			}
			_, err := newComponent(t, l).Submit(t.Context(), domain, parse(t, xml), SubmitOptions{Wait: -1})
			if reasonOf(err) != stanza.LinkUnavailable || !errors.Is(err, down) {
				t.Errorf("%s: %v, want link-unavailable around the link's own error", xml, err)
			}
			if strings.Contains(err.Error(), "5347") {
				t.Errorf("%q tells the caller of the server's address", err)
			}
		}
	}
}

const ping = `<iq type="get" id="q" to="example.net"><ping xmlns="urn:xmpp:ping"/></iq>`

func TestQuery_onlyTheRightAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLink{}
		r := &queue{}
		c := newComponent(t, l, func(o *Options) { o.Receiver = r })
		answer := submitLater(t, c, ping)
		for _, other := range []string{
			`<iq type="result" id="q" from="example.org" to="rest.example.net"/>`,
			`<iq type="result" id="q" from="example.net/x" to="rest.example.net"/>`,
			`<iq type="result" id="Q" from="example.net" to="rest.example.net"/>`,
			`<iq type="get" id="q" from="example.net" to="rest.example.net"><ping xmlns="urn:xmpp:ping"/></iq>`,
			`<message type="error" id="q" from="example.net" to="rest.example.net"/>`,
		} {
			c.Receive(parse(t, other))
		}
		if len(r.got) != 5 {
			t.Errorf("%d of 5 foreign stanzas went to the receiver", len(r.got))
		}
		c.Receive(parse(t, `<iq type="result" id="q" from="example.net" to="rest.example.net"/>`))
		if got := <-answer; got != `<iq type="result" id="q" from="example.net" to="rest.example.net"/>` {
			t.Errorf("answer %s", got)
		}
		c.Receive(parse(t, `<iq type="result" id="q" from="example.net" to="rest.example.net"/>`))
		if len(r.got) != 6 {
			t.Error("a second answer did not go to the receiver")
		}
	})
}

// A server that uses stringprep answers from the address as it prepared it.
func TestQuery_answerFromPreparedAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newComponent(t, &fakeLink{})
		answer := submitLater(t, c, `<iq type="get" id="q" to="straße@example.net"><ping xmlns="urn:xmpp:ping"/></iq>`)
		c.Receive(parse(t, `<iq type="result" id="q" from="strasse@example.net" to="rest.example.net"/>`))
		if got := <-answer; !strings.HasPrefix(got, "<iq") {
			t.Errorf("got %q, want the answer", got)
		}
	})
}

func TestQuery_idInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLink{}
		c := newComponent(t, l)
		first := submitLater(t, c, ping)
		if got := <-submitLater(t, c, ping); got != string(stanza.IDConflict) {
			t.Errorf("the second query got %q, want %q", got, stanza.IDConflict)
		}
		other := submitLater(t, c, strings.Replace(ping, "example.net", "example.org", 1))
		c.Receive(parse(t, `<iq type="result" id="q" from="example.org" to="rest.example.net"/>`))
		c.Receive(parse(t, `<iq type="result" id="q" from="example.net" to="rest.example.net"/>`))
		for name, ch := range map[string]<-chan string{"first": first, "elsewhere": other} {
			if got := <-ch; !strings.HasPrefix(got, "<iq") {
				t.Errorf("the query %s got %q", name, got)
			}
		}
		again := submitLater(t, c, ping)
		c.Receive(parse(t, `<iq type="result" id="q" from="example.net" to="rest.example.net"/>`))
		if got := <-again; !strings.HasPrefix(got, "<iq") {
			t.Errorf("a reused id got %q", got)
		}
	})
}

func TestQuery_timeouts(t *testing.T) {
	tests := []struct {
		name       string
		ask, takes time.Duration
	}{
		{"default", -1, DefaultIQTimeout},
		{"as asked", 1500 * time.Millisecond, 1500 * time.Millisecond},
		{"capped", time.Hour, DefaultIQMaxTimeout},
		{"at once", 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &fakeLink{}
				c := newComponent(t, l)
				began := time.Now()
				_, err := c.Submit(t.Context(), domain, parse(t, ping), SubmitOptions{Wait: tt.ask})
				if reasonOf(err) != stanza.AnswerTimeout {
					t.Errorf("%v, want %q", err, stanza.AnswerTimeout)
				}
				if took := time.Since(began); took != tt.takes {
					t.Errorf("took %s, want %s", took, tt.takes)
				}
				if len(l.log()) != 1 {
					t.Errorf("the link got %q, want the query", l.log())
				}
				if n := c.waiting.outstanding(); n != 0 {
					t.Errorf("%d queries are outstanding afterwards", n)
				}
			})
		})
	}
}

func TestQuery_callerGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		c := newComponent(t, &fakeLink{})
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(gone) })
		_, err := c.Submit(ctx, domain, parse(t, ping), SubmitOptions{Wait: -1})
		if !errors.Is(err, gone) {
			t.Errorf("%v, want the cause of the context's end", err)
		}
		if n := c.waiting.outstanding(); n != 0 {
			t.Errorf("%d queries are outstanding", n)
		}
	})
}

// An answer that is there counts more than a link that has broken since.
func TestQuery_answeredBeforeTheLinkBroke(t *testing.T) {
	for range 20 { // a select would take either
		l := &fakeLink{}
		c := newComponent(t, l)
		l.onSend = func(st stanza.Stanza) <-chan error {
			c.Receive(st.Result(""))
			return outcome(errors.New("broken"))
		}
		if _, err := c.Submit(t.Context(), domain, parse(t, ping), SubmitOptions{Wait: -1}); err != nil {
			t.Fatal(err)
		}
	}
}

// A get may be written twice, a set may not.
func TestQuery_repeatable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLink{}
		c := newComponent(t, l)
		submitLater(t, c, ping)
		submitLater(t, c, strings.Replace(strings.Replace(ping, "get", "set", 1), `"q"`, `"s"`, 1))
		log := l.log()
		if len(log) != 2 || !strings.HasPrefix(log[0], "send ") || !strings.HasPrefix(log[1], "once ") {
			t.Errorf("the link got %q", log)
		}
		time.Sleep(DefaultIQTimeout)
	})
}

func TestQuery_tooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newComponent(t, &fakeLink{}, func(o *Options) { o.MaxOutstanding = 2 })
		xml := func(id string) string { return strings.Replace(ping, `"q"`, `"`+id+`"`, 1) }
		submitLater(t, c, xml("1"))
		submitLater(t, c, xml("2"))
		if got := <-submitLater(t, c, xml("3")); got != string(stanza.TooManyOutstanding) {
			t.Errorf("the third query got %q", got)
		}
		time.Sleep(DefaultIQTimeout)
	})
}

// submitLater submits in a goroutine and returns what comes of it: the answer,
// or the reason of the refusal. It returns once the query is under way.
func submitLater(t *testing.T, c *Component, xml string) <-chan string {
	t.Helper()
	st, done := parse(t, xml), make(chan string, 1)
	go func() {
		answer, err := c.Submit(t.Context(), domain, st, SubmitOptions{Wait: -1})
		if err != nil {
			done <- string(reasonOf(err))
			return
		}
		done <- answer.String()
	}()
	synctest.Wait()
	return done
}

// queue is a receiver with room for limit stanzas; 0 means no limit.
type queue struct {
	got   []stanza.Stanza
	limit int
}

func (q *queue) Deliver(st stanza.Stanza) bool {
	if q.limit > 0 && len(q.got) == q.limit {
		return false
	}
	q.got = append(q.got, st)
	return true
}
