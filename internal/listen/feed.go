package listen

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/restanza/restanza/internal/client"
	"github.com/restanza/restanza/jid"
)

const (
	firstPause = 500 * time.Millisecond // before a lost connection is made again
	mostPause  = 30 * time.Second
	// steady is how long a connection holds if it was worth making: the pauses begin anew.
	steady = 10 * time.Second
)

// Feed reads events from a gateway. When the connection is lost it makes a new one and
// goes on. One goroutine at a time uses it.
type Feed struct {
	client   *client.Client
	query    url.Values
	log      *slog.Logger
	stream   *client.Stream // nil: the connection is lost
	began    time.Time      // of stream
	position string
	pause    time.Duration // before the next attempt
}

// Open begins to read events. The query is that of /events/ws; without since it begins
// now. The error is a *client.Error: there is no second attempt for the first
// connection.
func Open(ctx context.Context, c *client.Client, query url.Values, log *slog.Logger) (*Feed, error) {
	f := &Feed{client: c, query: maps.Clone(query), log: log, pause: firstPause}
	stream, err := c.Events(ctx, query)
	if err != nil {
		return nil, err
	}
	f.begin(stream)
	return f, nil
}

func (f *Feed) begin(s *client.Stream) { f.stream, f.began, f.position = s, time.Now(), s.Position() }

// Component returns the domain whose events these are. It is called before Next.
func (f *Feed) Component() jid.JID { return f.stream.Component() }

// Position returns the id of the last event, or of where the feed has begun: what to give as since
// to go on from there.
func (f *Feed) Position() string { return f.position }

// Next returns the next event. It waits for the gateway as long as that may come back. The
// error is the cause of ctx's end, or a *client.Error: the gateway refuses to go on.
func (f *Feed) Next(ctx context.Context) (client.Event, error) {
	for {
		if f.stream == nil {
			if err := f.reconnect(ctx); err != nil {
				return client.Event{}, err
			}
		}
		e, err := f.stream.Next(ctx)
		f.position = f.stream.Position()
		if err == nil {
			f.pause = firstPause
			return e, nil
		}
		f.Close()
		if ctx.Err() != nil {
			return client.Event{}, context.Cause(ctx)
		}
		if time.Since(f.began) >= steady {
			f.pause = firstPause
		}
		f.log.Warn("connection to the gateway lost, trying again", slog.String("error", text(err)))
	}
}

// reconnect makes a new connection that goes on where the last one has ended.
func (f *Feed) reconnect(ctx context.Context) error {
	for {
		if err := f.wait(ctx); err != nil {
			return err
		}
		f.query.Set("since", f.position)
		stream, err := f.client.Events(ctx, f.query)
		if err == nil {
			f.log.Info("connected to the gateway again", slog.String("since", f.position))
			f.begin(stream)
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if gone, ok := errors.AsType[*client.Gone](err); ok && gone.Oldest != f.position {
			f.log.Warn("the gateway has dropped events that did not come here, going on with the oldest there are",
				slog.String("last", f.position), slog.String("since", gone.Oldest))
			f.position = gone.Oldest
			continue
		}
		if final(err) {
			return err
		}
	}
}

// wait waits before an attempt, longer before each further one.
func (f *Feed) wait(ctx context.Context) error {
	timer := time.NewTimer(f.pause/2 + rand.N(f.pause)) //nolint:gosec // jitter needs no secrecy
	defer timer.Stop()
	f.pause = min(2*f.pause, mostPause)
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// final reports whether a gateway that was there before does not want to go on. Proxies
// before one that is being restarted say many things, in words of their own.
func final(err error) bool {
	e, ok := errors.AsType[*client.Error](err)
	if !ok || e.Kind != client.Refused {
		return false
	}
	return slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden}, e.Status) ||
		e.Condition != "" && e.Status != http.StatusTooManyRequests
}

// text says what an error means, without the words that are for the end of a command.
func text(err error) string {
	if e, ok := errors.AsType[*client.Error](err); ok && e.Text != "" {
		return e.Text
	}
	return err.Error()
}

// Close ends the connection, if there is one.
func (f *Feed) Close() {
	if f.stream != nil {
		f.stream.Close()
		f.stream = nil
	}
}
