package restanza_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/signing"
	"github.com/restanza/restanza/internal/xmpptest"
	"github.com/restanza/restanza/journal"
)

// accepted is what a callback has accepted.
type accepted struct {
	mu    sync.Mutex
	users map[string][]int // the numbers of a user's messages, in the order in which they were first accepted
	ids   map[string]int   // how often a delivery was accepted
	seen  map[string]bool  // messages
}

func newAccepted() *accepted {
	return &accepted{users: map[string][]int{}, ids: map[string]int{}, seen: map[string]bool{}}
}

// numbered is the body of a message: whose it is, and which.
var numbered = regexp.MustCompile(`<body>(u\d+) (\d+)</body>`)

// take notes a request that is being accepted.
func (a *accepted) take(t testing.TB, c xmpptest.Callback) {
	m := numbered.FindStringSubmatch(c.Body)
	if m == nil {
		t.Errorf("the callback got %s", c.Body)
		return
	}
	n, err := strconv.Atoi(m[2])
	if err != nil {
		t.Error(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ids[c.Header.Get(signing.HeaderID)]++
	if text := m[1] + " " + m[2]; !a.seen[text] {
		a.seen[text] = true
		a.users[m[1]] = append(a.users[m[1]], n)
	}
}

func (a *accepted) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.seen)
}

// inOrder fails the test if a user's messages did not come in the order in which they were sent.
func (a *accepted) inOrder(t *testing.T) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	for user, numbers := range a.users {
		for i := range numbers {
			if i > 0 && numbers[i] < numbers[i-1] {
				t.Errorf("%s: %d came after %d", user, numbers[i], numbers[i-1])
			}
		}
	}
}

// life is that of a gateway's process.
type life struct{ ready, killed time.Time }

// lost returns how many of the messages that were sent to the callback at some times were neither accepted nor returned to their
// sender, and how long before the gateway was killed the oldest of them was sent to it.
func (a *accepted) lost(sender *xmpptest.Component, users int, sentAt []time.Time, lives []life) (n int, oldest time.Duration) {
	returned := map[string]bool{}
	for _, s := range sender.History() {
		returned[s.ID] = returned[s.ID] || s.Type == "error"
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for number, at := range sentAt {
		for u := range users {
			if a.seen[fmt.Sprintf("u%d %d", u, number)] || returned[fmt.Sprintf("u%d-%d", u, number)] {
				continue
			}
			n++
			for _, l := range lives {
				if at.After(l.ready) && at.Before(l.killed) {
					oldest = max(oldest, l.killed.Sub(at))
				}
			}
		}
	}
	return n, oldest
}

// sendNumbered sends a message from each of some users of a component.
func sendNumbered(c *xmpptest.Component, to string, users, n int) {
	for u := range users {
		c.Send(numberedMessage(c, to, u, n))
	}
}

// numberedMessage is the how manieth message of a user.
func numberedMessage(c *xmpptest.Component, to string, user, n int) string {
	return fmt.Sprintf(`<message type="chat" id="u%d-%d" from="u%d@%s" to="%s"><body>u%d %d</body></message>`, user, n, user, c.Domain(), to, user, n)
}

// impatient makes a gateway try again soon.
func impatient(path string) func(*config.Config) {
	return func(c *config.Config) {
		c.Journal.Path = path
		c.Components[0].Callback.RetryFirst = config.Duration(50 * time.Millisecond)
		c.Components[0].Callback.RetryMax = config.Duration(200 * time.Millisecond)
	}
}

// The callback is down while messages come, and the gateway is started anew. When the callback is up all of
// them arrive, each once, in order within each conversation, and nobody got an error.
func TestDurable_restart(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		const users, each = 5, 20
		path := filepath.Join(t.TempDir(), "journal.db")
		first := startGateway(t, server, impatient(path))
		first.receiver.Down()
		sender := xmpptest.DialComponent(t, server, 1)
		waits := func(g *gatewayUnderTest, n int) {
			t.Helper()
			g.waitUntil(fmt.Sprintf("%d messages are in the journal", n), func() bool { return int(g.metric("restanza_journal_waiting")) == n })
		}
		for n := range each {
			sendNumbered(sender, "bot@"+first.domain, users, n)
		}
		waits(first, users*each)
		first.waitUntil("it counts as down", func() bool { return first.metric("restanza_callback_breaker_open") == 1 })
		first.get("/readyz?verbose").want(t, http.StatusOK, "callback down since", "messages wait for it")
		if err := first.stop(); err != nil {
			t.Fatal(err)
		}

		second := startGateway(t, server, impatient(path), func(c *config.Config) {
			c.Components[0].Callback.URL = config.Secret(first.receiver.URL() + "/")
		})
		for n := range each {
			sendNumbered(sender, "bot@"+first.domain, users, each+n)
		}
		waits(second, 2*users*each)
		got := newAccepted()
		first.receiver.Handle(func(w http.ResponseWriter, _ *http.Request, c xmpptest.Callback) {
			got.take(t, c)
			w.WriteHeader(http.StatusAccepted)
		})
		first.receiver.Up()
		waits(second, 0)
		if n := got.count(); n != 2*users*each || len(got.ids) != n {
			t.Errorf("%d messages came, with %d ids; want %d", n, len(got.ids), 2*users*each)
		}
		for id, n := range got.ids {
			if n != 1 {
				t.Errorf("%s was accepted %d times", id, n)
			}
		}
		got.inOrder(t)
		for _, s := range sender.History() {
			if s.Type == "error" {
				t.Errorf("the sender got %s", s)
			}
		}
	})
}

