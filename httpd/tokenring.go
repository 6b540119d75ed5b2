package httpd

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/restanza/restanza/access"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
)

// TokenStore is what the door needs of a journal for tokens. *journal.Journal is one; its methods
// say what they do.
type TokenStore interface {
	AddToken(ctx context.Context, t journal.Token) (journal.Token, error)
	Tokens(ctx context.Context, f journal.TokenFilter, after int64, limit int) ([]journal.Token, error)
	RevokeToken(ctx context.Context, id string) error
	UsedTokens(ctx context.Context, used map[string]time.Time) error
}

const (
	// TokenPrefix begins the text of each token.
	TokenPrefix = "rst_"
	// tokenLength is how many characters follow, each one of 62: 178 bits.
	tokenLength = 30
	// maxTokens bounds how many tokens there are, without those that were revoked.
	maxTokens = 100_000
	// loadedAtOnce is how many tokens are read from the store in one go.
	loadedAtOnce = 1000
)

// tokens are the credentials that were made while the gateway ran. All of them are in memory, so that
// a request needs no disk. The methods may be called on nil.
type tokens struct {
	store      TokenStore
	components map[jid.JID]Attachment // by domain
	key        [32]byte               // see keyring
	limit      int

	mu     sync.RWMutex
	byHash map[[sha256.Size]byte]*grant // by what keyed returns
	byID   map[string]*grant
	lasts  int // that were not revoked
	admins int // of these
}

// errManyTokens refuses a token that would be too many.
var errManyTokens = errors.New("httpd: too many tokens")

// loadTokens reads all tokens.
func loadTokens(ctx context.Context, store TokenStore, components []Attachment, log *slog.Logger) (*tokens, error) {
	ts := &tokens{
		store: store, limit: maxTokens, components: make(map[jid.JID]Attachment, len(components)),
		byHash: map[[sha256.Size]byte]*grant{}, byID: map[string]*grant{},
	}
	_, _ = rand.Read(ts.key[:]) // never fails: it ends the program instead
	for _, c := range components {
		ts.components[c.Component.Domain()] = c
	}
	for after := int64(0); ; {
		page, err := store.Tokens(ctx, journal.TokenFilter{}, after, loadedAtOnce)
		if err != nil {
			return nil, fmt.Errorf("tokens: %w", err)
		}
		for i := range page {
			if err := ts.add(&page[i]); err != nil {
				log.Warn("token can't be used", slog.String("id", page[i].ID), slog.Any("error", err))
			}
		}
		if len(page) < loadedAtOnce {
			return ts, nil
		}
		after = page[len(page)-1].Seq
	}
}

// add takes in a token that is in the store. Errors say why it is good for nothing here.
func (ts *tokens) add(t *journal.Token) error {
	a, ok := ts.components[t.Component]
	if !ok {
		return fmt.Errorf("there is no component %s here", t.Component)
	}
	spec := specOf(t)
	scope, wrong := spec.Scope()
	switch {
	case len(wrong) > 0:
		return wrong[0]
	case len(t.Hash) != sha256.Size || len(t.Rights) == 0:
		return errors.New("it is none that this program has made")
	}
	g, err := newGrant(a, t.Identity, scope)
	if err != nil {
		return err
	}
	g.inQuery, g.bounded, g.token = t.InQuery, true, &tokenState{id: t.ID}
	g.keys = g.identity.String() + " " + t.ID
	g.token.revoked.Store(!t.Revoked.IsZero())
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.byHash[ts.keyed([sha256.Size]byte(t.Hash))], ts.byID[t.ID] = g, g
	if t.Revoked.IsZero() {
		ts.count(g, 1)
	}
	return nil
}

// count notes that there is a token more or less. It is called with mu held.
func (ts *tokens) count(g *grant, n int) {
	ts.lasts += n
	if g.scope.Has(access.Admin) == nil {
		ts.admins += n
	}
}

// specOf returns what the store has about the scope of a token.
func specOf(t *journal.Token) access.Spec {
	spec := access.Spec{Rights: t.Rights, To: t.To, Kinds: t.Kinds, Networks: t.Networks, Rate: t.Rate, Burst: t.Burst}
	if !t.Expires.IsZero() {
		spec.Expires = t.Expires.UTC().Format(time.RFC3339Nano)
	}
	return spec
}

