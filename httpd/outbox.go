package httpd

import (
	"net/http"
	"strings"
	"time"

	"github.com/restanza/restanza/access"
	"github.com/restanza/restanza/gateway"
	"github.com/restanza/restanza/stanza"
)

// outboxPath is where the stanzas that were queued are, each under its ID.
const outboxPath = "/rest/outbox/"

// outgoing is the document about a stanza that was queued.
type outgoing struct {
	ID      string              `json:"id"`
	State   gateway.OutboxState `json:"state"`
	Created time.Time           `json:"created"`
	Expires time.Time           `json:"expires"`
	Error   *outgoingError      `json:"error,omitempty"`
}

// outgoingError is a stanza error as stanzas in JSON have it.
type outgoingError struct {
	Type      stanza.ErrorType `json:"type"`
	Condition stanza.Condition `json:"condition"`
	Text      string           `json:"text,omitempty"`
}

// outbox tells what became of a stanza that was queued.
func (s *Server) outbox(w http.ResponseWriter, r *http.Request) int {
	if p := allowOnly(r, restMethods(r)...); p != nil {
		return s.refuse(w, r, p)
	}
	g, p := s.authenticate(w, r)
	if p == nil {
		p = forbidden(g.scope.Has(access.Send))
	}
	if p != nil {
		return s.refuse(w, r, p)
	}
	found, ok, err := g.component.Outgoing(r.Context(), g.identity, strings.TrimPrefix(r.URL.Path, outboxPath))
	switch {
	case err != nil && hungUp(r.Context()):
		return statusHungUp
	case err != nil:
		return s.fail(w, r, err)
	case !ok:
		return s.refuse(w, r, newProblem(http.StatusNotFound, stanza.Cancel, "item-not-found",
			"nothing that you have sent is in the outbox under this id; what became of a stanza is remembered for a day"))
	}
	doc := outgoing{ID: found.ID, State: found.State, Created: found.Created.UTC(), Expires: found.Expires.UTC()}
	if e := found.Error; e != nil {
		doc.Error = &outgoingError{e.Type, e.Condition, e.Text}
	}
	return s.sendBody(w, jsonContent, encodeJSON(doc))
}

var jsonContent = []string{"application/json"}
