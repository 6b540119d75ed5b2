package xmpptest

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"time"
)

// Fake is an XMPP server inside the test's process: real streams over TCP,
// for clients (SASL PLAIN, bind) and for external components (XEP-0114), with accounts, offline
// messages and simple rooms. It behaves as Prosody 0.12 does, also in what
// it ends a stream for. Beyond [Server] a test can script it, see the methods in fake_script.go.
//
// It works stanzas off one at a time and in order: what a stanza causes is
// written before what the next one causes.
type Fake struct {
	common
	tb         TB
	clients    string // addresses
	components string

	mu        sync.Mutex
	listeners []net.Listener
	conns     map[*fakeConn]bool
	wg        sync.WaitGroup
	accounts  map[string]*account
	attached  map[string]*fakeConn // components by domain
	rooms     map[string]*room     // by bare address
	nextID    int
	script    script
	log       bytes.Buffer
	changed   chan struct{} // closed and replaced when a component comes or goes
}

// account is a user's account; it outlives Kill.
type account struct {
	sessions []*fakeConn // those bound, the oldest first
	offline  []string    // messages for the next session that becomes available
}

// StartFake is Start(tb, "fake") with the scripting methods at hand.
func StartFake(tb TB) *Fake {
	tb.Helper()
	f := &Fake{
		common:   common{name: "fake", domains: componentDomains},
		tb:       tb,
		accounts: make(map[string]*account),
		attached: make(map[string]*fakeConn),
		script:   newScript(),
		changed:  make(chan struct{}),
	}
	ports := freePorts(tb, 2)
	f.clients, f.components = loopback(ports[0]), loopback(ports[1])
	f.Start(tb)
	tb.Cleanup(func() {
		f.Kill(tb)
		if tb.Failed() {
			tb.Logf("the end of the fake server's log:\n%s", tail(f.Log(), 40))
		}
	})
	return f
}

// ClientAddr implements [Server].
func (f *Fake) ClientAddr() string { return f.clients }

// ComponentAddr implements [Server].
func (f *Fake) ComponentAddr() string { return f.components }

// AddUser implements [Server].
func (f *Fake) AddUser(_ TB, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.accounts[name] == nil {
		f.accounts[name] = &account{}
	}
}

// Start implements [Server].
func (f *Fake) Start(tb TB) {
	tb.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listeners != nil {
		tb.Fatalf("the fake server is running")
	}
	f.conns = make(map[*fakeConn]bool)
	f.rooms = make(map[string]*room)
	for _, l := range []struct {
		addr  string
		serve func(*fakeConn)
	}{{f.clients, (*fakeConn).serveClient}, {f.components, (*fakeConn).serveComponent}} {
		listener, err := listen(l.addr)
		if err != nil {
			tb.Fatalf("the fake server: %v", err)
		}
		f.listeners = append(f.listeners, listener)
		f.wg.Go(func() { f.accept(listener, l.serve) })
	}
	f.logf("started")
}

// Kill implements [Server]: connections end without a word.
func (f *Fake) Kill(TB) {
	f.end(func(c *fakeConn) { c.conn.Close() })
}

// Stop implements [Server]: streams end with system-shutdown, those of components as well.
func (f *Fake) Stop(TB) {
	f.end(func(c *fakeConn) {
		c.streamError("system-shutdown", "")
		// A peer that does not read can't hold up the end.
		c.conn.SetWriteDeadline(time.Now().Add(2 * time.Second))
	})
}

// end closes the listeners, ends each connection, and waits.
func (f *Fake) end(each func(*fakeConn)) {
	f.mu.Lock()
	for _, l := range f.listeners {
		l.Close()
	}
	f.listeners = nil
	for c := range f.conns {
		c.resume()
		each(c)
	}
	f.script.held = nil
	f.logf("ended")
	f.mu.Unlock()
	f.wg.Wait()
}

// Log implements [Server].
func (f *Fake) Log() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.String()
}

// logf writes a line; f.mu is held.
func (f *Fake) logf(format string, args ...any) {
	fmt.Fprintf(&f.log, "%s "+format+"\n", append([]any{time.Now().Format("15:04:05.000")}, args...)...)
}

// accept serves the connections of one listener until that is closed.
func (f *Fake) accept(l net.Listener, serve func(*fakeConn)) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		c := newFakeConn(f, conn)
		f.mu.Lock()
		if f.listeners == nil { // ended meanwhile
			f.mu.Unlock()
			conn.Close()
			return
		}
		f.conns[c] = true
		f.wg.Go(c.write)
		f.wg.Go(func() {
			serve(c)
			c.gone()
		})
		f.mu.Unlock()
	}
}

// id makes an id; f.mu is held.
func (f *Fake) id() string {
	f.nextID++
	return fmt.Sprintf("fake-%d", f.nextID)
}
