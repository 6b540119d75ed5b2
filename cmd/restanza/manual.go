package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The manual is written here and not by cobra's own generator, which takes three
// more modules, a Markdown parser among them, to make a page of nearly the same.

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:     "man",
		Short:   "Print the man page",
		Long:    "Prints the man page of all commands, in roff.",
		Example: "  restanza man | man -l -\n  restanza man >/usr/local/share/man/man1/restanza.1",
		Args:    cobra.NoArgs,
		RunE: atWork(exitFailure, func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), manPage(cmd.Root()))
			return err
		}),
	}
}

// eachCommand calls f for cmd and what is below it, but for what is hidden, and for
// help, which says the same again.
func eachCommand(cmd *cobra.Command, f func(*cobra.Command)) {
	if cmd.Hidden || cmd.Name() == "help" {
		return
	}
	f(cmd)
	for _, sub := range cmd.Commands() {
		eachCommand(sub, f)
	}
}

// flagLines returns the flags that a command has, without --help and without those of
// the command above it, and their meanings.
func flagLines(cmd *cobra.Command) (lines [][2]string) {
	take := func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		kind, meaning := pflag.UnquoteUsage(f)
		if hasDefault(f) {
			meaning += " (default " + f.DefValue + ")"
		}
		lines = append(lines, [2]string{strings.TrimRight("--"+f.Name+" "+kind, " "), meaning})
	}
	cmd.LocalFlags().VisitAll(take)
	if cmd.HasParent() && cmd.Parent().HasPersistentFlags() {
		lines = append(lines, [2]string{"", "and the flags of " + cmd.Parent().CommandPath()})
	}
	return lines
}

// hasDefault reports whether a flag that is not given has a value worth telling.
func hasDefault(f *pflag.Flag) bool { return f.DefValue != "" && f.DefValue != "false" }

// synopsis returns a command with its arguments. Cobra's own adds "[flags]" depending on what
// was run before.
func synopsis(cmd *cobra.Command) string { return strings.TrimSuffix(cmd.UseLine(), " [flags]") }

// about returns the text of a command.
func about(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return cmd.Short + "."
}

// manPage returns the manual of root as a page of section 1.
func manPage(root *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH RESTANZA 1 \"\" %s\n.SH NAME\n%s \\- %s\n", roffArgument(root.Version), root.Name(), roff(root.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n.I command\n[flags]\n.SH DESCRIPTION\n%s", root.Name(), roffBlock(root.Long))
	b.WriteString(".SH COMMANDS\n")
	eachCommand(root, func(cmd *cobra.Command) {
		if cmd == root {
			return
		}
		fmt.Fprintf(&b, ".SS %s\n%s", roffArgument(synopsis(cmd)), roffBlock(about(cmd)))
		for _, f := range flagLines(cmd) {
			if f[0] == "" {
				fmt.Fprintf(&b, ".PP\n%s\n", roff(f[1]))
				continue
			}
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(f[0]), roff(f[1]))
		}
		if cmd.Example != "" {
			b.WriteString(".PP\nExamples:\n" + roffBlock(cmd.Example))
		}
	})
	return b.String()
}

// roffBlock returns text whose lines and indents stay as they are.
func roffBlock(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = roff(line)
	}
	return ".PP\n.nf\n" + strings.Join(lines, "\n") + "\n.fi\n"
}

var roffEscapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "…", "...", "^", `\(ha`, "~", `\(ti`)

// roff returns a line that troff takes for text.
func roff(line string) string {
	line = roffEscapes.Replace(line)
	if strings.HasPrefix(line, ".") {
		line = `\&` + line
	}
	return line
}

// roffArgument returns the one argument of a request.
func roffArgument(s string) string { return `"` + strings.ReplaceAll(roff(s), `"`, `\(dq`) + `"` }
