package restanza_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/xmpptest"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// What a backlog may cost the built program, whatever its size.
const (
	backlogReady  = 2 * time.Second // from its start to /readyz
	backlogMemory = 150 << 20       // bytes, resident, at the most
)

// A backlog neither keeps the program from starting nor fills its memory, in whatever conversations it is; new conversations and
// other components go on beside it; and when the callback is up all of it comes, once and in order. 20,000 stanzas, or as many as
// RESTANZA_TEST_BACKLOG says.
func TestBacklog(t *testing.T) {
	size := 20_000
	if text := os.Getenv("RESTANZA_TEST_BACKLOG"); text != "" {
		var err error
		if size, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	command := buildCommand(t)
	for _, users := range []int{1, 1000, size} {
		t.Run(fmt.Sprintf("%d in %d conversations", size, users), func(t *testing.T) {
			b := &backlog{t: t, size: size, users: users, server: xmpptest.StartFake(t), next: make([]atomic.Int32, users)}
			b.sender = xmpptest.DialComponent(t, b.server, 2)
			b.fill()
			b.serve(command)
			b.whileDown()
			b.drain()
		})
	}
}

// backlog is a test of one.
type backlog struct {
	t           testing.TB
	size, users int
	server      *xmpptest.Fake
	sender      *xmpptest.Component
	path        string // of the journal
	listen      string // of the callback that is down at first
	gateway     *gatewayUnderTest
	process     int

	slow     atomic.Bool // the callback takes 5 ms for each
	next     []atomic.Int32
	accepted atomic.Int64
	begun    chan struct{}
	flaws    atomic.Int64
	busy     atomic.Int64 // nanoseconds that the callback took, for all together
	news     news
}

// news are messages that come while the backlog is there.
type news struct {
	mu   sync.Mutex
	sent []time.Time
	took []time.Duration
}

// fill makes the journal, as a gateway does whose callback is down.
func (b *backlog) fill() {
	b.t.Helper()
	b.path = filepath.Join(b.t.TempDir(), "journal.db")
	j, err := journal.Open(journal.Options{Path: b.path, MaxBytes: 8 << 30})
	if err != nil {
		b.t.Fatal(err)
	}
	began := time.Now()
	component := jid.MustParse(b.server.ComponentDomain(0))
	to := component.String()
	for n := range b.size {
		user := n % b.users
		from := fmt.Sprintf("u%d@example.org/phone", user)
		st := stanza.New(stanza.Header{
			Kind: stanza.Message, Type: stanza.Chat, ID: strconv.Itoa(n), From: jid.MustParse(from), To: jid.MustParse("bot@" + to),
		}, fmt.Sprintf("<body>u%d %d</body>", user, n/b.users))
		if _, err := j.Add(component, st, began, began.Add(24*time.Hour)); err != nil {
			b.t.Fatal(err)
		}
		if n%5000 == 4999 {
			if err := j.Flush(b.t.Context()); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	if err := j.Flush(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	used := j.Stats().Used
	if err := j.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Logf("made in %v: %d MiB in use", time.Since(began).Round(time.Millisecond), used>>20)
}

// serve starts the program with two components: the first has the backlog, and its callback is down; that of the second is up.
func (b *backlog) serve(command string) {
	b.t.Helper()
	b.listen = xmpptest.FreeAddr(b.t)
	up := &http.Server{Handler: http.HandlerFunc(b.answer)}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	b.serveHTTP(up, ln)
	listen := xmpptest.FreeAddr(b.t)
	file := filepath.Join(b.t.TempDir(), "restanza.toml")
	text := fmt.Sprintf("[http]\nlisten = %q\n[journal]\npath = %q\nmax_bytes = %d\n", listen, b.path, int64(8<<30))
	for i, callback := range []string{b.listen, ln.Addr().String()} {
		text += fmt.Sprintf("[[component]]\ndomain = %q\nserver = %q\nsecret = %q\n[[component.credential]]\nauthorization = \"Bearer component-%d\"\n[component.callback]\nurl = \"http://%s/\"\n",
			b.server.ComponentDomain(i), b.server.ComponentAddr(), b.server.Secret(), i, callback)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	log := &lockedBuffer{}
	cmd := exec.Command(command, "serve", "--config", file)
	cmd.Stderr = log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		if b.t.Failed() {
			b.t.Logf("the end of the gateway's log:\n%s", tail(log.String(), 30))
		}
	})
	b.process = cmd.Process.Pid
	b.gateway = &gatewayUnderTest{t: b.t, server: b.server, url: "http://" + listen, client: http.DefaultClient}
	b.gateway.waitUntil("it is ready", func() bool {
		resp, err := http.Get(b.gateway.url + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	took := time.Since(began)
	b.t.Logf("ready after %v", took.Round(time.Millisecond))
	if took > backlogReady {
		b.t.Errorf("ready after %v", took)
	}
}

// serveHTTP runs a server until the test ends.
func (b *backlog) serveHTTP(srv *http.Server, ln net.Listener) {
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	b.t.Cleanup(func() {
		_ = srv.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			b.t.Error(err)
		}
	})
}

// inBacklog is the body of a message of the backlog: whose it is, and which. news is that of one that came since.
var (
	inBacklog = regexp.MustCompile(`<body>u(\d+) (\d+)</body>`)
	isNews    = regexp.MustCompile(`<body>news (\d+)</body>`)
)

// answer is a callback that accepts.
func (b *backlog) answer(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	defer func() { b.busy.Add(int64(time.Since(began))) }()
	body, err := io.ReadAll(r.Body)
	switch {
	case err != nil:
		return
	case r.Method == http.MethodOptions:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if m := isNews.FindSubmatch(body); m != nil {
		b.news.arrived(m[1])
	} else {
		b.take(inBacklog.FindSubmatch(body))
	}
	if b.slow.Load() {
		<-time.After(5 * time.Millisecond)
	}
	w.WriteHeader(http.StatusAccepted)
}

// take notes a message of the backlog, which must be the next of its conversation.
func (b *backlog) take(m [][]byte) {
	if m == nil {
		b.flaws.Add(1)
		return
	}
	user, _ := strconv.Atoi(string(m[1]))
	n, _ := strconv.Atoi(string(m[2]))
	if int(b.next[user].Add(1)) != n+1 {
		b.flaws.Add(1)
	}
	if b.accepted.Add(1) == 1 {
		close(b.begun)
	}
}

// send sends a message of a conversation that has nothing in the backlog.
func (n *news) send(c *xmpptest.Component, to string) {
	n.mu.Lock()
	id := len(n.sent)
	n.sent = append(n.sent, time.Now())
	n.mu.Unlock()
	c.Send(fmt.Sprintf(`<message type="chat" id="news%d" from="news%d@%s" to="bot@%s"><body>news %d</body></message>`, id, id, c.Domain(), to, id))
}

// arrived notes that one has come to its callback.
func (n *news) arrived(number []byte) {
	id, _ := strconv.Atoi(string(number))
	n.mu.Lock()
	defer n.mu.Unlock()
	n.took = append(n.took, time.Since(n.sent[id]))
}

// collect waits until all have come, and returns how long they took, the median and the longest.
func (n *news) collect(b *backlog) (median, most time.Duration) {
	b.t.Helper()
	b.gateway.waitUntil("what came since is posted", func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return len(n.took) >= len(n.sent)
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.took) == 0 {
		b.t.Fatal("nothing was sent beside the backlog")
	}
	slices.Sort(n.took)
	median, most = n.took[len(n.took)/2], n.took[len(n.took)-1]
	n.sent, n.took = nil, nil
	return median.Round(100 * time.Microsecond), most.Round(100 * time.Microsecond)
}

// while sends a message to a component every 20 ms until done.
func (b *backlog) while(component int, done func() bool) (median, most time.Duration) {
	b.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := 0; n == 0 || !done(); n++ {
		b.news.send(b.sender, b.server.ComponentDomain(component))
		<-tick.C
	}
	return b.news.collect(b)
}

// whileDown sees that the other component does not notice the backlog.
func (b *backlog) whileDown() {
	b.t.Helper()
	end := time.Now().Add(2 * time.Second)
	median, most := b.while(1, func() bool { return time.Now().After(end) })
	b.t.Logf("while the callback is down, a message to the other component is posted after %v, %v at most", median, most)
	if got := b.gateway.get("/readyz?verbose").body; b.users > 1 && !strings.Contains(got, "callback down since") {
		b.t.Errorf("the callback does not count as down: %s", got)
	}
}

// drain lets the callback be up, slow and then quick, until nothing is left.
func (b *backlog) drain() {
	b.t.Helper()
	b.begun = make(chan struct{})
	b.slow.Store(true)
	ln, err := net.Listen("tcp", b.listen)
	if err != nil {
		b.t.Fatal(err)
	}
	b.serveHTTP(&http.Server{Handler: http.HandlerFunc(b.answer)}, ln)
	ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Minute) // a callback that is down is asked every minute
	defer cancel()
	select {
	case <-b.begun:
	case <-ctx.Done():
		b.t.Fatal("nothing comes though the callback is up")
	}
	slow := min(b.size/4, 100_000)
	if b.users == 1 {
		slow = min(slow/10, 2_000)
	}
	b.phase("that takes 64 at once with 5 ms each", slow)
	b.slow.Store(false)
	b.phase("that accepts at once", b.size)

	b.gateway.waitUntil("nothing is left in the journal", func() bool { return b.gateway.metric("restanza_journal_waiting") == 0 })
	if b.accepted.Load() != int64(b.size) || b.flaws.Load() != 0 {
		b.t.Errorf("%d of %d were accepted, %d of them out of order, twice or unknown", b.accepted.Load(), b.size, b.flaws.Load())
	}
	most := peakMemory(b.t, b.process)
	b.t.Logf("%d MiB resident at most", most>>20)
	if most > backlogMemory {
		b.t.Errorf("%d bytes resident", most)
	}
}

// phase waits until so many were accepted, and tells how it went.
func (b *backlog) phase(callback string, until int) {
	b.t.Helper()
	before, busy, began := b.accepted.Load(), b.busy.Load(), time.Now()
	var took time.Duration
	median, most := b.while(0, func() bool {
		if b.accepted.Load() < int64(until) && time.Since(began) < 20*time.Minute {
			return false
		}
		took = time.Since(began)
		return true
	})
	n, spent := b.accepted.Load()-before, time.Duration(b.busy.Load()-busy)
	b.t.Logf("to a callback %s, and took %v: %.0f a second, %.1f at once; a new message meanwhile is posted after %v, %v at most", callback,
		(spent / time.Duration(n)).Round(10*time.Microsecond), float64(n)/took.Seconds(), spent.Seconds()/took.Seconds(), median, most)
}

// peakMemory returns the most bytes that a process had resident.
func peakMemory(t testing.TB, process int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process))
	if errors.Is(err, os.ErrNotExist) {
		t.Log("this system does not tell how much memory a process takes")
		return 0
	}
	_, rest, found := bytes.Cut(status, []byte("VmHWM:"))
	line, _, _ := bytes.Cut(rest, []byte("kB"))
	kilobytes, parseErr := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	if err != nil || !found || parseErr != nil {
		t.Fatalf("%v, %v: %s", err, parseErr, status)
	}
	return kilobytes << 10
}

// A journal that has reached its size, with nothing in it but what waits, refuses what would have to be kept, and says so; what needs
// no journal goes on, and so does the rest when there is room again.
func TestBacklog_full(t *testing.T) {
	server := xmpptest.StartFake(t)
	way := newGate(t, server)
	path := filepath.Join(t.TempDir(), "journal.db")
	g := startGateway(t, server, impatient(path), way.through, func(c *config.Config) { c.Journal.MaxBytes = 1 << 20 })
	g.receiver.Down()
	sender := xmpptest.DialComponent(t, server, 1)
	send := func(user, text string) {
		sender.Send(fmt.Sprintf(`<message type="chat" id=%q from="%s@%s" to="bot@%s"><body>%s</body></message>`, user+text[:3], user, sender.Domain(), g.domain, text))
	}
	refused := func(user, text, condition string) {
		t.Helper()
		s := sender.Wait(patience, func(s xmpptest.Stanza) bool { return s.Type == "error" && s.ID == user+text[:3] })
		if s.Err == nil || s.Err.Condition != condition {
			t.Errorf("%s %s: %s", user, text, s)
		}
	}
	large := strings.Repeat("x", 5000)
	for n := 0; g.metric("restanza_journal_full") == 0; n++ {
		if n == 100 {
			t.Fatalf("%d messages, and not full", 10*n)
		}
		for i := range 10 {
			send(fmt.Sprint("u", 10*n+i), large)
		}
		sender.Sync()
	}
	g.get("/readyz?verbose").want(t, http.StatusOK, "[+] journal: ", "journal.max_bytes", "refused")
	if used := g.metric("restanza_journal_used_bytes"); used > 1<<20 {
		t.Errorf("%v bytes are in use", used)
	}
	send("u0", "after")
	refused("u0", "after", "resource-constraint") // others of its conversation wait
	send("new", "one")
	refused("new", "one", "recipient-unavailable") // it was tried

	const key = `Idempotency-Key: "k1"`
	to := sender.Domain()
	later := g.post(message(to, "with a key"), key).want(t, http.StatusServiceUnavailable, "resource-constraint", "full")
	if later.header.Get("Retry-After") == "" {
		t.Errorf("no Retry-After: %v", later.header)
	}
	g.post(message(to, "without")).want(t, http.StatusAccepted)
	way.close()
	g.waitDown()
	later = g.post(message(to, "queued")).want(t, http.StatusServiceUnavailable, "resource-constraint", "full")
	if later.header.Get("Retry-After") == "" || later.header.Get("Location") != "" {
		t.Errorf("got %v", later.header)
	}
	way.open()
	g.waitReady()

	waiting := int(g.metric("restanza_journal_waiting"))
	g.receiver.Up()
	send("new", "two")
	g.receiver.Wait(patience, posted("<body>two</body>"))
	g.waitUntil("nothing waits any more", func() bool {
		return g.metric("restanza_journal_waiting") == 0 && g.metric("restanza_journal_full") == 0
	})
	if body := g.get("/readyz?verbose").body; strings.Contains(body, "journal") {
		t.Errorf("still: %s", body)
	}
	g.post(message(to, "with a key"), key).want(t, http.StatusAccepted)
	for _, line := range []string{"reached its size", "room again"} {
		if n := strings.Count(g.log.String(), line); n != 1 {
			t.Errorf("%q is in the log %d times", line, n)
		}
	}
	got := map[string]bool{}
	for _, c := range g.receiver.All() {
		if _, user, found := strings.Cut(c.Body, `from="u`); found {
			user, _, _ = strings.Cut(user, "@")
			got[user] = true
		}
	}
	if len(got) != waiting || waiting == 0 {
		t.Errorf("%d conversations waited, %d came", waiting, len(got))
	}
}
