package devhost

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/restanza/restanza/internal/xmpptest"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
	"github.com/restanza/restanza/stream"
)

const pingHost = "<iq id='p' type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"

// Whoever logs in is told the presence of everybody at once. Large ones must not
// make that more than he can take.
func TestPresence_large(t *testing.T) {
	h := startHost(t, nil)
	for i := range 30 {
		r := dialRaw(t, h.ClientAddr())
		r.login("alice", fmt.Sprint("r", i))
		r.send("<presence><status>" + strings.Repeat("x", 250<<10) + "</status></presence>" + pingHost)
		r.expect("policy-violation")
		r.expect(`id="p"`)
		r.send("<presence><status>" + strings.Repeat("x", maxPresence/2) + "</status></presence>" + pingHost)
		r.expect(`id="p"`)
		if err := r.conn.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, r.conn) }() // until the connection ends
	}
	bob := loginRaw(t, h, "bob")
	bob.send("<presence/>" + pingHost)
	bob.expect(`id="p"`)
}

// All of a stanza counts for what is kept, its id included.
func TestOffline_countsIDs(t *testing.T) {
	h := startHost(t, nil)
	alice := xmpptest.Login(t, h, "alice")
	for i := range 20 {
		alice.Send(fmt.Sprintf("<message to='carol@localhost' id='%d%s'><body>x</body></message>", i, strings.Repeat("x", 250<<10)))
	}
	alice.Sync()
	h.mu.Lock()
	kept := 0
	for _, m := range h.accounts[jid.MustParse("carol@localhost")].offline {
		kept += len(m.st.XML())
	}
	h.mu.Unlock()
	if kept == 0 || kept > DefaultOfflineBytes {
		t.Errorf("%d bytes are kept, want some and at most %d", kept, DefaultOfflineBytes)
	}
	carol := loginRaw(t, h, "carol")
	carol.send("<presence/>" + pingHost)
	carol.expect(`id="p"`)
}

func TestKeep_countsIDs(t *testing.T) {
	h := startHost(t, nil)
	alice := xmpptest.Login(t, h, "alice")
	for i := range 20 {
		alice.Send(fmt.Sprintf("<iq type='set' id='%d%s'><query xmlns='jabber:iq:private'><s xmlns='y%d'/></query></iq>", i, strings.Repeat("x", 200<<10), i))
	}
	alice.Sync()
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := h.accounts[jid.MustParse("alice@localhost")].kept
	size := 0
	for _, st := range kept {
		size += len(st.XML())
	}
	if len(kept) != 20 || size > maxKeptSize {
		t.Errorf("%d entries of %d bytes are kept, want 20 of at most %d", len(kept), size, maxKeptSize)
	}
}

// fill makes the queue of the test's component look full until the function that
// it returns is called.
func fill(h *testHost) (relieve func()) {
	h.mu.Lock()
	o := h.components[testDomain].link.out
	h.mu.Unlock()
	o.mu.Lock()
	o.writing, o.flight = true, o.writers.hard+1
	o.mu.Unlock()
	return sync.OnceFunc(func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.writing, o.flight = false, 0
		if o.pending != nil {
			o.start()
		}
	})
}

// A component whose queue others have filled may still send something wrong: its
// stream goes on.
func TestComponent_fullAndWrong(t *testing.T) {
	h := startHost(t, nil)
	alice, c := xmpptest.Login(t, h, "alice"), xmpptest.DialComponent(t, h, 0)
	c.Sync()
	relieve := fill(h)
	defer relieve()
	c.Send("<iq type='get' from='bot.localhost' to='alice@localhost'><ping xmlns='urn:xmpp:ping'/></iq>") // no id
	c.Send("<message from='bot@bot.localhost' to='alice@localhost'><body>next</body></message>")
	alice.WaitBody(patience, "next")
}

