package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/restanza/restanza/config"
)

// process is what the command has to do with the outside.
type process struct {
	args      []string // without the program's name
	environ   []string
	configDir string // the user's configuration folder; empty if there is none
	stdin     io.Reader
	stdout    io.Writer
	stderr    io.Writer
}

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // something failed at work: a port in use, for example
	exitUsage   = 2 // wrong usage or configuration: the same call will fail again
)

// exitCodes is the part of the help that explains them.
const exitCodes = `Exit codes:
  0  all is well
  1  something failed at work, for example because a port is in use
  2  the usage or the configuration is wrong`

// run executes the command and returns its exit code. What is wrong is told on
// standard error: one line for each thing.
func run(ctx context.Context, p process) int {
	cmd := newCommand(p)
	called, err := cmd.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if all, found := errors.AsType[config.Errors](err); found {
		tell(p.stderr, "%v", all) // they begin with their file and line, which editors know how to follow
		return exitUsage
	}
	failed, ok := errors.AsType[*failure](err)
	if ok && failed.told {
		return failed.code
	}
	tell(p.stderr, "restanza: %v", err)
	if ok {
		return failed.code
	}
	tell(p.stderr, "try: %s --help", called.CommandPath())
	return exitUsage
}

// failure is an error of a subcommand at work. All others come from cobra and are about
// the usage.
type failure struct {
	code int
	err  error
	told bool // the user knows it already
}

func (f *failure) Error() string { return f.err.Error() }

func (f *failure) Unwrap() error { return f.err }

// atWork makes a subcommand's function one whose errors count as failures.
func atWork(code int, f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := f(cmd, args)
		if err == nil {
			return nil
		}
		if _, ok := errors.AsType[*failure](err); ok {
			return err
		}
		return &failure{code: code, err: err}
	}
}

func newCommand(p process) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restanza",
		Short: "A RESTful gateway to XMPP",
		Long: `Restanza is a RESTful gateway to XMPP: programs send stanzas with an HTTP POST and
receive them at a webhook.

` + clientExitCodes,
		Version:       version(),
		Args:          subcommandOnly,
		RunE:          showHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.SetArgs(p.args)
	cmd.SetIn(p.stdin)
	cmd.SetOut(p.stdout)
	cmd.SetErr(p.stderr)
	cmd.SetVersionTemplate("restanza {{.Version}}\n")
	cmd.SuggestionsMinimumDistance = 2
	cmd.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	cmd.AddCommand(newDev(p.environ), newServe(p.environ), newConfig(p.environ), newDoctor(p.environ), newSend(p), newIQ(p), newListen(p), newTail(p), newVersion(), newMan())
	for _, at := range piles() {
		cmd.AddCommand(newPile(p, at))
	}
	cmd.AddCommand(newToken(p))
	strictCompletion(cmd)
	return cmd
}

// subcommandOnly refuses what is no subcommand. Cobra's own check takes several lines to say so, and passes
// over subcommands of subcommands.
func subcommandOnly(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(near, " or "))
	}
	return err
}

// strictCompletion makes cobra's command refuse a shell that it does not know, and takes
// output that can't be written for what it is: no wrong usage.
func strictCompletion(cmd *cobra.Command) {
	cmd.InitDefaultCompletionCmd()
	completion, _, err := cmd.Find([]string{"completion"})
	if err != nil {
		return
	}
	completion.Args, completion.RunE = subcommandOnly, showHelp
	completion.SuggestionsMinimumDistance = 2
	for _, shell := range completion.Commands() {
		if shell.RunE != nil {
			shell.RunE = atWork(exitFailure, shell.RunE)
		}
	}
}

func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// load reads the configuration. If it is wrong, the warnings are printed too: they may tell why.
func load(s config.Sources, stderr io.Writer) (config.Config, []string, error) {
	c, warnings, err := s.Load()
	if err != nil {
		printWarnings(stderr, warnings)
		return c, nil, &failure{code: exitUsage, err: err}
	}
	return c, warnings, nil
}

func printWarnings(stderr io.Writer, warnings []string) {
	for _, warning := range warnings {
		tell(stderr, "warning: %s", warning)
	}
}

// tell writes a line to standard error. If that fails, there is nobody left to be told.
func tell(stderr io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(stderr, format+"\n", args...)
}
