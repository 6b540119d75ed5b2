package restanza_test

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/xmpptest"
	"github.com/restanza/restanza/jid"
)

// end is what becomes of a message for a callback.
type end string

const (
	delivered end = "delivered"
	returned  end = "returned"    // its sender got an error at once
	dead      end = "dead letter" // it waited, its sender got an error then, and an operator can see it
)

// misdeed is what a callback does to a message, which names it: what its sender is called is what happens to it.
type misdeed struct {
	name string
	do   func(t *testing.T, w http.ResponseWriter, r *http.Request)
	want end
}

// status answers with a status, and nothing else.
func status(code int, headers ...string) func(*testing.T, http.ResponseWriter, *http.Request) {
	return func(_ *testing.T, w http.ResponseWriter, _ *http.Request) {
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(code)
	}
}

// raw writes bytes to the connection and breaks it.
func raw(text string, reset bool) func(*testing.T, http.ResponseWriter, *http.Request) {
	return func(t *testing.T, w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = conn.Write([]byte(text)) // the gateway may have given up
		if tcp, ok := conn.(*net.TCPConn); ok && reset {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
}

// endless answers with a body that has no end: a piece, again and again.
func endless(piece string, every time.Duration) func(*testing.T, http.ResponseWriter, *http.Request) {
	return func(_ *testing.T, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", jsonType)
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte(piece)); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush() // the next Write says so
			<-time.After(every)
		}
	}
}

// slow answers when nobody waits any more.
func slow(_ *testing.T, w http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-time.After(2 * troubledTimeout):
	}
	w.WriteHeader(http.StatusAccepted)
}

// body answers 200 with a body.
func bodyOf(contentType, text string) func(*testing.T, http.ResponseWriter, *http.Request) {
	return func(_ *testing.T, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write([]byte(text)) // the gateway may have given up
	}
}

// troubledTimeout and troubledAge are the callback's settings.
const (
	troubledTimeout = 300 * time.Millisecond
	troubledAge     = 6 * time.Second
)

// misdeeds are all that a callback may do. trap is where redirects lead to.
func misdeeds(trap string) (all []misdeed) {
	for i := range 3 {
		add := func(name string, want end, do func(*testing.T, http.ResponseWriter, *http.Request)) {
			all = append(all, misdeed{name: fmt.Sprintf("%s-%d", name, i), do: do, want: want})
		}
		add("slow", dead, slow)
		add("reset", dead, raw("", true))
		add("closed", dead, raw("", false))
		add("half-a-header", dead, raw("HTTP/1.1 20", false))
		add("half-a-body", dead, raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"body\":", false))
		add("no-http", dead, raw("SSH-2.0-OpenSSH_9.2\r\n", false))
		add("drips", dead, endless(" ", 20*time.Millisecond))
		add("floods", delivered, endless(strings.Repeat(" ", 1<<18), 0))
		add("an-image", delivered, bodyOf("image/png", "\x89PNG\r\n"))
		add("no-json", delivered, bodyOf(jsonType, "<html>it works</html>"))
		add("refused", delivered, status(http.StatusAccepted))
	}
	for _, code := range []int{301, 302, 303, 307, 308} {
		all = append(all, misdeed{fmt.Sprintf("redirect-%d", code), status(code, "Location: "+trap), returned})
	}
	for code := 200; code < 600; code++ {
		now, later := returned, dead
		switch {
		case code < 300:
			now, later = delivered, delivered
		case code < 400:
			later = returned
		}
		all = append(all,
			misdeed{fmt.Sprintf("status-%d", code), status(code), now},
			misdeed{fmt.Sprintf("later-%d", code), status(code, "Retry-After: 1"), later})
	}
	return all
}

// senderOf finds who has sent a stanza in XML.
var senderOf = regexp.MustCompile(`<message[^>]* from="([^"@]+)@`)

// troubled is a gateway with two components: the callback of the first does everything that is wrong, that of the second
// nothing.
type troubled struct {
	*gatewayUnderTest
	sender     *xmpptest.Component
	healthy    string // domain of the second component
	good, well *accepted
}

func startTroubled(t *testing.T, deeds []misdeed) *troubled {
	server := xmpptest.StartFake(t)
	sound := xmpptest.NewReceiver(t)
	u := &troubled{healthy: server.ComponentDomain(2), good: newAccepted(), well: newAccepted()}
	sound.Handle(func(w http.ResponseWriter, _ *http.Request, c xmpptest.Callback) {
		u.well.take(t, c)
		w.WriteHeader(http.StatusAccepted)
	})
	u.sender = xmpptest.DialComponent(t, server, 1)
	u.gatewayUnderTest = startGateway(t, server, withJournal(filepath.Join(t.TempDir(), "journal.db")), func(c *config.Config) {
		c.HTTP.AdminAuthorization = operatorCredential
		first := &c.Components[0].Callback
		first.Timeout, first.MaxAge = config.Duration(troubledTimeout), config.Duration(troubledAge)
		first.RetryFirst, first.RetryMax = config.Duration(20*time.Millisecond), config.Duration(50*time.Millisecond)
		second := c.Components[0]
		second.Domain = jid.MustParse(u.healthy)
		second.Credentials = nil
		second.Callback.URL = config.Secret(sound.URL() + "/")
		c.Components = append(c.Components, second)
	})
	byName := map[string]misdeed{}
	for _, d := range deeds {
		byName[d.name] = d
	}
	u.receiver.Handle(func(w http.ResponseWriter, r *http.Request, c xmpptest.Callback) {
		name := senderOf.FindStringSubmatch(c.Body)
		if name == nil {
			t.Errorf("the callback got %s", c.Body)
			return
		}
		if d, ok := byName[name[1]]; ok {
			d.do(t, w, r)
			return
		}
		u.good.take(t, c)
		w.WriteHeader(http.StatusAccepted)
	})
	return u
}

