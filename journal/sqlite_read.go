package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/restanza/restanza/jid"
)

func (s *sqliteStore) has(ctx context.Context, c Conversation) (bool, error) {
	var one int
	found, err := s.find(ctx, "SELECT 1 FROM conversation WHERE component = ? AND sender = ? AND addressee = ? AND waiting > 0",
		[]any{c.Component.String(), c.From.String(), c.To.String()}, &one)
	return found, err
}

func (s *sqliteStore) due(ctx context.Context, component string, now int64, after Place, limit int) ([]Due, error) {
	of := address(component)
	return query(ctx, s, func(rows *sql.Rows) (d Due, err error) {
		var from, to string
		err = rows.Scan(&d.Place.notBefore, &d.Place.row, &from, &to)
		d.Conversation = Conversation{Component: of, From: address(from), To: address(to)}
		return d, err
	}, `SELECT not_before, id, sender, addressee FROM conversation INDEXED BY conversation_due
		WHERE component = ? AND waiting > 0 AND (not_before, id) > (?, ?) AND not_before <= ? ORDER BY not_before, id LIMIT ?`,
		component, after.notBefore, after.row, now, limit)
}

func (s *sqliteStore) nextDue(ctx context.Context, component string, after int64) (at int64, found bool, err error) {
	found, err = s.find(ctx, `SELECT not_before FROM conversation INDEXED BY conversation_due
		WHERE component = ? AND waiting > 0 AND not_before > ? ORDER BY not_before LIMIT 1`, []any{component, after}, &at)
	return at, found, err
}

// deliveryColumns are what a deliveryRow is read from.
const deliveryColumns = `d.seq, d.id, c.component, c.sender, c.addressee, d.kind, d.received, d.expires, d.attempts,
	d.last_at, d.last_status, d.last_error, coalesce(d.died, 0), d.reason, c.not_before, length(d.stanza)`

func (s *sqliteStore) load(ctx context.Context, component string, wants []Want, each, bytes int) (rows []loadedRow, ended bool, err error) {
	text, err := json.Marshal(wantedRows(wants))
	if err != nil {
		return nil, false, err
	}
	found, err := s.rows(ctx, `SELECT w.key, d.seq, d.id, d.received, d.expires, d.attempts, d.last_at, d.last_status, d.last_error, d.stanza
		FROM json_each(?) AS w
		CROSS JOIN conversation AS c ON c.component = ? AND c.sender = w.value ->> 0 AND c.addressee = w.value ->> 1
		CROSS JOIN delivery AS d INDEXED BY delivery_waiting ON d.conversation = c.id AND d.died IS NULL AND d.seq > (w.value ->> 2)
			AND d.seq <= coalesce((SELECT e.seq FROM delivery AS e INDEXED BY delivery_waiting
				WHERE e.conversation = c.id AND e.died IS NULL AND e.seq > (w.value ->> 2) ORDER BY e.seq LIMIT 1 OFFSET ?), 9223372036854775807)
		ORDER BY w.key, d.seq`, string(text), component, each-1)
	if err != nil {
		return nil, false, err
	}
	defer found.Close()
	for found.Next() {
		if bytes < 0 {
			return rows, true, nil
		}
		var r loadedRow
		if err := found.Scan(&r.want, &r.seq, &r.id, &r.received, &r.expires, &r.attempts, &r.lastAt, &r.lastStatus, &r.lastError, &r.stanza); err != nil {
			return nil, false, s.explain(err)
		}
		bytes -= len(r.stanza)
		r.conversation = wants[r.want].Conversation
		rows = append(rows, r)
	}
	return rows, false, s.explain(found.Err())
}

// wantedRows returns what load reads from JSON.
func wantedRows(wants []Want) [][3]any {
	list := make([][3]any, len(wants))
	for i, w := range wants {
		list[i] = [3]any{w.Conversation.From.String(), w.Conversation.To.String(), w.After}
	}
	return list
}

func (s *sqliteStore) expired(ctx context.Context, component string, now int64, limit int) ([]deliveryRow, error) {
	return query(ctx, s, scanWhole, "SELECT "+deliveryColumns+`, d.stanza
		FROM delivery AS d INDEXED BY delivery_expires CROSS JOIN conversation AS c ON c.id = d.conversation
		WHERE d.died IS NULL AND d.expires > 0 AND d.expires <= ? AND c.component = ? ORDER BY d.expires LIMIT ?`, now, component, limit)
}

func (s *sqliteStore) list(ctx context.Context, f Filter, after int64, limit int) ([]deliveryRow, error) {
	text, args := selectDeliveries(f, after, limit)
	rows, err := s.lists.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, s.explain(err)
	}
	found, err := collect(rows, scanDelivery)
	return found, s.explain(err)
}

// selectDeliveries returns the query for what a filter chooses, in order.
func selectDeliveries(f Filter, after int64, limit int) (query string, args []any) {
	var b strings.Builder
	b.WriteString("SELECT " + deliveryColumns + " FROM delivery AS d ")
	if f.State == Dead && f.ID == "" {
		b.WriteString("INDEXED BY delivery_dead ") // few among many that wait
	}
	b.WriteString("JOIN conversation AS c ON c.id = d.conversation WHERE d.seq > ? AND d.seq <= ?")
	args = append(args, after, upTo(f))
	where := func(given bool, condition string, values ...any) {
		if given {
			b.WriteString(" AND " + condition)
			args = append(args, values...)
		}
	}
	where(f.State == Waiting, "d.died IS NULL")
	where(f.State == Dead, "d.died IS NOT NULL")
	where(f.ID != "", "d.id = ?", f.ID)
	where(!f.Component.IsZero(), "c.component = ?", f.Component.String())
	where(!f.From.IsZero(), within("c.sender", f.From), f.From.Bare().String())
	where(!f.To.IsZero(), within("c.addressee", f.To), f.To.Bare().String())
	where(f.Kind != "", "d.kind = ?", string(f.Kind))
	where(!f.Before.IsZero(), "iif(? = 'dead', d.died, d.received) < ?", string(f.State), f.Before.UnixMilli())
	where(f.Error != "", "instr(lower(d.last_error), lower(?)) > 0", f.Error)
	b.WriteString(" ORDER BY d.seq LIMIT ?")
	return b.String(), append(args, limit)
}

