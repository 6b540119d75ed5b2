package restanza_test

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/restanza/restanza/internal/xmpptest"
)

// pageSize is that of a journal.
const pageSize = 4096

// spoil overwrites the end of a file.
func spoil(t *testing.T, path string, n int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() < n {
		t.Fatalf("%s has %d bytes", path, info.Size())
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xff}, int(n)), info.Size()-n); err != nil {
		t.Fatal(err)
	}
}

// A gateway whose journal has a last page that can't be read says once what is wrong and what to do, ends with an error, and leaves
// the file alone. Without the file it starts.
func TestDamage_lastPage(t *testing.T) {
	server := xmpptest.StartFake(t)
	path := filepath.Join(t.TempDir(), "journal.db")
	g := newProcess(t, server, buildCommand(t), path, "--callback-url", "http://"+xmpptest.FreeAddr(t)+"/")
	g.start()
	g.waitReady()
	sender := xmpptest.DialComponent(t, server, 1)
	for n := range 100 {
		sendNumbered(sender, "bot@"+g.domain, 4, n)
	}
	g.waitUntil("all are in the journal", func() bool { return g.metric("restanza_journal_waiting") == 400 })
	if status := g.end(); status != 0 {
		t.Fatalf("it ended with status %d", status)
	}
	spoil(t, path, pageSize)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		logged := len(g.log.String())
		g.launch(exec.Command(g.command, g.arguments...))
		<-g.ended
		said := g.log.String()[logged:]
		if g.status == 0 || strings.Count(said, path) == 0 || !strings.Contains(said, "damaged") || !strings.Contains(said, "move it away") {
			t.Errorf("it ended with status %d and said:\n%s", g.status, said)
		}
		if n := strings.Count(said, "damaged"); n != 1 {
			t.Errorf("it said %d times that the file is damaged:\n%s", n, said)
		}
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed, %v", err)
	}
	if err := os.Rename(path, path+".damaged"); err != nil {
		t.Fatal(err)
	}
	g.start()
}

// The last page of the write-ahead log of a gateway that was killed can't be read. What was written before the last commit
// is there, in order; nothing stands in the way of what comes.
func TestDamage_lastPageOfLog(t *testing.T) {
	server := xmpptest.StartFake(t)
	path := filepath.Join(t.TempDir(), "journal.db")
	receiver := xmpptest.NewReceiver(t)
	got := newAccepted()
	receiver.Handle(func(w http.ResponseWriter, _ *http.Request, c xmpptest.Callback) {
		got.take(t, c)
		w.WriteHeader(http.StatusAccepted)
	})
	receiver.Down()
	g := newProcess(t, server, buildCommand(t), path, "--callback-url", receiver.URL()+"/", "--callback-retry-first", "50ms", "--callback-retry-max", "100ms")
	g.start()
	g.waitReady()
	sender := xmpptest.DialComponent(t, server, 1)
	const users, each = 4, 50
	for n := range each {
		sendNumbered(sender, "bot@"+g.domain, users, n)
	}
	g.waitUntil("all are in the journal", func() bool { return g.metric("restanza_journal_waiting") == users*each })
	sendNumbered(sender, "bot@"+g.domain, users, each)
	g.waitUntil("these are, too", func() bool { return g.metric("restanza_journal_waiting") == users*(each+1) })
	g.kill()
	spoil(t, path+"-wal", pageSize)

	g.start()
	g.waitReady()
	left := int(g.metric("restanza_journal_waiting"))
	if left < users*each {
		t.Errorf("%d of %d are left", left, users*(each+1))
	}
	t.Logf("%d of %d are left", left, users*(each+1))
	receiver.Up()
	g.waitUntil("what is left is posted", func() bool { return got.count() == left && g.metric("restanza_journal_waiting") == 0 })
	got.inOrder(t)
	if lines := g.logged("level=ERROR"); !slices.Equal(lines, nil) {
		t.Errorf("logged: %v", lines)
	}
}
