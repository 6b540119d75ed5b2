package journal

import (
	"context"
	"database/sql"
)

func (t *sqliteChanges) record(r eventRow) error {
	return t.s.exec("INSERT INTO event (seq, component, at, direction, state, stanza) VALUES (?, ?, ?, ?, ?, ?)",
		r.seq, r.component, r.at, string(r.direction), r.state, r.stanza)
}

func (t *sqliteChanges) trimEvents(component string, before, most int64, limit int) (int, error) {
	var events int64
	if err := t.s.row("SELECT count(*) FROM event WHERE component = ?", []any{component}, &events); err != nil {
		return 0, err
	}
	surplus := min(max(events-most, 0), int64(limit))
	// The last that goes: the last of the surplus, or of those that are too old.
	var last sql.NullInt64
	err := t.s.row(`SELECT max(seq) FROM (SELECT seq, at, row_number() OVER (ORDER BY seq) AS place FROM event
			WHERE component = ? ORDER BY seq LIMIT ?) WHERE place <= ? OR at < ?`,
		[]any{component, limit, surplus, before}, &last)
	if err != nil || !last.Valid {
		return 0, err
	}
	n, err := t.s.execCount("DELETE FROM event WHERE component = ? AND seq <= ?", component, last.Int64)
	if err != nil {
		return 0, err
	}
	return int(n), t.s.exec("INSERT INTO event_log VALUES (?, ?) ON CONFLICT (component) DO UPDATE SET dropped = excluded.dropped", component, last.Int64)
}

func (t *sqliteChanges) putConsumer(r consumerRow) error {
	return t.s.exec("INSERT OR REPLACE INTO consumer VALUES (?, ?, ?, ?, ?, ?, ?)",
		r.component, r.owner, r.name, r.filter, r.cursor, r.done, r.used)
}

func (t *sqliteChanges) dropConsumer(component, owner, name string) error {
	return t.s.exec("DELETE FROM consumer WHERE component = ? AND owner = ? AND name = ?", component, owner, name)
}

func (s *sqliteStore) consumers(ctx context.Context, component string) ([]consumerRow, error) {
	return query(ctx, s, func(rows *sql.Rows) (r consumerRow, err error) {
		err = rows.Scan(&r.component, &r.owner, &r.name, &r.filter, &r.cursor, &r.done, &r.used)
		return r, err
	}, "SELECT component, owner, name, filter, cursor, done, used FROM consumer WHERE component = ?", component)
}

func (s *sqliteStore) events(ctx context.Context, component string, after int64, limit int) ([]eventRow, error) {
	return query(ctx, s, func(rows *sql.Rows) (r eventRow, err error) {
		err = rows.Scan(&r.seq, &r.at, &r.direction, &r.state, &r.stanza)
		return r, err
	}, "SELECT seq, at, direction, state, stanza FROM event WHERE component = ? AND seq > ? ORDER BY seq LIMIT ?", component, after, limit)
}

func (s *sqliteStore) eventsSince(ctx context.Context, component string, at int64) (after int64, err error) {
	var first sql.NullInt64
	_, err = s.find(ctx, "SELECT seq FROM event WHERE component = ? AND at >= ? ORDER BY seq LIMIT 1", []any{component, at}, &first)
	if err != nil {
		return 0, err
	}
	if first.Valid {
		return first.Int64 - 1, nil
	}
	_, err = s.find(ctx, "SELECT seq FROM event WHERE component = ? ORDER BY seq DESC LIMIT 1", []any{component}, &after)
	return after, err
}

func (s *sqliteStore) eventsDropped(ctx context.Context, component string) (upTo int64, err error) {
	_, err = s.find(ctx, "SELECT dropped FROM event_log WHERE component = ?", []any{component}, &upTo)
	return upTo, err
}
