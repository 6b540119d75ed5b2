package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/doctor"
)

// doctorFlags are the flags of doctor beside the settings.
type doctorFlags struct {
	timeout        time.Duration
	json           bool
	forceHandshake bool
}

// doctorCodes is the part of the help that explains doctor's exit codes.
const doctorCodes = `Exit codes:
  0  no step failed; there may be warnings
  1  a step failed, or doctor was interrupted
  2  the usage or the configuration is wrong`

func newDoctor(environ []string) *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Try, step by step, whether the gateway would work",
		Long: `Reads the configuration as serve does, with the same flags, variables and file, and tries
everything that the gateway needs: the HTTP listener and its certificate; the journal; for each
component its credentials, its callback, its XMPP server's name, a connection, the handshake, a
ping and the clock. Each step is a line: ok, warning, FAILED, or skipped, with what to try below it.

It may be called while a gateway runs. One that holds the HTTP listener is asked how its links are,
and no second connection is made for those that are up: ejabberd would share the stanzas out among
both. For a gateway with another HTTP listener doctor can't know. docs/doctor.md tells more.

` + doctorCodes,
		Example: `  restanza doctor --config restanza.toml
  restanza doctor --json | jq '.steps[] | select(.status == "failed")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.timeout <= 0 {
				return fmt.Errorf("--timeout: %s is no time; write a duration such as 10s", f.timeout)
			}
			return atWork(exitFailure, func(cmd *cobra.Command, _ []string) error {
				return examine(cmd.Context(), sources(cmd, environ), environ, f, newChart(cmd.OutOrStdout(), environ))
			})(cmd, nil)
		},
	}
	addSettings(cmd)
	cmd.Flags().DurationVar(&f.timeout, "timeout", doctor.DefaultTimeout, "time limit of each step")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object instead of lines")
	cmd.Flags().BoolVar(&f.forceHandshake, "force-handshake", false, "connect to the XMPP server even if a running gateway is connected")
	_ = cmd.RegisterFlagCompletionFunc("timeout", cobra.NoFileCompletions) // fails for unknown flags only
	return cmd
}

// examine runs all steps until they are done or a signal comes, and prints what they found.
func examine(ctx context.Context, s config.Sources, environ []string, f doctorFlags, out *chart) error {
	each := out.step
	if f.json {
		each = nil
	}
	var report doctor.Report
	c, warnings, err := s.Load()
	if err != nil {
		report = doctor.Misconfigured(err, warnings, each)
	} else {
		ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		defer stop()
		context.AfterFunc(ctx, stop) // a second signal ends the program by itself
		out.domains = len(c.Components) > 1
		place, _, placeErr := journalPath(environ)
		report = doctor.Run(ctx, doctor.Options{
			Config: c, Warnings: warnings, Version: version(), DefaultJournal: place, NoDefaultJournal: placeErr,
			Timeout: f.timeout, ForceHandshake: f.forceHandshake, Each: each,
		})
	}
	if f.json {
		if err := out.object(report); err != nil {
			return err
		}
	}
	return out.verdict(report, f.json)
}

// chart prints steps for people, or a report for programs.
type chart struct {
	w       io.Writer
	colour  bool
	domains bool  // name the component of each step: there are several
	err     error // the first that writing gave
}

// newChart prints to w.
func newChart(w io.Writer, environ []string) *chart {
	return &chart{w: w, colour: wantsColour(w, environ)}
}

// wantsColour reports whether to print in colour to w: if that is a terminal and the environment
// does not object (no-color.org).
func wantsColour(w io.Writer, environ []string) bool {
	plain := slices.ContainsFunc(environ, func(line string) bool {
		name, value, _ := strings.Cut(line, "=")
		return name == "NO_COLOR" && value != "" || name == "TERM" && value == "dumb"
	})
	return !plain && isTerminal(w)
}

func (c *chart) print(format string, args ...any) {
	if _, err := fmt.Fprintf(c.w, format, args...); err != nil && c.err == nil {
		c.err = err
	}
}

// step prints a step in one line, with what to try below it.
func (c *chart) step(s doctor.Step) {
	what := string(s.Name)
	if c.domains && s.Component != "" {
		what = s.Component + ": " + what
	}
	c.print("%s %s: %s\n", c.status(s.Status), what, s.Detail)
	for _, line := range s.Try {
		c.print("         - %s\n", line)
	}
}

// status is the first word of a line, with blanks up to the width of the longest.
func (c *chart) status(s doctor.Status) string {
	word, colour := string(s), ""
	switch s {
	case doctor.OK:
		colour = "\x1b[32m" // green
	case doctor.Warning:
		colour = "\x1b[33m" // yellow
	case doctor.Failed:
		word, colour = "FAILED", "\x1b[1;31m" // bold red
	case doctor.Skipped:
		colour = "\x1b[2m" // faint
	}
	padding := strings.Repeat(" ", max(0, len("warning")+1-len(word)))
	if !c.colour {
		return word + padding
	}
	return colour + word + "\x1b[0m" + padding
}

// object prints the whole as JSON.
func (c *chart) object(r doctor.Report) error {
	e := json.NewEncoder(c.w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// verdict sums up: an error if something is wrong, else a last line, unless it is quiet.
func (c *chart) verdict(r doctor.Report, quiet bool) error {
	counts := map[doctor.Status]int{}
	for _, s := range r.Steps {
		counts[s.Status]++
	}
	switch r.Result {
	case doctor.ResultMisconfigured:
		return &failure{code: exitUsage, err: errors.New("the configuration is wrong")}
	case doctor.ResultInterrupted:
		return errors.New("interrupted before all steps were tried")
	case doctor.ResultFailed:
		return errors.New(count(counts[doctor.Failed], "step") + " failed")
	case doctor.ResultOK, doctor.ResultWarning:
	}
	if !quiet {
		c.print("no step failed, %s\n", count(counts[doctor.Warning], "warning"))
	}
	return c.err
}