// keyed makes the hash of a token one that whoever tries tokens can't know, so that it tells him
// nothing how long a search takes.
func (ts *tokens) keyed(hash [sha256.Size]byte) [sha256.Size]byte {
	kept := getBuffer()
	defer putBuffer(kept)
	*kept = append(append(*kept, ts.key[:]...), hash[:]...)
	return sha256.Sum256(*kept)
}

// find returns the grant of an Authorization value, also of a token that was revoked; nil: it is
// none of a token.
//
//go:noinline
func (ts *tokens) find(authorization string) *grant {
	scheme, text, _ := strings.Cut(authorization, " ")
	text = strings.TrimLeft(text, " ")
	if ts == nil || len(text) != len(TokenPrefix)+tokenLength || !strings.EqualFold(scheme, "Bearer") {
		return nil
	}
	kept := getBuffer()
	defer putBuffer(kept)
	*kept = append(*kept, text...)
	name := ts.keyed(sha256.Sum256(*kept))
	clear(*kept)
	ts.mu.RLock()
	defer ts.mu.RUnlock()
	return ts.byHash[name]
}

// operators reports whether some token may operate the gateway.
func (ts *tokens) operators() bool {
	if ts == nil {
		return false
	}
	ts.mu.RLock()
	defer ts.mu.RUnlock()
	return ts.admins > 0
}

// create makes a token and keeps it. Its text is returned, and known to nobody else. Errors are
// errManyTokens and the store's.
func (ts *tokens) create(ctx context.Context, t journal.Token) (text string, made journal.Token, err error) {
	ts.mu.RLock()
	full := ts.lasts >= ts.limit
	ts.mu.RUnlock()
	if full {
		return "", journal.Token{}, errManyTokens
	}
	text = newToken()
	hash := sha256.Sum256([]byte(text))
	t.Hash = hash[:]
	if made, err = ts.store.AddToken(ctx, t); err != nil {
		return "", made, err
	}
	return text, made, ts.add(&made)
}

// newToken returns the text of a new token.
func newToken() string {
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	const even = 256 - 256%len(letters) // bytes below that make each letter as often as any other
	text := make([]byte, 0, len(TokenPrefix)+tokenLength)
	text = append(text, TokenPrefix...)
	var random [2 * tokenLength]byte
	for {
		_, _ = rand.Read(random[:]) // never fails: it ends the program instead
		for _, b := range random {
			if int(b) < even {
				text = append(text, letters[int(b)%len(letters)])
			}
			if len(text) == cap(text) {
				return string(text)
			}
		}
	}
}

// revoke ends a token at once, and notes it in the store: after an error it may be good again when
// the gateway is started again. It returns the grant; nil: it is none that can be used.
func (ts *tokens) revoke(ctx context.Context, id string) (*grant, error) {
	ts.mu.Lock()
	g := ts.byID[id]
	if g != nil && !g.token.revoked.Swap(true) {
		ts.count(g, -1)
	}
	ts.mu.Unlock()
	return g, ts.store.RevokeToken(ctx, id)
}

// noteUse writes down which tokens were used last when, as far as that is not known.
func (ts *tokens) noteUse(ctx context.Context) error {
	used, noted := map[string]time.Time{}, map[*tokenState]int64{}
	ts.mu.RLock()
	for id, g := range ts.byID {
		if minute := g.token.used.Load(); minute != g.token.written && minute != 0 {
			used[id], noted[g.token] = time.Unix(minute*60, 0), minute
		}
	}
	ts.mu.RUnlock()
	if len(used) == 0 {
		return nil
	}
	if err := ts.store.UsedTokens(ctx, used); err != nil {
		return err
	}
	for t, minute := range noted {
		t.written = minute
	}
	return nil
}

// domains returns the components for which there can be tokens, in order.
func (ts *tokens) domains() []string {
	var list []string
	for domain := range ts.components {
		list = append(list, domain.String())
	}
	slices.Sort(list)
	return list
}
