package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/restanza/restanza"
	"github.com/restanza/restanza/config"
)

// Defaults of dev. They are no secrets: only this machine can reach the host, and
// what one can always paste is worth more here.
const (
	devCredentials = "Bearer dev"
	devPassword    = "secret" // of alice and bob

	noBotFlag = "no-bot"
)

// devFlags are the flags of dev.
type devFlags struct {
	accounts        []string
	credentials     string
	callbackURL     string
	noBot           bool
	listen          string
	xmppListen      string
	xmppTLSListen   string
	componentListen string
	certificateFile string
	allowPublic     bool
	verbose         bool
}

func newDev(environ []string) *cobra.Command {
	var f devFlags
	cmd := &cobra.Command{
		Use:   "dev [-- PROGRAM [ARGUMENT ...]]",
		Short: "Try it out: a gateway with a small XMPP host of its own",
		Long: `Runs a gateway together with a small XMPP host, so that a bot can be written and tried with
nothing else installed. Clients log in as alice or bob at localhost; every address at bot.localhost
is the bot's. A built-in bot echoes what it is told, until --callback-url names a program or one is
given after "--": it is started with PORT, RESTANZA_URL and RESTANZA_CREDENTIALS in its environment,
gets stanzas at http://127.0.0.1:PORT/, and when it ends dev ends with its exit code. With --no-bot
there is no bot: what comes waits for nobody, and goes to those who read it by 'restanza listen'.

Every stanza is shown. It is no server: only this machine can reach it, it talks to no other server,
and nothing is kept. A port that is taken is replaced with a free one. docs/dev.md tells more.

` + exitCodes,
		Example: `  restanza dev
  restanza dev --callback-url http://127.0.0.1:5000/
  restanza dev -- python3 bot.py`,
		Args: devArgs,
		RunE: atWork(exitFailure, func(cmd *cobra.Command, program []string) error {
			return dev(cmd, f, program, environ)
		}),
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.accounts, "account", nil, "further account, as name:password; may be given several times")
	flags.StringVar(&f.credentials, "credentials", devCredentials, "complete Authorization value that callers send")
	flags.StringVar(&f.callbackURL, "callback-url", "", "where the bot's stanzas are posted; empty: the built-in bot echoes messages")
	flags.BoolVar(&f.noBot, noBotFlag, false, "no built-in bot: stanzas are for 'restanza listen' and whoever else reads events")
	flags.StringVar(&f.listen, "listen", "127.0.0.1:5281", "host:port for HTTP")
	flags.StringVar(&f.xmppListen, "xmpp-listen", "127.0.0.1:5222", "host:port for XMPP clients with STARTTLS or without TLS")
	flags.StringVar(&f.xmppTLSListen, "xmpp-tls-listen", "127.0.0.1:5223", "host:port for XMPP clients that begin with TLS")
	flags.StringVar(&f.componentListen, "component-listen", "127.0.0.1:0", "host:port for the gateway's own link")
	flags.StringVar(&f.certificateFile, "certificate-file", "", "file to write the host's certificate to, for clients that want to trust it")
	flags.BoolVar(&f.allowPublic, "allow-public", false, "allow listeners that other machines can reach; needs --account and --credentials")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "show the XML of each stanza, and the log")
	return cmd
}

// devArgs takes a program to start, but only after "--": a word before it is a
// mistyped flag or a subcommand that there is not.
func devArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && cmd.ArgsLenAtDash() != 0 {
		return fmt.Errorf("unexpected %q: write -- before the program to start", args[0])
	}
	return nil
}

