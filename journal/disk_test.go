package journal

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fillsUp adds entries until the disk takes no more, has room made, and checks that
// nothing is lost.
func fillsUp(t *testing.T, path string, makeRoom func(*Journal)) {
	t.Helper()
	logged := &strings.Builder{}
	j := open(t, Options{Path: path, Logger: textLogger(logged)})
	body := strings.Repeat("x", 10_000)
	var entries []*Entry
	for j.State().Err == nil && len(entries) < 1000 {
		e := add(t, j, "romeo@example.org", fmt.Sprint(len(entries), body))
		entries = append(entries, e)
		_ = j.Flush(t.Context())
	}
	state := j.State()
	if state.Err == nil || !strings.Contains(state.Err.Error(), path) {
		t.Fatalf("after %d entries: %v", len(entries), state.Err)
	}
	entries = append(entries, add(t, j, "romeo@example.org", fmt.Sprint(len(entries), body)))
	if _, err := j.Enqueue(t.Context(), component, "alerts", entries[0].Stanza(), time.Now()); !errors.Is(err, ErrUnwritable) {
		t.Errorf("enqueue: %v", err)
	}
	if found, err := j.Load(t.Context(), entries[0].Conversation(), 0, 1); err != nil || len(found) != 1 {
		t.Errorf("reading: %d, %v", len(found), err)
	}
	makeRoom(j)
	for _, e := range entries {
		if err := <-e.Written(); err != nil {
			t.Fatal(err)
		}
	}
	if got := j.Stats().Waiting; got != int64(len(entries)) {
		t.Errorf("%d of %d are on disk", got, len(entries))
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	if n := strings.Count(logged.String(), "\n"); n != 2 {
		t.Errorf("%d lines in the log:\n%s", n, logged)
	}
	if err := open(t, Options{Path: path}).Close(); err != nil {
		t.Error(err)
	}
}

func TestDisk_fullForSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	_ = open(t, Options{Path: path}).Close()
	s, err := openSQLite(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.exec("PRAGMA max_page_count = 100"); err != nil {
		t.Fatal(err)
	}
	o := Options{Path: path}
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	j, err := newJournal(o, s)
	if err != nil {
		t.Fatal(err)
	}
	var entries []*Entry
	for i := 0; j.State().Err == nil; i++ {
		entries = append(entries, add(t, j, "romeo@example.org", strings.Repeat("x", 10_000)))
		_ = j.Flush(t.Context())
	}
	if err := j.State().Err; !strings.Contains(err.Error(), "no room on the disk") {
		t.Errorf("state: %v", err)
	}
	entries[len(entries)-1].Settle()
	if err := j.Close(); err != nil { // nothing is left that needs room
		t.Error(err)
	}
}

// Another program that locks the file, such as sqlite3, does not lose anything.
func TestDisk_locked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, Options{Path: path})
	other, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	other.SetMaxOpenConns(1)
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	e := add(t, j, "romeo@example.org", "one")
	if err := j.Flush(t.Context()); !errors.Is(err, ErrUnwritable) || !strings.Contains(err.Error(), "has locked "+path) {
		t.Errorf("flush: %v", err)
	}
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	wait(t, e)
	if got := j.Stats().Waiting; got != 1 {
		t.Errorf("%d wait", got)
	}
}
