package callback

import "time"

// logEvery is the least time between two log entries of one sort that others
// can cause at will.
const logEvery = 10 * time.Second

// shorten returns the text of an error for the log. Errors of package net/http
// quote what they could not read, which may be long.
func shorten(err error) string {
	const most = 300
	text := err.Error()
	if len(text) > most {
		text = text[:most] + "…"
	}
	return text
}
