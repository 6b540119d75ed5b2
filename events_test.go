package restanza_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/xmpptest"
)

// event is an object of /events.
type event struct {
	Event, ID, State, Text string
	Attempt                int
	Stanza                 struct{ Kind, Type, ID, From, To, Body string }
}

// withoutCallback makes a gateway one whose stanzas are for readers.
func withoutCallback(c *config.Config) { c.Components[0].Callback.URL = "" }

// follow reads lines of events and hands them over, until the stream ends or the test does. It returns when the reader is
// there.
func (g *gatewayUnderTest) follow(query string) <-chan event {
	g.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	g.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+"/events.ndjson"+query, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", credential)
	resp, err := g.client.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	lines := bufio.NewScanner(resp.Body)
	if resp.StatusCode != http.StatusOK || !lines.Scan() {
		g.t.Fatalf("%s: %s", resp.Status, lines.Text())
	}
	found := make(chan event, 1000)
	go func() {
		defer resp.Body.Close()
		defer close(found)
		for lines.Scan() {
			var e event
			if json.Unmarshal(lines.Bytes(), &e) != nil {
				return // the stream was cut off
			}
			if e.Event != "keepalive" {
				found <- e
			}
		}
	}()
	return found
}

// poll gets a page of events.
func (g *gatewayUnderTest) poll(query string) (page struct {
	Events []event
	Next   string
},
) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), http.MethodGet, g.url+"/events"+query, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", credential)
	r, err := g.do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(r.want(g.t, http.StatusOK).body), &page); err != nil {
		g.t.Fatal(err)
	}
	return page
}

// A bot without a public address: it reads what comes, answers by POST, and is asked things. When it is not there, who
// writes to it is told.
func TestEvents_bot(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		g := startGateway(t, server, withoutCallback)
		alice := xmpptest.Login(t, server, "alice")
		bot := "bot@" + g.domain
		alice.SendMessage(bot, "is anybody there?")
		alice.Wait(patience, func(s xmpptest.Stanza) bool { return s.Err != nil && s.Err.Condition == "service-unavailable" })

		events := g.follow("?kind=message,iq")
		alice.SendMessage(bot, "are you there?")
		e := <-events
		if e.Event != "stanza" || e.State != "offered" || e.Stanza.Body != "are you there?" || e.Stanza.From != alice.JID() || e.Stanza.To != bot {
			t.Fatalf("got %+v", e)
		}
		g.post(fmt.Sprintf(`<message type="chat" from="%s" to="%s"><body>yes</body></message>`, bot, e.Stanza.From)).want(t, http.StatusAccepted)
		alice.WaitBody(patience, "yes")

		asked := make(chan xmpptest.Stanza, 1)
		go func() { asked <- alice.Request(patience, "get", "", bot, `<query xmlns="jabber:iq:last"/>`) }()
		e = <-events
		if e.Stanza.Kind != "iq" || e.Stanza.Type != "get" {
			t.Fatalf("got %+v", e)
		}
		answer := fmt.Sprintf(`<iq type="result" id="%s" from="%s" to="%s"><query xmlns="jabber:iq:last" seconds="5"/></iq>`, e.Stanza.ID, bot, e.Stanza.From)
		g.post(answer).want(t, http.StatusAccepted)
		if s := <-asked; s.Type != "result" || !strings.Contains(s.String(), `seconds=`) {
			t.Errorf("got %s", s)
		}
		g.post(answer).want(t, http.StatusNotFound, "waits for no answer")
	})
}

// The gateway is stopped and started again while a bot follows what comes. It goes on where it was: nothing comes twice,
// and nothing is missing.
func TestEvents_restart(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		const each = 30
		path := filepath.Join(t.TempDir(), "journal.db")
		sender := xmpptest.DialComponent(t, server, 1)
		since := ""
		var got []string
		for round := range 3 {
			g := startGateway(t, server, withoutCallback, withJournal(path))
			events := g.follow(since)
			for i := range each {
				sendNumbered(sender, "bot@"+g.domain, 1, round*each+i)
			}
			for range each / 2 * (1 + min(round, 1)) { // what is left of each round comes in the next
				e := <-events
				got = append(got, e.Stanza.Body)
				since = "?since=" + e.ID
			}
			g.waitUntil("all have come", func() bool { return int(g.metric("restanza_events_total")) >= each })
			if round == 2 {
				for range each / 2 {
					got = append(got, (<-events).Stanza.Body)
				}
			}
			if err := g.stop(); err != nil {
				t.Fatal(err)
			}
			for e := range events {
				if e.Event == "end" && !strings.Contains(e.Text, "shutting down") {
					t.Errorf("it ended with %+v", e)
				}
			}
		}
		var want []string
		for i := range 3 * each {
			want = append(want, fmt.Sprintf("u0 %d", i))
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %v", got)
		}
	})
}

