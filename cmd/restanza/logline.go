package main

import (
	"context"
	"log/slog"
	"strings"
	"time"
)

// logLines is a slog.Handler that writes as people read: one line for each entry,
// in the style of the traffic. Besides what has its level it shows what a
// callback has to tell, since whoever starts one waits for that.
type logLines struct {
	screen *screen
	out    *lines
	level  slog.Level
	attrs  string // as they are shown
	talks  bool   // this is a callback's
}

// Enabled implements slog.Handler.
func (h logLines) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.level || h.talks && level >= slog.LevelInfo
}

// Handle implements slog.Handler.
func (h logLines) Handle(_ context.Context, r slog.Record) error {
	colour, sign := dim, "  "
	switch {
	case r.Level >= slog.LevelError:
		colour, sign = red, "! "
	case r.Level >= slog.LevelWarn:
		colour, sign = yellow, "! "
	}
	var b strings.Builder
	b.WriteString(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		b.WriteString(shown(a))
		return true
	})
	h.out.put(h.screen.paint(dim, r.Time.Format(time.TimeOnly)) + " " +
		h.screen.paint(colour, sign+visible(r.Message, 3*mostText)) + h.screen.paint(dim, b.String()) + "\n")
	return nil
}

// WithAttrs implements slog.Handler.
func (h logLines) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		h.attrs += shown(a)
		h.talks = h.talks || a.Key == "callback"
	}
	return h
}

// WithGroup implements slog.Handler. Nothing in the program groups attributes.
func (h logLines) WithGroup(string) slog.Handler { return h }

func shown(a slog.Attr) string { return " " + a.Key + "=" + visible(a.Value.String(), 3*mostText) }
