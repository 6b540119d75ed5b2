package callback

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/internal/guard"
	"github.com/restanza/restanza/internal/signing"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// ledger opens a journal for the test.
func ledger(t testing.TB, path string) *journal.Journal {
	t.Helper()
	return openLedger(t, journal.Options{Path: path})
}

func openLedger(t testing.TB, o journal.Options) *journal.Journal {
	t.Helper()
	if o.Path == "" {
		o.Path = filepath.Join(t.TempDir(), "journal.db")
	}
	j, err := journal.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

func newLedger(t testing.TB) *journal.Journal {
	t.Helper()
	return ledger(t, filepath.Join(t.TempDir(), "journal.db"))
}

// kept makes a Callback keep for a day what its callback does not accept.
func kept(j *journal.Journal) func(*Options) {
	return func(o *Options) { o.Journal, o.MaxAge = j, 24*time.Hour }
}

// waiting returns how many stanzas of the component are on disk, waiting and dead.
func waiting(t testing.TB, j *journal.Journal) (alive, dead int) {
	t.Helper()
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	found, err := j.List(t.Context(), journal.Filter{}, 0, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		if found[i].State == journal.Dead {
			dead++
		} else {
			alive++
		}
	}
	return alive, dead
}

// request is one that a hook got.
type request struct {
	at       time.Duration // since the hook was made
	id, user string        // of the delivery, and the sender's name
	stanza   stanza.Stanza
}

func (r request) String() string { return r.user + r.stanza.ID() }

// hook is a callback that keeps what it gets.
type hook struct {
	answer func(r request) (*http.Response, error) // nil: 202
	began  time.Time
	mu     sync.Mutex
	got    []request
	now    int // requests under way
	most   int // at once
}

func newHook(answer func(request) (*http.Response, error)) *hook {
	return &hook{answer: answer, began: time.Now()}
}

func (h *hook) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodOptions {
		return respond(http.StatusMethodNotAllowed, "", ""), nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	st, err := stanza.Parse(body)
	if err != nil {
		return nil, err
	}
	r := request{time.Since(h.began), req.Header.Get(signing.HeaderID), st.From().Local(), st}
	h.mu.Lock()
	h.got = append(h.got, r)
	h.now++
	h.most = max(h.most, h.now)
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		h.now--
		h.mu.Unlock()
	}()
	if h.answer == nil {
		return respond(http.StatusAccepted, "", ""), nil
	}
	return h.answer(r)
}

// requests returns what came so far.
func (h *hook) requests() []request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]request(nil), h.got...)
}

// count returns how many stanzas of a sender came so far.
func (h *hook) count(user string) (n int) {
	for _, r := range h.requests() {
		if r.user == user {
			n++
		}
	}
	return n
}

// ids returns the senders and ids of the stanzas that came so far.
func (h *hook) ids() string {
	var all []string
	for _, r := range h.requests() {
		all = append(all, r.String())
	}
	return strings.Join(all, " ")
}

var errReset = errors.New("connection reset by peer")

func from(t testing.TB, user, id string) stanza.Stanza {
	t.Helper()
	return chat(t, user+"@example.com/phone", "bot@rest.example.net", id)
}

// A callback that is down gets a stanza again after 1, 2, 4 … seconds, up to ten minutes, give or take a fifth, always by
// the same id. When it answers everything that came meanwhile follows, in order.
func TestKeep_backoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, j := newServer(), newLedger(t)
		h := newHook(nil)
		h.answer = func(r request) (*http.Response, error) {
			if r.at < time.Hour {
				return nil, errReset
			}
			return respond(http.StatusOK, textType, "yes"), nil
		}
		c, stop := begin(t, s, over(h), kept(j))
		defer stop()
		deliver(t, c, from(t, "a", "1"), from(t, "a", "2"), from(t, "a", "3"))
		time.Sleep(2 * time.Hour)
		s.next(t)
		s.next(t)
		s.next(t)
		s.nothing(t)
		got := h.requests()
		want, last := time.Second, got[0]
		for _, r := range got[1 : len(got)-2] {
			gap := r.at - last.at
			if gap < want*8/10-time.Millisecond || gap > want*12/10+50*time.Millisecond {
				t.Errorf("after %v: %v, want about %v", last.at, gap, want)
			}
			if r.id != last.id || r.stanza.ID() != "1" {
				t.Errorf("%s %s came after %s", r, r.id, last.id)
			}
			last, want = r, min(2*want, DefaultRetryMax)
		}
		if tail := fmt.Sprint(got[len(got)-2:]); tail != "[a2 a3]" {
			t.Errorf("then came %s", tail)
		}
		if alive, dead := waiting(t, j); alive+dead != 0 {
			t.Errorf("%d wait, %d are dead", alive, dead)
		}
	})
}

