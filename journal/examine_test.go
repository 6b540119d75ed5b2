package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestExamine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, Options{Path: path})
	if err := Examine(path); !errors.Is(err, ErrInUse) {
		t.Errorf("while it is open: %v", err)
	}
	_ = j.Close()
	if err := Examine(path); err != nil {
		t.Errorf("a good one: %v", err)
	}
	if err := os.WriteFile(path, []byte("something else that is long enough to be looked at, and is no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Examine(path); !errors.Is(err, ErrDamaged) {
		t.Errorf("no database: %v", err)
	}
	empty := filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Examine(empty); err != nil {
		t.Errorf("an empty file: %v", err)
	}
	if info, err := os.Stat(empty); err != nil || info.Size() != 0 {
		t.Errorf("it made a journal of it: %v, %v", info, err)
	}
}
