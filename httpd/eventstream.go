package httpd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/restanza/restanza/events"
)

// feed is a request that reads events.
type feed struct {
	s       *Server
	query   *eventQuery
	reading *reading
	source  eventSource
	grant   *grant

	out  streamOutput // of a stream
	form eventWriter  // likewise
}

// eventWriter is a form of a stream.
type eventWriter interface {
	contentType() []string
	event(f *feed, dst []byte, e events.Given) []byte
	notice(dst []byte, n *notice) []byte
}

// stream writes events until the reader is gone or the server stops.
func (f *feed) stream(w http.ResponseWriter) int {
	err := elsewhere(func() error { return f.begin(w) })
	for err == nil {
		err = f.pass()
	}
	f.end(err)
	return http.StatusOK
}

// elsewhere calls f on a stack of its own, and waits for it. net/http needs 2.8 KB for writing a
// header, for which the stacks of thousands of readers would be twice as large as long as they
// wait: see docs/decisions/0005-small-frames.md.
func elsewhere(f func() error) error {
	type end struct {
		err   error
		panic any
	}
	ended := make(chan end, 1)
	go func() {
		var e end
		defer func() {
			e.panic = recover()
			ended <- e
		}()
		e.err = f()
	}()
	e := <-ended
	if e.panic != nil {
		panic(e.panic)
	}
	return e.err
}

//go:noinline
func (f *feed) begin(w http.ResponseWriter) error {
	f.form = sseWriter{}
	if f.query.form == formLines {
		f.form = lineWriter{}
	}
	h := w.Header()
	h["Content-Type"] = f.form.contentType()
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = nosniff
	h["X-Accel-Buffering"] = []string{"no"} // COMPAT(nginx 1.5.6): it would keep the stream back
	f.out = streamOutput{w: w, control: http.NewResponseController(w)}
	if err := f.out.control.SetReadDeadline(time.Time{}); err != nil {
		f.s.log.Debug("read deadline not lifted", slog.Any("error", err))
	}
	w.WriteHeader(http.StatusOK)
	return f.tell(f.opening())
}

// end tells the reader why it is over, if he is still there.
//
//go:noinline
func (f *feed) end(err error) {
	if text, ok := endOf(err); ok {
		err = f.tell(&notice{Event: eventEnd, ID: f.source.Place(), Text: text})
	}
	f.s.log.Debug("stream of events ended", slog.Any("error", err))
}

// tell writes what is no stanza.
//
//go:noinline
func (f *feed) tell(n *notice) error {
	buf := getBuffer()
	defer putBuffer(buf)
	*buf = f.form.notice(*buf, n)
	return f.out.write(*buf)
}

// opening is the first object of a stream.
func (f *feed) opening() *notice {
	return &notice{Event: eventOpen, ID: f.source.Place(), Component: f.grant.component.Domain().String()}
}

// pass writes what comes next, or that nothing has come.
func (f *feed) pass() error {
	list, n, err := f.next()
	switch {
	case err != nil:
		return err
	case n != nil:
		return f.tell(n)
	}
	return f.write(list)
}

//go:noinline
func (f *feed) write(list []events.Given) error {
	buf := getBuffer()
	defer putBuffer(buf)
	for _, e := range list {
		*buf = f.form.event(f, *buf, e)
	}
	return f.out.write(*buf)
}

// next returns the next events, or something else that is to be said.
func (f *feed) next() (list []events.Given, n *notice, err error) {
	list, err = f.source.Next(f.reading.ctx, maxBatch, keepaliveEvery)
	if len(list) == 0 {
		n, err = f.instead(err)
	}
	return list, n, err
}

// instead returns what there is to say to a reader for whom there are no events.
//
//go:noinline
func (f *feed) instead(err error) (*notice, error) {
	if err == nil {
		return &notice{Event: eventKeepalive, ID: f.source.Place()}, nil
	}
	if gone, ok := errors.AsType[*events.Gone](err); ok && f.source.Place() == "" {
		return gap(gone), nil
	}
	return nil, err
}

// gap says that a consumer has missed something.
func gap(gone *events.Gone) *notice {
	return &notice{Event: eventGap, ID: gone.Oldest.String(), Text: "events up to this id were dropped before they were read"}
}