// What asks to be tried again is, not before the time that it names; other conversations go on, and so does what can't
// wait in the same one.
func TestKeep_retryAfter(t *testing.T) {
	for name, value := range map[string]func(time.Time) string{
		"seconds": func(time.Time) string { return "30" },
		"date":    func(now time.Time) string { return now.Add(30 * time.Second).UTC().Format(http.TimeFormat) },
		"zero":    func(time.Time) string { return "0" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, j := newServer(), newLedger(t)
				h := newHook(nil)
				h.answer = func(r request) (*http.Response, error) {
					if r.user != "a" || r.stanza.Kind() == stanza.IQ || r.at > 0 {
						return respond(http.StatusAccepted, "", ""), nil
					}
					resp := respond(http.StatusTooManyRequests, textType, "too much")
					resp.Header.Set("Retry-After", value(time.Now()))
					return resp, nil
				}
				c, stop := begin(t, s, over(h), kept(j))
				defer stop()
				deliver(t, c, from(t, "a", "1"))
				synctest.Wait()
				iq := parse(t, `<iq type="get" id="q" from="a@example.com/phone" to="bot@rest.example.net"><ping xmlns="urn:xmpp:ping"/></iq>`)
				deliver(t, c, from(t, "a", "2"), iq, from(t, "b", "1"))
				time.Sleep(10 * time.Millisecond)
				if name != "zero" {
					time.Sleep(28 * time.Second)
				}
				synctest.Wait()
				if got := h.ids(); got != "a1 aq b1" && got != "a1 b1 aq" {
					t.Errorf("at first %s", got)
				}
				time.Sleep(9 * time.Second)
				got := h.requests()
				if ids := fmt.Sprint(got[3:]); ids != "[a1 a2]" {
					t.Errorf("then %s", ids)
				}
				want := 30 * time.Second
				if name == "zero" {
					want = 800 * time.Millisecond
				}
				if got[3].at < want || got[3].at > want+time.Second {
					t.Errorf("after %v", got[3].at)
				}
			})
		})
	}
}

// An answer is an answer, unless it asks for another attempt.
func TestKeep_answers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, j := newServer(), newLedger(t)
		c, stop := begin(t, s, over(always(http.StatusServiceUnavailable, "", "")), kept(j))
		defer stop()
		deliver(t, c, from(t, "a", "1"))
		synctest.Wait()
		if e := s.next(t).Err(); e == nil || e.Condition != stanza.ServiceUnavailable {
			t.Errorf("error %v", e)
		}
		if alive, dead := waiting(t, j); alive+dead != 0 {
			t.Errorf("%d wait, %d are dead", alive, dead)
		}
	})
}

// Whose time is over is answered with the error that the last failure stands for, and becomes a dead letter.
func TestKeep_expires(t *testing.T) {
	later := func(request) (*http.Response, error) {
		resp := respond(http.StatusGatewayTimeout, "", "")
		resp.Header.Set("Retry-After", "100000")
		return resp, nil
	}
	for name, c := range map[string]struct {
		answer func(request) (*http.Response, error)
		want   stanza.Error
	}{
		"no answer": {func(request) (*http.Response, error) { return nil, errReset }, stanza.Error{Type: stanza.Wait, Condition: stanza.RecipientUnavailable}},
		"later":     {later, stanza.Error{Type: stanza.Wait, Condition: stanza.RemoteServerTimeout, Text: "504 Gateway Timeout"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, j, h := newServer(), newLedger(t), newHook(c.answer)
				cb, stop := begin(t, s, over(h), kept(j), func(o *Options) { o.MaxAge = time.Hour })
				defer stop()
				deliver(t, cb, from(t, "a", "1"))
				time.Sleep(time.Hour - time.Second)
				synctest.Wait()
				s.nothing(t)
				time.Sleep(time.Minute + 2*time.Second)
				synctest.Wait()
				got := s.next(t)
				if e := got.Err(); got.ID() != "1" || e == nil || *e != c.want {
					t.Errorf("sent %s", got)
				}
				s.nothing(t)
				if err := j.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				dead, err := j.List(t.Context(), journal.Filter{State: journal.Dead}, 0, 10)
				if err != nil || len(dead) != 1 || dead[0].ID != h.requests()[0].id || !strings.Contains(dead[0].Reason, "not accepted in time: ") {
					t.Errorf("dead: %+v, %v", dead, err)
				}
			})
		})
	}
}