// The gateway is killed under load, again and again, and the callback takes half of the requests. What was in the
// journal at a kill is delivered, in order within each conversation.
func TestDurable_killed(t *testing.T) {
	command := buildCommand(t)
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		const users = 8
		kills := tortured(t, 5)
		path := filepath.Join(t.TempDir(), "journal.db")
		got := newAccepted()
		receiver := xmpptest.NewReceiver(t)
		receiver.Handle(func(w http.ResponseWriter, _ *http.Request, c xmpptest.Callback) {
			switch rand.N(4) {
			case 0:
				panic(http.ErrAbortHandler) // the connection breaks
			case 1:
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(http.StatusServiceUnavailable)
			default:
				got.take(t, c)
				w.WriteHeader(http.StatusAccepted)
			}
		})
		g := newProcess(t, server, command, path, "--callback-url", receiver.URL()+"/", "--callback-retry-first", "10ms", "--callback-retry-max", "20ms")
		g.start()
		g.waitReady()
		sender := xmpptest.DialComponent(t, server, 1)
		ctx, stop := context.WithCancel(t.Context())
		var load sync.WaitGroup
		var sentAt []time.Time // by the number of a message
		load.Go(func() {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for ctx.Err() == nil {
				sentAt = append(sentAt, time.Now())
				sendNumbered(sender, "bot@"+g.domain, users, len(sentAt)-1)
				<-tick.C
			}
		})
		taken := map[string]bool{}
		lives := []life{{ready: time.Now()}}
		for range kills {
			before := got.count()
			g.waitUntil("messages are accepted", func() bool { return got.count() >= before+100 })
			<-time.After(rand.N(20 * time.Millisecond))
			lives[len(lives)-1].killed = time.Now()
			g.kill()
			for _, text := range undelivered(t, path) {
				taken[text] = true
			}
			g.start()
			g.waitReady()
			lives = append(lives, life{ready: time.Now()})
		}
		stop()
		load.Wait()
		g.waitUntil("all is delivered", func() bool {
			return int(g.metric("restanza_journal_waiting")) == 0 && g.metric("restanza_callback_queue_length")+g.metric("restanza_callback_in_flight") == 0
		})
		if dead := g.metric("restanza_journal_dead"); dead != 0 {
			t.Errorf("%v dead letters", dead)
		}
		got.mu.Lock()
		for text := range taken {
			if !got.seen[text] {
				t.Errorf("%s was in the journal at a kill and never came", text)
			}
		}
		repeated := 0
		for _, n := range got.ids {
			repeated += n - 1
		}
		got.mu.Unlock()
		got.inOrder(t)
		sender.Sync()
		lost, oldest := got.lost(sender, users, sentAt, lives)
		if len(taken) == 0 {
			t.Error("nothing was in the journal at any kill")
		}
		t.Logf("%d kills, %d messages sent, %d accepted, %d of them were in the journal at a kill; %d requests were repeated after they had been accepted; %d messages were lost between the server and the journal, %.1f by each kill, and the oldest of them was sent %s before",
			kills, users*len(sentAt), got.count(), len(taken), repeated, lost, float64(lost)/float64(kills), oldest.Round(time.Millisecond/10))
	})
}

