-- What came and went, in the order of seq, for those who read it as a stream. What
-- is too old, or too much, goes from the front.
CREATE TABLE event (
	seq       INTEGER PRIMARY KEY, -- the position in the log
	component TEXT NOT NULL,       -- domain
	at        INTEGER NOT NULL,
	direction TEXT NOT NULL,       -- journal.Direction
	state     TEXT NOT NULL,       -- events.State
	stanza    BLOB NOT NULL
) STRICT;
CREATE INDEX event_component ON event (component, seq);

-- How far the front of a log has been dropped.
CREATE TABLE event_log (
	component TEXT PRIMARY KEY,
	dropped   INTEGER NOT NULL -- seq up to which events are gone
) STRICT, WITHOUT ROWID;

-- A named reader of a log, whose place is kept for it.
CREATE TABLE consumer (
	component TEXT NOT NULL,
	owner     TEXT NOT NULL,    -- the address that its readers' credentials stand for
	name      TEXT NOT NULL,
	filter    TEXT NOT NULL,    -- which events it gets, as its writer writes that
	cursor    INTEGER NOT NULL, -- seq up to which all is acknowledged
	done      TEXT NOT NULL,    -- what is acknowledged beyond that: a JSON list of seqs
	used      INTEGER NOT NULL, -- when somebody last read or acknowledged
	PRIMARY KEY (component, owner, name)
) STRICT, WITHOUT ROWID;
