-- Whether times can be believed: the clock when it was last looked at, 0 for never, and
-- for how many milliseconds it had gone steadily then.
ALTER TABLE journal ADD COLUMN clock INTEGER NOT NULL DEFAULT 0;
ALTER TABLE journal ADD COLUMN steady INTEGER NOT NULL DEFAULT 0;
