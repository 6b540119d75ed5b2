package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// report is all that a run has found.
type report struct {
	Command      string        `json:"command"`
	Machine      string        `json:"machine"`
	Rounds       int           `json:"rounds"`
	Duration     time.Duration `json:"duration_ns"`
	Footprint    *footprint    `json:"footprint,omitempty"`
	Measurements []measurement `json:"measurements"`
}

func newReport(o options) *report {
	return &report{
		Command:  strings.Join(append([]string{"go run ./internal/load"}, os.Args[1:]...), " "),
		Machine:  fmt.Sprintf("%d processors, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()),
		Rounds:   o.rounds,
		Duration: o.duration,
	}
}

// write prints the report and writes the files that the options ask for.
func (r *report) write(o options) error {
	_, err := os.Stdout.WriteString(r.text())
	errs := []error{err}
	if o.json != "" {
		data, err := json.MarshalIndent(r, "", "\t")
		errs = append(errs, err, os.WriteFile(o.json, append(data, '\n'), 0o600)) //nolint:gosec // the user's choice
	}
	if o.markdown != "" {
		errs = append(errs, os.WriteFile(o.markdown, []byte(r.document()), 0o600)) //nolint:gosec // the user's choice
	}
	return errors.Join(errs...)
}

// text is for the terminal: tables, what was wrong, and the verdicts.
func (r *report) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s; %s\n\n", r.Machine, r.scope())
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range r.table() {
		_, _ = t.Write([]byte(strings.Join(row, "\t") + "\t\n")) // into memory
	}
	_ = t.Flush()
	for _, line := range r.faults() {
		fmt.Fprintln(&b, "FAULT:", line)
	}
	b.WriteByte('\n')
	for _, v := range r.verdicts() {
		fmt.Fprintln(&b, v)
	}
	return b.String()
}

// document is the same as Markdown.
func (r *report) document() string {
	var b strings.Builder
	fmt.Fprintf(&b, "`%s`\n\n%s; %s.\n\n", r.Command, r.Machine, r.scope())
	for i, row := range r.table() {
		fmt.Fprintln(&b, "| "+strings.Join(row, " | ")+" |")
		if i == 0 {
			fmt.Fprintln(&b, "| --- | --- | ---: | ---"+strings.Repeat(" | ---:", len(row)-4)+" |")
		}
	}
	b.WriteByte('\n')
	for _, line := range r.faults() {
		fmt.Fprintln(&b, "- fault:", line)
	}
	for _, v := range r.verdicts() {
		fmt.Fprintln(&b, "-", v.sentence())
	}
	return b.String()
}

func (r *report) scope() string {
	return fmt.Sprintf("medians of %d rounds of %s", r.Rounds, r.Duration)
}

// table is one row for each program in each cell, after a row of titles.
func (r *report) table() [][]string {
	rows := [][]string{{
		"server", "mode", "conns", "program", "per s", "of limit", "answer p50 ms", "p99", "arrival p50 ms", "p99",
		"CPU µs", "of bare", "server CPU µs", "lost", "doubled", "reordered",
	}}
	for _, s := range r.summaries() {
		rows = append(rows, []string{
			s.Server, string(s.Mode), fmt.Sprint(s.Connections), s.Program,
			fmt.Sprintf("%.0f", s.rate), ratioText(s.ofLimit),
			milliseconds(s.answer.Median), milliseconds(s.answer.P99),
			milliseconds(s.arrival.Median), milliseconds(s.arrival.P99),
			fmt.Sprintf("%.1f", float64(s.cpu)/1e3), ratioText(s.ofBare), fmt.Sprintf("%.1f", float64(s.serverCPU)/1e3),
			fmt.Sprint(s.counts.Lost), fmt.Sprint(s.counts.Duplicates + s.counts.Strays), fmt.Sprint(s.counts.Reordered),
		})
	}
	return rows
}

// faults lists what was wrong, measurement by measurement.
func (r *report) faults() (lines []string) {
	for _, m := range r.Measurements {
		if m.faulty() {
			lines = append(lines, m.line()+": "+strings.Join(m.Errors, "; "))
		}
	}
	return lines
}

// line is a measurement in one line.
func (m *measurement) line() string {
	text := fmt.Sprintf("%-8s %-8s %3d round %d %-15s %6.0f/s, arrival %s ms (p99 %s), CPU %.1f µs",
		m.Server, m.Mode, m.Connections, m.Round, m.Program, m.Rate,
		milliseconds(m.Arrival.Median), milliseconds(m.Arrival.P99), float64(m.CPU)/1e3)
	for _, c := range []struct {
		n    int
		what string
	}{
		{m.Lost, "lost"},
		{m.Duplicates, "doubled"},
		{m.Strays, "strays"},
		{m.Refused, "refused"},
		{m.Reordered, "reordered"},
		{len(m.Errors), "errors"},
	} {
		if c.n > 0 {
			text += fmt.Sprintf(", %d %s", c.n, c.what)
		}
	}
	return text
}

func milliseconds(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", d.Seconds()*1e3)
}

func ratioText(ratio float64) string {
	if ratio == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", ratio)
}
