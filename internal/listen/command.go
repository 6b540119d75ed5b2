package listen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/restanza/restanza/internal/client"
	"github.com/restanza/restanza/internal/signing"
)

// Command is run for an event, with the stanza as input, until it ends or ctx does. What it
// returns is the text of a reply, unless it is empty.
type Command func(ctx context.Context, e client.Event, input []byte) (output []byte, err error)

// runner is an http.RoundTripper whose other side is a command: what runs commands
// has all that posts to a program have, from their order to their limits.
type runner struct{ l *listener }

// RoundTrip implements http.RoundTripper.
func (r runner) RoundTrip(req *http.Request) (*http.Response, error) {
	v, ok := r.l.given.Load(req.Header.Get(signing.HeaderID))
	if !ok { // a probe
		return respond(http.StatusOK, nil), nil
	}
	g := v.(*given)
	input, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	output, err := r.l.o.Command(req.Context(), g.event, input)
	switch {
	case errors.Is(req.Context().Err(), context.Canceled):
		return nil, req.Context().Err()
	case req.Context().Err() != nil:
		err = fmt.Errorf("it took longer than %s, and was ended", r.l.o.Timeout)
	}
	if err != nil {
		g.failure = err
		return respond(http.StatusInternalServerError, nil), nil
	}
	return respond(http.StatusOK, output), nil
}

// respond makes an answer of a text.
func respond(status int, body []byte) *http.Response {
	header := http.Header{}
	if len(body) > 0 {
		header.Set("Content-Type", "text/plain")
	}
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)),
	}
}
