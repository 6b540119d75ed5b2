package httpd

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/restanza/restanza/events"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

const (
	eventsPath = "/events"
	// maxReaders bounds how many requests read events at once.
	maxReaders = 20_000
	// maxBatch is how many events go into one answer of a poll, or into one write to a stream.
	maxBatch = 100
	// keepaliveEvery is how often a stream without events shows that it lives. Proxies cut
	// what is silent for 60 seconds, some for 30.
	keepaliveEvery = 20 * time.Second
	// eventTime is how long a reader has for taking what is written to it.
	eventTime = 20 * time.Second
)

// eventForm is how a reader gets events.
type eventForm string

const (
	formStream eventForm = "sse"    // Server-Sent Events (WHATWG HTML, "Server-sent events")
	formLines  eventForm = "ndjson" // a JSON object on each line
	formSocket eventForm = "ws"     // WebSocket (RFC 6455)
	formPoll   eventForm = "json"   // one answer with a list
)

// eventTypes are the media types by which Accept chooses a form. The first is for those who
// say nothing: an answer that ends.
var (
	eventTypes = []string{"application/json", "text/event-stream", "application/x-ndjson"}
	eventForms = []eventForm{formPoll, formStream, formLines}
)

// eventFormAt returns the form that a path names; empty: none, the path is right; ok is false for
// a path that is not there.
func eventFormAt(path string) (f eventForm, ok bool) {
	rest, ok := strings.CutPrefix(path, eventsPath)
	if !ok {
		return "", false
	}
	switch rest {
	case "":
		return "", true
	case ".sse":
		return formStream, true
	case ".ndjson":
		return formLines, true
	case ".json":
		return formPoll, true
	case "/ws":
		return formSocket, true
	}
	return "", rest == ackPath || rest == consumersPath || strings.HasPrefix(rest, consumersPath+"/")
}

// What there is below eventsPath beside the forms.
const (
	ackPath       = "/ack"
	consumersPath = "/consumers"
)

// eventFormOf returns the form that a request asks for.
func eventFormOf(r *http.Request) eventForm {
	if f, _ := eventFormAt(r.URL.Path); f != "" {
		return f
	}
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return formSocket
	}
	return eventForms[preferred(r.Header["Accept"], eventTypes)]
}

// eventMethodsAt returns the methods that a path for events has.
func eventMethodsAt(path string) []string {
	switch rest := strings.TrimPrefix(path, eventsPath); {
	case rest == ackPath:
		return []string{http.MethodOptions, http.MethodPost}
	case strings.HasPrefix(rest, consumersPath+"/"):
		return []string{http.MethodDelete, http.MethodOptions}
	}
	return []string{http.MethodGet, http.MethodOptions}
}

// events gives a reader what comes and goes, and takes what he says of it. Thousands of readers
// wait here: see docs/decisions/0005-small-frames.md.
func (s *Server) events(w http.ResponseWriter, r *http.Request) int {
	f, status := s.openEvents(w, r)
	if f == nil {
		return status
	}
	defer f.close()
	switch f.query.form {
	case formSocket:
		return f.socket(w, r)
	case formPoll:
		return f.poll(w, r)
	case formStream, formLines:
	}
	return f.stream(w)
}

// openEvents opens what a reader asks for. If that came to nothing, or was something else, it is
// answered, and the feed is nil.
//
//go:noinline
func (s *Server) openEvents(w http.ResponseWriter, r *http.Request) (f *feed, status int) {
	s.allowOrigin(w.Header(), r)
	methods := eventMethodsAt(r.URL.Path)
	if p := allowOnly(r, methods...); p != nil {
		return nil, s.refuse(w, r, p)
	}
	if r.Method == http.MethodOptions {
		w.Header()["Allow"] = []string{strings.Join(methods, ", ")}
		w.WriteHeader(http.StatusOK)
		return nil, http.StatusOK
	}
	g, p := s.authenticate(w, r)
	if p == nil {
		p = forbidden(g.scope.MayReceive(nil))
	}
	if p != nil {
		return nil, s.refuse(w, r, p)
	}
	if g.events == nil {
		return nil, s.refuse(w, r, noEvents())
	}
	switch rest := strings.TrimPrefix(r.URL.Path, eventsPath); {
	case rest == ackPath:
		return nil, s.acknowledge(w, r, g)
	case rest == consumersPath:
		return nil, s.listConsumers(w, r, g)
	case strings.HasPrefix(rest, consumersPath):
		return nil, s.dropConsumer(w, r, g, strings.TrimPrefix(rest, consumersPath+"/"))
	}
	f = &feed{s: s, grant: g}
	if err := f.open(r, g); err != nil {
		return nil, s.fail(w, r, err)
	}
	return f, 0
}

