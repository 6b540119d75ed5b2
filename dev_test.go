package restanza_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/restanza/restanza"
	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/xmpptest"
)

// devServer is a Dev as a server that users of xmpptest can log in to.
type devServer struct {
	*restanza.Dev
	log *lockedBuffer
}

func (d devServer) Name() string               { return "dev" }
func (d devServer) Host() string               { return restanza.DevDomain }
func (d devServer) MUC() string                { return "rooms." + restanza.DevDomain }
func (d devServer) ComponentDomain(int) string { return restanza.DevBotDomain }
func (d devServer) Secret() string             { return "" }
func (d devServer) AddUser(xmpptest.TB, string) {
	// alice and bob are there
}
func (d devServer) Kill(tb xmpptest.TB)  { tb.Fatalf("a Dev can't be killed") }
func (d devServer) Stop(tb xmpptest.TB)  { tb.Fatalf("a Dev can't be stopped by its users") }
func (d devServer) Start(tb xmpptest.TB) { tb.Fatalf("a Dev can't be started by its users") }
func (d devServer) Log() string          { return d.log.String() }

// startDev runs a Dev on free ports, and a gatewayUnderTest for its HTTP door.
func startDev(t *testing.T, change ...func(*restanza.DevOptions)) (devServer, *gatewayUnderTest) {
	t.Helper()
	var log lockedBuffer
	o := restanza.DevOptions{
		Accounts:    []restanza.DevAccount{{Name: "alice", Password: xmpptest.Password}, {Name: "bob", Password: xmpptest.Password}},
		Credentials: credential,
		HTTPListen:  "127.0.0.1:0", ClientListen: "127.0.0.1:0", TLSListen: "127.0.0.1:0",
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	}
	for _, f := range change {
		f(&o)
	}
	d, err := restanza.NewDev(o)
	if err != nil {
		t.Fatal(err)
	}
	server := devServer{d, &log}
	g := &gatewayUnderTest{t: t, server: server, domain: restanza.DevBotDomain, url: "http://" + d.HTTPAddr(), client: &http.Client{Transport: &http.Transport{}}, log: &log}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	g.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		g.client.CloseIdleConnections()
		if err := g.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if t.Failed() {
			t.Logf("the log:\n%s", log.String())
		}
	})
	g.waitUntil("the gateway is attached", d.Ready)
	return server, g
}

// The whole tour: send, ask, talk to the bot, meet in a room.
func TestDev(t *testing.T) {
	server, g := startDev(t)
	g.post(message("alice@localhost", "kept until she comes")).want(t, http.StatusAccepted)
	alice := xmpptest.Login(t, server, "alice")
	alice.WaitBody(patience, "kept until she comes")
	bob := xmpptest.Login(t, server, "bob")

	g.post(message(alice.JID(), "to her client")).want(t, http.StatusAccepted)
	alice.WaitBody(patience, "to her client")
	g.post(message("nobody@localhost", "x")).want(t, http.StatusOK, "service-unavailable")
	g.post(`<iq type="get" to="localhost"><ping xmlns="urn:xmpp:ping"/></iq>`).want(t, http.StatusOK, `type="result"`)

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url+"/livez", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "rebound.example"
	if r, err := g.do(req); err != nil || r.status != http.StatusMisdirectedRequest {
		t.Errorf("a request for another host: %v, status %d", err, r.status)
	}

	alice.SendMessage(restanza.DevBot, "are <you> there & well?")
	if s := alice.WaitBody(patience, "are <you> there & well?"); s.From != restanza.DevBot {
		t.Errorf("the echo is from %s", s.From)
	}
	bob.SendMessage("anyone@"+restanza.DevBotDomain, "and you?")
	bob.WaitBody(patience, "and you?")

	room := alice.JoinRoom("tea", "alice")
	bob.JoinRoom("tea", "bob")
	bob.SendGroupchat(room, "hello, all")
	alice.WaitBody(patience, "hello, all")
}

