package httpd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// Deliveries is what the door needs of a journal, so that an operator sees and changes what
// no callback has accepted. *journal.Journal is one; its methods say what they do.
type Deliveries interface {
	List(ctx context.Context, f journal.Filter, after int64, limit int) ([]journal.Delivery, error)
	Show(ctx context.Context, id string) (journal.Detail, error)
	Drop(ctx context.Context, f journal.Filter) (int, error)
	Retry(ctx context.Context, f journal.Filter) (int, error)
	Replay(ctx context.Context, f journal.Filter, expires func(component jid.JID) time.Time) (int, error)
}

// DefaultReplayAge is how long a dead letter that was replayed is tried anew, unless Options.ReplayAge says more.
const DefaultReplayAge = 24 * time.Hour

// replayedUntil returns until when a dead letter of a component is tried that is replayed now.
func (s *Server) replayedUntil(component jid.JID) time.Time {
	age := DefaultReplayAge
	if s.o.ReplayAge != nil {
		age = cmp.Or(s.o.ReplayAge(component), age)
	}
	return time.Now().Add(age)
}

// pile is one of the two places where undelivered stanzas are.
type pile struct {
	path   string // of the whole
	state  journal.DeliveryState
	action string // the last part of the path by which they are sent on their way
	other  string // the path of the other pile
}

var (
	waiting = pile{"/deliveries", journal.Waiting, "retry", "/dead-letters"}
	dead    = pile{"/dead-letters", journal.Dead, "replay", "/deliveries"}
)

// has reports whether a path is the pile's, or below that.
func (p *pile) has(path string) bool {
	rest, ok := strings.CutPrefix(path, p.path)
	return ok && (rest == "" || rest[0] == '/')
}

// order is what a request wants of a pile.
type order struct {
	id      string // of one delivery; empty: all that a filter chooses
	forward bool   // to be tried: POST, and nothing else

	component jid.JID // of which the one who asks may operate; zero: all
}

// order reads a path; false if there is nothing there.
func (p *pile) order(path string) (o order, ok bool) {
	path = "/" + strings.TrimLeft(path, "/")
	parts := strings.Split(strings.TrimPrefix(path, p.path), "/")[1:]
	if n := len(parts); n > 0 && parts[n-1] == p.action {
		o.forward, parts = true, parts[:n-1]
	}
	switch len(parts) {
	case 0:
		return o, true
	case 1:
		o.id = parts[0]
		return o, o.id != ""
	}
	return o, false
}

func (s *Server) deliveries(w http.ResponseWriter, r *http.Request) int {
	return s.operate(w, r, &waiting)
}

func (s *Server) deadLetters(w http.ResponseWriter, r *http.Request) int {
	return s.operate(w, r, &dead)
}

// operate answers an operator about a pile, or does what he says.
func (s *Server) operate(w http.ResponseWriter, r *http.Request, p *pile) int {
	w.Header()["Cache-Control"] = noStore
	if !s.keys.operable() {
		return s.refuse(w, r, noPile("nobody may look at undelivered stanzas here: set http.admin_authorization in the gateway's configuration"))
	}
	o, ok := p.order(r.URL.Path)
	if !ok {
		return s.notFound(w, r)
	}
	methods := []string{http.MethodGet, http.MethodHead, http.MethodDelete}
	if o.forward {
		methods = []string{http.MethodPost}
	}
	if wrong := allowOnly(r, methods...); wrong != nil {
		return s.refuse(w, r, wrong)
	}
	component, wrong := s.authenticateAdmin(w, r)
	if wrong != nil {
		return s.refuse(w, r, wrong)
	}
	o.component = component
	a, err := s.carryOut(r, p, o)
	if err != nil {
		if hungUp(r.Context()) {
			return statusHungUp
		}
		return s.refuse(w, r, s.journalProblem(err))
	}
	return s.sendBody(w, a.contentType, a.body)
}

// onlyComponent makes a filter one for what is of the component that somebody may operate, if it
// is not all of them.
func onlyComponent(asked *jid.JID, may jid.JID) error {
	switch {
	case may.IsZero() || *asked == may:
	case asked.IsZero():
		*asked = may
	default:
		return newProblem(http.StatusForbidden, stanza.Auth, "forbidden", fmt.Sprintf("this credential is not for the component %.100q", *asked))
	}
	return nil
}

// concerns reports whether a delivery is of a component that the order may be about.
func (o *order) concerns(d *journal.Detail) bool {
	return o.component.IsZero() || d.Conversation.Component == o.component
}

// page is a body of an answer.
type page struct {
	contentType []string
	body        []byte
}