// options returns what the flags ask for.
func (f *devFlags) options() (restanza.DevOptions, error) {
	o := restanza.DevOptions{
		Credentials:     config.Secret(f.credentials),
		CallbackURL:     config.Secret(f.callbackURL),
		NoBot:           f.noBot,
		HTTPListen:      f.listen,
		ClientListen:    f.xmppListen,
		TLSListen:       f.xmppTLSListen,
		ComponentListen: f.componentListen,
		AllowPublic:     f.allowPublic,
		Version:         version(),
	}
	if f.noBot && f.callbackURL != "" {
		return o, fmt.Errorf("--%s: the bot's stanzas go to %s; leave one of the two out", noBotFlag, withoutUser(f.callbackURL))
	}
	if !f.allowPublic {
		o.Accounts = []restanza.DevAccount{{Name: "alice", Password: devPassword}, {Name: "bob", Password: devPassword}}
	} else if len(f.accounts) == 0 || f.credentials == devCredentials {
		return o, errors.New("--allow-public needs accounts and credentials that not everybody knows: give --account and --credentials")
	}
	for _, text := range f.accounts {
		name, password, ok := strings.Cut(text, ":")
		if !ok || name == "" || password == "" {
			return o, fmt.Errorf("--account %q: write name:password", name)
		}
		o.Accounts = slices.DeleteFunc(o.Accounts, func(a restanza.DevAccount) bool { return a.Name == name })
		o.Accounts = append(o.Accounts, restanza.DevAccount{Name: name, Password: password})
	}
	return o, nil
}

// dev runs the host, the gateway and perhaps a program until a signal, the end of
// the program, or the end of the command's context.
func dev(cmd *cobra.Command, f devFlags, args, environ []string) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program by itself

	var p *program
	portURL := ""
	if len(args) > 0 {
		var err error
		if p, err = newProgram(args, environ, cmd.OutOrStdout(), cmd.ErrOrStderr()); err != nil {
			return err
		}
		portURL = p.url()
		if f.callbackURL == "" {
			f.callbackURL = portURL
		}
	}
	o, err := f.options()
	if err != nil {
		return &failure{code: exitUsage, err: err}
	}
	screen := newScreen(cmd.OutOrStdout(), cmd.ErrOrStderr(), environ, f.verbose)
	defer screen.close()
	o.Logger, o.Traffic = screen.logger(), screen.traffic
	adoptStandardLog(o.Logger, cmd.ErrOrStderr())
	d, err := restanza.NewDev(o)
	if err != nil {
		return devError(err)
	}
	if err := writeCertificate(f.certificateFile, d); err != nil {
		return errors.Join(err, d.Close())
	}
	screen.headline(o)
	return runDev(ctx, d, p, screen, func() { screen.welcome(d, o, f, args, portURL) }, f.credentials)
}

// devError names the flags where the gateway names keys of a file that there is not,
// and makes what is no trouble with the network wrong usage.
func devError(err error) error {
	if all, ok := errors.AsType[config.Errors](err); ok {
		for _, one := range all {
			if name := devFlagOf[one.Key]; name != "" {
				one.Source, one.Key = "--"+name, ""
			}
		}
		return all
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return err
	}
	return &failure{code: exitUsage, err: err}
}

// devFlagOf has the flag for a key of the configuration.
var devFlagOf = map[string]string{
	"http.listen":                        "listen",
	"component.callback.url":             "callback-url",
	"component.credential.authorization": "credentials",
}

// readyWait is how long the lines to paste, and the program, wait for the gateway
// to be attached to its host; that takes some milliseconds.
const readyWait = 5 * time.Second

// runDev runs d, and the program if there is one, until ctx or the program ends.
// It calls welcome as soon as callers are served.
func runDev(ctx context.Context, d *restanza.Dev, p *program, screen *screen, welcome func(), credentials string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- d.Run(ctx)
		stop()
	}()
	var programErr error
	awaitReady(ctx, d)
	if ctx.Err() == nil {
		welcome()
		if p != nil {
			programErr = p.run(ctx, httpURL(d), credentials)
			screen.note("%s", p.ending(programErr))
			stop()
		}
	}
	err := <-ended
	screen.note("stopped")
	return errors.Join(err, programErr)
}

// awaitReady waits until callers are served, but not for ever. The log says what
// is wrong if it takes long.
func awaitReady(ctx context.Context, d *restanza.Dev) {
	ctx, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !d.Ready() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// httpURL returns the address of the API without its path.
func httpURL(d *restanza.Dev) string { return "http://" + d.HTTPAddr() }

// writeCertificate writes the host's certificate to a file, unless none is asked for.
func writeCertificate(path string, d *restanza.Dev) error {
	if path == "" {
		return nil
	}
	if err := os.WriteFile(filepath.Clean(path), d.CertificatePEM(), 0o644); err != nil { //nolint:gosec // a certificate is public
		return fmt.Errorf("--certificate-file: %w", err)
	}
	return nil
}
