package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/restanza/restanza"
	"github.com/restanza/restanza/config"
)

func newServe(environ []string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway",
		Long: `Runs the gateway until SIGINT or SIGTERM. Requests under way get the time of
--shutdown-grace to finish; a second signal ends the program at once, with exit code 1.

Settings come from flags, from environment variables, and from the file that --config
names, in this order. The variable of a flag is RESTANZA_ and its name in capitals, with
underscores: RESTANZA_CALLBACK_URL is --callback-url. A file may hold several components; flags and
variables speak of one. Everyone on the machine can read a program's flags, so give secrets
in files or variables.

` + exitCodes,
		Example: `  restanza serve --component rest.example.net --server 127.0.0.1:5347 --secret-file secret \
      --credentials 'Bearer xyz' --callback-url http://127.0.0.1:9999/stanzas
  restanza serve --config restanza.toml --log-level debug`,
		Args: cobra.NoArgs,
		RunE: atWork(exitFailure, func(cmd *cobra.Command, _ []string) error {
			c, warnings, err := load(sources(cmd, environ), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return serve(cmd.Context(), c, warnings, environ, cmd.ErrOrStderr())
		}),
	}
	addSettings(cmd)
	return cmd
}

// gcPercent is the garbage collector's target (runtime/debug.SetGCPercent) unless
// the environment names one. The live heap is a few megabytes, so that the
// default would collect a hundred times a second under load; this saves a tenth
// of the processor time for some megabytes.
const gcPercent = 200

// serve runs the gateway until a signal or the end of ctx.
func serve(ctx context.Context, c config.Config, warnings, environ []string, stderr io.Writer) error {
	log, err := newLogger(stderr, c.Log)
	if err != nil {
		return err
	}
	adoptStandardLog(log, stderr)
	for _, warning := range warnings {
		log.Warn("configuration", slog.String("warning", warning))
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	ctx, stop := untilSignal(ctx, signals, func() {
		tell(stderr, "restanza: second signal, ending at once")
		os.Exit(exitFailure)
	})
	defer stop()

	if _, chosen := os.LookupEnv("GOGC"); !chosen {
		debug.SetGCPercent(gcPercent)
	}
	r, err := assemble(c, log, environ)
	if err != nil {
		return err
	}
	domains := make([]string, len(c.Components))
	for i := range c.Components {
		domains[i] = c.Components[i].Domain.String()
	}
	log.Info("serving", slog.String("address", r.Addr()), slog.Any("components", domains), slog.String("version", version()))
	if err := r.Run(ctx); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}

// assemble builds the gateway. Without a path for the journal it looks for a place; if there is none that can be used, it says
// so, and does without.
func assemble(c config.Config, log *slog.Logger, environ []string) (*restanza.Restanza, error) {
	o := restanza.Options{Config: c, Logger: log, Version: version()}
	if c.Journal.Path != "" {
		return restanza.New(o)
	}
	var err error
	if o.Config.Journal.Path, err = makeJournalPath(environ); err == nil {
		var r *restanza.Restanza
		if r, err = restanza.New(o); err == nil {
			return r, nil
		}
		if _, ok := errors.AsType[*restanza.JournalError](err); !ok {
			return nil, err
		}
	}
	log.Warn("there is no journal, so that what comes while a callback is down is not kept: set --journal-path, to \"none\" if that is meant",
		slog.String("error", err.Error()))
	o.Config.Journal.Path = config.NoJournal
	return restanza.New(o)
}

// makeJournalPath is journalPath, and makes the folder if that is the user's.
func makeJournalPath(environ []string) (string, error) {
	path, own, err := journalPath(environ)
	if err != nil || !own {
		return path, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	return path, nil
}

// journalPath returns where the journal is unless somebody says otherwise: in the folder that systemd gives the service, or
// else in the user's own, that of the XDG base directory specification.
func journalPath(environ []string) (path string, own bool, err error) {
	const name = "journal.db"
	if folders := lookup(environ, "STATE_DIRECTORY"); folders != "" {
		first, _, _ := strings.Cut(folders, ":")
		return filepath.Join(first, name), false, nil
	}
	folder := lookup(environ, "XDG_STATE_HOME")
	if !filepath.IsAbs(folder) { // which counts as not set
		home := lookup(environ, "HOME")
		if !filepath.IsAbs(home) {
			return "", false, errors.New("there is no place for it: none of STATE_DIRECTORY, XDG_STATE_HOME and HOME is set")
		}
		folder = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(folder, "restanza", name), true, nil
}

// untilSignal returns a context that ends with the first signal. The second signal calls atOnce.
// stop ends the watch; it must be called.
func untilSignal(parent context.Context, signals <-chan os.Signal, atOnce func()) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for n := 1; ; n++ {
			select {
			case <-quit:
				return
			case <-signals:
			}
			if n > 1 {
				atOnce()
				return
			}
			cancel()
		}
	}()
	return ctx, func() {
		close(quit)
		<-done
		cancel()
	}
}

// adoptStandardLog makes debugging messages of what libraries write with package log:
// net/http does so where a server sends more than an answer, and quotes it. It does
// nothing unless w, where log writes, is the process's own: then the process is ours.
func adoptStandardLog(log *slog.Logger, w io.Writer) {
	if w != os.Stderr {
		return
	}
	slog.SetLogLoggerLevel(slog.LevelDebug)
	slog.SetDefault(log)
}

// newLogger logs to w as the configuration says.
func newLogger(w io.Writer, c config.Log) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return nil, fmt.Errorf("log level: %w", err)
	}
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return slog.New(slog.NewTextHandler(w, options)), nil
}
