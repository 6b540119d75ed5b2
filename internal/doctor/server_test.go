package doctor

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/restanza/restanza/internal/xmpptest"
)

// silent returns the address of somebody who accepts connections and says
// nothing, until the test ends.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var held []net.Conn
		for {
			conn, err := l.Accept()
			if err != nil {
				break
			}
			held = append(held, conn)
		}
		for _, conn := range held {
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}

// shortly is a time limit that what never answers is to reach.
const shortly = 2 * time.Second

// What is no component port.
func TestHandshake_otherPort(t *testing.T) {
	fake := xmpptest.StartFake(t)
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	for name, c := range map[string]struct {
		address string
		says    []string
	}{
		"silent": {silent(t), []string{"does not answer", "component port"}},
		"HTTP":   {web.Listener.Addr().String(), []string{"an HTTP server answers at " + web.Listener.Addr().String()}},
		"client": {fake.ClientAddr(), []string{"a port for clients says the same"}},
	} {
		t.Run(name, func(t *testing.T) {
			conf := healthy(t, fake)
			conf.Components[0].Server = c.address
			got := examine(t, conf, within(shortly))
			got.want(t, Connection, OK)
			got.want(t, Handshake, Failed, append(c.says, "must name the server's component port")...)
		})
	}
}

// Whatever condition a server refuses with is named.
func TestHandshake_conditions(t *testing.T) {
	fake := xmpptest.StartFake(t)
	c := healthy(t, fake)
	for condition, says := range map[string]string{
		"host-unknown":        "letter by letter",
		"not-authorized":      "to the letter",
		"conflict":            "is a Restanza running?",
		"invalid-namespace":   "refuses the component protocol",
		"resource-constraint": "resource-constraint",
	} {
		fake.RefuseComponents(condition)
		got := examine(t, c)
		got.want(t, Handshake, Failed, says)
		got.want(t, Ping, Skipped)
	}
}

func TestPing_noPong(t *testing.T) {
	fake := xmpptest.StartFake(t)
	fake.HoldPongs()
	got := examine(t, healthy(t, fake), within(shortly))
	got.want(t, Handshake, OK)
	got.want(t, Ping, Failed, "has not routed a ping back in time", "global_routes: false")
}

func TestPing_dropped(t *testing.T) {
	fake := xmpptest.StartFake(t)
	fake.OnStanza(func(domain string, _ xmpptest.Stanza) bool {
		fake.CloseStream(domain, "system-shutdown", "back soon")
		return true
	})
	examine(t, healthy(t, fake)).want(t, Ping, Failed, "the server is shutting down")
}

// answerTime has the fake server say that its clock is ahead.
func answerTime(fake *xmpptest.Fake, ahead time.Duration) {
	fake.OnStanza(func(domain string, s xmpptest.Stanza) bool {
		if !strings.Contains(s.Raw, nsTime) {
			return false
		}
		now := time.Now().Add(ahead).UTC().Format("2006-01-02T15:04:05.000Z")
		fake.SendRaw(domain, "<iq type='result' id='"+s.ID+"' from='"+s.To+"' to='"+s.From+"'>"+
			"<time xmlns='urn:xmpp:time'><tzo>+01:00</tzo><utc>"+now+"</utc></time></iq>")
		return true
	})
}

func TestClock_server(t *testing.T) {
	fake := xmpptest.StartFake(t)
	c := healthy(t, fake)
	for ahead, want := range map[time.Duration]struct {
		status Status
		says   string
	}{
		0:                 {OK, "agrees with the XMPP server's"},
		20 * time.Second:  {OK, "this machine's is 20s behind the XMPP server's"},
		2 * time.Minute:   {Warning, "this machine's is 2m0s behind the XMPP server's"},
		-10 * time.Minute: {Warning, "this machine's is 10m0s ahead of the XMPP server's"},
	} {
		answerTime(fake, ahead)
		examine(t, c).want(t, Clock, want.status, want.says)
	}
}

// Answers that tell no time.
func TestClock_nonsense(t *testing.T) {
	fake := xmpptest.StartFake(t)
	c := healthy(t, fake)
	for _, content := range []string{
		"", "<time xmlns='urn:xmpp:time'/>", "<time xmlns='urn:xmpp:time'><utc>noon</utc></time>",
		"<time xmlns='x'><utc>2026-11-25T00:00:00Z</utc></time>",
		"<time xmlns='urn:xmpp:time'><utc xmlns='x'>2026-11-25T00:00:00Z</utc></time>",
	} {
		fake.OnStanza(func(domain string, s xmpptest.Stanza) bool {
			if strings.Contains(s.Raw, nsTime) {
				fake.SendRaw(domain, "<iq type='result' id='"+s.ID+"' from='"+s.To+"' to='"+s.From+"'>"+content+"</iq>")
			}
			return strings.Contains(s.Raw, nsTime)
		})
		examine(t, c).want(t, Clock, OK, "agrees with the callback's")
	}
}