func upTo(f Filter) int64 {
	if f.upTo == 0 {
		return math.MaxInt64
	}
	return f.upTo
}

// within returns the condition that a column's bare address is one, or in a domain.
func within(column string, a jid.JID) string {
	if a.Local() == "" {
		return "substr(" + column + ", instr(" + column + ", '@') + 1) = ?"
	}
	return column + " = ?"
}

// scanDelivery reads deliveryColumns.
func scanDelivery(rows *sql.Rows) (deliveryRow, error) { return scanDeliveryAnd(rows) }

// scanWhole reads deliveryColumns and the stanza.
func scanWhole(rows *sql.Rows) (deliveryRow, error) {
	var raw []byte
	r, err := scanDeliveryAnd(rows, &raw)
	r.stanza = raw
	return r, err
}

func scanDeliveryAnd(rows *sql.Rows, rest ...any) (r deliveryRow, err error) {
	var component, from, to string
	err = rows.Scan(append([]any{
		&r.seq, &r.id, &component, &from, &to, &r.kind, &r.received, &r.expires, &r.attempts,
		&r.lastAt, &r.lastStatus, &r.lastError, &r.died, &r.reason, &r.notBefore, &r.size,
	}, rest...)...)
	r.conversation = Conversation{Component: address(component), From: address(from), To: address(to)}
	return r, err
}

// address reads an address that was stored. One that can't be read becomes the zero
// JID: then the file was tampered with, and an operator has to look at it.
func address(text string) jid.JID {
	j, _ := jid.ParseRouted(text)
	return j
}

func (s *sqliteStore) stanza(ctx context.Context, seq int64) (raw []byte, err error) {
	found, err := s.find(ctx, "SELECT stanza FROM delivery WHERE seq = ?", []any{seq}, &raw)
	if err == nil && !found {
		err = ErrNotFound
	}
	return raw, err
}

func (s *sqliteStore) attempts(ctx context.Context, seq int64) ([]Attempt, error) {
	return query(ctx, s, func(rows *sql.Rows) (a Attempt, err error) {
		var at, took int64
		err = rows.Scan(&at, &took, &a.Status, &a.Answer, &a.Error)
		a.At, a.Took = time.UnixMilli(at), time.Duration(took)*time.Microsecond
		return a, err
	}, "SELECT at, took, status, answer, error FROM attempt WHERE seq = ? ORDER BY number", seq)
}

const outboxColumns = "seq, id, component, credential, state, error, created, expires, updated, stanza"

// fields returns where outboxColumns are read into.
func (r *outboxRow) fields() []any {
	return []any{&r.seq, &r.id, &r.component, &r.credential, &r.state, &r.text, &r.created, &r.expires, &r.updated, &r.stanza}
}

func (s *sqliteStore) outgoing(ctx context.Context, id string) (r outboxRow, err error) {
	found, err := s.find(ctx, "SELECT "+outboxColumns+" FROM outbox WHERE id = ?", []any{id}, r.fields()...)
	if err == nil && !found {
		err = ErrNotFound
	}
	return r, err
}

func (s *sqliteStore) outbox(ctx context.Context, component string, state OutboxState, after int64, limit int) ([]outboxRow, error) {
	return query(ctx, s, func(rows *sql.Rows) (r outboxRow, err error) {
		err = rows.Scan(r.fields()...)
		return r, err
	}, "SELECT "+outboxColumns+` FROM outbox INDEXED BY outbox_state
		WHERE component = ? AND state = ? AND seq > ? ORDER BY seq LIMIT ?`, component, string(state), after, limit)
}

func (s *sqliteStore) key(ctx context.Context, scope, key string) (r keyRow, found bool, err error) {
	found, err = s.find(ctx, "SELECT fingerprint, expires, status, header, body FROM idempotency WHERE scope = ? AND key = ?",
		[]any{scope, key}, &r.fingerprint, &r.expires, &r.status, &r.header, &r.body)
	return r, found, err
}

// find reads one row, if there is one.
func (s *sqliteStore) find(ctx context.Context, text string, args []any, into ...any) (found bool, err error) {
	rows, err := query(ctx, s, func(rows *sql.Rows) (struct{}, error) { return struct{}{}, rows.Scan(into...) }, text, args...)
	return len(rows) > 0, err
}

// query reads rows by a query that is prepared once for all readers.
func query[T any](ctx context.Context, s *sqliteStore, scan func(*sql.Rows) (T, error), text string, args ...any) ([]T, error) {
	rows, err := s.rows(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	found, err := collect(rows, scan)
	return found, s.explain(err)
}

// rows makes a query that is prepared once for all readers.
func (s *sqliteStore) rows(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	stmt, err := s.reader(ctx, text) //nolint:sqlclosecheck // it is kept until the store is closed
	if err != nil {
		return nil, s.explain(err)
	}
	rows, err := stmt.QueryContext(ctx, args...)
	return rows, s.explain(err)
}

// collect reads all rows.
func collect[T any](rows *sql.Rows, scan func(*sql.Rows) (T, error)) (found []T, err error) {
	defer rows.Close()
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	return found, rows.Err()
}