// While the callback is down one stanza at a time is tried, and what can't wait at once, whoever has sent it.
func TestKeep_breaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, j := newServer(), newLedger(t)
		h := newHook(nil)
		h.answer = func(r request) (*http.Response, error) {
			if r.at < time.Minute {
				time.Sleep(10 * time.Millisecond)
				return nil, errReset
			}
			return respond(http.StatusAccepted, "", ""), nil
		}
		c, stop := begin(t, s, over(h), kept(j))
		defer stop()
		const users = 1000
		for i := range users {
			deliver(t, c, from(t, "u"+strconv.Itoa(i), "1"), from(t, "u"+strconv.Itoa(i), "2"))
		}
		time.Sleep(50 * time.Second)
		synctest.Wait()
		first := len(h.requests())
		if most := DefaultConcurrency + 10; first > most {
			t.Errorf("%d requests to a callback that is down, want at most %d", first, most)
		}
		if st := c.State(); !st.Down || st.NextAttempt.IsZero() {
			t.Errorf("state %+v", st)
		}
		deliver(t, c, ping(t, "q"))
		synctest.Wait()
		time.Sleep(20 * time.Millisecond)
		wantUnavailable(t, s, "q")
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if st := c.State(); st.Down {
			t.Errorf("state %+v", st)
		}
		last := map[string]string{}
		accepted := 0
		for _, r := range h.requests() {
			if r.at >= time.Minute {
				accepted++
				if r.stanza.ID() < last[r.user] {
					t.Errorf("%s after %s", r, last[r.user])
				}
				last[r.user] = r.stanza.ID()
			}
		}
		if accepted != 2*users {
			t.Errorf("%d accepted, want %d", accepted, 2*users)
		}
		s.nothing(t)
		if alive, dead := waiting(t, j); alive+dead != 0 {
			t.Errorf("%d wait, %d are dead", alive, dead)
		}
	})
}

// What an operator drops while it waits in memory for a callback that is down is not posted. What he retries is tried at
// once, though the next attempt is far away.
func TestKeep_operator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *Callback
		s := newServer()
		j := openLedger(t, journal.Options{Notify: func(change journal.Change) { c.Changed(change) }})
		up := time.Now().Add(time.Minute)
		h := newHook(func(request) (*http.Response, error) {
			if time.Now().Before(up) {
				return nil, errReset
			}
			return respond(http.StatusAccepted, "", ""), nil
		})
		c, stop := begin(t, s, over(h), kept(j), func(o *Options) { o.RetryFirst, o.RetryMax = time.Hour, time.Hour })
		defer stop()
		const users = 20
		for i := range users {
			deliver(t, c, from(t, "u"+strconv.Itoa(i), "1"), from(t, "u"+strconv.Itoa(i), "2"))
		}
		time.Sleep(30 * time.Second)
		if alive, _ := waiting(t, j); alive != 2*users || !c.State().Down {
			t.Fatalf("%d wait, %+v", alive, c.State())
		}
		for i := range users / 2 {
			n, err := j.Drop(t.Context(), journal.Filter{From: at(t, "u"+strconv.Itoa(i)+"@example.com")})
			if n != 2 || err != nil {
				t.Errorf("%d dropped, %v", n, err)
			}
		}
		before := len(h.requests())
		time.Sleep(time.Minute)
		if _, err := j.Retry(t.Context(), journal.Filter{}); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		for _, r := range h.requests()[before:] {
			if n, err := strconv.Atoi(r.user[1:]); err != nil || n < users/2 {
				t.Errorf("%s was posted", r)
			}
		}
		if got := len(h.requests()) - before; got != users {
			t.Errorf("%d posted, want %d", got, users)
		}
		if alive, dead := waiting(t, j); alive+dead != 0 {
			t.Errorf("%d wait, %d are dead", alive, dead)
		}
	})
}

