package link

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
	"github.com/restanza/restanza/stream"
)

// tcpRig is a link with a server's end of a TCP connection.
func tcpRig(tb testing.TB, change func(*ComponentOptions)) (*Component, *stream.Reader, net.Conn) {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	o := ComponentOptions{
		Domain: jid.MustParse(domain), Address: listener.Addr().String(), Secret: secret,
		Receive: func(stanza.Stanza) {}, Metrics: prometheus.NewRegistry(),
		Logger: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&o)
	}
	link, err := NewComponent(o)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- link.Run(ctx) }()
	conn, err := listener.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		cancel()
		_ = conn.Close()
		_ = listener.Close()
		if err := <-ended; err != nil {
			tb.Errorf("Run: %v", err)
		}
	})
	in := stream.NewReader(conn, stream.ReaderOptions{})
	if _, err := in.Header(); err != nil {
		tb.Fatal(err)
	}
	open := stream.AppendOpen(nil, stream.Open{Default: stanza.NSComponent, ID: streamID, From: domain})
	if _, err := conn.Write(open); err != nil {
		tb.Fatal(err)
	}
	if _, err := in.Next(); err != nil {
		tb.Fatal(err)
	}
	if _, err := conn.Write([]byte("<handshake/>")); err != nil {
		tb.Fatal(err)
	}
	for tick := time.NewTicker(time.Millisecond); !link.State().Up; <-tick.C {
		if tb.Context().Err() != nil {
			tb.Fatal("the link does not come up")
		}
	}
	return link, in, conn
}

func TestTCP_waitingStanzasShareAWriteCall(t *testing.T) {
	const stanzas = 500
	link, in, conn := tcpRig(t, func(o *ComponentOptions) {
		o.Window = stanzas
		o.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			conn, err := dial(ctx, address)
			if err == nil {
				err = conn.(*net.TCPConn).SetWriteBuffer(2 << 10) // so that little fits into the connection
			}
			return conn, err
		}
	})
	if err := conn.(*net.TCPConn).SetReadBuffer(2 << 10); err != nil {
		t.Fatal(err)
	}
	var outcomes []<-chan error
	for i := range stanzas {
		outcome, err := link.Send(t.Context(), message(fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		outcomes = append(outcomes, outcome)
	}
	for want := 0; want < stanzas; {
		item, err := in.Next()
		if err != nil {
			t.Fatal(err)
		}
		if isPing(item.Stanza) {
			if _, err := conn.Write(item.Stanza.XML()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got := item.Stanza.ID(); got != fmt.Sprint(want) {
			t.Fatalf("got %s, want %d", got, want)
		}
		want++
	}
	go func() { // answer what pings are left
		for {
			item, err := in.Next()
			if err != nil {
				return
			}
			_, _ = conn.Write(item.Stanza.XML())
		}
	}()
	for _, outcome := range outcomes {
		if err := <-outcome; err != nil {
			t.Fatal(err)
		}
	}
	if got := count(t, link.metrics.writes); got > stanzas/5 {
		t.Errorf("%v write calls for %d stanzas", got, stanzas)
	}
}

func TestTCP_refused(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = dial(t.Context(), address)
	if err == nil {
		t.Fatal("connected")
	}
	want := "nothing listens at " + address
	if got := explain(err, address, domain, false); len(got) < len(want) || got[:len(want)] != want {
		t.Errorf("explained as %q", got)
	}
}
