package journal

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
)

// sqliteChanges implements changes in a transaction of the writer's connection.
type sqliteChanges struct {
	s *sqliteStore
}

// maxKnown is how many conversations' rows are remembered.
const maxKnown = 4096

func (t *sqliteChanges) start() (number int64, err error) {
	err = t.s.row("UPDATE journal SET starts = starts + 1 RETURNING starts", nil, &number)
	return number, err
}

func (t *sqliteChanges) probe(now int64) error {
	return t.s.exec("UPDATE journal SET probed = max(?, probed + 1)", now)
}

func (t *sqliteChanges) totals() (v totals, err error) {
	err = t.s.row("SELECT waiting, waiting_bytes, dead, dead_bytes, queued FROM journal", nil,
		&v.waiting, &v.waitingBytes, &v.dead, &v.deadBytes, &v.queued)
	return v, err
}

func (t *sqliteChanges) clock() (seen, steady int64, err error) {
	err = t.s.row("SELECT clock, steady FROM journal", nil, &seen, &steady)
	return seen, steady, err
}

func (t *sqliteChanges) setClock(seen, steady int64) error {
	return t.s.exec("UPDATE journal SET clock = ?, steady = ?", seen, steady)
}

func (t *sqliteChanges) used() (int64, error) {
	var pages int64
	err := t.s.row("SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count", nil, &pages)
	return pages * t.s.pageSize, err
}

func (t *sqliteChanges) add(r deliveryRow) error {
	id, err := t.conversation(r.conversation, r.notBefore)
	if err != nil {
		return err
	}
	return t.s.exec("INSERT INTO delivery (seq, id, conversation, kind, received, expires, stanza) VALUES (?, ?, ?, ?, ?, ?, ?)",
		r.seq, r.id, id, r.kind, r.received, r.expires, r.stanza)
}

// conversation returns the row of a conversation, which is made if there is none.
func (t *sqliteChanges) conversation(c Conversation, notBefore int64) (id int64, err error) {
	if id, ok := t.s.known[c]; ok {
		return id, nil
	}
	component, from, to := c.Component.String(), c.From.String(), c.To.String()
	err = t.s.row("SELECT id FROM conversation WHERE component = ? AND sender = ? AND addressee = ?", []any{component, from, to}, &id)
	if errors.Is(err, sql.ErrNoRows) {
		err = t.s.row("INSERT INTO conversation (component, sender, addressee, not_before) VALUES (?, ?, ?, ?) RETURNING id",
			[]any{component, from, to, notBefore}, &id)
	}
	if err == nil {
		if len(t.s.known) == maxKnown {
			clear(t.s.known)
		}
		t.s.known[c] = id
	}
	return id, err
}

// Of a delivery's attempts the answers to the first one and to the last few are kept.
const lastAnswers = 4

func (t *sqliteChanges) attempt(seq int64, a Attempt, how record) error {
	var number int64
	err := t.s.row("UPDATE delivery SET attempts = attempts + 1, last_at = ?, last_status = ?, last_error = ? WHERE seq = ? RETURNING attempts",
		[]any{a.At.UnixMilli(), a.Status, a.Error, seq}, &number)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil && how == recordOver {
		var n int64
		n, err = t.s.execCount("DELETE FROM attempt WHERE seq = ? AND number = (SELECT min(number) FROM attempt WHERE seq = ? AND number > 1)", seq, seq)
		if n == 0 {
			return err
		}
	}
	if err == nil && number > lastAnswers+1 {
		err = t.s.exec("UPDATE attempt SET answer = NULL WHERE seq = ? AND number = ?", seq, number-lastAnswers)
	}
	if err != nil {
		return err
	}
	if how != recordAll {
		a.Answer = nil
	}
	return t.s.exec("INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?)", seq, number, a.At.UnixMilli(), a.Took.Microseconds(), a.Status, a.Answer, a.Error)
}

func (t *sqliteChanges) remove(seq int64) error {
	clear(t.s.known) // one may be gone with its last delivery
	return t.s.exec("DELETE FROM delivery WHERE seq = ?", seq)
}

func (t *sqliteChanges) bury(seq, now int64, reason string) error {
	return t.s.exec("UPDATE delivery SET died = ?, reason = ? WHERE seq = ? AND died IS NULL", cmp.Or(now, 1), reason, seq)
}

func (t *sqliteChanges) notBefore(c Conversation, at int64) error {
	return t.s.exec("UPDATE conversation SET not_before = ? WHERE component = ? AND sender = ? AND addressee = ?",
		at, c.Component.String(), c.From.String(), c.To.String())
}