// undelivered returns the bodies of what waits in a journal that nobody has open.
func undelivered(t *testing.T, path string) (bodies []string) {
	t.Helper()
	j, err := journal.Open(journal.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}()
	found, err := j.List(t.Context(), journal.Filter{State: journal.Waiting}, 0, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		d, err := j.Show(t.Context(), found[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, strings.TrimSpace(d.Stanza.Body()))
	}
	return bodies
}

// What an operator does reaches a gateway that runs: what he drops is not posted, what he retries is posted at once,
// though the next attempt is an hour away, and what he replays has the id that it had.
func TestDurable_operator(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		path := filepath.Join(t.TempDir(), "journal.db")
		sender := xmpptest.DialComponent(t, server, 1)
		g := startGateway(t, server, impatient(path), func(c *config.Config) {
			c.HTTP.AdminAuthorization = operatorCredential
			c.Components[0].Callback.RetryFirst = config.Duration(time.Hour)
			c.Components[0].Callback.RetryMax = config.Duration(time.Hour)
		})
		got := newAccepted()
		g.receiver.Handle(func(w http.ResponseWriter, _ *http.Request, c xmpptest.Callback) {
			got.take(t, c)
			w.WriteHeader(http.StatusAccepted)
		})
		g.receiver.Down()
		sendNumbered(sender, "bot@"+g.domain, 3, 1)
		var ids map[string]string
		g.waitUntil("all three wait after an attempt", func() bool {
			ids = tried(t, g, "/deliveries")
			return len(ids) == 3
		})
		g.operate(t, http.MethodDelete, "/deliveries/"+ids["u1"]).want(t, http.StatusOK, `"count": 1`)
		g.receiver.Up()
		g.operate(t, http.MethodPost, "/deliveries/retry?all=true").want(t, http.StatusOK, `"count": 2`)
		g.waitUntil("nothing waits any more", func() bool { return got.count() == 2 && g.metric("restanza_journal_waiting") == 0 })
		if got.seen["u1 1"] || got.ids[ids["u0"]] != 1 || got.ids[ids["u2"]] != 1 {
			t.Errorf("the callback got %v, by the ids %v of %v", got.seen, got.ids, ids)
		}
	})
}

// A message that is not accepted in time is answered with an error and is a dead letter, which can be replayed when the
// callback is back.
func TestDurable_replay(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		path := filepath.Join(t.TempDir(), "journal.db")
		sender := xmpptest.DialComponent(t, server, 1)
		g := startGateway(t, server, impatient(path), func(c *config.Config) {
			c.HTTP.AdminAuthorization = operatorCredential
			c.Components[0].Callback.MaxAge = config.Duration(300 * time.Millisecond)
		})
		got := newAccepted()
		g.receiver.Handle(func(w http.ResponseWriter, _ *http.Request, c xmpptest.Callback) {
			got.take(t, c)
			w.WriteHeader(http.StatusAccepted)
		})
		g.receiver.Down()
		sendNumbered(sender, "bot@"+g.domain, 1, 1)
		s := sender.Wait(patience, func(s xmpptest.Stanza) bool { return s.Type == "error" })
		if s.Err == nil || s.Err.Condition != "recipient-unavailable" {
			t.Errorf("the sender got %s", s)
		}
		var ids map[string]string
		g.waitUntil("there is a dead letter", func() bool {
			ids = tried(t, g, "/dead-letters")
			return len(ids) == 1
		})
		g.receiver.Up()
		g.operate(t, http.MethodPost, "/dead-letters/"+ids["u0"]+"/replay").want(t, http.StatusOK, `"count": 1`)
		g.waitUntil("it is posted", func() bool { return got.count() == 1 && g.metric("restanza_journal_waiting") == 0 })
		if got.ids[ids["u0"]] != 1 || g.metric("restanza_journal_dead") != 0 {
			t.Errorf("posted by the ids %v, was %v; %v dead letters", got.ids, ids, g.metric("restanza_journal_dead"))
		}
	})
}

// A journal that can't be written, here since another program has locked it, leaves the gateway ready, and /readyz says so in
// words until it is written again.
func TestDurable_unwritable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	server := xmpptest.StartFake(t)
	g := startGateway(t, server, impatient(path))
	g.receiver.Down()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	other, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(other.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	sender := xmpptest.DialComponent(t, server, 1)
	sendNumbered(sender, "bot@"+g.domain, 1, 1)
	g.waitUntil("the journal is seen to be locked", func() bool { return g.metric("restanza_journal_writable") == 0 })
	g.get("/readyz?verbose").want(t, http.StatusOK, "journal", "what has to be kept is refused", "locked")
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	g.waitUntil("it is written again", func() bool { return g.metric("restanza_journal_writable") == 1 })
	if body := g.get("/readyz?verbose").body; strings.Contains(body, "journal") {
		t.Errorf("still: %s", body)
	}
}

// operate makes a request with the operator's credential.
func (g *gatewayUnderTest) operate(t *testing.T, method, path string) response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, g.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", operatorCredential)
	r, err := g.do(req)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// tried returns the ids of what was tried at least once, by the sender's name.
func tried(t *testing.T, g *gatewayUnderTest, path string) map[string]string {
	t.Helper()
	var list struct {
		Deliveries []struct {
			ID, From string
			Attempts int
		}
	}
	if err := json.Unmarshal([]byte(g.operate(t, http.MethodGet, path).body), &list); err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for _, d := range list.Deliveries {
		if user, _, _ := strings.Cut(d.From, "@"); d.Attempts > 0 {
			ids[user] = d.ID
		}
	}
	return ids
}
