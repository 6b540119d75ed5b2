-- Credentials that were made while the gateway ran. Of a token's text only the SHA-256
-- is kept. Lists are JSON arrays, empty where there is none.
CREATE TABLE token (
	seq       INTEGER PRIMARY KEY,
	id        TEXT NOT NULL UNIQUE,
	hash      BLOB NOT NULL,
	name      TEXT NOT NULL,
	component TEXT NOT NULL,    -- domain
	identity  TEXT NOT NULL,    -- an address in it
	rights    TEXT NOT NULL,
	targets   TEXT NOT NULL,    -- where it may send to
	kinds     TEXT NOT NULL,
	networks  TEXT NOT NULL,
	rate      TEXT NOT NULL,    -- such as 60/m; empty: none
	burst     INTEGER NOT NULL,
	in_query  INTEGER NOT NULL, -- 1: it may be shown in a URL
	created   INTEGER NOT NULL,
	expires   INTEGER NOT NULL, -- 0: never
	last_used INTEGER NOT NULL, -- 0: never; it may be a minute late
	revoked   INTEGER NOT NULL  -- 0: it is not
) STRICT;
