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
	"github.com/restanza/restanza/jid"
)

// feed is a request that reads events.
type feed struct {
	s         *Server
	source    eventSource
	xml       bool
	component Component
	identity  jid.JID
	limit     int // bytes of what a WebSocket may send at once
}

// eventWriter is a form of a stream.
type eventWriter interface {
	contentType() []string
	event(f *feed, dst []byte, e events.Given) []byte
	notice(dst []byte, n notice) []byte
}

// errQuiet is the cause of the end of a wait in which nothing came.
var errQuiet = errors.New("httpd: no events")

// stream writes events until the reader is gone or the server stops.
func (f *feed) stream(ctx context.Context, w http.ResponseWriter, form eventWriter) int {
	h := w.Header()
	h["Content-Type"] = form.contentType()
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = nosniff
	h["X-Accel-Buffering"] = []string{"no"} // COMPAT(nginx 1.5.6): it would keep the stream back
	out := &streamOutput{w: w, control: http.NewResponseController(w)}
	if err := out.control.SetReadDeadline(time.Time{}); err != nil {
		f.s.log.Debug("read deadline not lifted", slog.Any("error", err))
	}
	w.WriteHeader(http.StatusOK)
	err := out.write(form.notice(nil, notice{Event: eventOpen, ID: f.source.Place()}))
	for err == nil {
		err = f.pass(ctx, form, out)
	}
	if text, ok := endOf(err); ok {
		err = out.write(form.notice(nil, notice{Event: eventEnd, ID: f.source.Place(), Text: text}))
	}
	f.s.log.Debug("stream of events ended", slog.Any("error", err))
	return http.StatusOK
}

// pass writes what comes next, or that nothing has come.
func (f *feed) pass(ctx context.Context, form eventWriter, out *streamOutput) error {
	list, n, err := f.next(ctx)
	if err != nil {
		return err
	}
	buf := getBuffer()
	defer putBuffer(buf)
	for _, e := range list {
		*buf = form.event(f, *buf, e)
	}
	if n.Event != "" {
		*buf = form.notice(*buf, n)
	}
	return out.write(*buf)
}

// next returns the next events, or something else that is to be said.
func (f *feed) next(ctx context.Context) (list []events.Given, n notice, err error) {
	quiet, cancel := context.WithTimeoutCause(ctx, keepaliveEvery, errQuiet)
	defer cancel()
	list, err = f.source.Next(quiet, maxBatch)
	if errors.Is(err, errQuiet) {
		return nil, notice{Event: eventKeepalive, ID: f.source.Place()}, nil
	}
	if gone, ok := errors.AsType[*events.Gone](err); ok && f.source.Place() == "" {
		return nil, gap(gone), nil
	}
	return list, notice{}, err
}

// gap says that a consumer has missed something.
func gap(gone *events.Gone) notice {
	return notice{Event: eventGap, ID: gone.Oldest.String(), Text: "events up to this id were dropped before they were read"}
}

// endOf says why a stream ends, to a reader that is still there.
func endOf(err error) (text string, there bool) {
	gone, behind := errors.AsType[*events.Gone](err)
	switch {
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
	return append(dst, f.s.frame(e, f.xml)...)
}

func (sseWriter) notice(dst []byte, n notice) []byte {
	switch n.Event {
	case eventOpen: // an id alone is remembered by the reader, and is no event for it
		return appendID(fmt.Appendf(dst, "retry: %d\n", retryHint.Milliseconds()), n.ID)
	case eventKeepalive:
		return appendID(append(dst, ": keepalive\n"...), n.ID)
	case eventGap, eventEnd, eventStanza, eventAccepted, eventRefused:
	}
	return fmt.Appendf(dst, "event: %s\ndata: %s\n\n", n.Event, n.json())
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
	return append(append(dst, f.s.given(e, f.xml)...), '\n')
}

func (lineWriter) notice(dst []byte, n notice) []byte { return append(append(dst, n.json()...), '\n') }

// poll answers with what there is, or with what comes within the time that the caller waits.
func (f *feed) poll(ctx context.Context, w http.ResponseWriter, r *http.Request, q *eventQuery) int {
	waiting, cancel := context.WithTimeoutCause(ctx, q.wait, errQuiet)
	defer cancel()
	list, err := f.source.Poll(waiting, q.limit)
	var page eventPage
	switch gone, behind := errors.AsType[*events.Gone](err); {
	case err == nil, errors.Is(err, errQuiet), errors.Is(err, errStopping), errors.Is(err, events.ErrClosed):
	case hungUp(r.Context()):
		return statusHungUp
	case behind && f.source.Place() == "":
		page.Events = append(page.Events, gap(gone).json())
	default:
		return f.s.fail(w, r, eventProblem(err))
	}
	page.Next = f.source.Place()
	for _, e := range list {
		page.Events = append(page.Events, f.s.given(e, f.xml))
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
