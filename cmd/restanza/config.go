package main

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/signing"
)

// maxStandardInput bounds a configuration that comes on standard input, in bytes.
const maxStandardInput = 1 << 20

// standardInput is what stands for the name of standard input on the command line.
const standardInput = "-"

func newConfig(environ []string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check a configuration, print an example or a secret, or make one of Prosody's",
		Args:  subcommandOnly,
		RunE:  showHelp,

		SuggestionsMinimumDistance: 2,
	}
	example := &cobra.Command{
		Use:   "example",
		Short: "Print a configuration file with every key, its meaning and its default",
		Args:  cobra.NoArgs,
		RunE: atWork(exitFailure, func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), config.Example())
			return err
		}),
	}
	secret := &cobra.Command{
		Use:   "secret",
		Short: "Print a new secret for signing callbacks",
		Long: `Prints a new random secret for component.callback.signing_secrets, or for a line of the file that
component.callback.signing_secret_file names. The callback needs it too: docs/webhooks.md shows what to
do with it.`,
		Example: `  (umask 077 && restanza config secret > callback-secret)`,
		Args:    cobra.NoArgs,
		RunE: atWork(exitFailure, func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), signing.Generate())
			return err
		}),
	}
	cmd.AddCommand(newCheck(environ), example, secret, newImport(environ))
	return cmd
}

func newCheck(environ []string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check a configuration",
		Long: `Checks the configuration that serve would run with: the file, the RESTANZA_… variables, and
the same flags. All errors are reported at once.

FILE is the configuration file, - is standard input. Without it: the file of --config or of
the variable RESTANZA_CONFIG; else standard input, unless that is a terminal.

` + exitCodes,
		Example: `  restanza config check restanza.toml
  restanza config example | restanza config check`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.FixedCompletions([]string{"toml"}, cobra.ShellCompDirectiveFilterFileExt),
		RunE: atWork(exitUsage, func(cmd *cobra.Command, args []string) error {
			s, err := checkSources(cmd, args, environ)
			if err != nil {
				return err
			}
			c, warnings, err := load(s, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			printWarnings(cmd.ErrOrStderr(), warnings)
			return printSummary(cmd.OutOrStdout(), c)
		}),
	}
	addSettings(cmd)
	return cmd
}

// checkSources returns what serve would take, with the file that check is called with.
func checkSources(cmd *cobra.Command, args, environ []string) (config.Sources, error) {
	s := sources(cmd, environ)
	if len(args) > 0 {
		if s.Path != "" {
			return s, fmt.Errorf("two files: %s, and %s by --config", args[0], s.Path)
		}
		s.Path = args[0]
	}
	fromInput := s.Path == standardInput ||
		s.Path == "" && !slices.ContainsFunc(environ, isConfigVariable) && !isTerminal(cmd.InOrStdin())
	if !fromInput {
		return s, nil
	}
	var err error
	s.Path = "standard input"
	s.Data, err = io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxStandardInput+1))
	if err == nil && len(s.Data) > maxStandardInput {
		err = fmt.Errorf("standard input: more than %d bytes", maxStandardInput)
	}
	return s, err
}

// isConfigVariable reports whether a line of the environment names a configuration file.
func isConfigVariable(line string) bool {
	prefix := config.ConfigEnv + "="
	return len(line) > len(prefix) && line[:len(prefix)] == prefix
}

// isTerminal reports whether an input is typed by somebody, or an output read by somebody at
// once. stream is an io.Reader or an io.Writer.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// printSummary tells what a good configuration stands for. Of a callback's URL it shows no more
// than the host, since the rest may be secret.
func printSummary(w io.Writer, c config.Config) error {
	scheme := "HTTP"
	if c.HTTP.TLSCertificate != "" {
		scheme = "HTTPS"
	}
	if _, err := fmt.Fprintf(w, "ok: %s on %s, %s\n", scheme, c.HTTP.Listen, count(len(c.Components), "component")); err != nil {
		return err
	}
	for i := range c.Components {
		component := &c.Components[i]
		callback := "no callback"
		if u, err := url.Parse(component.Callback.URL.Reveal()); err == nil && u.Host != "" {
			callback = fmt.Sprintf("callback to %s://%s", u.Scheme, u.Host)
			if len(component.Callback.SigningSecrets) > 0 {
				callback = "signed " + callback
			}
		}
		_, err := fmt.Fprintf(w, "%s: server %s, %s, %s\n",
			component.Domain, component.Server, count(len(component.Credentials), "credential"), callback)
		if err != nil {
			return err
		}
	}
	return nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
