package link

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
	"github.com/restanza/restanza/stream"
)

// BenchmarkSend measures a message from Send to its confirmation, by a peer in
// memory that routes pings back and does nothing else.
func BenchmarkSend(b *testing.B) {
	for name, senders := range map[string]int{"1": 1, "64": 64} {
		b.Run(name, func(b *testing.B) {
			link := benchLink(b)
			st := message("m1")
			b.ReportAllocs()
			b.ResetTimer()
			each := make(chan struct{}, b.N)
			for range b.N {
				each <- struct{}{}
			}
			close(each)
			var wg sync.WaitGroup
			for range senders {
				wg.Go(func() {
					for range each {
						outcome, err := link.Send(context.Background(), st)
						if err == nil {
							err = <-outcome
						}
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// benchLink returns a link that is up, with echoPings at its other end.
func benchLink(b *testing.B) *Component {
	b.Helper()
	link, err := NewComponent(ComponentOptions{
		Domain: jid.MustParse(domain), Address: "pipe:1", Secret: secret,
		Receive: func(stanza.Stanza) {}, Metrics: prometheus.NewRegistry(),
		Logger: slog.New(slog.DiscardHandler),
		Dial: func(context.Context, string) (net.Conn, error) {
			client, server := net.Pipe()
			go echoPings(server)
			return client, nil
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- link.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Errorf("Run: %v", err)
		}
	})
	for {
		if outcome, err := link.Send(b.Context(), message("first")); err == nil {
			if err := <-outcome; err != nil {
				b.Fatal(err)
			}
			return link
		}
	}
}

// echoPings is a server that costs next to nothing: it finds pings by their
// bytes.
func echoPings(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 256<<10)
	out := make(chan []byte, 1024) // a pipe does not buffer: reading must not wait for writing
	defer close(out)
	go func() {
		for p := range out {
			if _, err := conn.Write(p); err != nil {
				return
			}
		}
	}()
	out <- append(stream.AppendOpen(nil, stream.Open{Default: stanza.NSComponent, ID: "1"}), "<handshake/>"...)
	for {
		tag, err := in.ReadSlice('>')
		if err != nil {
			return
		}
		switch {
		case bytes.HasPrefix(tag, []byte(`<iq type="get" id="restanza-`)):
			out <- append(bytes.Clone(tag), `<ping xmlns="urn:xmpp:ping"/></iq>`...)
		case bytes.HasPrefix(tag, []byte("</stream:stream")):
			return
		}
	}
}