// The gateway is killed between the delivery of an event to a consumer and its acknowledgement: it comes again, with the same
// id. What was acknowledged does not.
func TestEvents_killed(t *testing.T) {
	command := buildCommand(t)
	server := xmpptest.StartFake(t)
	sender := xmpptest.DialComponent(t, server, 1)
	listen, path := xmpptest.FreeAddr(t), filepath.Join(t.TempDir(), "journal.db")
	g := &gatewayUnderTest{t: t, server: server, domain: server.ComponentDomain(0), url: "http://" + listen, client: http.DefaultClient}
	start := func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), command, "serve", "--component", g.domain, "--server", server.ComponentAddr(),
			"--secret", server.Secret(), "--credentials", credential, "--listen", listen, "--journal-path", path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill() // it may be dead already
			_ = cmd.Wait()
		})
		awaitReady(t, g.url+"/readyz")
		return cmd
	}
	cmd := start()
	const query = "?consumer=worker&wait=10&limit=1"
	g.poll("?consumer=worker") // from now on it is there
	sendNumbered(sender, "bot@"+g.domain, 1, 0)
	var given event
	for i := range tortured(t, 5) {
		page := g.poll(query)
		if len(page.Events) != 1 || page.Events[0].Stanza.Body != fmt.Sprintf("u0 %d", i) {
			t.Fatalf("got %+v", page)
		}
		given = page.Events[0]
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		cmd = start()
		page = g.poll(query)
		if len(page.Events) != 1 || page.Events[0].ID != given.ID {
			t.Fatalf("after the kill %+v, before %+v", page, given)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url+"/events/ack?consumer=worker", strings.NewReader(`{"ack": "`+given.ID+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", credential)
		r, err := g.do(req)
		if err != nil {
			t.Fatal(err)
		}
		r.want(t, http.StatusNoContent)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		cmd = start()
		sendNumbered(sender, "bot@"+g.domain, 1, i+1)
	}
}

// residentSize is a line of /proc/PID/status.
var residentSize = regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`)

// resident returns the memory of a process in bytes.
func resident(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := residentSize.FindSubmatch(status)
	if m == nil {
		t.Fatalf("no VmRSS in %s", status)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}

// Five thousand readers that wait take less than 150 MB, and each gets what comes.
func TestEvents_fiveThousandReaders(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("this system does not tell the memory of a process")
	}
	const readers, most = 5000, 150 << 20
	command := buildCommand(t)
	server := xmpptest.StartFake(t)
	sender := xmpptest.DialComponent(t, server, 1)
	listen := xmpptest.FreeAddr(t)
	domain := server.ComponentDomain(0)
	cmd := exec.CommandContext(t.Context(), command, "serve", "--component", domain, "--server", server.ComponentAddr(),
		"--secret", server.Secret(), "--credentials", credential, "--listen", listen, "--journal-path", filepath.Join(t.TempDir(), "journal.db"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	awaitReady(t, "http://"+listen+"/readyz")
	before := resident(t, cmd.Process.Pid)
	conns := make([]*rawReader, readers)
	for i := range conns {
		conns[i] = openRaw(t, listen, "/events.sse")
	}
	idle := resident(t, cmd.Process.Pid)
	sendNumbered(sender, "bot@"+domain, 1, 1)
	for _, c := range conns {
		c.await(t, "u0 1")
	}
	after := resident(t, cmd.Process.Pid)
	t.Logf("%d MB before, %d MB with %d readers, %d MB after an event for each", before>>20, idle>>20, readers, after>>20)
	if idle > most {
		t.Errorf("%d readers take %d bytes", readers, idle)
	}
}
