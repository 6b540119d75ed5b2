package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// The paths of the limit and of the bare handler.
const (
	pathSend = "/send" // write the stanza, answer 202
	pathWait = "/wait" // the same, but answer when a ping written after it is back
	pathIQ   = "/iq"   // write the query, answer with its answer
	pathBare = "/bare" // read the body, answer 202
)

// limit does the gateway's work in the least that can do it: net/http on one side,
// one TCP stream on the other. It checks nothing, knows no limits, and confirms
// nothing.
type limit struct {
	component *component
	callback  string // URL to which messages are posted
	client    *http.Client
	pings     atomic.Uint64
	buffers   sync.Pool

	mu      sync.Mutex
	waiting map[string]chan []byte // who waits for an iq's answer, by its id
}

func newLimit(c *component, callback string) *limit {
	return &limit{
		component: c,
		callback:  callback,
		client:    &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true}},
		buffers:   sync.Pool{New: func() any { return new(bytes.Buffer) }},
		waiting:   make(map[string]chan []byte),
	}
}

// handler returns the HTTP side.
func (l *limit) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+pathSend, l.send)
	mux.HandleFunc("POST "+pathWait, l.sendAndWait)
	mux.HandleFunc("POST "+pathIQ, l.ask)
	return mux
}

// run works off the component's stream until it ends.
func (l *limit) run(ctx context.Context) error {
	var posts sync.WaitGroup
	defer posts.Wait()
	return l.component.read(func(element []byte) {
		if bytes.HasPrefix(element, []byte("<iq")) {
			l.answered(element)
			return
		}
		stanza := bytes.Clone(element)
		posts.Go(func() { l.post(ctx, stanza) })
	}, func() {})
}

// body calls use with the request's body.
func (l *limit) body(w http.ResponseWriter, r *http.Request, use func(body []byte)) {
	buffer := l.buffers.Get().(*bytes.Buffer)
	defer l.buffers.Put(buffer)
	buffer.Reset()
	if _, err := buffer.ReadFrom(r.Body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	use(buffer.Bytes())
}

func (l *limit) send(w http.ResponseWriter, r *http.Request) {
	l.body(w, r, func(stanza []byte) {
		if err := l.component.out.write(stanza); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
}

// sendAndWait keeps the gateway's promise in the plainest way: a ping of its own
// after each stanza.
func (l *limit) sendAndWait(w http.ResponseWriter, r *http.Request) {
	l.body(w, r, func(stanza []byte) {
		id := "ping" + strconv.FormatUint(l.pings.Add(1), 10)
		stanza = append(stanza, `<iq type="get" id="`+id+`" from="`+l.component.domain+`" to="`+l.component.domain+
			`"><ping xmlns="urn:xmpp:ping"/></iq>`...)
		if l.await(w, r, id, stanza) != nil {
			w.WriteHeader(http.StatusAccepted)
		}
	})
}

func (l *limit) ask(w http.ResponseWriter, r *http.Request) {
	l.body(w, r, func(query []byte) {
		if answer := l.await(w, r, string(attribute(query, " id=")), query); answer != nil {
			w.Header().Set("Content-Type", "application/xmpp+xml")
			_, _ = w.Write(answer) // a caller who has gone gets nothing
		}
	})
}

// await writes something and waits for the iq with the id. It returns nil if the
// request was answered with an error or nobody waits for its answer any more.
func (l *limit) await(w http.ResponseWriter, r *http.Request, id string, data []byte) []byte {
	answer := make(chan []byte, 1)
	l.mu.Lock()
	l.waiting[id] = answer
	l.mu.Unlock()
	if err := l.component.out.write(data); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return nil
	}
	select {
	case iq := <-answer:
		return iq
	case <-r.Context().Done():
		l.mu.Lock()
		delete(l.waiting, id)
		l.mu.Unlock()
		return nil
	}
}

// answered hands an iq to who waits for it.
func (l *limit) answered(iq []byte) {
	id := attribute(iq, " id=")
	l.mu.Lock()
	answer := l.waiting[string(id)]
	delete(l.waiting, string(id))
	l.mu.Unlock()
	if answer != nil {
		answer <- bytes.Clone(iq)
	}
}

// post posts a stanza to the callback and writes what it answers. An error costs
// that stanza, and shows as its loss.
func (l *limit) post(ctx context.Context, stanza []byte) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, l.callback, bytes.NewReader(stanza)) //nolint:gosec // the tool's own callback
	if err != nil {
		return
	}
	request.Header.Set("Content-Type", "application/xmpp+xml")
	response, err := l.client.Do(request) //nolint:gosec // the tool's own callback
	if err != nil {
		return
	}
	defer response.Body.Close()
	reply, err := io.ReadAll(response.Body)
	if err != nil || !strings.HasPrefix(string(reply), "<") {
		return
	}
	_ = l.component.out.write(reply) // lost with the connection
}

// bareHandler reads the body and answers 202: what any HTTP service costs.
func bareHandler() http.Handler {
	mux := http.NewServeMux()
	buffers := sync.Pool{New: func() any { return new(bytes.Buffer) }}
	mux.HandleFunc("POST "+pathBare, func(w http.ResponseWriter, r *http.Request) {
		buffer := buffers.Get().(*bytes.Buffer)
		defer buffers.Put(buffer)
		buffer.Reset()
		if _, err := buffer.ReadFrom(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	return mux
}