// What such a component asks the host is answered: its link asks whether it is
// alive.
func TestComponent_fullAndAsking(t *testing.T) {
	h := startHost(t, nil)
	alice, c := xmpptest.Login(t, h, "alice"), xmpptest.DialComponent(t, h, 0)
	c.Sync()
	relieve := fill(h)
	defer relieve()
	c.Send("<iq type='get' id='first' from='bot.localhost' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
	c.Send("<message from='bot@bot.localhost' to='alice@localhost'><body>next</body></message>")
	alice.WaitBody(patience, "next")
	relieve()
	c.Wait(patience, func(s xmpptest.Stanza) bool { return s.ID == "first" })
}

// A component's sender is an address, and is normalised.
func TestComponent_from(t *testing.T) {
	h := startHost(t, nil)
	alice, c := xmpptest.Login(t, h, "alice"), xmpptest.DialComponent(t, h, 0)
	c.Send("<message from='BOT@bot.localhost' to='alice@localhost'><body>hi</body></message>")
	if m := alice.WaitBody(patience, "hi"); m.From != "bot@bot.localhost" {
		t.Errorf("from %q", m.From)
	}
	c.Send("<message from='a b@bot.localhost' to='alice@localhost'><body>x</body></message>")
	if err := c.Ended(patience); err == nil || !strings.Contains(err.Error(), string(stream.InvalidFrom)) {
		t.Errorf("the stream ended with %v, want invalid-from", err)
	}
}

// A connection that is never written to or read from.
type deadConn struct{ net.Conn }

func (deadConn) SetWriteDeadline(time.Time) error { return nil }
func (deadConn) SetReadDeadline(time.Time) error  { return nil }

// Who reads steadily is waited for, though another sender is always faster in
// filling the queue again.
func TestOutbox_steadyReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		w := &writers{wg: &wg, hard: 4000, soft: 1000, stall: 300 * time.Millisecond, total: 1 << 20}
		o := newOutbox(w, deadConn{}, stream.Open{Default: stanza.NSClient})
		o.writing, o.flight = true, 2000
		done := make(chan struct{})
		go func() {
			defer close(done)
			o.waitForRoom(nil)
		}()
		for range 50 {
			time.Sleep(5 * time.Millisecond)
			synctest.Wait()
			o.mu.Lock()
			o.written, o.flight = o.written+2000, 0
			o.relieve()
			o.flight = 2000 // another sender
			o.mu.Unlock()
		}
		<-done
		if o.isEnded() {
			t.Error("cut off, having read 100 KB in 250 ms")
		}
	})
}

// White space between stanzas keeps a connection alive (RFC 6120 §4.6.1) and is
// part of none.
func TestInput_keepalives(t *testing.T) {
	h := startHost(t, func(o *Options) { o.MaxStanza = 10_000 })
	r := loginRaw(t, h, "alice")
	for range 20 {
		r.send(strings.Repeat(" ", 10_000))
	}
	r.send(pingHost)
	r.expect(`id="p"`)
}

// What was sent in the clear behind <starttls/> is not taken for what came over
// TLS.
func TestLogin_nothingSlipsIntoTLS(t *testing.T) {
	h := startHost(t, nil)
	for _, after := range []string{"<", clientOpen, "x", plainAuth("alice", xmpptest.Password), "</stream:stream>", "&#32;"} {
		r := opened(t, h)
		r.send("<starttls xmlns='" + nsTLS + "'/>" + after)
		if got := r.ended(); strings.Contains(got, "<success") {
			t.Errorf("%q: %q", after, got)
		}
	}
	r := opened(t, h)
	r.send("<starttls xmlns='" + nsTLS + "'/>")
	r.expect("<proceed")
	r.send(plainAuth("alice", xmpptest.Password))
	if got := r.ended(); strings.Contains(got, "<success") {
		t.Errorf("in the clear after proceed: %q", got)
	}
}

// Malformed and dishonest credentials let nobody in (RFC 5802 §7, RFC 4616 §2).
func TestLogin_refusedCredentials(t *testing.T) {
	h := startHost(t, nil)
	encoded := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, first := range []string{
		"p=tls-unique,,n=alice,r=x", "n,,m=1,n=alice,r=x", "n,,n=,r=x", "n,,n=alice,r=", "n,,n=a=2Xe,r=x", "n,,,n=alice", "n", "n,a=bob,r=x,n=alice",
	} {
		r := opened(t, h)
		r.send(auth("SCRAM-SHA-1", first))
		if got := r.expect("</failure>"); strings.Contains(got, "<challenge") {
			t.Errorf("%q: %q", first, got)
		}
	}
	for _, plain := range []string{
		"\x00alice\x00", "\x00\x00x", "bob@localhost\x00alice\x00" + xmpptest.Password, "\x00alice@localhost\x00" + xmpptest.Password,
		"\x00alice/x\x00" + xmpptest.Password, "\x00alice\x00" + xmpptest.Password + "\x00",
	} {
		r := opened(t, h)
		r.send("<auth xmlns='" + nsSASL + "' mechanism='PLAIN'>" + encoded(plain) + "</auth>")
		if got := r.expect("</failure>"); strings.Contains(got, "<success") {
			t.Errorf("%q: %q", plain, got)
		}
	}
}
