package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

const (
	// maxEvent bounds an event, in bytes: the largest stanza, and what JSON may make of it.
	maxEvent = 4 << 20
	// openTime is how long a stream may take to begin.
	openTime = 20 * time.Second
	// quietTime is how long a stream may be silent: the gateway says every 20 seconds that it is there.
	quietTime = time.Minute
)

// Event is a stanza that came or went at a gateway.
type Event struct {
	ID        string
	Time      time.Time
	Direction string        // in or out, as seen by those who use the gateway
	State     string        // what had become of it
	Stanza    stanza.Stanza // the zero Stanza if the stream has JSON
	Raw       []byte        // the event as it came: a JSON object in one line
}

// Stream is an open stream of events. One goroutine at a time uses it.
type Stream struct {
	where     string
	conn      *websocket.Conn
	component jid.JID
	position  string
}

// Gone says that there are no events any more as far back as was asked for. It is behind
// an *Error.
type Gone struct {
	Oldest string // where it is possible to begin
}

// Error implements error.
func (g *Gone) Error() string { return "the oldest events come after " + g.Oldest }

// errQuiet is the cause of the end of a stream that is dead.
var errQuiet = errors.New("it has said nothing for a minute")

// Events opens a stream of events, which has to be closed. The query is that of
// /events/ws. Errors are *Error.
func (c *Client) Events(ctx context.Context, query url.Values) (*Stream, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, openTime, errTooSlow)
	defer cancel()
	header := http.Header{}
	header.Set("Accept", "application/problem+json")
	header.Set("User-Agent", c.options.UserAgent)
	if c.options.Credentials != "" {
		header.Set("Authorization", c.options.Credentials)
	}
	u := strings.TrimSuffix(c.url.String(), "/rest") + "/events/ws?" + query.Encode()
	conn, resp, err := websocket.Dial(ctx, u, &websocket.DialOptions{HTTPHeader: header, HTTPClient: &http.Client{ //nolint:bodyclose // Dial says that it need not be
		Transport:     c.transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}})
	if err != nil {
		if resp == nil {
			return nil, c.broken(ctx, err, false)
		}
		return nil, c.notOpened(resp)
	}
	conn.SetReadLimit(maxEvent)
	s := &Stream{where: c.url.Scheme + "://" + c.url.Host, conn: conn}
	if err := s.open(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// notOpened is the error of a response that is no WebSocket.
func (c *Client) notOpened(resp *http.Response) *Error {
	status := resp.StatusCode
	if status >= http.StatusMultipleChoices && status < http.StatusBadRequest {
		return redirected(status, resp.Header.Get("Location"))
	}
	body, _ := io.ReadAll(resp.Body) // a part of it is better than nothing
	doc := readDocument(resp.Header.Get("Content-Type"), body)
	e := &Error{Kind: kindOf(status, doc), Status: status, Condition: doc.condition, Type: doc.errorType, Text: doc.text, Hint: c.hint(status)}
	switch {
	case status < http.StatusBadRequest:
		e.Kind, e.Text, e.Hint = Failed, "the answer is no WebSocket", "is there a Restanza at "+c.URL()+", and does a proxy on the way pass WebSockets on?"
	case status == http.StatusForbidden:
		e.Hint = "check the credentials, and whether they may receive"
	case status == http.StatusNotFound && doc.condition != "":
		e.Hint = "" // the text says it
	case status == http.StatusGone:
		var gone struct{ Oldest string }
		if json.Unmarshal(body, &gone) == nil && gone.Oldest != "" {
			e.Hint, e.err = "", &Gone{Oldest: gone.Oldest}
		}
	}
	return e
}

// open reads the first object.
func (s *Stream) open(ctx context.Context) error {
	first, _, err := s.read(ctx)
	if err != nil {
		return err
	}
	s.component, err = jid.Parse(first.Component)
	if err != nil || first.Event != "open" || first.ID == "" {
		return s.strange(nil)
	}
	s.position = first.ID
	return nil
}

// object is what a message of a stream holds.
type object struct {
	Event     string          `json:"event"`
	ID        string          `json:"id"`
	Component string          `json:"component"`
	Time      time.Time       `json:"time"`
	Direction string          `json:"direction"`
	State     string          `json:"state"`
	Stanza    json.RawMessage `json:"stanza"`
}

// Component returns the domain whose events these are.
func (s *Stream) Component() jid.JID { return s.component }

// Position returns the id with which to go on after a stream that has ended.
func (s *Stream) Position() string { return s.position }

// Next returns the next event. When the stream is over, or ctx, the error is an *Error,
// and the stream has to be closed.
func (s *Stream) Next(ctx context.Context) (Event, error) {
	for {
		o, raw, err := s.read(ctx)
		if err != nil {
			return Event{}, err
		}
		if o.ID == "" || o.Event == "stanza" && len(o.Stanza) == 0 {
			return Event{}, s.strange(nil)
		}
		s.position = o.ID
		if o.Event != "stanza" {
			continue
		}
		e := Event{ID: o.ID, Time: o.Time, Direction: o.Direction, State: o.State, Raw: raw}
		var xml string
		if o.Stanza[0] == '"' {
			if err = json.Unmarshal(o.Stanza, &xml); err == nil {
				e.Stanza, err = stanza.ParseStored([]byte(xml))
			}
		}
		if err != nil {
			return Event{}, s.strange(err)
		}
		return e, nil
	}
}

// read reads a message.
func (s *Stream) read(ctx context.Context) (object, []byte, error) {
	quiet, cancel := context.WithTimeoutCause(ctx, quietTime, errQuiet)
	defer cancel()
	_, raw, err := s.conn.Read(quiet)
	if err != nil {
		return object{}, nil, s.ended(quiet, err)
	}
	var o object
	if err := json.Unmarshal(raw, &o); err != nil {
		return object{}, nil, s.strange(err)
	}
	return o, bytes.TrimSpace(raw), nil
}

// strange is the error of a stream that is none of a gateway.
func (s *Stream) strange(err error) *Error {
	return &Error{Kind: Failed, Text: "the events of " + s.where + " are not as expected", Hint: "is it a Restanza of this version?", err: err}
}

// ended explains the end of a stream.
func (s *Stream) ended(ctx context.Context, err error) *Error {
	e := &Error{Kind: Unreachable, err: err}
	closed, ok := errors.AsType[websocket.CloseError](err)
	switch {
	case ok && closed.Reason != "":
		e.Text = closed.Reason
	case ok:
		e.Text = "the gateway has ended the stream"
	case errors.Is(err, websocket.ErrMessageTooBig):
		e.Kind, e.Text = Failed, fmt.Sprintf("an event has more than %d bytes", maxEvent)
	case errors.Is(err, io.EOF):
		e.Text = s.where + " has closed the connection"
	case errors.Is(context.Cause(ctx), errQuiet):
		e.Text = s.where + ": " + errQuiet.Error()
	case errors.Is(context.Cause(ctx), errTooSlow):
		e.Kind, e.Text = NoAnswer, s.where+" took the request and said nothing"
	default:
		e.Text = "the connection to " + s.where + " broke: " + err.Error()
	}
	e.Text = Printable(e.Text)
	return e
}

// Close ends the stream.
func (s *Stream) Close() { _ = s.conn.CloseNow() }
