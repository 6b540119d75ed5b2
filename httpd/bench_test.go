package httpd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/gateway"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// benchMessage is a chat message of the usual size.
var benchMessage = func() string {
	const size = 355 // bytes
	const start = `<message type="chat" id="c2f7a1" from="bot@rest.example.net/alerts" to="user@example.org/phone"><body>`
	const end = `</body><active xmlns="http://jabber.org/protocol/chatstates"/></message>`
	return start + strings.Repeat("disk 93% full; ", size)[:size-len(start)-len(end)] + end
}()

// benchJSON is the same message in JSON.
func benchJSON(b *testing.B) string {
	b.Helper()
	st, err := stanza.Parse([]byte(benchMessage))
	if err != nil {
		b.Fatal(err)
	}
	return string(format.JSON.Append(nil, st))
}

// idleComponent takes everything and remembers nothing.
type idleComponent struct{ domain jid.JID }

func (c idleComponent) Domain() jid.JID { return c.domain }

func (idleComponent) Complete(_ jid.JID, st stanza.Stanza) (stanza.Stanza, error) { return st, nil }

func (idleComponent) Submit(context.Context, jid.JID, stanza.Stanza, gateway.SubmitOptions) (stanza.Stanza, error) {
	return stanza.Stanza{}, nil
}

func (idleComponent) Search(context.Context, jid.JID, stanza.Stanza, time.Duration, gateway.Collector) (stanza.Stanza, error) {
	return stanza.Stanza{}, nil
}

func (idleComponent) Outgoing(context.Context, jid.JID, string) (gateway.Outgoing, bool, error) {
	return gateway.Outgoing{}, false, nil
}

func newBenchServer(b *testing.B) *Server {
	b.Helper()
	return newTestServer(b, idleComponent{jid.MustParse(testDomain)}, func(o *Options) { o.Metrics = prometheus.NewRegistry() })
}

// bareHandler does what a program without a gateway would: read the body.
func bareHandler(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || len(body) == 0 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// reusedWriter is a http.ResponseWriter without cost.
type reusedWriter struct {
	header http.Header
	status int
}

func (w *reusedWriter) Header() http.Header         { return w.header }
func (w *reusedWriter) WriteHeader(status int)      { w.status = status }
func (w *reusedWriter) Write(p []byte) (int, error) { return len(p), nil }

// reusedBody is a request's body that can be read again.
type reusedBody struct{ bytes.Reader }

func (*reusedBody) Close() error { return nil }

func benchHandler(b *testing.B, h http.Handler, contentType, doc string) {
	b.Helper()
	content := []byte(doc)
	body := &reusedBody{}
	r := newPost("")
	r.Header.Set("Content-Type", contentType)
	r.Body, r.ContentLength = body, int64(len(content))
	w := &reusedWriter{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		body.Reset(content)
		h.ServeHTTP(w, r)
	}
	if w.status != http.StatusAccepted {
		b.Fatalf("got %d", w.status)
	}
}

func BenchmarkHandler_post(b *testing.B) { benchHandler(b, newBenchServer(b), xmlType, benchMessage) }

func BenchmarkHandler_postJSON(b *testing.B) {
	benchHandler(b, newBenchServer(b), jsonType, benchJSON(b))
}

func BenchmarkHandler_bare(b *testing.B) {
	benchHandler(b, http.HandlerFunc(bareHandler), xmlType, benchMessage)
}

// BenchmarkHandler_parse is the part of a post that is the stanza package's.
func BenchmarkHandler_parse(b *testing.B) {
	content := []byte(benchMessage)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := stanza.Parse(content); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkKeyring_authenticate(b *testing.B) {
	s := newBenchServer(b)
	r := newPost("")
	b.ReportAllocs()
	for b.Loop() {
		if _, p := s.keys.authenticate(r); p != nil {
			b.Fatal(p)
		}
	}
}

// benchTCP posts over kept-alive loopback connections, as many as there are
// processors times 8, and reports the CPU time of both ends.
func benchTCP(b *testing.B, contentType, doc string, serve func(ctx context.Context, ln net.Listener)) {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	served := make(chan struct{})
	go func() {
		defer close(served)
		serve(ctx, ln)
	}()
	head := strings.Replace(postHead(testSecret, fmt.Sprintf("Content-Length: %d", len(doc))), xmlType, contentType, 1)
	request := []byte(head + doc)
	before := cpuTime(b)
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		answer := make([]byte, 1024)
		for pb.Next() {
			if _, err := conn.Write(request); err != nil {
				b.Error(err)
				return
			}
			if n, err := conn.Read(answer); err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 202 ")) {
				b.Errorf("got %q and %v", answer[:n], err)
				return
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
	stop()
	<-served
}

func BenchmarkTCP_post(b *testing.B)     { benchPost(b, xmlType, benchMessage) }
func BenchmarkTCP_postJSON(b *testing.B) { benchPost(b, jsonType, benchJSON(b)) }

func benchPost(b *testing.B, contentType, doc string) {
	b.Helper()
	s := newBenchServer(b)
	benchTCP(b, contentType, doc, func(ctx context.Context, ln net.Listener) {
		if err := s.Serve(ctx, ln); err != nil {
			b.Error(err)
		}
	})
}

func BenchmarkTCP_bare(b *testing.B) {
	benchTCP(b, xmlType, benchMessage, func(ctx context.Context, ln net.Listener) {
		hs := &http.Server{Handler: http.HandlerFunc(bareHandler), ReadHeaderTimeout: 10 * time.Second}
		defer context.AfterFunc(ctx, func() { _ = hs.Close() })()
		_ = hs.Serve(ln) // http.ErrServerClosed
	})
}

// cpuTime returns the processor time that this process has used.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