// flow sends messages to both components in conversations in which nothing is wrong, and looks whether the gateway is ready,
// until stop is called, which returns how many messages there were for each.
func (u *troubled) flow(t *testing.T) (stop func() int) {
	done := make(chan struct{})
	var flowing sync.WaitGroup
	sent := 0
	flowing.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			for _, domain := range []string{u.domain, u.healthy} {
				if err := u.sender.TrySend(numberedMessage(u.sender, "bot@"+domain, 0, sent)); err != nil {
					t.Error(err)
				}
			}
			sent++
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	})
	flowing.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u.url+"/readyz", nil)
			if err != nil {
				t.Error(err)
				return
			}
			if r, err := u.do(req); err != nil || r.status != http.StatusOK {
				t.Errorf("readyz: status %d, %v", r.status, err)
			}
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	})
	return func() int {
		close(done)
		flowing.Wait()
		return sent
	}
}

// A callback does everything that is wrong, and gives each status. Each message ends in one way: it is delivered, or its sender
// gets an error, at once or when it has become a dead letter. Meanwhile the gateway is ready, and conversations in which
// nothing is wrong go on, at this callback and at another component's.
func TestCallback_troubles(t *testing.T) {
	trap := xmpptest.NewReceiver(t)
	deeds := misdeeds(trap.URL())
	u := startTroubled(t, deeds)
	send := func(d misdeed) {
		u.sender.Send(fmt.Sprintf(`<message type="chat" id="%[1]s" from="%[1]s@%[2]s" to="bot@%[3]s"><body>x</body></message>`, d.name, u.sender.Domain(), u.domain))
	}
	u.receiver.Down() // nothing listens
	waiting := map[string]bool{}
	for _, d := range deeds {
		if strings.HasPrefix(d.name, "refused-") {
			send(d)
			waiting[d.name] = true
		}
	}
	u.waitUntil("what was refused waits", func() bool { return int(u.metric("restanza_journal_waiting")) >= len(waiting) })
	u.receiver.Up()
	stop := u.flow(t)
	for _, d := range deeds {
		if !waiting[d.name] {
			send(d)
		}
	}

	counts := map[end]int{}
	for _, d := range deeds {
		counts[d.want]++
	}
	outcomes := func(names ...string) (n int) {
		for _, name := range names {
			n += int(u.outcome(name))
		}
		return n
	}
	u.waitUntil("all but those that flow have ended", func() bool {
		return int(u.metric("restanza_journal_dead")) == counts[dead] && outcomes("error_status") >= counts[returned]
	})
	flowed := stop()
	u.waitUntil("nothing waits", func() bool {
		return u.metric("restanza_journal_waiting") == 0 && u.good.count() == flowed && u.well.count() == flowed
	})
	u.good.inOrder(t)
	u.well.inOrder(t)
	u.sender.Sync()

	errors := map[string]int{}
	for _, s := range u.sender.History() {
		if s.Type == "error" {
			errors[s.ID]++
		}
	}
	letters := u.deadLetters(t)
	for _, d := range deeds {
		wantErrors, wantLetters := 1, 0
		switch d.want {
		case delivered:
			wantErrors = 0
		case dead:
			wantLetters = 1
		case returned:
		}
		if errors[d.name] != wantErrors || letters[d.name] != wantLetters {
			t.Errorf("%s: %d errors to the sender and %d dead letters, want %d and %d", d.name, errors[d.name], letters[d.name], wantErrors, wantLetters)
		}
		delete(errors, d.name)
		delete(letters, d.name)
	}
	if len(errors)+len(letters) > 0 {
		t.Errorf("beside that, errors to %v and dead letters of %v", errors, letters)
	}
	if got := trap.All(); len(got) > 0 {
		t.Errorf("a redirect was followed: %v", got)
	}
	if got, want := outcomes("accepted", "replied", "bad_answer"), counts[delivered]+2*flowed; got != want {
		t.Errorf("%d counted as delivered, want %d", got, want)
	}
	if got := outcomes("error_status"); got < counts[returned] {
		t.Errorf("%d counted as returned, want %d", got, counts[returned])
	}
	t.Logf("%d messages: %v; %d in each conversation where nothing was wrong", len(deeds), counts, flowed)
}

// outcome returns how many stanzas for callbacks have ended in a way, at all components.
func (g *gatewayUnderTest) outcome(name string) (n float64) {
	g.t.Helper()
	pattern := regexp.MustCompile(`(?m)^restanza_callback_requests_total\{[^}]*outcome="` + name + `"[^}]*\} (\S+)$`)
	for _, m := range pattern.FindAllStringSubmatch(g.get("/metrics").body, -1) {
		value, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			g.t.Fatal(err)
		}
		n += value
	}
	return n
}

// deadLetters returns how many each sender has.
func (u *troubled) deadLetters(t *testing.T) map[string]int {
	letters := map[string]int{}
	for name := range tried(t, u.gatewayUnderTest, "/dead-letters?limit=500") {
		letters[name]++
	}
	return letters
}
