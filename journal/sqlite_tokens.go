package journal

import (
	"context"
	"database/sql"
)

func (t *sqliteChanges) addToken(r tokenRow) error {
	return t.s.exec("INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		r.seq, r.id, r.hash, r.name, r.component, r.identity, r.rights, r.targets, r.kinds, r.networks,
		r.rate, r.burst, r.inQuery, r.created, r.expires, r.lastUsed, r.revoked)
}

func (t *sqliteChanges) revokeToken(id string, now int64) (found bool, err error) {
	n, err := t.s.execCount("UPDATE token SET revoked = iif(revoked > 0, revoked, ?) WHERE id = ?", now, id)
	return n > 0, err
}

func (t *sqliteChanges) usedToken(id string, at int64) error {
	return t.s.exec("UPDATE token SET last_used = ? WHERE id = ?", at, id)
}

func (t *sqliteChanges) pruneTokens(before int64, limit int) (int, error) {
	n, err := t.s.execCount(`DELETE FROM token WHERE seq IN (SELECT seq FROM token
		WHERE revoked > 0 AND revoked < ? OR expires > 0 AND expires < ? LIMIT ?)`, before, before, limit)
	return int(n), err
}

func (s *sqliteStore) tokens(ctx context.Context, f TokenFilter, after int64, limit int) ([]tokenRow, error) {
	component := f.Component.String()
	return query(ctx, s, func(rows *sql.Rows) (r tokenRow, err error) {
		err = rows.Scan(&r.seq, &r.id, &r.hash, &r.name, &r.component, &r.identity, &r.rights, &r.targets, &r.kinds, &r.networks,
			&r.rate, &r.burst, &r.inQuery, &r.created, &r.expires, &r.lastUsed, &r.revoked)
		return r, err
	}, `SELECT seq, id, hash, name, component, identity, rights, targets, kinds, networks,
			rate, burst, in_query, created, expires, last_used, revoked FROM token
		WHERE seq > ? AND (? = '' OR id = ?) AND (? = '' OR name = ?) AND (? = '' OR component = ?) ORDER BY seq LIMIT ?`,
		after, f.ID, f.ID, f.Name, f.Name, component, component, limit)
}
