package restanza_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/restanza/restanza/internal/xmpptest"
)

// Each message is counted by how long it was neither with the callback nor on disk. That is what a sudden end can cost, and
// the log says it: with RESTANZA_TORTURE for longer, and beside a busy loop, too.
func TestDurable_window(t *testing.T) {
	seconds, loads := 1, []string{"quiet"}
	if os.Getenv("RESTANZA_TORTURE") != "" {
		seconds, loads = 20, []string{"quiet", "beside a busy loop"}
	}
	server := xmpptest.StartFake(t)
	receiver := xmpptest.NewReceiver(t)
	g := newProcess(t, server, buildCommand(t), filepath.Join(t.TempDir(), "journal.db"),
		"--callback-url", receiver.URL()+"/", "--callback-retry-first", "10ms", "--callback-retry-max", "20ms")
	g.start()
	g.waitReady()
	sender := xmpptest.DialComponent(t, server, 1)
	for _, load := range loads {
		if load != "quiet" {
			keepBusy(t)
		}
		for _, c := range callbacks() {
			receiver.Handle(c.answer)
			look := func() map[string]buckets {
				return map[string]buckets{
					"accepted": g.histogram("restanza_journal_window_seconds", `by="accepted",`),
					"written":  g.histogram("restanza_journal_window_seconds", `by="written",`),
					"commits":  g.histogram("restanza_journal_commit_seconds", ""),
				}
			}
			before := look()
			sent := float64(sendSteadily(sender, "bot@"+g.domain, seconds))
			var found map[string]buckets
			g.waitUntil("all are safe", func() bool {
				found = look()
				for name := range found {
					found[name] = found[name].since(before[name])
				}
				return found["accepted"].total()+found["written"].total() >= sent && g.metric("restanza_journal_waiting") == 0
			})
			if safe := found["accepted"].total() + found["written"].total(); safe != sent {
				t.Errorf("%v were sent, %v counted", sent, safe)
			}
			for name, b := range found {
				t.Logf("%s, a callback that %s: %s: %s", load, c.name, name, b)
			}
		}
	}
}

// callbacks do not accept at once what they get.
func callbacks() []namedCallback {
	var count atomic.Int64
	return []namedCallback{
		{"takes 50 ms", func(w http.ResponseWriter, _ *http.Request, _ xmpptest.Callback) {
			<-time.After(50 * time.Millisecond)
			w.WriteHeader(http.StatusAccepted)
		}},
		{"accepts half", func(w http.ResponseWriter, _ *http.Request, _ xmpptest.Callback) {
			if count.Add(1)%2 == 0 {
				w.WriteHeader(http.StatusAccepted)
				return
			}
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
		}},
	}
}

type namedCallback struct {
	name   string
	answer func(http.ResponseWriter, *http.Request, xmpptest.Callback)
}

// keepBusy keeps one processor busy until the test ends.
func keepBusy(t *testing.T) {
	t.Helper()
	loop := exec.Command("sh", "-c", "while :; do :; done")
	if err := loop.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = loop.Process.Kill()
		_ = loop.Wait() // it was killed
	})
}

// sendSteadily sends 800 messages a second from 80 users, and returns how many there were.
func sendSteadily(sender *xmpptest.Component, to string, seconds int) (sent int) {
	const users, atOnce, pause = 80, 8, 10 * time.Millisecond
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for range seconds * int(time.Second/pause) {
		var b strings.Builder
		for range atOnce {
			b.WriteString(numberedMessage(sender, to, sent%users, sent/users))
			sent++
		}
		sender.Send(b.String())
		<-tick.C
	}
	return sent
}
