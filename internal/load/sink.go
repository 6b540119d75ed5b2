package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// sink is the fastest server that there could be: it takes any component with any
// secret, routes stanzas between components as they came, byte for byte, and checks
// nothing. A stanza to the component's own domain goes back to it, as with real
// servers; so a component that pings itself gets its pong.
type sink struct {
	mu     sync.RWMutex
	routes map[string]*outbox // by domain
	conns  sync.WaitGroup
}

func newSink() *sink { return &sink{routes: make(map[string]*outbox)} }

// serve takes components until ctx ends, and closes the listener.
func (s *sink) serve(ctx context.Context, l net.Listener) error {
	defer s.conns.Wait()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for number := 1; ; number++ {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("sink: %w", err)
		}
		s.conns.Go(func() {
			defer conn.Close()
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			defer stop()
			s.serveComponent(conn, number)
		})
	}
}

// serveComponent works off one stream. Its errors are its component's business,
// which sees the stream end.
func (s *sink) serveComponent(conn net.Conn, number int) {
	in, out := newInbox(conn), newOutbox(conn)
	conn.SetDeadline(time.Now().Add(handshakeTimeout))
	header, err := in.header()
	if err != nil {
		return
	}
	name := string(attribute(header, " to="))
	if out.write([]byte("<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'"+
		" id='"+strconv.Itoa(number)+"' from='"+name+"'>")) != nil {
		return
	}
	if _, err := in.element(); err != nil || s.register(name, out) != nil {
		return
	}
	conn.SetDeadline(time.Time{})
	defer s.unregister(name, out)
	s.route(in, out)
}

// register tells a component that it is connected, and routes to it from then on:
// nothing comes before the handshake, and nothing is dropped after it.
func (s *sink) register(name string, out *outbox) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := out.write([]byte("<handshake/>")); err != nil {
		return err
	}
	s.routes[name] = out
	return nil
}

func (s *sink) unregister(name string, out *outbox) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.routes[name] == out {
		delete(s.routes, name)
	}
}

// route works off a component's stanzas until its stream ends. Stanzas in a row
// to the same domain are written together.
func (s *sink) route(in *inbox, own *outbox) {
	r := router{sink: s, own: own}
	for {
		for element := in.next(); element != nil; element = in.next() {
			if bytes.HasPrefix(element, []byte("</")) {
				r.flush()
				_ = own.write([]byte("</stream:stream>")) // the component is leaving anyway
				return
			}
			r.add(element)
		}
		r.flush()
		if in.fill() != nil {
			return
		}
	}
}

// router collects stanzas in a row to one domain.
type router struct {
	sink  *sink
	own   *outbox // of the component whose stanzas these are
	to    []byte  // domain of those collected
	batch []byte
}

func (r *router) add(stanza []byte) {
	if to := domain(attribute(stanza, " to=")); !bytes.Equal(to, r.to) {
		r.flush()
		r.to = append(r.to[:0], to...)
	}
	r.batch = append(r.batch, stanza...)
}

func (r *router) flush() {
	if len(r.batch) == 0 {
		return
	}
	r.sink.mu.RLock()
	out := r.sink.routes[string(r.to)]
	r.sink.mu.RUnlock()
	switch {
	case out != nil:
		_ = out.write(r.batch) // a component that is gone gets nothing
	case bytes.Contains(r.batch, []byte("urn:xmpp:ping")):
		_ = r.own.write(pongs(r.batch))
	}
	r.batch = r.batch[:0]
}

// pongs answers the pings among stanzas to a domain that isn't connected: the
// sink's own, whatever its name.
func pongs(stanzas []byte) []byte {
	var (
		cut     cutter
		answers []byte
	)
	for len(stanzas) > 0 {
		n := cut.end(stanzas)
		if ping := stanzas[:n]; bytes.Contains(ping, []byte("urn:xmpp:ping")) {
			answers = appendResult(answers, ping, "")
		}
		stanzas = stanzas[n:]
	}
	return answers
}

// appendResult appends the result of an iq.
func appendResult(dst, iq []byte, payload string) []byte {
	dst = append(dst, `<iq type="result" id="`...)
	dst = append(dst, attribute(iq, " id=")...)
	dst = append(dst, `" from="`...)
	dst = append(dst, attribute(iq, " to=")...)
	dst = append(dst, `" to="`...)
	dst = append(dst, attribute(iq, " from=")...)
	dst = append(dst, `">`...)
	dst = append(dst, payload...)
	return append(dst, `</iq>`...)
}
