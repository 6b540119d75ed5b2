package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

// The limit does all modes against the sink, in this process, and nothing is lost.
func TestLimit_throughSink(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip(errNotLinux)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context())) // the cleanup ends it, last of all
	s := &server{name: sinkName, secret: "x", process: ourselves(), gateway: "g.test", limit: "l.test", receiver: "r.test"}
	s.address = serve(t, ctx, newSink().serve)
	b := &bench{server: s}
	stop, err := b.open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c, err := dialComponent(ctx, s.address, s.limit, s.secret)
	if err != nil {
		t.Fatal(err)
	}
	l := newLimit(c, b.hook.url())
	ended := make(chan error, 1)
	go func() { ended <- l.run(ctx) }()
	p := &program{name: limitName, process: ourselves(), domain: s.limit, format: format.XML}
	p.address = serve(t, ctx, func(ctx context.Context, listener net.Listener) error {
		return serveHTTP(ctx, listener, l.handler())
	})
	t.Cleanup(func() {
		c.close()
		l.client.CloseIdleConnections()
		if err := errors.Join(<-ended, stop()); err != nil {
			t.Error(err)
		}
		cancel()
	})

	for _, m := range []struct {
		mode mode
		path string
	}{{modeSend, pathSend}, {modeSend, pathWait}, {modeIQ, pathIQ}, {modeCallback, ""}} {
		p.paths = map[mode]string{m.mode: m.path}
		got := b.measure(ctx, p, m.mode, 4, 50*time.Millisecond)
		if got.faulty() || got.Done == 0 || got.Arrived < got.Done || got.Rate == 0 || got.Arrival.Median == 0 || got.CPU == 0 {
			t.Errorf("%s %s: %+v", m.mode, m.path, got)
		}
	}
}

// The load in JSON is the same stanza, with a place for its number.
func TestPoster_inJSON(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := (&program{address: l.Addr().String(), format: format.XML}).inJSON()
	for _, xml := range []string{message("s@g.test", "inbox@r.test"), query("s@g.test", "inbox@r.test")} {
		c, err := dialPoster(t.Context(), p, "/rest", xml)
		if err != nil {
			t.Fatal(err)
		}
		defer c.conn.Close()
		u := number{cell: 1, sender: 2, n: 3}
		u.put(c.number)
		head, body, _ := bytes.Cut(c.request, []byte("\r\n\r\n"))
		if !bytes.Contains(head, []byte("Content-Type: application/json")) {
			t.Errorf("%s", head)
		}
		want, err := stanza.Parse([]byte(strings.Replace(xml, blankNumber, string(c.number), 1)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := format.JSON.Parse(body, jsonmap.Envelope{})
		if err != nil || string(got.XML()) != string(want.XML()) {
			t.Errorf("%s\nis %v, %v\nwant %s", body, got, err, want.XML())
		}
	}
}

// Loss, duplicates and refusals are faults.
func TestBench_seesFaults(t *testing.T) {
	tr := newTracker(1, 1, time.Now())
	tr.arrived(number{cell: 1, n: 0}, 1)
	tr.arrived(number{cell: 1, n: 0}, 2)
	senders := []*sender{{posted: 3, answers: make([]time.Duration, 2), last: 3, refused: map[int]string{2: "status 503"}}}
	m := measurement{Program: gatewayName, Mode: modeSend}
	sum(&m, tr, senders)
	if m.Lost != 1 || m.Duplicates != 1 || m.Refused != 1 || !m.faulty() {
		t.Errorf("%+v", m)
	}
}

// ourselves is this process, as a program and as a server.
func ourselves() *process { return &process{name: "test", id: os.Getpid()} }

// serve serves a free port until ctx ends, and returns its address.
func serve(t *testing.T, ctx context.Context, f func(context.Context, net.Listener) error) string { //nolint:revive // t first, as helpers have it
	t.Helper()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- f(ctx, l) }()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}
