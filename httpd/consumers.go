package httpd

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/restanza/restanza/events"
)

const (
	// maxAcks is how many events can be acknowledged at once.
	maxAcks = 1000
	// maxAckBody is how many bytes the document for that may have.
	maxAckBody = 64 << 10
)

// ackList is one id of an event, or a list of them.
type ackList []events.Position

// UnmarshalJSON implements json.Unmarshaler.
func (l *ackList) UnmarshalJSON(b []byte) error {
	var one string
	list := []string{}
	if json.Unmarshal(b, &one) == nil {
		list = append(list, one)
	} else if err := json.Unmarshal(b, &list); err != nil {
		return errors.New("ack is the id of an event, or a list of them")
	}
	if len(list) == 0 || len(list) > maxAcks {
		return fmt.Errorf("ack has from 1 to %d ids", maxAcks)
	}
	*l = make(ackList, len(list))
	for i, text := range list {
		p, err := events.ParsePosition(text)
		if err != nil {
			return err
		}
		(*l)[i] = p
	}
	return nil
}

// acknowledge takes the ids of events that a consumer need not give to anybody again.
func (s *Server) acknowledge(w http.ResponseWriter, r *http.Request, g *grant) int {
	name, p := consumerOf(r)
	if p != nil {
		return s.refuse(w, r, p)
	}
	buf := getBuffer()
	defer putBuffer(buf)
	if *buf, p = readBody(*buf, r, maxAckBody); p != nil {
		return s.refuse(w, r, p)
	}
	var doc struct {
		Ack ackList `json:"ack"`
	}
	if err := json.Unmarshal(*buf, &doc); err != nil || doc.Ack == nil {
		text := `the body is a JSON object as in {"ack": ["3-1k9"]}`
		if err != nil {
			text += ": " + err.Error()
		}
		return s.refuse(w, r, badPath(text))
	}
	if err := g.events.Acknowledge(r.Context(), g.identity, name, doc.Ack...); err != nil {
		if hungUp(r.Context()) {
			return statusHungUp
		}
		return s.fail(w, r, eventProblem(err))
	}
	w.WriteHeader(http.StatusNoContent)
	return http.StatusNoContent
}

// consumerOf returns the consumer that a query names.
func consumerOf(r *http.Request) (string, *problem) {
	values, err := url.ParseQuery(withoutCredentials(r.URL.RawQuery))
	if err != nil || len(values) != 1 || len(values["consumer"]) != 1 || !events.ValidConsumer(values.Get("consumer")) {
		return "", badPath("the query is consumer=NAME, and nothing else")
	}
	return values.Get("consumer"), nil
}

// consumer is the document about a consumer.
type consumer struct {
	Name    string    `json:"name"`
	Cursor  string    `json:"cursor"`
	Waiting int       `json:"waiting"`
	Readers int       `json:"readers"`
	Used    time.Time `json:"used"`
}

// listConsumers tells a reader of his consumers.
func (s *Server) listConsumers(w http.ResponseWriter, r *http.Request, g *grant) int {
	if withoutCredentials(r.URL.RawQuery) != "" {
		return s.refuse(w, r, badPath("there are no parameters here"))
	}
	doc := struct {
		Consumers []consumer `json:"consumers"`
	}{[]consumer{}}
	for _, c := range g.events.Consumers(g.identity) {
		doc.Consumers = append(doc.Consumers, consumer{c.Name, c.Cursor.String(), c.Waiting, c.Readers, c.Used.UTC()})
	}
	return s.sendBody(w, jsonContent, encodeJSON(doc))
}

// dropConsumer forgets a consumer.
func (s *Server) dropConsumer(w http.ResponseWriter, r *http.Request, g *grant, name string) int {
	if err := g.events.DropConsumer(r.Context(), g.identity, name); err != nil {
		if hungUp(r.Context()) {
			return statusHungUp
		}
		return s.fail(w, r, eventProblem(err))
	}
	w.WriteHeader(http.StatusNoContent)
	return http.StatusNoContent
}
