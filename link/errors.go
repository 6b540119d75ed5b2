package link

import (
	"errors"
	"time"

	"github.com/restanza/restanza/stanza"
	"github.com/restanza/restanza/stream"
)

// retryError is why a stanza can't be sent at the moment. It says when to try
// again.
type retryError struct {
	at  time.Time     // when the next attempt to connect is made; zero: unknown
	min time.Duration // the least time to wait
	err error
}

func (e *retryError) Error() string { return e.err.Error() }

func (e *retryError) Unwrap() error { return e.err }

// RetryAfter returns how long a sender should wait before he tries again: at
// least a second, and until the next attempt to connect has been made.
func (e *retryError) RetryAfter() time.Duration {
	least := max(e.min, time.Second)
	if e.at.IsZero() {
		return least
	}
	return max(least, time.Until(e.at)+time.Second)
}

var (
	errNotStarted   = unavailable("the link to the XMPP server is not up yet", &retryError{err: errors.New("not connected yet")})
	errShuttingDown = unavailable("the gateway is shutting down", &retryError{min: 5 * time.Second, err: errors.New("shutting down")})
	errUnconfirmed  = unavailable("the XMPP server has not confirmed the stanza in time; it may have been delivered or not",
		&retryError{min: 5 * time.Second, err: errors.New("no confirmation in time")})
	errBroken = unavailable("the connection to the XMPP server broke before the stanza was confirmed; it may have been delivered or not",
		&retryError{err: errors.New("connection lost")})
	errBusy = unavailable("too many stanzas wait for the XMPP server", &retryError{err: errors.New("no room in time")})
)

// unavailable returns the refusal of a stanza that can't be sent now.
func unavailable(text string, err error) *stanza.Refusal {
	return &stanza.Refusal{Reason: stanza.LinkUnavailable, Text: text, Err: err}
}

// down returns the refusal for senders while there is no connection. The reason
// is for the log and the state, not for senders.
func down(err error, next time.Time) *stanza.Refusal {
	return unavailable("there is no connection to the XMPP server at the moment",
		&retryError{at: next, err: err})
}

// poisonous returns the refusal of a stanza that the server ends the stream for.
func poisonous(err error) *stanza.Refusal {
	text := "the XMPP server closes the connection whenever it gets this stanza; it will not be sent again"
	if e, ok := errors.AsType[*stream.Error](err); ok {
		text = "the XMPP server ends the stream because of this stanza, with " + string(e.Condition)
		if e.Text != "" {
			text += " (" + e.Text + ")"
		}
		text += "; it will not be sent again"
	}
	return &stanza.Refusal{Reason: stanza.Poisonous, Text: text, Err: err}
}