// One stanza that gets no answer does not keep the others waiting, and comes again later.
func TestKeep_oneFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, j := newServer(), newLedger(t)
		h := newHook(nil)
		h.answer = func(r request) (*http.Response, error) {
			time.Sleep(10 * time.Millisecond)
			if r.user == "bad" && r.at < 30*time.Second {
				return nil, errReset
			}
			return respond(http.StatusAccepted, "", ""), nil
		}
		c, stop := begin(t, s, over(h), kept(j))
		defer stop()
		deliver(t, c, from(t, "bad", "1"), from(t, "bad", "2"))
		for i := range 1000 {
			deliver(t, c, from(t, "good", strconv.Itoa(i)))
			time.Sleep(100 * time.Millisecond)
		}
		var bad []string
		good := 0
		for _, r := range h.requests() {
			if r.user == "good" {
				if r.stanza.ID() != strconv.Itoa(good) {
					t.Fatalf("good%d is %s", good, r)
				}
				good++
				if sent := time.Duration(good-1) * 100 * time.Millisecond; r.at > sent+3*time.Second {
					t.Errorf("%s came after %v", r, r.at-sent)
				}
				continue
			}
			bad = append(bad, r.stanza.ID())
		}
		if good != 1000 || len(bad) < 4 || len(bad) > 9 || bad[len(bad)-1] != "2" || bad[len(bad)-2] != "1" {
			t.Errorf("%d good, bad: %v", good, bad)
		}
	})
}

// What the callback has not accepted when the gateway stops is not answered, and comes first after the next start, by the same
// ids and in order.
func TestKeep_restart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "journal.db")
		s, j := newServer(), ledger(t, path)
		hangs := newHook(func(request) (*http.Response, error) { time.Sleep(time.Hour); return nil, errReset })
		c, stop := begin(t, s, over(hangs), kept(j), func(o *Options) { o.Timeout, o.Grace, o.Concurrency = 2*time.Hour, time.Second, 2 })
		for i := range 40 {
			deliver(t, c, from(t, "a", fmt.Sprintf("%02d", i)), from(t, "b", fmt.Sprintf("%02d", i)), from(t, "c", fmt.Sprintf("%02d", i)))
		}
		synctest.Wait()
		go func() { time.Sleep(500 * time.Millisecond); c.Deliver(from(t, "a", "40")) }()
		cut := make(chan struct{})
		hangs.answer = nil
		close(cut)
		stop()
		s.nothing(t)
		if alive, dead := waiting(t, j); alive != 121 || dead != 0 {
			t.Errorf("%d wait, %d are dead", alive, dead)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}

		j = ledger(t, path)
		h := newHook(nil)
		c, stop = begin(t, s, over(h), kept(j))
		deliver(t, c, from(t, "a", "99"), from(t, "d", "00"))
		time.Sleep(time.Minute)
		synctest.Wait()
		stop()
		next := map[string]int{}
		for _, r := range h.requests() {
			if id := r.stanza.ID(); id != "99" && id != fmt.Sprintf("%02d", next[r.user]) {
				t.Fatalf("%s, want %d", r, next[r.user])
			}
			next[r.user]++
		}
		if diff := cmp.Diff(map[string]int{"a": 42, "b": 40, "c": 40, "d": 1}, next); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		got := h.requests()
		for i, r := range hangs.requests() {
			for _, again := range got {
				if again.String() == r.String() && again.id != r.id {
					t.Errorf("%d: %s has another id", i, r)
				}
			}
		}
		if alive, _ := waiting(t, j); alive != 0 {
			t.Errorf("%d wait", alive)
		}
	})
}

// What an earlier process has left is tried again as often as anything else, even if nothing new comes.
func TestKeep_restartAtFailingCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "journal.db")
		j := ledger(t, path)
		c := build(t, newServer(), kept(j))
		deliver(t, c, from(t, "a", "1"), from(t, "a", "2"))
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = ledger(t, path)
		h := newHook(func(r request) (*http.Response, error) {
			resp := respond(http.StatusAccepted, "", "")
			if r.at < time.Minute {
				resp.StatusCode = http.StatusServiceUnavailable
				resp.Header.Set("Retry-After", "1")
			}
			return resp, nil
		})
		_, stop := begin(t, newServer(), over(h), kept(j))
		defer stop()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := h.ids(); !strings.HasPrefix(got, "a1 a1 a1 ") || !strings.HasSuffix(got, " a1 a2") {
			t.Errorf("posted %s", got)
		}
	})
}

