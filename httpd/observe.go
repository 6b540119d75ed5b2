package httpd

import (
	"net/http"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// Exchange is a request with a stanza, and what came of it.
type Exchange struct {
	// Component is the domain that the caller's credential is for; zero if the
	// credential is not known.
	Component jid.JID
	// Stanza is what was sent, with the sender that the credential implies if it
	// names none; zero if the request was refused before there was one. It may
	// lack an id: the gateway makes one.
	Stanza stanza.Stanza
	Answer stanza.Stanza // in the body of the response; zero if there is none
	Status int           // of the response; 499: the caller has hung up
	Took   time.Duration // from the header of the request to the end of the response
	Err    error         // why it came to nothing; nil if it did not. Not all of it is for the caller

	echoed bool // nothing was sent, so that there is nothing to observe
}

// observed is post, watched by Options.Observe.
func (s *Server) observed(w http.ResponseWriter, r *http.Request) int {
	began := time.Now()
	var x Exchange
	status := s.submit(w, r, &x, nil)
	x.Status, x.Took = status, time.Since(began)
	if !x.echoed {
		s.o.Observe(x)
	}
	return status
}

// begin notes what was sent. The methods do nothing where nobody watches.
func (x *Exchange) begin(g *grant, st stanza.Stanza) {
	if x == nil {
		return
	}
	x.Component = g.component.Domain()
	if st.IsZero() {
		return
	}
	if h := st.Header(); h.From.IsZero() {
		h.From = g.identity
		st = st.With(h)
	}
	x.Stanza = st
}

// answered notes the stanza of the response.
func (x *Exchange) answered(st stanza.Stanza) {
	if x != nil {
		x.Answer = st
	}
}

// echo notes that the stanza is only shown to its caller.
func (x *Exchange) echo() {
	if x != nil {
		x.echoed = true
	}
}

// fail notes why the request comes to nothing.
func (x *Exchange) fail(err error) {
	if x != nil {
		x.Err = err
	}
}
