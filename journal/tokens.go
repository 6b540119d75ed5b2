package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/restanza/restanza/jid"
)

// Token is a credential that was made while the gateway ran. The journal does not look into what
// says what it is good for.
type Token struct {
	Seq       int64   // the order in which they were made
	ID        string  // by which people and programs name it
	Hash      []byte  // SHA-256 of its text, which nobody keeps
	Name      string  // for people; several may have the same
	Component jid.JID // domain
	Identity  jid.JID // whom it stands for, an address in that

	Rights, To, Kinds, Networks []string
	Rate                        string
	Burst                       int
	InQuery                     bool

	// Times, to the millisecond; zero: it never happens, or has not happened.
	Created  time.Time
	Expires  time.Time
	LastUsed time.Time
	Revoked  time.Time
}

// TokenFilter chooses tokens; the zero value chooses all.
type TokenFilter struct {
	ID        string
	Name      string
	Component jid.JID
}

// tokenAge is how long a token is remembered after its end.
const tokenAge = 30 * 24 * time.Hour

// AddToken keeps a token, to which it gives its Seq, its ID and the time of its making. When it
// returns, the token is on disk. Errors are those of Flush.
func (j *Journal) AddToken(ctx context.Context, t Token) (Token, error) {
	now := j.now()
	var row tokenRow
	err := j.requestNumbers(ctx, 1, func(c changes, seq int64) error {
		t.Seq, t.ID, t.Created = seq, j.newID(seq), time.UnixMilli(now)
		row = rowOf(t)
		return c.addToken(row)
	})
	if err != nil {
		return Token{}, err
	}
	return t, nil
}

// RevokeToken notes the end of a token. When it returns, that is on disk. What was revoked before
// stays as it is. Errors are ErrNotFound and those of Flush.
func (j *Journal) RevokeToken(ctx context.Context, id string) error {
	var found bool
	err := j.request(ctx, func(c changes) (err error) {
		found, err = c.revokeToken(id, max(j.now(), 1))
		return err
	})
	if err == nil && !found {
		err = fmt.Errorf("journal: token %.40q: %w", id, ErrNotFound)
	}
	return err
}

// UsedTokens notes when tokens were used last, by their IDs. What is not there is passed over.
// Errors are those of Flush.
func (j *Journal) UsedTokens(ctx context.Context, used map[string]time.Time) error {
	ids := make([]string, 0, len(used))
	for id := range used {
		ids = append(ids, id)
	}
	for some := range slices.Chunk(ids, maxChange) {
		err := j.request(ctx, func(c changes) error {
			for _, id := range some {
				if err := c.usedToken(id, used[id].UnixMilli()); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Tokens returns tokens that f chooses and that come after a Seq (0: all), in the order of their
// making, at most limit.
func (j *Journal) Tokens(ctx context.Context, f TokenFilter, after int64, limit int) ([]Token, error) {
	if err := j.read(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	rows, err := j.store.tokens(ctx, f, after, limit)
	if err != nil {
		return nil, wrap(err)
	}
	found := make([]Token, len(rows))
	for i := range rows {
		if found[i], err = rows[i].token(); err != nil {
			return nil, fmt.Errorf("journal: token %s can't be read: %w", rows[i].id, err)
		}
	}
	return found, nil
}

func rowOf(t Token) tokenRow {
	return tokenRow{
		seq: t.Seq, id: t.ID, hash: t.Hash, name: t.Name, component: t.Component.String(), identity: t.Identity.String(),
		rights: listText(t.Rights), targets: listText(t.To), kinds: listText(t.Kinds), networks: listText(t.Networks),
		rate: t.Rate, burst: int64(t.Burst), inQuery: t.InQuery,
		created: millis(t.Created), expires: millis(t.Expires), lastUsed: millis(t.LastUsed), revoked: millis(t.Revoked),
	}
}

// listText writes a list; nothing for none.
func listText(list []string) string {
	if list == nil {
		return ""
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic("journal: a list of texts has no JSON form: " + err.Error()) // it always has
	}
	return string(text)
}

func (r *tokenRow) token() (Token, error) {
	t := Token{
		Seq: r.seq, ID: r.id, Hash: r.hash, Name: r.name, Rate: r.rate, Burst: int(r.burst), InQuery: r.inQuery,
		Created: timeOf(r.created), Expires: timeOf(r.expires), LastUsed: timeOf(r.lastUsed), Revoked: timeOf(r.revoked),
	}
	for _, a := range []struct {
		text string
		into *jid.JID
	}{{r.component, &t.Component}, {r.identity, &t.Identity}} {
		var err error
		if *a.into, err = jid.Parse(a.text); err != nil {
			return t, err
		}
	}
	for _, l := range []struct {
		text string
		into *[]string
	}{{r.rights, &t.Rights}, {r.targets, &t.To}, {r.kinds, &t.Kinds}, {r.networks, &t.Networks}} {
		if l.text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(l.text), l.into); err != nil {
			return t, err
		}
	}
	return t, nil
}