// More than fits into memory waits on disk, and comes in order, each once.
func TestKeep_spill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, j := newServer(), newLedger(t)
		h := newHook(nil)
		h.answer = func(r request) (*http.Response, error) {
			if r.at < time.Minute {
				return nil, errReset
			}
			time.Sleep(time.Millisecond)
			return respond(http.StatusAccepted, "", ""), nil
		}
		c, stop := begin(t, s, over(h), kept(j), func(o *Options) { o.QueueLimit, o.Concurrency = 20, 4 })
		defer stop()
		const users, each = 50, 40
		for n := range each {
			for u := range users {
				deliver(t, c, from(t, fmt.Sprintf("u%02d", u), fmt.Sprintf("%02d", n)))
			}
			if n == each/2 {
				time.Sleep(40 * time.Second)
			}
			if n == each*3/4 {
				time.Sleep(90 * time.Second) // it drains, and more comes
			}
			if l := c.queue.load(); l.waiting > 10+4 { // what failed comes back
				t.Fatalf("%d stanzas in memory", l.waiting)
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		next := map[string]int{}
		for _, r := range h.requests() {
			if r.at < time.Minute {
				continue
			}
			if r.stanza.ID() != fmt.Sprintf("%02d", next[r.user]) {
				t.Fatalf("%s, want %d", r, next[r.user])
			}
			next[r.user]++
		}
		if len(next) != users {
			t.Errorf("%d conversations", len(next))
		}
		for u, n := range next {
			if n != each {
				t.Errorf("%s: %d", u, n)
			}
		}
		if alive, dead := waiting(t, j); alive+dead != 0 {
			t.Errorf("%d wait, %d are dead", alive, dead)
		}
		if l := c.queue.load(); l.waiting != 0 || l.conversations != 0 || c.queue.backlog.held != 0 || c.queue.backlog.heldBytes != 0 {
			t.Errorf("left in memory: %+v", l)
		}
		s.nothing(t)
	})
}

// A callback that has too much to do gets less at once, and more again when it has answered.
func TestKeep_pace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, j := newServer(), newLedger(t)
		h := newHook(nil)
		h.answer = func(r request) (*http.Response, error) {
			time.Sleep(100 * time.Millisecond)
			if r.at < time.Second {
				return respond(http.StatusServiceUnavailable, "", ""), nil
			}
			return respond(http.StatusAccepted, "", ""), nil
		}
		c, stop := begin(t, s, over(h), kept(j), func(o *Options) { o.Concurrency = 16 })
		defer stop()
		for u := range 600 {
			deliver(t, c, from(t, fmt.Sprintf("u%03d", u), "1"))
		}
		time.Sleep(time.Second + 50*time.Millisecond)
		if l := c.queue.load(); l.limit != 1 {
			t.Errorf("limit %d", l.limit)
		}
		time.Sleep(time.Minute)
		if l := c.queue.load(); l.limit != 16 {
			t.Errorf("limit %d at the end", l.limit)
		}
		if h.most != 16 || len(h.requests()) != 600 {
			t.Errorf("%d at once of %d", h.most, len(h.requests()))
		}
	})
}

// What nobody wants later is not kept.
func TestKeep_what(t *testing.T) {
	c := build(t, newServer(), kept(newLedger(t)))
	for doc, want := range map[string]bool{
		`<message><body>x</body></message>`:                                                        true,
		`<message type="groupchat"><subject/></message>`:                                           true,
		`<message><received xmlns="urn:xmpp:receipts" id="x"/></message>`:                          true,
		`<message><active xmlns="http://jabber.org/protocol/chatstates"/><body>x</body></message>`: true,
		`<message/>`: false,
		`<message><composing xmlns="http://jabber.org/protocol/chatstates"/></message>`:                                                  false,
		`<message><thread>t</thread><gone xmlns="http://jabber.org/protocol/chatstates"/><no-store xmlns="urn:xmpp:hints"/></message>`:   false,
		`<message><displayed xmlns="urn:xmpp:chat-markers:0" id="x"/></message>`:                                                         false,
		`<message type="error"><body>x</body><error type="cancel"><gone xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></message>`: false,
		`<presence/>`:                    false,
		`<presence type="unavailable"/>`: false,
		`<presence type="probe"/>`:       false,
		`<presence type="subscribe"/>`:   true, `<presence type="subscribed"/>`: true,
		`<presence type="unsubscribe"/>`: true, `<presence type="unsubscribed"/>`: true,
		`<iq type="get" id="1"><ping xmlns="urn:xmpp:ping"/></iq>`: false,
	} {
		if got := c.keeps(parse(t, strings.Replace(doc, " ", ` from="a@b" to="c@rest.example.net" `, 1))); strings.Contains(doc, " ") && got != want {
			t.Errorf("%s: %t", doc, got)
		}
	}
}

