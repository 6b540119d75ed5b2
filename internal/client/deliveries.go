package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Delivery is an undelivered stanza, as a Restanza shows it.
type Delivery struct {
	ID          string    `json:"id"`
	State       string    `json:"state"`
	Component   string    `json:"component"`
	From        string    `json:"from"`
	To          string    `json:"to"`
	Kind        string    `json:"kind"`
	Size        int       `json:"size"` // bytes
	Received    time.Time `json:"received"`
	Expires     time.Time `json:"expires"`
	NextAttempt time.Time `json:"next_attempt"`
	Attempts    int       `json:"attempts"`
	LastError   string    `json:"last_error"`
	Died        time.Time `json:"died"`
	Reason      string    `json:"reason"`

	// What follows is there if one delivery was asked for.
	Stanza  json.RawMessage `json:"stanza"`
	History []Attempt       `json:"history"`
}

// Attempt is one request to a callback.
type Attempt struct {
	At           time.Time `json:"at"`
	Milliseconds float64   `json:"milliseconds"`
	Status       int       `json:"status"` // of HTTP; 0 if there was no answer
	Answer       string    `json:"answer"`
	Error        string    `json:"error"`
}

// Deliveries is a page of a list.
type Deliveries struct {
	Deliveries []Delivery `json:"deliveries"`
	Next       string     `json:"next"` // cursor to the next page; empty: there is none
}

// Count is how many an order was about.
type Count struct {
	Count int `json:"count"`
}

// Order is a request of an operator.
type Order struct {
	Method  string
	Path    string     // below the gateway's base, escaped
	Query   url.Values // may be nil
	XML     bool       // to answer with the stanza alone
	Body    []byte     // a JSON document; nil: there is none
	Timeout time.Duration
}

// Outcome is the answer to an Order that went well.
type Outcome struct {
	Status int // of HTTP
	Took   time.Duration
	Body   []byte
}

// Operate sends an order to a Restanza and returns its answer, which is JSON unless XML
// was asked for. Errors are *Error.
func (c *Client) Operate(ctx context.Context, o Order) (Outcome, error) {
	u := strings.TrimSuffix(c.url.String(), "/rest") + o.Path
	if len(o.Query) > 0 {
		u += "?" + o.Query.Encode()
	}
	header, wanted := http.Header{}, "application/json"
	if o.XML {
		wanted = mediaTypeXMPP
	}
	header.Set("Accept", "application/problem+json, "+wanted)
	header.Set("User-Agent", c.options.UserAgent)
	if c.options.Credentials != "" {
		header.Set("Authorization", c.options.Credentials)
	}
	if o.Body != nil {
		header.Set("Content-Type", "application/json")
	}
	resp, err := c.roundTrip(ctx, o.Timeout, o.Method, u, header, o.Body)
	if err != nil {
		return Outcome{}, err
	}
	status := resp.status
	contentType, _, _ := strings.Cut(resp.header.Get("Content-Type"), ";")
	switch {
	case status >= http.StatusMultipleChoices && status < http.StatusBadRequest:
		return Outcome{}, redirected(status, resp.header.Get("Location"))
	case status >= http.StatusBadRequest:
		return Outcome{}, c.disobeyed(resp)
	case status != http.StatusOK && status != http.StatusCreated || contentType != wanted || !o.XML && !json.Valid(resp.body):
		return Outcome{}, &Error{
			Kind: Failed, Status: status, Text: "the answer is none of a Restanza",
			Hint: "is there one at " + Printable(c.url.String()) + "?",
		}
	}
	return Outcome{status, resp.took, resp.body}, nil
}

// disobeyed is the error of an order that was not carried out.
func (c *Client) disobeyed(resp response) *Error {
	status, doc := resp.status, readDocument(resp.header.Get("Content-Type"), resp.body)
	e := &Error{Kind: kindOf(status, doc), Status: status, Condition: doc.condition, Type: doc.errorType, Text: doc.text}
	switch {
	case status == http.StatusUnauthorized && c.options.Credentials == "":
		e.Hint = "give the credential for operating: --credentials, RESTANZA_ADMIN_CREDENTIALS, or admin_credentials in client.toml"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		e.Hint = "check the credential: it is http.admin_authorization in the gateway's configuration"
	case doc.condition == "":
		e.Hint = "is there a Restanza at " + Printable(c.url.String()) + "?"
	}
	return e
}
