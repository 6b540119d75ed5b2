package restanza_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/restanza/restanza/internal/xmpptest"
)

// diskTrouble is what may happen to a journal that is in use.
type diskTrouble struct {
	dir        string // where the journal is
	words      string // that say what is wrong
	begin, end func(g *process)
}

// inTrouble sends messages to a gateway whose callback is down, before, during and after a trouble, and posts messages with the
// link up and down. What was sent is posted to the callback in the end, in order; what is posted is sent, or refused
// while it can't be kept; the gateway goes on and says once when that begins, and once when it ends.
func inTrouble(t *testing.T, trouble diskTrouble) {
	const users, each = 4, 10
	server := xmpptest.StartFake(t)
	way := newGate(t, server)
	receiver := xmpptest.NewReceiver(t)
	got := newAccepted()
	receiver.Handle(func(w http.ResponseWriter, _ *http.Request, c xmpptest.Callback) {
		got.take(t, c)
		w.WriteHeader(http.StatusAccepted)
	})
	receiver.Down()
	g := newProcess(t, server, buildCommand(t), filepath.Join(trouble.dir, "journal.db"), "--server", way.addr,
		"--callback-url", receiver.URL()+"/", "--callback-retry-first", "50ms", "--callback-retry-max", "100ms")
	g.start()
	g.waitReady()
	peer := xmpptest.DialComponent(t, server, 1)
	var posted inOrder
	var pongs inOrder
	peer.Handle(func(s xmpptest.Stanza) {
		if s.Name == "iq" {
			pongs.add(s.ID)
			return
		}
		if s.Type == "error" {
			t.Errorf("the sender got %s", s)
			return
		}
		posted.add(s.Body)
	})
	sent := 0
	send := func(padding int) {
		for u := range users {
			text := numberedMessage(peer, "bot@"+g.domain, u, sent)
			peer.Send(strings.Replace(text, "</body>", "</body><x xmlns='urn:example:padding'>"+strings.Repeat("x", padding)+"</x>", 1))
		}
		sent++
	}
	var taken []string // of what was posted
	post := func(text string, want int, words ...string) response {
		if want == http.StatusAccepted {
			taken = append(taken, text)
		}
		return g.post(message(peer.Domain(), text)).want(t, want, words...)
	}
	// whileDown posts while the link is down, and returns the locations of what was queued.
	whileDown := func(want int, words ...string) (locations []string) {
		// What the server sends while the link breaks is lost.
		id := peer.NewID()
		peer.Send(`<iq type="get" id="` + id + `" from="` + peer.Domain() + `" to="` + g.domain + `"><ping xmlns="urn:xmpp:ping"/></iq>`)
		g.waitUntil("the gateway has all that was sent", func() bool { return slices.Contains(pongs.list(), id) })
		way.close()
		g.waitDown()
		for i := range each {
			if location := post(fmt.Sprint("while down ", i, want), want, words...).header.Get("Location"); location != "" {
				locations = append(locations, location)
			}
		}
		way.open()
		g.waitReady()
		return locations
	}

	for range each {
		send(100)
	}
	g.waitUntil("all are in the journal", func() bool { return int(g.metric("restanza_journal_waiting")) == users*each })
	trouble.begin(g)
	g.waitUntil("the journal can't be written", func() bool {
		send(10_000)
		return g.metric("restanza_journal_writable") == 0
	})
	for range each {
		send(10_000)
	}
	g.get("/readyz?verbose").want(t, http.StatusOK, "journal", "what has to be kept is refused", trouble.words)
	post("meanwhile", http.StatusAccepted)
	g.post(message(peer.Domain(), "keyed"), `Idempotency-Key: "keyed"`).want(t, http.StatusServiceUnavailable, "nothing was sent")
	if locations := whileDown(http.StatusServiceUnavailable, "journal can't be written"); len(locations) > 0 {
		t.Errorf("queued at %v", locations)
	}
	trouble.end(g)
	g.waitUntil("the journal is written again", func() bool { return g.metric("restanza_journal_writable") == 1 })
	for _, location := range whileDown(http.StatusAccepted) {
		g.waitOutgoing(location, "confirmed")
	}
	const last = "the last"
	post(last, http.StatusAccepted)
	send(100)
	receiver.Up()
	g.waitUntil("nothing waits", func() bool { return got.count() == users*sent && g.metric("restanza_journal_waiting") == 0 })
	got.inOrder(t)
	for id, n := range got.ids {
		if n != 1 {
			t.Errorf("%s was accepted %d times", id, n)
		}
	}
	g.waitUntil("all that was taken has arrived", func() bool { return slices.Contains(posted.list(), last) })
	if list := posted.list(); !slices.Equal(list, taken) {
		t.Errorf("arrived: %q, want %q", list, taken)
	}
	if status := g.end(); status != 0 {
		t.Errorf("it ended with status %d", status)
	}
	began, over := g.logged("the journal can't be written: "), g.logged("the journal is written again")
	if len(began) != 1 || len(over) != 1 || !strings.Contains(began[0], trouble.dir) || !strings.Contains(began[0], trouble.words) {
		t.Errorf("the log has, of the trouble:\n%s%s", strings.Join(began, ""), strings.Join(over, ""))
	}
	for _, line := range g.logged("level=WARN", "level=ERROR") {
		t.Log(strings.TrimSpace(line))
	}
}

// Another program locks the journal: see inTrouble.
func TestDisk_locked(t *testing.T) {
	dir := t.TempDir()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	inTrouble(t, diskTrouble{
		dir: dir, words: "locked",
		begin: func(*process) {
			if _, err := db.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
				t.Fatal(err)
			}
		},
		end: func(*process) {
			_, err := db.ExecContext(t.Context(), "ROLLBACK")
			if err := errors.Join(err, context.Cause(t.Context())); err != nil {
				t.Error(err)
			}
		},
	})
}