// endOf says why a stream ends, to a reader that is still there.
func endOf(err error) (text string, there bool) {
	gone, behind := errors.AsType[*events.Gone](err)
	switch {
	case errors.Is(err, errRevoked):
		return errRevoked.text, true
	case errors.Is(err, errExpired):
		return errExpired.text, true
	case errors.Is(err, errStopping), errors.Is(err, events.ErrClosed):
		return "the gateway is shutting down: connect again in a moment", true
	case errors.Is(err, events.ErrNoConsumer):
		return "the consumer was dropped", true
	case behind:
		return "you have read too slowly: " + gone.Error(), true
	case errors.Is(err, context.Canceled):
		return "", false
	case errors.Is(err, errNotTaken):
		return "", false
	}
	return "events can't be read at the moment: connect again", true
}

// errNotTaken says that a reader does not take what is written to it, or is gone.
var errNotTaken = errors.New("httpd: reader gone or too slow")

// streamOutput writes to a reader, which has a while for taking each write.
type streamOutput struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

//go:noinline
func (o *streamOutput) write(b []byte) error {
	if err := o.control.SetWriteDeadline(time.Now().Add(eventTime)); err != nil {
		return fmt.Errorf("%w: %w", errNotTaken, err)
	}
	if _, err := o.w.Write(b); err != nil {
		return fmt.Errorf("%w: %w", errNotTaken, err)
	}
	if err := o.control.Flush(); err != nil {
		return fmt.Errorf("%w: %w", errNotTaken, err)
	}
	return nil
}

// sseWriter writes Server-Sent Events. Stanzas are messages without a name, which is what
// EventSource.onmessage gets.
type sseWriter struct{}

func (sseWriter) contentType() []string { return []string{"text/event-stream"} }

func (sseWriter) event(f *feed, dst []byte, e events.Given) []byte {
	return append(dst, f.s.frame(e, f.query.xml)...)
}

func (sseWriter) notice(dst []byte, n *notice) []byte {
	switch n.Event {
	case eventOpen: // an id alone is remembered by the reader, and is no event for it
		return appendID(append(dst, retryHint...), n.ID)
	case eventKeepalive:
		return appendID(append(dst, ": keepalive\n"...), n.ID)
	case eventGap, eventEnd, eventStanza, eventAccepted, eventRefused:
	}
	dst = append(append(append(dst, "event: "...), n.Event...), "\ndata: "...)
	return append(n.append(dst), "\n\n"...)
}

// appendID appends an id, if there is one, and the end of a message.
func appendID(dst []byte, id string) []byte {
	if id != "" {
		dst = append(append(append(dst, "id: "...), id...), '\n')
	}
	return append(dst, '\n')
}

// lineWriter writes a JSON object on each line.
type lineWriter struct{}

func (lineWriter) contentType() []string { return []string{"application/x-ndjson"} }

func (lineWriter) event(f *feed, dst []byte, e events.Given) []byte {
	return append(append(dst, f.s.given(e, f.query.xml)...), '\n')
}

func (lineWriter) notice(dst []byte, n *notice) []byte { return append(n.append(dst), '\n') }

// poll answers with what there is, or with what comes within the time that the caller waits.
func (f *feed) poll(w http.ResponseWriter, r *http.Request) int {
	list, err := f.source.Next(f.reading.ctx, f.query.limit, f.query.wait)
	var page eventPage
	switch gone, behind := errors.AsType[*events.Gone](err); {
	case err == nil, errors.Is(err, errStopping), errors.Is(err, events.ErrClosed):
	case hungUp(r.Context()):
		return statusHungUp
	case behind && f.source.Place() == "":
		page.Events = append(page.Events, gap(gone).append(nil))
	default:
		return f.s.fail(w, r, eventProblem(err))
	}
	page.Next = f.source.Place()
	for _, e := range list {
		page.Events = append(page.Events, f.s.given(e, f.query.xml))
	}
	if page.Events == nil {
		page.Events = []json.RawMessage{}
	}
	body, err := json.Marshal(page)
	if err != nil {
		return f.s.fail(w, r, err)
	}
	return f.s.sendBody(w, jsonContent, append(body, '\n'))
}
