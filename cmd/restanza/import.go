package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/restanza/restanza/internal/prosodycfg"
)

// importFlags are those of config import.
type importFlags struct {
	output     string
	force      bool
	env        bool
	components []string
}

func newImport(environ []string) *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Make a configuration of Prosody's, where mod_rest is used",
		Long: `Reads a configuration of Prosody, and writes one for Restanza: a component for each
Component "…" "rest", or, where there is none, for each external component. What was taken, what has
no counterpart and why, and what is left to do, is told on standard error and in comments.

FILE is prosody.cfg.lua, - is standard input. It is a program in Lua, which is run with nothing of
the world around it: files that it includes are read from its own folder and below, and
nothing else is; nothing is run, and the environment is read with --env only.

` + exitCodes,
		Example: `  restanza config import /etc/prosody/prosody.cfg.lua --output restanza.toml
  restanza config import prosody.cfg.lua | restanza config check`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.FixedCompletions([]string{"lua"}, cobra.ShellCompDirectiveFilterFileExt),
		RunE: atWork(exitUsage, func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, args[0], environ)
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.output, "output", "", "`file` to write, which nobody but its owner can read; without it: standard output")
	flags.BoolVar(&f.force, "force", false, "write the file even if there is one")
	flags.BoolVar(&f.env, "env", false, "let ENV_… and os.getenv read the environment of this command")
	flags.StringArrayVar(&f.components, "component", nil, "`domain` of the component to import; may be given several times")
	return cmd
}

func (f *importFlags) run(cmd *cobra.Command, path string, environ []string) error {
	o := prosodycfg.Options{Path: path, Components: f.components}
	if f.env {
		o.Environ = environ
	}
	if path == standardInput {
		data, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxStandardInput+1))
		if err != nil {
			return err
		}
		o.Path, o.Data = "standard input", data
	}
	result, err := prosodycfg.Import(o)
	for _, n := range result.Notes {
		tell(cmd.ErrOrStderr(), "%s", n)
	}
	if errors.Is(err, prosodycfg.ErrNothing) {
		return fmt.Errorf("%s: %w: there is no Component \"…\" \"rest\", and no external component", o.Path, err)
	}
	if err != nil {
		return err
	}
	if f.output == "" {
		_, err = cmd.OutOrStdout().Write(result.TOML)
	} else {
		err = f.write(result.TOML)
	}
	if err != nil {
		return &failure{code: exitFailure, err: err}
	}
	return nil
}

// ownerOnly are the permissions of a file with secrets.
const ownerOnly = 0o600

// write makes the output file. One that is there is replaced as a whole, so that its old permissions
// don't count; what is no file is not.
func (f *importFlags) write(text []byte) error {
	if !f.force {
		return create(f.output, text)
	}
	info, err := os.Lstat(f.output)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return create(f.output, text)
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: it is no regular file, and is not replaced; write to standard output instead", f.output)
	}
	temporary, err := os.CreateTemp(filepath.Dir(f.output), ".restanza-*") // with the permissions of ownerOnly
	if err != nil {
		return err
	}
	_, err = temporary.Write(text)
	err = errors.Join(err, temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), f.output)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}

// create writes a file that is not there yet.
func create(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, ownerOnly)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; to replace it, use --force", path)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}
