package httpd

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/restanza/restanza/access"
	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// tokensPath is where tokens are made, listed and revoked.
const tokensPath = "/tokens"

// maxTokenBody bounds the document about a new token, in bytes.
const maxTokenBody = 1 << 20

// manageTokens answers an operator about tokens, or does what he says.
func (s *Server) manageTokens(w http.ResponseWriter, r *http.Request) int {
	w.Header()["Cache-Control"] = noStore
	if !s.keys.operable() {
		return s.refuse(w, r, noPile("nobody may make tokens here: set http.admin_authorization in the gateway's configuration"))
	}
	id := strings.TrimPrefix(strings.TrimPrefix("/"+strings.TrimLeft(r.URL.Path, "/"), tokensPath), "/")
	if strings.Contains(id, "/") {
		return s.notFound(w, r)
	}
	methods := []string{http.MethodGet, http.MethodHead, http.MethodPost}
	if id != "" {
		methods = []string{http.MethodGet, http.MethodHead, http.MethodDelete}
	}
	if p := allowOnly(r, methods...); p != nil {
		return s.refuse(w, r, p)
	}
	component, p := s.authenticateAdmin(w, r)
	if p == nil && s.keys.tokens == nil {
		p = noPile("tokens are kept in the journal, and the gateway has none; set journal.path in its configuration")
	}
	if p != nil {
		return s.refuse(w, r, p)
	}
	if r.Method == http.MethodPost {
		return s.createToken(w, r, component)
	}
	body, err := s.lookUpTokens(r, id, component)
	if err != nil {
		if hungUp(r.Context()) {
			return statusHungUp
		}
		return s.refuse(w, r, s.journalProblem(err))
	}
	return s.sendBody(w, jsonContent, body)
}

// lookUpTokens lists tokens, shows one or revokes it. Errors are problems or the journal's.
func (s *Server) lookUpTokens(r *http.Request, id string, component jid.JID) ([]byte, error) {
	switch {
	case r.Method == http.MethodDelete && r.ContentLength != 0:
		return nil, badPath("this takes no body: the path says which token is meant")
	case id == "":
		return s.listTokens(r, component)
	case r.URL.RawQuery != "":
		return nil, badPath("this takes no parameters: the path says it all")
	}
	t, err := s.findToken(r.Context(), id, component)
	if err == nil && r.Method == http.MethodDelete {
		t, err = s.revokeToken(r.Context(), t)
	}
	if err != nil {
		return nil, err
	}
	return encodeJSON(tokenOf(&t, s.now())), nil
}

// listTokens returns a page of what a query chooses.
func (s *Server) listTokens(r *http.Request, component jid.JID) ([]byte, error) {
	q, err := parseTokenQuery(r.URL.RawQuery)
	if err == nil {
		err = onlyComponent(&q.filter.Component, component)
	}
	if err != nil {
		return nil, err
	}
	found, err := s.keys.tokens.store.Tokens(r.Context(), q.filter, q.after, q.limit+1)
	if err != nil {
		return nil, err
	}
	return encodeJSON(tokenList(found, q.limit, s.now())), nil
}

// findToken returns a token of a component, zero for any.
func (s *Server) findToken(ctx context.Context, id string, component jid.JID) (journal.Token, error) {
	found, err := s.keys.tokens.store.Tokens(ctx, journal.TokenFilter{ID: id, Component: component}, 0, 1)
	switch {
	case err != nil:
		return journal.Token{}, err
	case len(found) == 0:
		return journal.Token{}, noPile("there is no token of this id; one that has ended is forgotten after a month")
	}
	return found[0], nil
}

// revokeToken ends a token, and what is being read with it. That is so at once; an error says that it
// is not on disk.
func (s *Server) revokeToken(ctx context.Context, t journal.Token) (journal.Token, error) {
	g, err := s.keys.tokens.revoke(ctx, t.ID)
	if g != nil {
		s.readings.revoke(g)
	}
	if err != nil {
		return t, err
	}
	return s.findToken(ctx, t.ID, jid.JID{})
}

// createToken makes a token. The answer is the only place where its text ever stands.
func (s *Server) createToken(w http.ResponseWriter, r *http.Request, component jid.JID) int {
	t, err := s.readToken(r, component)
	var text string
	if err == nil {
		text, t, err = s.keys.tokens.create(r.Context(), t)
	}
	switch {
	case errors.Is(err, errManyTokens):
		p := newProblem(http.StatusServiceUnavailable, stanza.Wait, "resource-constraint", "there are too many tokens; revoke those that nobody uses")
		p.retryAfter = time.Minute
		return s.refuse(w, r, p)
	case err != nil && hungUp(r.Context()):
		return statusHungUp
	case err != nil:
		return s.refuse(w, r, s.journalProblem(err))
	}
	doc := tokenOf(&t, s.now())
	doc.Token = text
	h := w.Header()
	h["Location"] = []string{tokensPath + "/" + t.ID}
	h["Content-Type"] = jsonContent
	h["X-Content-Type-Options"] = nosniff
	w.WriteHeader(http.StatusCreated)
	s.send(w, encodeJSON(doc))
	return http.StatusCreated
}

// readToken reads the document about a new token.
func (s *Server) readToken(r *http.Request, component jid.JID) (journal.Token, error) {
	if r.URL.RawQuery != "" {
		return journal.Token{}, badPath("this takes no parameters: the body says it all")
	}
	if mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(mediaType), format.JSON.MediaType) {
		return journal.Token{}, newProblem(http.StatusUnsupportedMediaType, stanza.Modify, "bad-format", "a token is described in JSON: send the body with Content-Type: application/json")
	}
	buf := getBuffer()
	defer putBuffer(buf)
	var p *problem
	if *buf, p = readBody(*buf, r, maxTokenBody); p != nil {
		return journal.Token{}, p
	}
	t, wrong := s.parseToken(*buf, component)
	if wrong != nil {
		return journal.Token{}, wrong
	}
	if !component.IsZero() && slices.Contains(t.Rights, string(access.Admin)) {
		return journal.Token{}, wrongToken("rights", "only the gateway's own credential for operating (http.admin_authorization) can give the right admin")
	}
	return t, nil
}
