package journal

import (
	"database/sql"
	"errors"
	"fmt"
)

// Examine finds out whether a journal that exists could be opened, without making anything
// of it: one of an older version stays so. For the moment that it takes nobody else can open
// it. Errors are those of Open.
func Examine(path string) error {
	s := &sqliteStore{
		path: path, examined: true,
		prepared: map[string]*sql.Stmt{}, known: map[Conversation]int64{}, queries: map[string]*sql.Stmt{},
	}
	if err := errors.Join(s.open(), s.close()); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}
