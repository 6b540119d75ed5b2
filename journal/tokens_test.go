package journal

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/restanza/restanza/jid"
)

func token(name string) Token {
	hash := sha256.Sum256([]byte(name))
	return Token{Hash: hash[:], Name: name, Component: component, Identity: mustJID("bot@bot.example.net"), Rights: []string{"send"}}
}

func addToken(t *testing.T, j *Journal, tok Token) Token {
	t.Helper()
	added, err := j.AddToken(t.Context(), tok)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

func tokensOf(t *testing.T, j *Journal, f TokenFilter) []Token {
	t.Helper()
	found, err := j.Tokens(t.Context(), f, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var sameTokens = []cmp.Option{cmpopts.EquateComparable(jid.JID{}), cmpopts.EquateApproxTime(0)}

// All of a token outlives the process, and what was not given stays away.
func TestTokens_outliveTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, Options{Path: path})
	full := token("full")
	full.To, full.Kinds, full.Networks = []string{`a,b "c"@example.org/x, y`, "*.example.org"}, []string{"message"}, []string{"192.0.2.0/24"}
	full.Rate, full.Burst, full.InQuery, full.Expires = "60/m", 5, true, time.UnixMilli(4_000_000_000_123)
	want := []Token{addToken(t, j, full), addToken(t, j, token("plain"))}
	if want[0].ID == want[1].ID || want[0].Seq >= want[1].Seq || want[0].Created.IsZero() {
		t.Fatalf("%+v", want)
	}
	used := time.UnixMilli(1_700_000_000_000)
	if err := j.UsedTokens(t.Context(), map[string]time.Time{want[0].ID: used, "none": used}); err != nil {
		t.Fatal(err)
	}
	want[0].LastUsed = used
	if err := j.RevokeToken(t.Context(), want[1].ID); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	got := tokensOf(t, open(t, Options{Path: path}), TokenFilter{})
	if len(got) != 2 || got[1].Revoked.IsZero() {
		t.Fatalf("%+v", got)
	}
	want[1].Revoked = got[1].Revoked
	if diff := cmp.Diff(want, got, sameTokens...); diff != "" {
		t.Error(diff)
	}
}

func TestTokens_revoke(t *testing.T) {
	j := open(t, Options{})
	tok := addToken(t, j, token("a"))
	for range 2 {
		if err := j.RevokeToken(t.Context(), tok.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.RevokeToken(t.Context(), "none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("revoking what is not there: %v", err)
	}
}

func TestTokens_filterAndPages(t *testing.T) {
	j := open(t, Options{})
	var all []string
	for i := range 2*maxChange + 3 {
		tok := token(fmt.Sprint("t", i))
		if i%2 == 1 {
			tok.Name, tok.Component, tok.Identity = "odd", mustJID("other.example.net"), mustJID("other.example.net")
		}
		all = append(all, addToken(t, j, tok).ID)
	}
	if got := len(tokensOf(t, j, TokenFilter{Name: "odd"})); got != maxChange+1 {
		t.Errorf("%d of that name", got)
	}
	if got := len(tokensOf(t, j, TokenFilter{Component: component})); got != maxChange+2 {
		t.Errorf("%d of that component", got)
	}
	if got := tokensOf(t, j, TokenFilter{ID: all[7]}); len(got) != 1 || got[0].ID != all[7] {
		t.Errorf("by its ID: %+v", got)
	}
	var paged []string
	for after := int64(0); ; {
		page, err := j.Tokens(t.Context(), TokenFilter{}, after, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, tok := range page {
			paged = append(paged, tok.ID)
		}
		after = page[len(page)-1].Seq
	}
	if diff := cmp.Diff(all, paged); diff != "" {
		t.Error(diff)
	}
	used := map[string]time.Time{}
	for _, id := range all {
		used[id] = time.UnixMilli(1)
	}
	if err := j.UsedTokens(t.Context(), used); err != nil {
		t.Fatal(err)
	}
	for _, tok := range tokensOf(t, j, TokenFilter{}) {
		if tok.LastUsed.UnixMilli() != 1 {
			t.Errorf("%s was last used at %s", tok.ID, tok.LastUsed)
		}
	}
}

// Tokens are forgotten a month after their end, and not because of a clock that jumps.
func TestTokens_retention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var jump atomic.Int64
		j := open(t, Options{Now: func() time.Time { return time.Now().Add(time.Duration(jump.Load())) }})
		lasting, short, revoked := token("lasting"), token("short"), token("revoked")
		short.Expires = time.Now().Add(time.Hour)
		addToken(t, j, lasting)
		addToken(t, j, short)
		if err := j.RevokeToken(t.Context(), addToken(t, j, revoked).ID); err != nil {
			t.Fatal(err)
		}
		jump.Store(int64(100 * 24 * time.Hour))
		time.Sleep(50 * time.Minute)
		jump.Store(0)
		time.Sleep(29 * 24 * time.Hour)
		if got := len(tokensOf(t, j, TokenFilter{})); got != 3 {
			t.Errorf("%d after 29 days", got)
		}
		time.Sleep(2 * 24 * time.Hour)
		if got := tokensOf(t, j, TokenFilter{}); len(got) != 1 || got[0].Name != "lasting" {
			t.Errorf("after 31 days there are %+v", got)
		}
	})
}
