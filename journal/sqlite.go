package journal

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// schemas are the migrations: 0001.sql makes version 1 of nothing, and so on. One
// that was released is never changed.
//
//go:embed schema/*.sql
var schemas embed.FS

const (
	// schemaVersion is the number of the last migration (PRAGMA user_version).
	schemaVersion = 4
	// applicationID marks a database file as a journal (PRAGMA application_id).
	applicationID = 0x5273746a // "Rstj"
	// readers is how many queries may be made at once, and listers how many that may
	// look through all deliveries.
	readers, listers = 4, 2
	// checkUpTo is the size in bytes of a file up to which every page of it is checked
	// when it is opened. That takes about 5 ms for each MiB.
	checkUpTo = 8 << 20
)

// sqliteStore is the store in an SQLite file. Writes go through one connection
// with a statement for everything, reads through a few others: in WAL mode they
// don't wait for each other.
type sqliteStore struct {
	path   string  // as it was given
	file   string  // what it leads to
	lock   *sql.DB // holds the lock file
	writes *sql.DB
	conn   *sql.Conn // of writes
	reads  *sql.DB
	lists  *sql.DB // as reads, for what may take long: that must not hold up what delivers

	examined bool // it is looked at, and not to be changed

	pageSize int64
	prepared map[string]*sql.Stmt   // on conn
	known    map[Conversation]int64 // rows that the writer has found or made, and not removed
	mu       sync.Mutex
	queries  map[string]*sql.Stmt // on reads
}

// openSQLite opens a file, makes it if there is none, and migrates it.
func openSQLite(path string) (*sqliteStore, error) {
	s := &sqliteStore{
		path: path, prepared: map[string]*sql.Stmt{}, known: map[Conversation]int64{}, queries: map[string]*sql.Stmt{},
	}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *sqliteStore) open() (err error) {
	if err := touch(s.path); err != nil {
		return err
	}
	// Two names of one file have the same lock.
	if s.file, err = filepath.EvalSymlinks(s.path); err != nil {
		return err
	}
	if err := s.takeLock(); err != nil {
		return err
	}
	// A checkpoint when the log has 16 MiB costs less than one at each 4; what the log
	// had beyond 32 MiB is given back.
	if s.writes, err = connect(s.file, "synchronous(FULL)", "busy_timeout(1000)",
		"wal_autocheckpoint(4000)", "journal_size_limit(33554432)", "cache_size(-8192)"); err != nil {
		return s.explain(err)
	}
	s.writes.SetMaxOpenConns(1)
	if s.conn, err = s.writes.Conn(context.Background()); err != nil {
		return s.explain(err)
	}
	if err := s.migrate(); err != nil {
		return s.explain(err)
	}
	if err := s.check(); err != nil {
		return s.explain(err)
	}
	if s.reads, err = readOnly(s.file, readers); err != nil {
		return s.explain(err)
	}
	s.lists, err = readOnly(s.file, listers)
	return s.explain(err)
}

// readOnly returns a pool of that many connections for queries.
func readOnly(path string, most int) (*sql.DB, error) {
	db, err := connect(path, "query_only(1)", "busy_timeout(1000)", "cache_size(-2048)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	return db, nil
}

// connect returns a pool of connections with settings, the PRAGMAs of SQLite.
func connect(path string, pragmas ...string) (*sql.DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	name := url.URL{Scheme: "file", Path: filepath.ToSlash(absolute), RawQuery: url.Values{"_pragma": pragmas}.Encode()}
	return sql.Open("sqlite", name.String())
}

// touch makes the file if there is none, for nobody else to read, also where a link
// leads to. One that is there is left alone: to close it would give up the locks that
// this process has on it.
func touch(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("%w: its folder must exist and be writable", err)
	}
	return f.Close()
}

// takeLock holds a lock in a file beside the journal until the process ends. It is
// an SQLite database too, because that knows how to lock on each system; nothing is
// ever written to it. The journal itself can't be locked that way without keeping
// out our own readers.
func (s *sqliteStore) takeLock() (err error) {
	path := s.file + "-lock"
	if err := touch(path); err != nil {
		return err
	}
	if s.lock, err = connect(path, "locking_mode(EXCLUSIVE)", "journal_mode(MEMORY)"); err != nil {
		return err
	}
	s.lock.SetMaxOpenConns(1)
	_, err = s.lock.ExecContext(context.Background(), "BEGIN EXCLUSIVE")
	switch {
	case isCode(err, sqlite3.SQLITE_BUSY):
		return fmt.Errorf("%w: another process has %s open; stop it, or give each its own file", ErrInUse, s.path)
	case err != nil:
		return fmt.Errorf("lock %s: %w", path, err)
	}
	return nil
}

// version returns that of the schema, 0 if the file is empty. The file must be a
// journal that this program knows.
func (s *sqliteStore) version() (version int, err error) {
	id, tables := 0, 0
	for query, value := range map[string]*int{
		"PRAGMA user_version": &version, "PRAGMA application_id": &id, "SELECT count(*) FROM sqlite_schema": &tables,
	} {
		if err := s.conn.QueryRowContext(context.Background(), query).Scan(value); err != nil {
			return 0, err
		}
	}
	switch {
	case id != applicationID && tables > 0:
		return 0, fmt.Errorf("%s is a database, but no journal: name another file", s.path)
	case version > schemaVersion:
		return 0, fmt.Errorf("%w: %s has version %d, this program knows %d; run the newer program, or start with another file",
			ErrNewer, s.path, version, schemaVersion)
	}
	return version, nil
}

