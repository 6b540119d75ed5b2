package devhost

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/restanza/restanza/internal/xmpptest"
)

// 2,000 clients are connected at once; each sends the bot a message and gets
// the echo.
func TestHost_manyClients(t *testing.T) {
	const clients = 2000
	h := startHost(t, nil)
	bot := xmpptest.DialComponent(t, h, 0)
	bot.Handle(func(s xmpptest.Stanza) {
		if s.Name == "message" {
			_ = bot.TrySend("<message from='" + s.To + "' to='" + s.From + "'><body>echo of " + s.Body + "</body></message>") // a client that waits in vain fails
		}
	})
	all := make([]*rawClient, clients)
	var wg sync.WaitGroup
	for i := range all {
		all[i] = dialRaw(t, h.ClientAddr())
		wg.Go(func() { all[i].login("alice", fmt.Sprint(i)) })
	}
	wg.Wait()
	for i, r := range all {
		wg.Go(func() {
			r.send(fmt.Sprintf("<message to='bot@bot.localhost'><body>%d</body></message>", i))
			r.expect(fmt.Sprintf("<body>echo of %d</body>", i))
		})
	}
	wg.Wait()
}

// When many are there presence may wait a little, but it comes, to everybody, and
// not behind what is sent later.
func TestPresence_manyClients(t *testing.T) {
	h := startHost(t, nil)
	var all []*xmpptest.User
	for i := range manySessions + 10 {
		all = append(all, xmpptest.Login(t, h, fmt.Sprint("alice/", i)))
	}
	last := all[len(all)-1]
	for _, u := range all[:len(all)-1] {
		u.Wait(patience, func(s xmpptest.Stanza) bool { return s.Name == "presence" && s.From == last.JID() })
	}
	last.Send("<presence><show>away</show></presence>")
	last.SendMessage(all[0].JID(), "afterwards")
	all[0].WaitBody(patience, "afterwards")
	history := all[0].History()
	if before := history[len(history)-2]; !strings.Contains(before.Raw, "away") {
		t.Errorf("the message came behind %s, want the presence sent before it", before)
	}
}

// A component that reads nothing does not cost a client its stream, and what
// does not fit in its queue is answered.
func TestComponent_neverReads(t *testing.T) {
	h := startHost(t, func(o *Options) { o.QueueBytes, o.stallTimeout = 256<<10, 200*time.Millisecond })
	alice := xmpptest.Login(t, h, "alice")
	deaf := dialRaw(t, h.ComponentAddr())
	deaf.send(componentOpen)
	deaf.expect("id=\"")
	id := strings.TrimSuffix(deaf.expect("\""), "\"")
	deaf.send("<handshake>" + proofOf(id, xmpptest.ComponentSecret) + "</handshake>")
	deaf.expect("<handshake/>")
	bob := xmpptest.Login(t, h, "bob")
	body := strings.Repeat("x", 100<<10)
	for i := 0; ; i++ {
		if i > 1000 {
			t.Fatal("a component that reads nothing takes everything")
		}
		alice.Send(fmt.Sprintf("<message to='bot@bot.localhost' id='n%d'><body>%s</body></message>", i, body))
		bob.Sync()
		alice.Sync()
		if h := alice.History(); h[len(h)-2].Type == "error" {
			break
		}
	}
	alice.SendMessage("bob@localhost", "still here")
	bob.WaitBody(patience, "still here")
}