func noEvents() *problem {
	return newProblem(http.StatusNotFound, stanza.Cancel, "item-not-found",
		"this gateway keeps no log of events: it needs events.max_age and events.max_events above 0")
}

// open reads what a request asks for, and opens it. After an error there is nothing to close.
//
//go:noinline
func (f *feed) open(r *http.Request, g *grant) (err error) {
	var p *problem
	if f.query, p = parseEventQuery(r); p != nil {
		return p
	}
	if p = forbidden(g.scope.MayReceive(f.query.filter.Kinds)); p != nil {
		return p
	}
	if len(f.query.filter.Kinds) == 0 {
		f.query.filter.Kinds = g.scope.Kinds
	}
	if g.identity != g.component.Domain() {
		f.query.filter.Identity = g.identity
	}
	if f.reading, err = f.s.readings.begin(r.Context(), g, f.s.now()); err != nil {
		return err
	}
	if f.source, err = f.query.open(f.reading.ctx, g); err != nil {
		f.reading.end()
		return eventProblem(err)
	}
	return nil
}

func (f *feed) close() {
	f.source.Close()
	f.reading.end()
}

// eventProblem makes an error of a log an answer.
func eventProblem(err error) error {
	if gone, ok := errors.AsType[*events.Gone](err); ok {
		p := newProblem(http.StatusGone, stanza.Cancel, "gone", gone.Error()+"; go on with since="+gone.Oldest.String()+", or since=all")
		p.oldest = gone.Oldest.String()
		return p
	}
	switch {
	case errors.Is(err, events.ErrClosed), errors.Is(err, journal.ErrClosed):
		return errStopping
	case errors.Is(err, events.ErrOtherFilter):
		return newProblem(http.StatusConflict, stanza.Modify, "conflict", err.Error()+"; ask for the same ones, or take another name")
	case errors.Is(err, events.ErrTooManyConsumers):
		return newProblem(http.StatusTooManyRequests, stanza.Wait, "resource-constraint", err.Error()+": drop some that are not used")
	case errors.Is(err, events.ErrNoConsumer):
		return newProblem(http.StatusNotFound, stanza.Cancel, "item-not-found", err.Error()+"; reading with consumer=NAME makes one")
	case errors.Is(err, events.ErrNotGiven):
		return newProblem(http.StatusForbidden, stanza.Auth, "forbidden", err.Error()+"; nothing was acknowledged")
	case errors.Is(err, journal.ErrUnwritable):
		return &stanza.Refusal{Reason: stanza.NotKept, Text: "the journal can't be written, so that this can't be kept", Err: err}
	}
	return err
}

// readings are the requests that read events. They would not end by themselves.
type readings struct {
	mu    sync.Mutex
	list  map[*reading]struct{}
	brief map[*reading]struct{} // those of list whose credential expires
	ended bool
}

// reading is one request that reads events.
type reading struct {
	all    *readings
	grant  *grant
	ctx    context.Context //nolint:containedctx // it is that of the request, and lives as long as this
	cancel context.CancelCauseFunc
}

// begin takes a request in, whose context ends when the server is told to stop, or the credential is
// good for nothing any more.
func (rs *readings) begin(ctx context.Context, g *grant, now time.Time) (*reading, error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if p := g.ended(now); p != nil {
		return nil, p
	}
	switch {
	case rs.ended:
		return nil, errStopping
	case len(rs.list) >= maxReaders:
		return nil, &stanza.Refusal{Reason: stanza.TooManyOutstanding, Text: "too many readers are connected; try again later"}
	}
	if rs.list == nil {
		rs.list, rs.brief = map[*reading]struct{}{}, map[*reading]struct{}{}
	}
	r := &reading{all: rs, grant: g}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	rs.list[r] = struct{}{}
	if !g.scope.Expires.IsZero() {
		rs.brief[r] = struct{}{}
	}
	return r, nil
}

func (r *reading) end() {
	r.all.mu.Lock()
	delete(r.all.list, r)
	delete(r.all.brief, r)
	r.all.mu.Unlock()
	r.cancel(nil)
}

// stop ends all of them.
func (rs *readings) stop() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.ended = true
	for r := range rs.list {
		r.cancel(errStopping)
	}
}

// revoke ends those of a credential that was revoked.
func (rs *readings) revoke(g *grant) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for r := range rs.list {
		if r.grant == g {
			r.cancel(errRevoked)
		}
	}
}

// expire ends those whose credential has expired.
func (rs *readings) expire(now time.Time) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for r := range rs.brief {
		if r.grant.scope.Expired(now) {
			r.cancel(errExpired)
		}
	}
}

// isEvents reports whether a path is one of those for events.
func isEvents(path string) bool {
	_, ok := eventFormAt(path)
	return ok
}