func (t *sqliteChanges) dueBy(at int64, limit int) (int, error) {
	n, component := 0, ""
	for n < limit {
		err := t.s.row("SELECT component FROM conversation WHERE component > ? ORDER BY component LIMIT 1", []any{component}, &component)
		if errors.Is(err, sql.ErrNoRows) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		some, err := t.s.execCount(`UPDATE conversation SET not_before = ? WHERE id IN (SELECT id FROM conversation INDEXED BY conversation_due
			WHERE component = ? AND not_before > ? AND waiting > 0 LIMIT ?)`, at, component, at, limit-n)
		if err != nil {
			return n, err
		}
		n += int(some)
	}
	return n, nil
}

func (t *sqliteChanges) match(f Filter, after int64, limit int) ([]deliveryRow, error) {
	text, args := selectDeliveries(f, after, limit)
	rows, err := t.s.conn.QueryContext(context.Background(), text, args...)
	if err != nil {
		return nil, t.s.explain(err)
	}
	found, err := collect(rows, scanDelivery)
	return found, t.s.explain(err)
}

func (t *sqliteChanges) replay(seq, newSeq, expires int64) error {
	return t.s.exec("UPDATE delivery SET died = NULL, reason = '', seq = ?, expires = ? WHERE seq = ?", newSeq, expires, seq)
}

func (t *sqliteChanges) retry(seq, now int64) error {
	return t.s.exec("UPDATE conversation SET not_before = ? WHERE id = (SELECT conversation FROM delivery WHERE seq = ?)", now, seq)
}

func (t *sqliteChanges) pruneDead(before int64, limit int) (int, error) {
	for n := range limit {
		if found, err := t.removeOldest(before); err != nil || !found {
			return n, err
		}
	}
	return limit, nil
}

// dropAtOnce is how many dead letters are dropped before it is measured what that has
// freed.
const dropAtOnce = 8

func (t *sqliteChanges) dropDead(most int64, limit int) (n int, used int64, err error) {
	for {
		if used, err = t.used(); err != nil || used <= most || n >= limit {
			return n, used, err
		}
		for range dropAtOnce {
			found, err := t.removeOldest(math.MaxInt64)
			if err != nil {
				return n, used, err
			}
			if !found {
				used, err = t.used()
				return n, used, err
			}
			n++
		}
	}
}

// removeOldest removes the dead letter that died first, if that was before a time.
func (t *sqliteChanges) removeOldest(before int64) (found bool, err error) {
	var seq int64
	err = t.s.row("SELECT seq FROM delivery WHERE died IS NOT NULL AND died < ? ORDER BY died LIMIT 1", []any{before}, &seq)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err == nil {
		err = t.remove(seq)
	}
	return err == nil, err
}

func (t *sqliteChanges) enqueue(r outboxRow) error {
	return t.s.exec("INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		r.seq, r.id, r.component, r.credential, string(r.state), r.text, r.created, r.expires, r.updated, r.stanza)
}

func (t *sqliteChanges) mark(id string, state OutboxState, text string, now int64) error {
	return t.s.exec("UPDATE outbox SET state = ?, error = ?, updated = ? WHERE id = ?", string(state), text, now, id)
}

func (t *sqliteChanges) expireOutbox(now int64) (int, error) {
	n, err := t.s.execCount("UPDATE outbox SET state = 'expired', updated = ? WHERE state = 'queued' AND expires > 0 AND expires <= ?", now, now)
	return int(n), err
}

func (t *sqliteChanges) pruneOutbox(before int64, limit int) (int, error) {
	n, err := t.s.execCount(`DELETE FROM outbox WHERE seq IN (
		SELECT seq FROM outbox WHERE state NOT IN ('queued', 'sent') AND updated < ? ORDER BY updated LIMIT ?)`, before, limit)
	return int(n), err
}

func (t *sqliteChanges) beginKey(scope, key string, fingerprint []byte, expires int64) error {
	return t.s.exec("INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, 0, NULL, NULL)", scope, key, blob(fingerprint), expires)
}

func (t *sqliteChanges) finishKey(scope, key string, r keyRow) error {
	return t.s.exec("UPDATE idempotency SET status = ?, header = ?, body = ? WHERE scope = ? AND key = ?",
		r.status, r.header, r.body, scope, key)
}

func (t *sqliteChanges) deleteKey(scope, key string) error {
	return t.s.exec("DELETE FROM idempotency WHERE scope = ? AND key = ?", scope, key)
}

func (t *sqliteChanges) pruneKeys(now int64, limit int) (int, error) {
	n, err := t.s.execCount(`DELETE FROM idempotency WHERE (scope, key) IN (
		SELECT scope, key FROM idempotency WHERE expires <= ? ORDER BY expires LIMIT ?)`, now, limit)
	return int(n), err
}

// blob returns bytes that are not NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
