package httpd

import (
	"fmt"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/restanza/restanza/access"
	"github.com/restanza/restanza/events"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// Attachment is a component, with what a credential for it needs beside.
type Attachment struct {
	Component Component
	Events    *events.Log // nil: there is none
	BodyLimit int         // the largest request body in bytes, inclusive; 0: DefaultBodyLimit
}

// grant is what a credential gives access to.
type grant struct {
	component Component
	events    *events.Log // nil: none
	identity  jid.JID
	inQuery   bool
	bodyLimit int
	scope     access.Scope
	keys      string // the scope of its idempotency keys: no other credential has the same

	bounded bool           // admit may refuse it
	bucket  *access.Bucket // nil: its rate is not bounded
	policy  []string       // value of RateLimit-Policy, if there is a bucket
	token   *tokenState    // nil: it is one of the configuration
}

// tokenState is what changes of a token.
type tokenState struct {
	id      string
	revoked atomic.Bool
	used    atomic.Int64 // when it was used last, in Unix minutes; 0: never
	written int64        // what of that is in the journal; only the watcher uses it
}

// newGrant returns what an identity, zero for the domain, may do within a scope.
func newGrant(a Attachment, identity jid.JID, scope access.Scope) (*grant, error) {
	g := &grant{component: a.Component, events: a.Events, identity: identity, bodyLimit: a.BodyLimit, scope: scope}
	domain := g.component.Domain()
	if g.identity.IsZero() {
		g.identity = domain
	}
	if !domain.Covers(g.identity) {
		return nil, fmt.Errorf("%s is no address of %s", g.identity, domain)
	}
	if g.bodyLimit == 0 {
		g.bodyLimit = DefaultBodyLimit
	}
	if len(g.scope.Rights) == 0 {
		g.scope.Rights = access.Usual()
	}
	if g.scope.Has(access.Admin) == nil && g.identity != domain {
		return nil, fmt.Errorf("the right %s is for all of a component, and %s is not its domain", access.Admin, g.identity)
	}
	if scope.Rate != (access.Rate{}) {
		g.bucket, g.policy = access.NewBucket(scope.Rate), []string{scope.Rate.Policy()}
	}
	g.bounded = g.bucket != nil || len(scope.Networks) > 0 || !scope.Expires.IsZero()
	return g, nil
}

// The ends of a credential. They end what is being read with it, too.
var (
	errRevoked = newProblem(http.StatusForbidden, stanza.Auth, "not-authorized", "this token was revoked")
	errExpired = newProblem(http.StatusForbidden, stanza.Auth, "not-authorized", "this credential has expired")
)

// ended returns why a credential is good for nothing any more; nil: it is.
func (g *grant) ended(now time.Time) *problem {
	switch {
	case g.token != nil && g.token.revoked.Load():
		return errRevoked
	case g.scope.Expired(now):
		return errExpired
	}
	return nil
}

// authenticate returns whom a request speaks for, and counts the request. Who is refused has not
// used up anything.
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request) (*grant, *problem) {
	g, p := s.keys.authenticate(r)
	if p == nil && g.bounded {
		p = s.admit(w, r, g)
	}
	if p != nil && p.status != http.StatusTooManyRequests {
		s.metrics.unauthorized.Inc()
	}
	return g, p
}

// authenticateAdmin returns for which component a request may operate the gateway; zero: for all.
func (s *Server) authenticateAdmin(w http.ResponseWriter, r *http.Request) (jid.JID, *problem) {
	g, p := s.keys.authenticateAdmin(r)
	if p == nil && g == nil {
		return jid.JID{}, nil
	}
	if p == nil && g.bounded {
		p = s.admit(w, r, g)
	}
	if p == nil {
		p = forbidden(g.scope.Has(access.Admin))
	}
	if p != nil {
		if p.status != http.StatusTooManyRequests {
			s.metrics.unauthorized.Inc()
		}
		return jid.JID{}, p
	}
	return g.component.Domain(), nil
}

// admit refuses a credential whose time is over, that is used from somewhere else, or too often.
// Otherwise the request counts.
//
//go:noinline
func (s *Server) admit(w http.ResponseWriter, r *http.Request, g *grant) *problem {
	now := s.now()
	if p := g.ended(now); p != nil {
		return p
	}
	if len(g.scope.Networks) > 0 {
		if p := g.checkNetwork(r.RemoteAddr); p != nil {
			return p
		}
	}
	if g.token != nil {
		if minute := now.Unix() / 60; g.token.used.Load() != minute {
			g.token.used.Store(minute)
		}
	}
	if g.bucket == nil {
		return nil
	}
	level, p := g.take()
	h := w.Header()
	h["Ratelimit-Policy"] = g.policy
	h["Ratelimit"] = []string{level.Header()}
	return p
}

// checkNetwork refuses a caller who is not in one of the credential's networks.
func (g *grant) checkNetwork(remote string) *problem {
	at, err := netip.ParseAddrPort(remote)
	if g.scope.From(at.Addr()) {
		return nil
	}
	where := "here"
	if err == nil {
		where = at.Addr().Unmap().String()
	}
	return newProblem(http.StatusForbidden, stanza.Auth, "not-authorized", "this credential may not be used from "+where)
}

// quotaExceeded is the type of the problem (draft-ietf-httpapi-ratelimit-headers-10 §5).
const quotaExceeded = "https://iana.org/assignments/http-problem-types#quota-exceeded"

// take counts a request, or refuses it.
func (g *grant) take() (access.Level, *problem) {
	level, ok := g.bucket.Take()
	if ok {
		return level, nil
	}
	p := newProblem(http.StatusTooManyRequests, stanza.Wait, "policy-violation",
		fmt.Sprintf("this credential may be used %s, and was used more often; try again later", g.scope.Rate))
	p.uri, p.violated, p.retryAfter = quotaExceeded, []string{access.PolicyName}, level.Retry
	return level, p
}

// forbidden is the answer to who lacks something, nil to who does not. It names that and nothing else.
func forbidden(l *access.Lack) *problem {
	if l == nil {
		return nil
	}
	var text string
	switch {
	case l.Right != "":
		text = fmt.Sprintf("this credential lacks the right %q", l.Right)
	case l.Kind != "":
		text = fmt.Sprintf("this credential is not for stanzas of the kind %q", l.Kind)
	case l.To.IsZero():
		text = "this credential may not send without a to address"
	default:
		text = fmt.Sprintf("this credential may not send to %.100q", l.To)
	}
	return newProblem(http.StatusForbidden, stanza.Auth, "forbidden", text)
}
