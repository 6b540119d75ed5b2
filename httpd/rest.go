package httpd

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/restanza/restanza/access"
	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/gateway"
	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

// rest answers /rest and what is below it.
func (s *Server) rest(w http.ResponseWriter, r *http.Request) int {
	s.allowOrigin(w.Header(), r)
	if strings.HasPrefix(r.URL.Path, outboxPath) && r.Method != http.MethodOptions {
		return s.outbox(w, r)
	}
	if r.Method == http.MethodPost || r.Method == http.MethodGet && !isEcho(r.URL.Path) {
		return s.post(w, r)
	}
	if r.Method == http.MethodOptions {
		return s.restOptions(w, r)
	}
	return s.refuse(w, r, allowOnly(r, restMethods(r)...))
}

// restMethods returns the methods that a path below /rest has.
func restMethods(r *http.Request) []string {
	methods := []string{http.MethodGet, http.MethodOptions, http.MethodPost}
	if isEcho(r.URL.Path) {
		return methods[1:]
	}
	if strings.HasPrefix(r.URL.Path, outboxPath) {
		return methods[:2]
	}
	return methods
}

// restOptions tells what a request below /rest may be.
func (s *Server) restOptions(w http.ResponseWriter, r *http.Request) int {
	h := w.Header()
	methods := restMethods(r)
	h["Allow"] = []string{strings.Join(methods, ", ")}
	if slices.Contains(methods, http.MethodPost) {
		h["Accept-Post"] = []string{format.Names()}
	}
	w.WriteHeader(http.StatusOK)
	return http.StatusOK
}

// post takes a stanza from a caller, hands it to his component, and answers
// with what came of it.
func (s *Server) post(w http.ResponseWriter, r *http.Request) int {
	if s.o.Observe != nil {
		return s.observed(w, r)
	}
	return s.submit(w, r, nil, nil)
}

// submit is post. It notes in x, unless that is nil, what an observer sees. The caller is known
// already if g is not nil.
func (s *Server) submit(w http.ResponseWriter, r *http.Request, x *Exchange, g *grant) int {
	if r.URL.RawQuery != "" || r.Method == http.MethodGet {
		w.Header()["Cache-Control"] = noStore // what was sent, or what it was sent with, is in the URL
	}
	if hasKey(r) {
		return s.keyed(w, r, x)
	}
	if g == nil {
		var p *problem
		if g, p = s.authenticate(w, r); p != nil {
			x.fail(p)
			return s.refuse(w, r, p)
		}
	}
	st, echo, err := s.readStanza(r, g.bodyLimit)
	x.begin(g, st)
	if err != nil {
		x.fail(err)
		if hungUp(r.Context()) && errors.Is(err, context.Cause(r.Context())) {
			return statusHungUp
		}
		return s.fail(w, r, err)
	}
	if echo {
		return s.echo(w, r, g, st, x)
	}
	if l := g.scope.MaySend(st); l != nil {
		return s.forbid(w, r, l, x)
	}
	if gateway.IsArchiveQuery(st) {
		return s.search(w, r, g, st, x)
	}
	prefs := preferencesOf(r.Header)
	answer, err := g.component.Submit(r.Context(), g.identity, st, prefs.submitOptions())
	if err != nil {
		return s.unsent(w, r, &prefs, st, x, err)
	}
	if applied := prefs.applied(st, answer); applied != "" {
		w.Header()["Preference-Applied"] = []string{applied}
	}
	if answer.IsZero() {
		w.WriteHeader(http.StatusAccepted)
		return http.StatusAccepted
	}
	x.answered(answer)
	status := http.StatusOK
	if prefs.strict && answer.Type() == stanza.TypeError {
		status = statusOf(answer.Err())
	}
	s.sendStanza(w, r, status, answer)
	return status
}

// forbid refuses what a credential is not good for.
//
//go:noinline
func (s *Server) forbid(w http.ResponseWriter, r *http.Request, l *access.Lack, x *Exchange) int {
	p := forbidden(l)
	x.fail(p)
	return s.refuse(w, r, p)
}

// unsent answers for a stanza that the XMPP server does not have: it is in the outbox, or
// came to nothing.
//
//go:noinline
func (s *Server) unsent(w http.ResponseWriter, r *http.Request, prefs *preferences, st stanza.Stanza, x *Exchange, err error) int {
	if queued, ok := errors.AsType[*gateway.Queued](err); ok {
		h := w.Header()
		h["Location"] = []string{outboxPath + queued.ID}
		if applied := prefs.applied(st, stanza.Stanza{}); applied != "" {
			h["Preference-Applied"] = []string{applied}
		}
		w.WriteHeader(http.StatusAccepted)
		return http.StatusAccepted
	}
	x.fail(err)
	if hungUp(r.Context()) {
		return statusHungUp
	}
	return s.fail(w, r, err)
}

