package devhost

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/restanza/restanza/internal/xmpptest"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// A message of a client to a component: checked, stamped, routed and queued.
// What reads and writes the sockets is left out.
func BenchmarkRoute_clientToComponent(b *testing.B) {
	h := startHost(b, nil)
	s, done := benchSession(b, h)
	defer done()
	st, err := stanza.Parse([]byte(`<message type="chat" id="a1b2c3" to="bot@bot.localhost"><body>` + strings.Repeat("hello ", 20) + `</body><active xmlns="http://jabber.org/protocol/chatstates"/></message>`))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := s.handle(st); err != nil {
			b.Fatal(err)
		}
	}
}

// benchSession returns a session of which nobody reads, and attaches a component
// that throws away what it gets.
func benchSession(b *testing.B, h *testHost) (s *session, done func()) {
	b.Helper()
	discard := func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) } // until it is closed
	mine, theirs := net.Pipe()
	go discard(theirs)
	c := newConn(h.hosted, componentDoor, mine)
	if err := h.attach(h.components[testDomain], c); err != nil {
		b.Fatal(err)
	}
	mine2, theirs2 := net.Pipe()
	go discard(theirs2)
	who := h.accounts[jid.MustParse("alice@localhost")]
	s = h.enter(newConn(h.hosted, clientDoor, mine2), who, jid.MustParse("alice@localhost/bench"))
	return s, func() {
		s.leave()
		h.detach(h.components[testDomain])
		mine.Close()
		mine2.Close()
	}
}

// A message over real sockets, from a client to a component and back.
func BenchmarkEcho(b *testing.B) {
	h := startHost(b, nil)
	component := xmpptest.DialComponent(b, h, 0)
	component.Handle(func(s xmpptest.Stanza) {
		if s.Name == "message" {
			_ = component.TrySend("<message from='bot@bot.localhost' to='" + s.From + "'><body>back</body></message>") // its end ends the benchmark
		}
	})
	r := loginRaw(b, h, "alice")
	for b.Loop() {
		r.send("<message to='bot@bot.localhost'><body>there</body></message>")
		r.expect("back</body></message>")
		r.got, r.seen = r.got[:0], 0
	}
}

// What a client costs that is logged in and quiet, without TLS: heap and stacks
// of the host, and those of the test's own end, which are few.
func BenchmarkMemory_perClient(b *testing.B) {
	const clients = 500
	h := startHost(b, nil)
	for b.Loop() {
		before := footprint()
		var all []*rawClient
		for range clients {
			r := dialRaw(b, h.ClientAddr())
			r.login("alice", fmt.Sprint(len(all)))
			r.got, r.seen = nil, 0
			all = append(all, r)
		}
		b.ReportMetric(float64(footprint()-before)/clients, "B/client")
		for _, r := range all {
			r.conn.Close()
		}
		waitConnections(b, h, 0)
	}
}

// footprint returns how many bytes of heap and stacks are in use.
func footprint() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
