package httpd

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/restanza/restanza/events"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// BenchmarkEvents_latency is the time from a stanza's coming into the log to its line at a reader of Server-Sent Events over
// TCP, and, as the yardstick, from a signal to a line of the same length that a bare net/http handler flushes.
func BenchmarkEvents_latency(b *testing.B) {
	st, err := stanza.Parse([]byte(`<message type="chat" id="m" from="a@example.org/x" to="bot@` + testDomain + `"><body>Art thou not Romeo, and a Montague?</body></message>`))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("gateway", func(b *testing.B) {
		log, err := events.New(b.Context(), events.Options{Domain: jid.MustParse(testDomain)})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		defer cancel()
		go func() { _ = log.Run(ctx) }() // returns nil
		s := newTestServer(b, newFake(), func(o *Options) { o.Credentials[0].Events = log })
		measureLines(b, s, func() { log.Add(events.In, events.Offered, st) })
	})
	b.Run("bare", func(b *testing.B) {
		signal := make(chan struct{}, 1)
		line := []byte("data: " + string(make([]byte, 300)) + "\n\n")
		measureLines(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			control := http.NewResponseController(w)
			_, _ = w.Write([]byte("id: 1\n\n"))
			_ = control.Flush()
			for {
				select {
				case <-signal:
					_, _ = w.Write(line)
					_ = control.Flush()
				case <-r.Context().Done():
					return
				}
			}
		}), func() { signal <- struct{}{} })
	})
}

// measureLines has lines made, one after the other, and reports how long each takes to its reader.
func measureLines(b *testing.B, h http.Handler, cause func()) {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: h}
	go func() { _ = server.Serve(ln) }()
	defer func() { _ = server.Close() }()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET /events.sse HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\n\r\n", testSecret); err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewReader(conn)
	await := func(prefix string) {
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				b.Fatal(err)
			}
			if len(line) >= len(prefix) && line[:len(prefix)] == prefix {
				return
			}
		}
	}
	await("id: ")
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		cause()
		await("data: ")
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "median-ns")
}

// However many readers an event has, it is written once in each form.
func TestEvents_encodedOnce(t *testing.T) {
	s := newTestServer(t, newFake(), nil)
	log, _ := withEvents(t, events.Options{})
	say(t, log, "alice", "hi")
	r, err := log.Read(events.Filter{}, log.First())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	list, err := r.Next(t.Context(), 1, 0)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	e := events.Given{Event: list[0], Attempt: 1}
	for name, write := range map[string]func() []byte{
		"json": func() []byte { return s.given(e, false) }, "xml": func() []byte { return s.given(e, true) },
		"sse json": func() []byte { return s.frame(e, false) }, "sse xml": func() []byte { return s.frame(e, true) },
	} {
		first := write()
		var others atomic.Int64
		if n := testing.AllocsPerRun(100, func() {
			if &write()[0] != &first[0] {
				others.Add(1)
			}
		}); n > 0 || others.Load() > 0 {
			t.Errorf("%s: %v allocations for each further reader, %d written anew", name, n, others.Load())
		}
	}
}