// The bot answers no errors and no groupchat, lets people subscribe, and an IQ to
// it gets an answer.
func TestDev_bot(t *testing.T) {
	server, _ := startDev(t)
	alice := xmpptest.Login(t, server, "alice")
	alice.Send(`<message type="error" to="` + restanza.DevBot + `"><body>no</body><error type="cancel"><gone xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></message>`)
	alice.Send(`<message type="groupchat" to="` + restanza.DevBot + `"><body>no</body></message>`)
	alice.Send(`<message type="chat" to="` + restanza.DevBot + `"><composing xmlns="http://jabber.org/protocol/chatstates"/></message>`)
	alice.SendMessage(restanza.DevBot, "yes")
	alice.WaitBody(patience, "yes")
	if got := alice.Request(patience, "get", "", restanza.DevBotDomain, `<query xmlns="http://jabber.org/protocol/disco#info"/>`); got.Type != "result" {
		t.Errorf("disco#info: %s", got)
	}
	for _, s := range alice.History() {
		if s.Name == "message" && s.Body == "no" {
			t.Errorf("the bot answered: %s", s)
		}
	}
}

// A callback that nobody has started yet gets the messages once it is there, and
// the log says so in the meantime.
func TestDev_callbackComesLater(t *testing.T) {
	receiver := xmpptest.NewReceiver(t)
	receiver.Down()
	server, g := startDev(t, func(o *restanza.DevOptions) { o.CallbackURL = config.Secret(receiver.URL() + "/") })
	alice := xmpptest.Login(t, server, "alice")
	alice.SendMessage(restanza.DevBot, "first")
	alice.SendMessage(restanza.DevBot, "second")
	g.waitUntil("the log says what is missing", func() bool { return strings.Contains(g.log.String(), "nothing listens at the callback yet") })
	alice.Sync()
	receiver.Up()
	receiver.Wait(patience, posted("first"))
	receiver.Wait(patience, posted("second"))
	for _, s := range alice.History() {
		if s.Type == "error" {
			t.Errorf("alice got an error meanwhile: %s", s)
		}
	}
	if n := strings.Count(g.log.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings, want one", n)
	}
}

// A port that is taken is replaced, and a notice says so.
func TestDev_portTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, g := startDev(t, func(o *restanza.DevOptions) { o.HTTPListen = taken.Addr().String() })
	if n := server.Notices(); len(n) != 1 || !strings.Contains(n[0], "Port "+port+" for HTTP is taken; "+server.HTTPAddr()+" is used") {
		t.Errorf("notices %q", n)
	}
	g.post(message("alice@localhost", "x")).want(t, http.StatusAccepted)
}

func TestDev_refusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*restanza.DevOptions)
		want   string
	}{
		{"public HTTP", func(o *restanza.DevOptions) { o.HTTPListen = "0.0.0.0:0" }, "not a loopback address"},
		{"every HTTP address", func(o *restanza.DevOptions) { o.HTTPListen = ":0" }, "not a loopback address"},
		{"no HTTP port", func(o *restanza.DevOptions) { o.HTTPListen = "127.0.0.1" }, "want host:port"},
		{"public XMPP", func(o *restanza.DevOptions) { o.ClientListen = "0.0.0.0:0" }, "not a loopback address"},
		{"no credentials", func(o *restanza.DevOptions) { o.Credentials = "" }, "credential"},
		{"callback that is no URL", func(o *restanza.DevOptions) { o.CallbackURL = "bot.py" }, "callback"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := restanza.DevOptions{
				Accounts: []restanza.DevAccount{{Name: "alice", Password: "x"}}, Credentials: credential,
				HTTPListen: "127.0.0.1:0", ClientListen: "127.0.0.1:0", TLSListen: "127.0.0.1:0",
			}
			c.change(&o)
			d, err := restanza.NewDev(o)
			if err == nil {
				t.Fatalf("no error; closing: %v", d.Close())
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want %q in it", err, c.want)
			}
		})
	}
}

