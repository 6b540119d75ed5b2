package xmpptest

import (
	"net"
	"slices"
	"time"
)

// script is what a test has told the fake server to do differently; it belongs to Fake.mu.
type script struct {
	hook       func(domain string, s Stanza) bool
	refuse     string // the condition that answers a component's stream header
	holding    bool
	held       []func() // the pings that wait
	received   map[string][]Stanza
	handshakes map[string]int
}

func newScript() script {
	return script{received: make(map[string][]Stanza), handshakes: make(map[string]int)}
}

// OnStanza has f called for each stanza from a component before anything
// is done with it, on that component's reading goroutine, in order. If it gives true the server
// does nothing more with the stanza. f may call the other methods. nil ends that.
func (f *Fake) OnStanza(hook func(domain string, s Stanza) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script.hook = hook
}

// HoldPongs has components' pings to the server, or to themselves, wait until ReleasePongs. All else is
// routed as ever.
func (f *Fake) HoldPongs() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script.holding = true
}

// HeldPings is the number of pings that wait.
func (f *Fake) HeldPings() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.script.held)
}

// ReleasePongs answers the pings that wait, in order, and holds no more.
func (f *Fake) ReleasePongs() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script.holding = false
	for _, answer := range f.script.held {
		answer()
	}
	f.script.held = nil
}

// PauseReading has the server read no more from the component than the
// stanza it is about to get: to the component it is a silent peer, and one whose
// socket buffer is full before long. What others send to the component is still written.
func (f *Fake) PauseReading(domain string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.attached[domain]; c != nil && c.paused == nil {
		c.paused = make(chan struct{})
		if err := c.conn.(*net.TCPConn).SetReadBuffer(16 << 10); err != nil {
			f.logf("%s: a smaller socket buffer: %v", domain, err)
		}
	}
}

// ResumeReading ends PauseReading.
func (f *Fake) ResumeReading(domain string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.attached[domain]; c != nil {
		c.resume()
	}
}

// Drop closes the component's connection without a word.
func (f *Fake) Drop(domain string) {
	f.detach(domain, func(c *fakeConn) { c.conn.Close() })
}

// CloseStream ends the component's stream with an error, or properly if the condition is "".
func (f *Fake) CloseStream(domain, condition, text string) {
	f.detach(domain, func(c *fakeConn) {
		if condition != "" {
			c.streamError(condition, text)
			return
		}
		c.send("</stream:stream>")
		c.finish()
	})
}

// detach takes a component out of the books at once, so that its next connection is no conflict.
func (f *Fake) detach(domain string, end func(c *fakeConn)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.attached[domain]
	if c == nil {
		return
	}
	delete(f.attached, domain)
	c.resume()
	end(c)
	f.wakeWaiters()
}

// SendRaw writes bytes to the component, whatever they are. It reports
// whether the component is connected.
func (f *Fake) SendRaw(domain, raw string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.attached[domain]
	if c != nil {
		c.send(raw)
	}
	return c != nil
}

// Route routes a stanza that has both addresses as if it had come from elsewhere, from any address.
func (f *Fake) Route(tb TB, raw string) {
	tb.Helper()
	s, err := parseStanza(raw)
	if err != nil {
		tb.Fatalf("the fake server: %v in %s", err, raw)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.route(nil, s)
}

// RefuseComponents has the stream headers of components answered with a stream error, until it is called with "".
func (f *Fake) RefuseComponents(condition string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script.refuse = condition
}

// Received gives all stanzas that have come from the component so far.
func (f *Fake) Received(domain string) []Stanza {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.script.received[domain])
}

// Handshakes counts the successful handshakes for the domain: one means that the first connection has lived ever since, or ended for good.
func (f *Fake) Handshakes(domain string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.script.handshakes[domain]
}

// Connected reports whether the component is connected.
func (f *Fake) Connected(domain string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.attached[domain] != nil
}

// WaitConnected waits until the component has shaken hands at least n times in all and is connected.
func (f *Fake) WaitConnected(tb TB, limit time.Duration, domain string, n int) {
	tb.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for {
		f.mu.Lock()
		ok, changed := f.attached[domain] != nil && f.script.handshakes[domain] >= n, f.changed
		f.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			tb.Fatalf("component %s has not connected for the %d. time within %v\nthe end of the fake server's log:\n%s",
				domain, n, limit, tail(f.Log(), 20))
		}
	}
}

// wakeWaiters tells WaitConnected that something has changed; f.mu is held.
func (f *Fake) wakeWaiters() {
	close(f.changed)
	f.changed = make(chan struct{})
}