// echo answers with the stanza as it would be sent. Nothing is.
func (s *Server) echo(w http.ResponseWriter, r *http.Request, g *grant, st stanza.Stanza, x *Exchange) int {
	complete, err := g.component.Complete(g.identity, st)
	if err != nil {
		x.fail(err)
		return s.fail(w, r, err)
	}
	x.echo()
	s.sendStanza(w, r, http.StatusOK, complete)
	return http.StatusOK
}

// readStanza reads the body of r and makes the stanza. The size is looked at before the
// media type, as in mod_rest. Echo says that nothing is to be sent.
func (s *Server) readStanza(r *http.Request, limit int) (st stanza.Stanza, echo bool, err error) {
	buf := getBuffer()
	defer putBuffer(buf)
	var p *problem
	if r.Method == http.MethodPost {
		if *buf, p = readBody(*buf, r, limit); p != nil {
			return stanza.Stanza{}, false, p
		}
	}
	if len(*buf) > largeBody || r.Header["Content-Encoding"] != nil {
		if err := s.turns.take(r.Context()); err != nil {
			return stanza.Stanza{}, false, err
		}
		defer s.turns.giveBack()
	}
	if isPlain(r) {
		st, err = stanza.Parse(*buf)
		return st, false, err
	}
	return s.decode(r, *buf, limit)
}

// isPlain reports whether a request is a stanza in XML and nothing else, as most are. It
// is for their speed, and for the stacks of those that wait: see
// docs/decisions/0005-small-frames.md.
func isPlain(r *http.Request) bool {
	types := r.Header["Content-Type"]
	return len(types) == 1 && types[0] == format.XML.MediaType && r.Header["Content-Encoding"] == nil &&
		r.URL.RawQuery == "" && r.URL.Path == "/rest" && r.Method == http.MethodPost
}

// decode makes the stanza that the body and the URL of r make.
//
//go:noinline
func (s *Server) decode(r *http.Request, body []byte, limit int) (st stanza.Stanza, echo bool, err error) {
	t, p := targetOf(r)
	t.profile = jsonmap.Profile(s.o.StrictJSON)
	if p != nil {
		return stanza.Stanza{}, false, p
	}
	if r.Method == http.MethodGet {
		if r.ContentLength != 0 {
			return stanza.Stanza{}, false, badPath("a GET has no body: send it by POST")
		}
		st, err = t.parse(nil, nil)
		return st, false, err
	}
	if body, p = decodeBody(body, r.Header, limit); p != nil {
		return stanza.Stanza{}, false, p
	}
	f, p := s.requestFormat(r.Header, &t, len(body) == 0)
	if p != nil {
		return stanza.Stanza{}, false, p
	}
	st, err = t.parse(f, body)
	return st, t.echo, err
}

// nosniff is the value of X-Content-Type-Options: a browser must not take for
// a page what someone else has sent.
var nosniff = []string{"nosniff"}

// unchunked is the size up to which net/http finds out the length of a body by
// itself.
const unchunked = 2048

// sendStanza writes a stanza as the body of the answer.
func (s *Server) sendStanza(w http.ResponseWriter, r *http.Request, status int, st stanza.Stanza) {
	f := s.answerFormat(r.Header, st)
	buf := getBuffer()
	defer putBuffer(buf)
	*buf = f.Append(*buf, st)
	h := w.Header()
	h["Content-Type"] = f.ContentType
	h["X-Content-Type-Options"] = nosniff
	if len(*buf) > unchunked {
		h["Content-Length"] = []string{strconv.Itoa(len(*buf))}
	}
	w.WriteHeader(status)
	s.send(w, *buf)
}

// send writes a body. A caller that is gone by now has no use for it.
func (s *Server) send(w http.ResponseWriter, body []byte) {
	if _, err := w.Write(body); err != nil { //nolint:gosec // the type is JSON, or the text is escaped, and browsers are told not to guess
		s.log.Debug("http answer not written", slog.Any("error", err))
	}
}

// hungUp reports whether a held request has ended because its caller is gone.
func hungUp(ctx context.Context) bool {
	return ctx.Err() != nil && !errors.Is(context.Cause(ctx), errStopping)
}

// fail answers a request that came to nothing, and returns the status.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) int {
	return s.refuse(w, r, s.problemOf(err))
}

// problemOf returns the answer for an error: its own if it has one, that of
// the table for a refusal, and a constant text for all others.
func (s *Server) problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	var p *problem
	if refusal, ok := errors.AsType[*stanza.Refusal](err); ok {
		p = problemFor(refusal)
	} else if errors.Is(err, errStopping) {
		p = problemFor(&stanza.Refusal{Reason: stanza.LinkUnavailable, Text: "the gateway is shutting down: try again in a moment"})
	}
	if p == nil {
		id := newInstanceID()
		s.log.Error("http request failed", slog.String("instance_id", id), slog.Any("error", err))
		return internalProblem(id)
	}
	p.retryAfter = max(p.retryAfter, retryAfterOf(err))
	return p
}