// Without a maximum age everything is as without a journal.
func TestKeep_noAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, j := newServer(), newLedger(t)
		h := newHook(func(request) (*http.Response, error) {
			resp := respond(http.StatusServiceUnavailable, "", "")
			resp.Header.Set("Retry-After", "1")
			return resp, nil
		})
		c, stop := begin(t, s, over(h), kept(j), func(o *Options) { o.MaxAge = 0 })
		defer stop()
		deliver(t, c, from(t, "a", "1"))
		time.Sleep(time.Minute)
		if e := s.next(t).Err(); e == nil || e.Condition != stanza.ServiceUnavailable {
			t.Errorf("error %v", e)
		}
		h.answer = func(request) (*http.Response, error) { return nil, errReset }
		for _, id := range []string{"2", "3", "4", "5"} {
			deliver(t, c, from(t, "a", id))
			time.Sleep(time.Minute)
			wantUnavailable(t, s, id)
		}
		if alive, dead := waiting(t, j); alive+dead != 0 || len(h.requests()) != 5 {
			t.Errorf("%d wait, %d are dead; %s", alive, dead, h.ids())
		}
		if l := c.queue.load(); l.down || l.limit != DefaultConcurrency {
			t.Errorf("%+v", l)
		}
	})
}

// A message to a callback that is down because of others is tried at once, since it may be that only they get no answer.
func TestKeep_newConversationWhileDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newLedger(t)
		h := newHook(func(r request) (*http.Response, error) {
			if r.user == "bad" {
				return nil, errReset
			}
			return respond(http.StatusAccepted, "", ""), nil
		})
		c, stop := begin(t, newServer(), over(h), kept(j))
		defer stop()
		deliver(t, c, from(t, "bad", "1"))
		time.Sleep(3 * time.Hour)
		if st := c.State(); !st.Down {
			t.Fatalf("state %+v", st)
		}
		began := time.Since(h.began)
		deliver(t, c, from(t, "good", "1"))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		got := h.requests()
		for _, r := range got {
			if r.user == "good" && r.at > began+time.Second {
				t.Errorf("it was posted after %v", r.at-began)
			}
		}
		if c.State().Down || h.count("good") != 1 {
			t.Errorf("%d came, state %+v", h.count("good"), c.State())
		}
	})
}

// A host that leads where no request goes is a mistake of the operator's, for which nothing waits.
func TestKeep_refused(t *testing.T) {
	s, j := newServer(), newLedger(t)
	refusal := &net.OpError{Op: "dial", Net: "tcp", Err: &guard.Refusal{}}
	c, stop := begin(t, s, over(fake(func(*http.Request) (*http.Response, error) { return nil, refusal })), kept(j))
	defer stop()
	deliver(t, c, from(t, "a", "1"))
	wantUnavailable(t, s, "1")
	stop()
	if alive, dead := waiting(t, j); alive+dead != 0 {
		t.Errorf("%d wait, %d are dead", alive, dead)
	}
}

// Delays grow to their limit, and differ by a fifth at most.
func TestDelayAfter(t *testing.T) {
	o := Options{RetryFirst: time.Second, RetryMax: 10 * time.Minute}
	for failures, want := range map[int]time.Duration{
		0: time.Second, 1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 10: 512 * time.Second, 11: 10 * time.Minute, 1 << 30: 10 * time.Minute,
	} {
		least, most := want, want
		for range 1000 {
			d := o.delayAfter(failures)
			least, most = min(least, d), max(most, d)
		}
		if least < want*8/10 || most > want*12/10 || most-least < want*3/10 {
			t.Errorf("after %d: %v to %v, want about %v", failures, least, most, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"0": 0, "120": 2 * time.Minute, " 7 ": 7 * time.Second, "Fri, 02 Jan 2026 03:05:05 GMT": time.Minute, "Fri, 02 Jan 2026 03:03:05 GMT": -time.Minute,
		"Friday, 02-Jan-26 03:05:05 GMT": time.Minute, "": -1, "soon": -1, "-1": -1, "1.5": -1, "1e9": -1, "2147483648": longestAfter, "99999999999999999999": longestAfter,
	} {
		at, ok := retryAfter(http.Header{"Retry-After": {value}}, now)
		if ok != (want != -1) || ok && at.Sub(now) != want {
			t.Errorf("%q: %v, %t", value, at.Sub(now), ok)
		}
	}
}
