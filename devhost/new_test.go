package devhost

import (
	"net"
	"strings"
	"testing"

	"github.com/restanza/restanza/internal/xmpptest"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

var testRooms = jid.MustParse("rooms.localhost")

// serviceFunc is a service that is a function.
type serviceFunc func(stanza.Stanza)

func (f serviceFunc) receive(st stanza.Stanza) { f(st) }

func TestNew_refusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"public address", func(o *Options) { o.ClientListen = "0.0.0.0:0" }, "not a loopback address"},
		{"every address", func(o *Options) { o.ComponentListen = ":0" }, "not a loopback address"},
		{"no port", func(o *Options) { o.TLSListen = "127.0.0.1" }, "want host:port"},
		{"account with a domain", func(o *Options) { o.Accounts = []Account{{"a@b", "x"}} }, `account "a@b"`},
		{"account with a resource", func(o *Options) { o.Accounts = []Account{{"a/b", "x"}} }, `account "a/b"`},
		{"account without a password", func(o *Options) { o.Accounts = []Account{{"a", ""}} }, "no password"},
		{"account twice", func(o *Options) { o.Accounts = []Account{{"a", "x"}, {"A", "y"}} }, "twice"},
		{"component without a secret", func(o *Options) { o.Components = []Component{{testDomain, ""}} }, "no secret"},
		{"component twice", func(o *Options) { o.Components = []Component{{testDomain, "x"}, {testDomain, "x"}} }, "twice"},
		{"component with the host's domain", func(o *Options) { o.Components = []Component{{jid.MustParse("localhost"), "x"}} }, "itself"},
		{"domain with a resource", func(o *Options) { o.Domain = jid.MustParse("a/b") }, "no domain"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := Options{ClientListen: "127.0.0.1:0", TLSListen: "127.0.0.1:0"}
			c.change(&o)
			h, err := New(o)
			if err == nil {
				t.Fatalf("no error; closing: %v", h.Close())
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want %q in it", err, c.want)
			}
		})
	}
}

func TestNew_portTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	h := startHost(t, func(o *Options) { o.ClientListen = taken.Addr().String() })
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	if n := h.Notices(); len(n) != 1 || !strings.Contains(n[0], port) || !strings.Contains(n[0], h.ClientAddr()) {
		t.Errorf("notices %q, want one with %s and %s", n, port, h.ClientAddr())
	}
	xmpptest.Login(t, h, "alice").Sync()
	if !strings.Contains(h.Log(), "is no server") {
		t.Error("the log does not say that this is no server")
	}
}

func TestClose_ofAHostThatDoesNotRun(t *testing.T) {
	h, err := New(Options{ClientListen: "127.0.0.1:0", TLSListen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := h.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if err := h.Run(t.Context()); err == nil {
		t.Error("a closed host can be run")
	}
	if conn, err := net.Dial("tcp", h.ClientAddr()); err == nil {
		conn.Close()
		t.Error("the listener is still open")
	}
}

// A service gets what is for its domain, and may send while it does.
func TestService(t *testing.T) {
	h := startHost(t, nil)
	h.register(testRooms, serviceFunc(func(st stanza.Stanza) {
		if reply, ok := st.ErrorReply(&stanza.Error{Type: stanza.Cancel, Condition: stanza.Gone}); ok {
			h.send(reply)
		}
		if st.Type() == stanza.Unavailable {
			h.send(stanza.New(stanza.Header{
				Kind: stanza.Message, From: st.To(), To: jid.MustParse("bob@localhost"),
			}, "<body>"+st.From().String()+" has left</body>"))
		}
	}))
	alice, bob := xmpptest.Login(t, h, "alice/desk"), xmpptest.Login(t, h, "bob")
	if a := alice.Request(patience, "get", "", "rooms.localhost", "<ping xmlns='urn:xmpp:ping'/>"); a.Err == nil || a.Err.Condition != "gone" {
		t.Errorf("got %s, want gone", a)
	}
	items := alice.Request(patience, "get", "", "localhost", "<query xmlns='http://jabber.org/protocol/disco#items'/>")
	if !strings.Contains(items.Raw, `<item jid="rooms.localhost"/>`) {
		t.Errorf("items %s", items)
	}
	alice.Send("<presence to='room@rooms.localhost/nick'/>")
	alice.Sync()
	alice.Drop()
	bob.WaitBody(patience, "alice@localhost/desk has left")
}

// A service that is busy holds a bounded number of bytes, and senders are told
// when it takes no more.
func TestService_fullMailbox(t *testing.T) {
	h := startHost(t, nil)
	begun, release := make(chan struct{}, maxMail), make(chan struct{})
	h.register(testRooms, serviceFunc(func(stanza.Stanza) {
		begun <- struct{}{}
		<-release
	}))
	defer close(release)
	alice := xmpptest.Login(t, h, "alice")
	alice.Send("<message to='x@rooms.localhost'/>")
	within(t, "the service", begun)
	body := strings.Repeat("x", maxMailBytes/100)
	for range 101 {
		alice.Send("<message to='x@rooms.localhost' id='big'><body>" + body + "</body></message>")
	}
	if m := alice.Wait(patience, func(s xmpptest.Stanza) bool { return s.ID == "big" }); m.Err == nil || m.Err.Condition != "resource-constraint" {
		t.Errorf("got %.300s", m.Raw)
	}
}