// migrate brings the file to schemaVersion. One that is refused is not changed.
func (s *sqliteStore) migrate() error {
	version, err := s.version()
	if err != nil || s.examined {
		return err
	}
	if _, err := s.conn.ExecContext(context.Background(), "PRAGMA journal_mode = WAL"); err != nil {
		return err
	}
	for ; version < schemaVersion; version++ {
		text, err := schemas.ReadFile(fmt.Sprintf("schema/%04d.sql", version+1))
		if err != nil {
			return err
		}
		script := fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA user_version = %d; PRAGMA application_id = %d; COMMIT",
			text, version+1, applicationID)
		if _, err := s.conn.ExecContext(context.Background(), script); err != nil {
			return fmt.Errorf("migration to version %d: %w", version+1, err)
		}
	}
	return nil
}

// check finds a file that was cut off, and any other damage if the file is small.
func (s *sqliteStore) check() error {
	ctx := context.Background()
	if _, err := s.conn.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return err
	}
	var pages int64
	if err := s.conn.QueryRowContext(ctx, "SELECT page_count, page_size FROM pragma_page_count, pragma_page_size").Scan(&pages, &s.pageSize); err != nil {
		return err
	}
	file, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	if file.Size() < pages*s.pageSize {
		return s.damaged(fmt.Sprintf("it has %d bytes of %d", file.Size(), pages*s.pageSize))
	}
	if file.Size() > checkUpTo {
		return nil
	}
	var found string
	if err := s.conn.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return s.damaged(found)
	}
	return nil
}

// write implements store.
func (s *sqliteStore) write(fn func(changes) error) error {
	if err := s.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := fn(&sqliteChanges{s: s})
	if err == nil {
		err = s.exec("COMMIT")
	}
	if err != nil {
		clear(s.known)
		_ = s.exec("ROLLBACK") // fails if SQLite has done so itself
	}
	return err
}

// exec runs a statement on the writer's connection.
func (s *sqliteStore) exec(query string, args ...any) error {
	_, err := s.execCount(query, args...)
	return err
}

// execCount is exec, and returns how many rows it changed.
func (s *sqliteStore) execCount(query string, args ...any) (int64, error) {
	stmt, err := s.statement(query) //nolint:sqlclosecheck // it is kept until the store is closed
	if err != nil {
		return 0, s.explain(err)
	}
	result, err := stmt.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, s.explain(err)
	}
	return result.RowsAffected()
}

// row reads one row on the writer's connection.
func (s *sqliteStore) row(query string, args []any, into ...any) error {
	stmt, err := s.statement(query) //nolint:sqlclosecheck // it is kept until the store is closed
	if err != nil {
		return s.explain(err)
	}
	return s.explain(stmt.QueryRowContext(context.Background(), args...).Scan(into...))
}

// statement returns a prepared statement of the writer's connection.
func (s *sqliteStore) statement(query string) (*sql.Stmt, error) {
	if stmt := s.prepared[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(context.Background(), query)
	if err == nil {
		s.prepared[query] = stmt
	}
	return stmt, err
}

// reader returns a prepared statement for the readers' connections.
func (s *sqliteStore) reader(ctx context.Context, query string) (*sql.Stmt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stmt := s.queries[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.reads.PrepareContext(ctx, query) //nolint:sqlclosecheck // it is kept until the store is closed
	if err == nil {
		s.queries[query] = stmt
	}
	return stmt, err
}

// close implements store. Closing the last connection also empties the log.
func (s *sqliteStore) close() error {
	var errs []error
	if s.conn != nil {
		for _, stmt := range s.prepared {
			errs = append(errs, stmt.Close())
		}
		errs = append(errs, s.conn.Close())
	}
	for _, db := range []*sql.DB{s.reads, s.lists, s.writes, s.lock} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// explain says in words what is wrong with the file.
func (s *sqliteStore) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case isCode(err, sqlite3.SQLITE_CORRUPT), isCode(err, sqlite3.SQLITE_NOTADB):
		return s.damaged(err.Error())
	case isCode(err, sqlite3.SQLITE_FULL):
		return fmt.Errorf("no room on the disk of %s: %w", s.path, err)
	case isCode(err, sqlite3.SQLITE_BUSY), isCode(err, sqlite3.SQLITE_LOCKED):
		return fmt.Errorf("another program has locked %s: %w", s.path, err)
	case isCode(err, sqlite3.SQLITE_CANTOPEN), isCode(err, sqlite3.SQLITE_READONLY), isCode(err, sqlite3.SQLITE_PERM):
		return fmt.Errorf("%s must be a file that this user may write, in a folder where he may make others: %w", s.path, err)
	case isCode(err, sqlite3.SQLITE_IOERR):
		return fmt.Errorf("the disk of %s fails or is full: %w", s.path, err)
	}
	return err
}

// damaged says what to do about a damaged file.
func (s *sqliteStore) damaged(what string) error {
	return fmt.Errorf("%w: %s: %s; it was left as it is: stop the gateway, save a copy, "+
		"and read what can be read with `sqlite3 %s .recover`, or move it away to start with an empty journal", ErrDamaged, s.path, what, s.path)
}

// isCode reports whether err is SQLite's, with that primary result code.
func isCode(err error, code int) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == code
}
