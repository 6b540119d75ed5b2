package main

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/restanza/restanza/internal/client"
)

// eventFlags are the flags that say which events are wanted, which /events calls the same.
var eventFlags = []struct{ name, usage string }{
	{"kind", "message, presence, iq, or several with commas between them"},
	{"type", "types, such as chat,groupchat or available; normal stands for messages without one"},
	{"from", "sender: an address, a bare one with all its resources, or a domain"},
	{"to", "addressee, in the same way"},
	{"direction", "in, out or both"},
	{"since", "id of an event, duration (10m), time (2026-01-31T12:00:00Z), all or latest"},
}

// addEvents gives the command the flags that choose events.
func addEvents(cmd *cobra.Command, direction string) {
	for _, f := range eventFlags {
		fallback := map[string]string{"direction": direction, "since": "latest"}[f.name]
		cmd.Flags().String(f.name, fallback, f.usage)
		_ = cmd.RegisterFlagCompletionFunc(f.name, cobra.NoFileCompletions) // fails for unknown flags only
	}
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions([]string{"message", "presence", "iq"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("direction", cobra.FixedCompletions([]string{"in", "out", "both"}, cobra.ShellCompDirectiveNoFileComp))
}

// eventQuery returns the query that the flags make. The gateway looks at the values.
func eventQuery(cmd *cobra.Command) url.Values {
	query := url.Values{}
	for _, f := range eventFlags {
		if value, _ := cmd.Flags().GetString(f.name); value != "" { // fails for unknown flags only
			query.Set(f.name, value)
		}
	}
	return query
}

// onlooking makes a subcommand's function one whose errors are told in words, with the exit codes of
// those that speak with a gateway.
func onlooking(f func(cmd *cobra.Command) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		err := f(cmd)
		if err == nil {
			return nil
		}
		return &failure{code: new(report).fail(err), err: err}
	}
}

// connectEvents returns a client for a command that runs for long.
func connectEvents(cmd *cobra.Command, p process) (*client.Client, client.Options, error) {
	o, err := clientOptions(cmd, p, sender)
	if err != nil {
		return nil, o, err
	}
	o.KeepAlive = true
	c, err := client.New(o)
	if err == nil {
		warnExposed(cmd, c)
	}
	return c, o, err
}

// news returns a log for what such a command has to tell beside stanzas.
func (s *screen) news() *slog.Logger {
	return slog.New(logLines{screen: s, out: s.log, level: slog.LevelInfo})
}

// event returns a line for an event, with its XML below if that is wanted.
func (s *screen) event(e client.Event) string {
	arrow, colour := "←", green
	if e.Direction == "out" {
		arrow, colour = "→", cyan
	}
	words := []string{s.paint(dim, clock(e.Time.Local(), time.Now())), s.paint(colour, arrow)}
	words = append(words, s.subject(e.Stanza)...)
	words = append(words, s.paint(dim, visible(e.State, mostName)))
	line := strings.Join(words, " ") + "\n"
	if s.verbose {
		line += s.xml(e.Stanza)
	}
	return line
}

// clock returns a time of today without its date.
func clock(t, now time.Time) string {
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// notWith returns an error if a flag is given that makes no sense beside another.
func notWith(cmd *cobra.Command, with string, names ...string) error {
	for _, name := range names {
		if cmd.Flags().Changed(name) {
			return fmt.Errorf("--%s has no meaning with --%s", name, with)
		}
	}
	return nil
}
