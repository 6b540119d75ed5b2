package xmpptest

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Callback is a request that a [Receiver] has got.
type Callback struct {
	Method string
	Path   string // with the query, as it was sent
	Header http.Header
	Body   string
	Remote string    // the connection it came on, host:port
	At     time.Time // when it was read whole
}

// Receiver is an HTTP server that records callbacks and answers them as the test says.
// Without a handler it answers 202, and OPTIONS with 200. It is safe for concurrent use.
type Receiver struct {
	tb       TB
	addr     string
	inbox    *inbox[Callback]
	probes   *inbox[Callback]
	handler  atomic.Pointer[func(http.ResponseWriter, *http.Request, Callback)]
	prober   atomic.Pointer[http.HandlerFunc]
	inFlight atomic.Int64

	mu     sync.Mutex
	server *http.Server
	done   chan struct{} // closed when server has ended
}

// NewReceiver starts a receiver on a loopback port. It ends with the test.
func NewReceiver(tb TB) *Receiver {
	tb.Helper()
	r := &Receiver{tb: tb, addr: FreeAddr(tb), inbox: newInbox[Callback](), probes: newInbox[Callback]()}
	r.Up()
	tb.Cleanup(r.Down)
	return r
}

// URL is where the receiver listens, without a path: http://127.0.0.1:12345.
func (r *Receiver) URL() string { return "http://" + r.addr }

// Handle sets the function that answers all further requests but OPTIONS. The
// body is read already. nil brings back the default, 202.
func (r *Receiver) Handle(f func(w http.ResponseWriter, req *http.Request, c Callback)) {
	if f == nil {
		r.handler.Store(nil)
		return
	}
	r.handler.Store(&f)
}

// HandleProbe sets the function that answers all further OPTIONS requests; nil brings back the default, 200.
func (r *Receiver) HandleProbe(f http.HandlerFunc) {
	if f == nil {
		r.prober.Store(nil)
		return
	}
	r.prober.Store(&f)
}

// Answer has all further requests answered with the same response. An empty
// content type sets none.
func (r *Receiver) Answer(status int, contentType, body string) {
	r.Handle(func(w http.ResponseWriter, _ *http.Request, _ Callback) {
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // the client may be gone: its own trouble
	})
}

// Wait takes the first recorded request for which match is true (nil: any), and waits for one as long as limit. If none comes the
// test fails. OPTIONS requests are not among them, see WaitProbe.
func (r *Receiver) Wait(limit time.Duration, match func(Callback) bool) Callback {
	r.tb.Helper()
	c, err := r.inbox.wait(limit, match)
	if err != nil {
		r.tb.Fatalf("receiver %s: waiting %v for a callback: %v; %d others came: %+v",
			r.addr, limit, err, len(r.All()), r.inbox.unconsumed())
	}
	return c
}

// Next takes the next recorded request.
func (r *Receiver) Next(limit time.Duration) Callback {
	r.tb.Helper()
	return r.Wait(limit, nil)
}

// WaitProbe takes the next OPTIONS request.
func (r *Receiver) WaitProbe(limit time.Duration) Callback {
	r.tb.Helper()
	c, err := r.probes.wait(limit, nil)
	if err != nil {
		r.tb.Fatalf("receiver %s: waiting %v for OPTIONS: %v", r.addr, limit, err)
	}
	return c
}

// All gives all requests recorded so far but OPTIONS, in the order in which they were read.
func (r *Receiver) All() []Callback { return r.inbox.history() }

// InFlight is the number of requests that are being answered.
func (r *Receiver) InFlight() int { return int(r.inFlight.Load()) }

// Down closes the receiver and its connections; requests in flight are cut off. Nothing listens at its address then.
func (r *Receiver) Down() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server == nil {
		return
	}
	_ = r.server.Close() // it closes all it can; what is left closes itself
	<-r.done
	r.server = nil
}

// Up opens the receiver again after Down, at the same address.
func (r *Receiver) Up() {
	r.tb.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server != nil {
		return
	}
	l, err := listen(r.addr)
	if err != nil {
		r.tb.Fatalf("receiver: %v", err)
	}
	server, done := &http.Server{Handler: http.HandlerFunc(r.serve)}, make(chan struct{})
	r.server, r.done = server, done
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			r.tb.Errorf("receiver %s: %v", r.addr, err)
		}
	}()
}

func (r *Receiver) serve(w http.ResponseWriter, req *http.Request) {
	r.inFlight.Add(1)
	defer r.inFlight.Add(-1)
	body, err := io.ReadAll(req.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c := Callback{
		Method: req.Method, Path: req.RequestURI, Header: req.Header.Clone(),
		Body: string(body), Remote: req.RemoteAddr, At: time.Now(),
	}
	if req.Method == http.MethodOptions {
		r.probes.put(c)
		if answer := r.prober.Load(); answer != nil {
			(*answer)(w, req)
			return
		}
		w.WriteHeader(http.StatusOK)
		return
	}
	r.inbox.put(c)
	if handle := r.handler.Load(); handle != nil {
		(*handle)(w, req, c)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}
