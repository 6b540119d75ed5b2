package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/restanza/restanza/internal/client"
)

// shownError is how much of an error a table has, in characters.
const shownError = 60

// printDeliveries writes a table for people; nothing if it were empty.
func printDeliveries(w io.Writer, list []client.Delivery, now time.Time) error {
	if len(list) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "ID\tAGE\tFROM → TO\tKIND\tATTEMPTS\tLAST ERROR") // Flush tells of errors
	for i := range list {
		d := &list[i]
		since := d.Received
		if !d.Died.IsZero() {
			since = d.Died
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s → %s\t%s\t%d\t%s\n", client.Printable(d.ID), ageText(now.Sub(since)), client.Printable(d.From), client.Printable(d.To),
			client.Printable(d.Kind), d.Attempts, cut(client.Printable(cmp.Or(d.LastError, d.Reason)), shownError))
	}
	return t.Flush()
}

// cut returns at most n characters of a text.
func cut(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "…"
}

// ageText writes a time in its largest unit, rounded down.
func ageText(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%dd", d/day)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", max(0, d/time.Second))
}

// describeDelivery returns all about a delivery, line by line.
func describeDelivery(d *client.Delivery) string {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-13s %s\n", name, client.Printable(value))
		}
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	line("id", d.ID)
	line("state", d.State)
	line("component", d.Component)
	line("from", d.From)
	line("to", d.To)
	line("kind", fmt.Sprintf("%s, %d bytes", d.Kind, d.Size))
	line("received", at(d.Received))
	line("expires", at(d.Expires))
	line("next attempt", at(d.NextAttempt))
	line("died", at(d.Died))
	line("reason", d.Reason)
	line("attempts", fmt.Sprint(d.Attempts))
	for i, a := range d.History {
		status := "no answer"
		if a.Status != 0 {
			status = fmt.Sprintf("HTTP %d", a.Status)
		}
		fmt.Fprintf(&b, "\n%d. %s, %s after %.1f ms\n", i+1, at(a.At), status, a.Milliseconds)
		if a.Error != "" {
			b.WriteString("   " + client.Printable(a.Error) + "\n")
		}
		if answer := client.Printable(a.Answer); answer != "" {
			b.WriteString("   " + answer + "\n")
		}
	}
	if len(d.Stanza) > 0 {
		b.WriteString("\n" + visibleJSON(d.Stanza) + "\n")
	}
	return b.String()
}

// visibleJSON writes JSON that came from outside over several lines. What could do harm on
// a terminal becomes an escape.
func visibleJSON(raw json.RawMessage) string {
	var pretty bytes.Buffer
	if json.Indent(&pretty, raw, "", "  ") != nil {
		return ""
	}
	var b strings.Builder
	for _, c := range pretty.String() {
		if c == '\n' || unicode.IsPrint(c) {
			b.WriteRune(c)
			continue
		}
		for _, unit := range utf16.Encode([]rune{c}) {
			fmt.Fprintf(&b, "\\u%04x", unit)
		}
	}
	return b.String()
}