// carryOut does what an operator says. Errors are problems or the journal's.
func (s *Server) carryOut(r *http.Request, p *pile, o order) (page, error) {
	if s.o.Deliveries == nil {
		return page{}, noPile("nothing is kept: the gateway has no journal; set journal.path in its configuration")
	}
	list := r.Method == http.MethodGet || r.Method == http.MethodHead
	if !list && r.ContentLength != 0 {
		return page{}, badPath("this takes no body: what to choose stands in the query")
	}
	if o.id != "" && r.URL.RawQuery != "" {
		return page{}, badPath("this takes no parameters: the path says it all")
	}
	q, err := parseDeliveryQuery(r.URL.RawQuery, list, time.Now())
	if err != nil {
		return page{}, err
	}
	q.filter.State = p.state
	if wrong := onlyComponent(&q.filter.Component, o.component); wrong != nil {
		return page{}, wrong
	}
	switch {
	case list && o.id != "":
		return s.showDelivery(r, p, o)
	case list:
		return s.listDeliveries(r.Context(), q)
	case o.id != "":
		q.filter.ID = o.id
	case q.all == q.filtered:
		return page{}, allOrSome(q.all)
	}
	n, err := s.change(r.Context(), p, o, q.filter)
	switch {
	case err != nil && n > 0:
		return page{}, fmt.Errorf("%w, after %d of them", err, n)
	case err != nil:
		return page{}, err
	case n == 0 && o.id != "":
		return page{}, s.missing(r.Context(), p, o)
	}
	return page{jsonContent, encodeJSON(struct {
		Count int `json:"count"`
	}{n})}, nil
}

// change drops what a filter chooses, or sends it on its way.
func (s *Server) change(ctx context.Context, p *pile, o order, f journal.Filter) (int, error) {
	switch {
	case !o.forward:
		return s.o.Deliveries.Drop(ctx, f)
	case p.state == journal.Dead:
		return s.o.Deliveries.Replay(ctx, f, s.replayedUntil)
	default:
		return s.o.Deliveries.Retry(ctx, f)
	}
}

// listDeliveries returns a page of what a query chooses.
func (s *Server) listDeliveries(ctx context.Context, q deliveryQuery) (page, error) {
	found, err := s.o.Deliveries.List(ctx, q.filter, q.after, q.limit+1)
	if err != nil {
		return page{}, err
	}
	return page{jsonContent, encodeJSON(deliveryList(found, q.limit))}, nil
}

// deliveryTypes are the forms in which one delivery is shown.
var deliveryTypes = []string{"application/json", format.XML.MediaType}

// showDelivery returns all about a delivery or, for who wants XML, its stanza.
func (s *Server) showDelivery(r *http.Request, p *pile, o order) (page, error) {
	d, err := s.o.Deliveries.Show(r.Context(), o.id)
	switch {
	case errors.Is(err, journal.ErrNotFound), err == nil && (d.State != p.state || !o.concerns(&d)):
		return page{}, s.missing(r.Context(), p, o)
	case err != nil:
		return page{}, err
	case preferred(r.Header["Accept"], deliveryTypes) == 0:
		return page{jsonContent, encodeJSON(detailOf(&d))}, nil
	case d.Stanza.IsZero():
		return page{}, noPile("the stanza can't be read from the journal; what else is known of it can be had in JSON")
	}
	return page{format.XML.ContentType, format.XML.Append(nil, d.Stanza)}, nil
}

// missing returns the answer to an id that is not in a pile.
func (s *Server) missing(ctx context.Context, p *pile, o order) error {
	if d, err := s.o.Deliveries.Show(ctx, o.id); err == nil && d.State != p.state && o.concerns(&d) {
		return noPile("nothing with this id is here; it is at " + p.other + "/" + d.ID)
	}
	return noPile("nothing with this id is here: it was delivered or dropped, or never was")
}

func noPile(text string) *problem {
	return newProblem(http.StatusNotFound, stanza.Cancel, "item-not-found", text)
}

// journalProblem returns the answer to an error of the journal. That is never a fault of
// the gateway: disks fill up and break.
func (s *Server) journalProblem(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	p := newProblem(http.StatusServiceUnavailable, stanza.Wait, "resource-constraint", "")
	p.retryAfter = 5 * time.Second
	switch {
	case errors.Is(err, journal.ErrClosed), errors.Is(err, errStopping):
		p.text = "the gateway is shutting down: try again in a moment"
		return p
	case errors.Is(err, journal.ErrUnwritable):
		p.text = "the journal can't be written now, and what was asked for may be done in part; the gateway's log says why"
	default:
		p.text = "the journal can't be read; the gateway's log says why"
	}
	p.instance = newInstanceID()
	s.log.Error("journal not operated", slog.String("instance_id", p.instance), slog.Any("error", err))
	return p
}