// It ends at once, whatever is under way: a request that waits for an answer, a
// callback that says nothing, a message that waits for its callback.
func TestDev_end(t *testing.T) {
	receiver := xmpptest.NewReceiver(t)
	hold := make(chan struct{})
	receiver.Handle(func(http.ResponseWriter, *http.Request, xmpptest.Callback) { <-hold })
	defer close(hold)
	server, g := startDev(t, func(o *restanza.DevOptions) { o.CallbackURL = config.Secret(receiver.URL() + "/") })
	alice := xmpptest.Login(t, server, "alice")
	alice.SendMessage(restanza.DevBot, "x")
	receiver.Wait(patience, posted("x"))
	held := make(chan response, 1)
	go func() {
		r, err := g.tryPost(context.Background(), `<iq type="get" to="`+alice.JID()+`"><query xmlns="urn:test"/></iq>`)
		if err != nil {
			t.Error(err)
		}
		held <- r
	}()
	alice.Wait(patience, func(s xmpptest.Stanza) bool { return s.Name == "iq" && s.Type == "get" })
	began := time.Now()
	if err := g.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s to end", took)
	}
	if r := <-held; r.status != http.StatusServiceUnavailable {
		t.Errorf("the held request got %d, want 503", r.status)
	}
	if err := alice.Ended(patience); err == nil || !strings.Contains(err.Error(), "system-shutdown") {
		t.Errorf("alice's stream ended with %v, want system-shutdown", err)
	}
}

// Each stanza is shown once, with what came of it.
func TestDev_traffic(t *testing.T) {
	seen := make(chan restanza.Exchange, 100)
	server, g := startDev(t, func(o *restanza.DevOptions) { o.Traffic = func(x restanza.Exchange) { seen <- x } })
	next := func(direction restanza.Direction, status int, what string) {
		t.Helper()
		for {
			select {
			case x := <-seen:
				if x.Stanza.Kind() == "presence" {
					continue // the host tells the bot who is there
				}
				got := x.Stanza.Body() + x.Stanza.Payload().Local + "/" + x.Answer.Body() + string(x.Answer.Type())
				if x.Direction != direction || x.Status != status || got != what || x.Component.String() != restanza.DevBotDomain || x.At.IsZero() {
					t.Errorf("got %s %d %s of %s, want %s %d %s", x.Direction, x.Status, got, x.Component, direction, status, what)
				}
				return
			case <-time.After(patience):
				t.Fatalf("nothing is shown, want %s", what)
			}
		}
	}
	alice := xmpptest.Login(t, server, "alice")
	g.post(message("alice@localhost", "hi")).want(t, http.StatusAccepted)
	next(restanza.Outbound, http.StatusAccepted, "hi/")
	alice.SendMessage(restanza.DevBot, "you")
	next(restanza.Inbound, 0, "you/youchat")
	alice.Request(patience, "get", "", restanza.DevBotDomain, `<ping xmlns="urn:xmpp:ping"/>`)
	next(restanza.Inbound, 0, "ping/result")
	g.post(`<iq type="get" to="localhost"><ping xmlns="urn:xmpp:ping"/></iq>`).want(t, http.StatusOK)
	next(restanza.Outbound, http.StatusOK, "ping/result")
}

// The bot does not talk to itself.
func TestDev_botToItself(t *testing.T) {
	var mu sync.Mutex
	inbound := 0
	server, g := startDev(t, func(o *restanza.DevOptions) {
		o.Traffic = func(x restanza.Exchange) {
			mu.Lock()
			defer mu.Unlock()
			if x.Direction == restanza.Inbound && x.Stanza.Body() == "echo?" {
				inbound++
			}
		}
	})
	g.post(message(restanza.DevBot, "echo?")).want(t, http.StatusAccepted)
	alice := xmpptest.Login(t, server, "alice")
	for _, text := range []string{"1", "2", "3"} {
		alice.SendMessage(restanza.DevBot, text)
		alice.WaitBody(patience, text)
	}
	mu.Lock()
	defer mu.Unlock()
	if inbound != 1 {
		t.Errorf("the bot got the message %d times", inbound)
	}
}
