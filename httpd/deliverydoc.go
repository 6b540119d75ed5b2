package httpd

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// delivery is the document about an undelivered stanza.
type delivery struct {
	ID          string                `json:"id"`
	State       journal.DeliveryState `json:"state"`
	Component   string                `json:"component"`
	From        string                `json:"from"` // bare
	To          string                `json:"to"`   // bare
	Kind        stanza.Kind           `json:"kind"`
	Size        int                   `json:"size"`
	Received    time.Time             `json:"received"`
	Expires     time.Time             `json:"expires,omitzero"`
	NextAttempt time.Time             `json:"next_attempt,omitzero"`
	Attempts    int                   `json:"attempts"`
	LastStatus  int                   `json:"last_status,omitempty"`
	LastError   string                `json:"last_error,omitempty"`
	Died        time.Time             `json:"died,omitzero"`
	Reason      string                `json:"reason,omitempty"`
}

// deliveryDetail is a delivery with all that is known.
type deliveryDetail struct {
	delivery

	Stanza  json.RawMessage `json:"stanza,omitempty"`
	History []attempt       `json:"history"`
}

// attempt is one request to a callback.
type attempt struct {
	At           time.Time `json:"at"`
	Milliseconds float64   `json:"milliseconds"`
	Status       int       `json:"status,omitempty"`
	Answer       string    `json:"answer,omitempty"`
	Error        string    `json:"error,omitempty"`
}

// deliveryPage is a list, and the cursor to what comes after it.
type deliveryPage struct {
	Deliveries []delivery `json:"deliveries"`
	Next       string     `json:"next,omitempty"`
}

// deliveryList returns the page of at most limit deliveries. What was found beyond them
// shows that there is another page.
func deliveryList(found []journal.Delivery, limit int) deliveryPage {
	p := deliveryPage{Deliveries: make([]delivery, 0, min(len(found), limit))}
	for i := range found {
		if i == limit {
			p.Next = strconv.FormatInt(found[i-1].Seq, 10)
			break
		}
		p.Deliveries = append(p.Deliveries, deliveryOf(&found[i]))
	}
	return p
}

func deliveryOf(d *journal.Delivery) delivery {
	doc := delivery{
		ID: d.ID, State: d.State, Kind: d.Kind, Size: d.Size, Received: d.Received.UTC(),
		Component: d.Conversation.Component.String(), From: d.Conversation.From.String(), To: d.Conversation.To.String(),
		Attempts: d.Attempts, LastStatus: d.LastStatus, LastError: d.LastError, Reason: d.Reason,
	}
	for _, t := range []struct {
		from time.Time
		to   *time.Time
	}{{d.Expires, &doc.Expires}, {d.NotBefore, &doc.NextAttempt}, {d.Died, &doc.Died}} {
		if t.from.UnixMilli() > 0 { // or else there is none
			*t.to = t.from.UTC()
		}
	}
	return doc
}

func detailOf(d *journal.Detail) deliveryDetail {
	doc := deliveryDetail{delivery: deliveryOf(&d.Delivery), History: make([]attempt, len(d.Trials))}
	if !d.Stanza.IsZero() {
		doc.Stanza = format.JSON.Append(nil, d.Stanza)
	}
	for i, t := range d.Trials {
		doc.History[i] = attempt{t.At.UTC(), float64(t.Took.Microseconds()) / 1000, t.Status, string(t.Answer), t.Error}
	}
	return doc
}

// sendBody answers 200 with a body that is not to be kept.
func (s *Server) sendBody(w http.ResponseWriter, contentType []string, body []byte) int {
	h := w.Header()
	h["Content-Type"] = contentType
	h["X-Content-Type-Options"] = nosniff
	h["Cache-Control"] = noStore
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(http.StatusOK)
	s.send(w, body)
	return http.StatusOK
}
