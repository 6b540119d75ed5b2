-- Times are Unix milliseconds. Addresses are normalised text (package jid).
-- Stanzas are XML as stanza.AppendXML writes it.

-- One row: what is true of the whole journal. The sums are kept by triggers, so
-- that a journal of a million rows opens as fast as an empty one.
CREATE TABLE journal (
	one           INTEGER PRIMARY KEY CHECK (one = 1),
	starts        INTEGER NOT NULL, -- how often it has been opened for writing
	probed        INTEGER NOT NULL, -- when it was last tried whether writing works again
	waiting       INTEGER NOT NULL, -- deliveries that wait
	waiting_bytes INTEGER NOT NULL, -- of their stanzas
	dead          INTEGER NOT NULL, -- dead letters
	dead_bytes    INTEGER NOT NULL,
	queued        INTEGER NOT NULL  -- outbox rows in state queued
) STRICT;
INSERT INTO journal VALUES (1, 0, 0, 0, 0, 0, 0, 0);

-- A conversation exists as long as it has deliveries, waiting or dead.
CREATE TABLE conversation (
	id         INTEGER PRIMARY KEY,
	component  TEXT NOT NULL,    -- domain
	sender     TEXT NOT NULL,    -- bare
	addressee  TEXT NOT NULL,    -- bare
	not_before INTEGER NOT NULL, -- when its next attempt may be
	waiting    INTEGER NOT NULL DEFAULT 0,
	dead       INTEGER NOT NULL DEFAULT 0,
	UNIQUE (component, sender, addressee)
) STRICT;
CREATE INDEX conversation_due ON conversation (component, not_before) WHERE waiting > 0;

-- A delivery is a stanza that no callback has accepted: it waits, or it is dead.
CREATE TABLE delivery (
	seq          INTEGER PRIMARY KEY, -- order; a replay gives a new one
	id           TEXT NOT NULL UNIQUE,
	conversation INTEGER NOT NULL,
	kind         TEXT NOT NULL,
	received     INTEGER NOT NULL,
	expires      INTEGER NOT NULL,  -- 0: never
	attempts     INTEGER NOT NULL DEFAULT 0,
	last_at      INTEGER NOT NULL DEFAULT 0,
	last_status  INTEGER NOT NULL DEFAULT 0,
	last_error   TEXT NOT NULL DEFAULT '',
	died         INTEGER,           -- NULL: it waits
	reason       TEXT NOT NULL DEFAULT '',
	stanza       BLOB NOT NULL
) STRICT;
CREATE INDEX delivery_waiting ON delivery (conversation, seq) WHERE died IS NULL;
CREATE INDEX delivery_expires ON delivery (expires) WHERE died IS NULL AND expires > 0;
CREATE INDEX delivery_dead ON delivery (seq) WHERE died IS NOT NULL;
CREATE INDEX delivery_died ON delivery (died) WHERE died IS NOT NULL;

CREATE TABLE attempt (
	seq    INTEGER NOT NULL, -- of the delivery
	number INTEGER NOT NULL, -- from 1
	at     INTEGER NOT NULL,
	took   INTEGER NOT NULL, -- microseconds
	status INTEGER NOT NULL, -- 0: no HTTP answer
	answer BLOB,             -- its beginning
	error  TEXT NOT NULL,
	PRIMARY KEY (seq, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER delivery_added AFTER INSERT ON delivery BEGIN
	UPDATE journal SET waiting = waiting + 1, waiting_bytes = waiting_bytes + length(new.stanza);
	UPDATE conversation SET waiting = waiting + 1 WHERE id = new.conversation;
END;
CREATE TRIGGER delivery_died AFTER UPDATE OF died ON delivery WHEN old.died IS NULL AND new.died IS NOT NULL BEGIN
	UPDATE journal SET waiting = waiting - 1, waiting_bytes = waiting_bytes - length(new.stanza),
		dead = dead + 1, dead_bytes = dead_bytes + length(new.stanza);
	UPDATE conversation SET waiting = waiting - 1, dead = dead + 1 WHERE id = new.conversation;
END;
CREATE TRIGGER delivery_replayed AFTER UPDATE OF died ON delivery WHEN old.died IS NOT NULL AND new.died IS NULL BEGIN
	UPDATE journal SET waiting = waiting + 1, waiting_bytes = waiting_bytes + length(new.stanza),
		dead = dead - 1, dead_bytes = dead_bytes - length(new.stanza);
	UPDATE conversation SET waiting = waiting + 1, dead = dead - 1 WHERE id = new.conversation;
	UPDATE attempt SET seq = new.seq WHERE seq = old.seq;
END;
CREATE TRIGGER delivery_gone AFTER DELETE ON delivery BEGIN
	UPDATE journal SET
		waiting = waiting - (old.died IS NULL), waiting_bytes = waiting_bytes - iif(old.died IS NULL, length(old.stanza), 0),
		dead = dead - (old.died IS NOT NULL), dead_bytes = dead_bytes - iif(old.died IS NULL, 0, length(old.stanza));
	UPDATE conversation SET waiting = waiting - (old.died IS NULL), dead = dead - (old.died IS NOT NULL) WHERE id = old.conversation;
	DELETE FROM conversation WHERE id = old.conversation AND waiting = 0 AND dead = 0;
	DELETE FROM attempt WHERE seq = old.seq AND old.attempts > 0;
END;

CREATE TABLE outbox (
	seq        INTEGER PRIMARY KEY,
	id         TEXT NOT NULL UNIQUE,
	component  TEXT NOT NULL,
	credential TEXT NOT NULL, -- the name of the one that posted it
	state      TEXT NOT NULL, -- journal.OutboxState
	error      TEXT NOT NULL,
	created    INTEGER NOT NULL,
	expires    INTEGER NOT NULL, -- 0: never
	updated    INTEGER NOT NULL,
	stanza     BLOB NOT NULL
) STRICT;
CREATE INDEX outbox_state ON outbox (component, state, seq);
CREATE INDEX outbox_updated ON outbox (updated) WHERE state NOT IN ('queued', 'sent');
CREATE TRIGGER outbox_added AFTER INSERT ON outbox BEGIN
	UPDATE journal SET queued = queued + (new.state = 'queued');
END;
CREATE TRIGGER outbox_changed AFTER UPDATE OF state ON outbox BEGIN
	UPDATE journal SET queued = queued + (new.state = 'queued') - (old.state = 'queued');
END;
CREATE TRIGGER outbox_gone AFTER DELETE ON outbox BEGIN
	UPDATE journal SET queued = queued - (old.state = 'queued');
END;

CREATE TABLE idempotency (
	scope       TEXT NOT NULL,
	key         TEXT NOT NULL,
	fingerprint BLOB NOT NULL,
	expires     INTEGER NOT NULL,
	status      INTEGER NOT NULL, -- 0: no answer yet
	header      BLOB,             -- as JSON
	body        BLOB,
	PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_expires ON idempotency (expires);
