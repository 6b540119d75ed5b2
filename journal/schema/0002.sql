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
