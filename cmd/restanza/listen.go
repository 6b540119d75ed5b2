package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/restanza/restanza"
	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/internal/client"
	"github.com/restanza/restanza/internal/listen"
	"github.com/restanza/restanza/internal/signing"
)

// Flags of listen that are named in several places.
const (
	forwardFlag  = "forward-to"
	execFlag     = "exec"
	printFlag    = "print-only"
	replyFlag    = "reply"
	secretFlag   = "signing-secret"
	patienceFlag = "patience"
	typeFlag     = "content-type"
)

// listenFlags are the flags of listen.
type listenFlags struct {
	forwardTo   string
	exec        string
	printOnly   bool
	reply       bool
	contentType string
	secret      string
	timeout     time.Duration
	patience    time.Duration
	verbose     bool
}

func newListen(p process) *cobra.Command {
	var f listenFlags
	cmd := &cobra.Command{
		Use:   "listen",
		Short: "Hand what a gateway receives to a program on this machine",
		Long: `Reads what comes in at a gateway, over a connection that it makes itself, and hands it to a program
on this machine, which nobody need be able to reach: until Ctrl-C, one line for each stanza.

--forward-to POSTs each stanza as the gateway would to a callback, signed with a secret that is
shown at the start, and the answer goes back as one of a callback would. It takes a URL,
host:port, a port or a path; what is missing becomes http://localhost.
--exec runs a command for each message and presence, with the stanza on standard input and in the
variables RESTANZA_KIND, _TYPE, _FROM, _TO, _ID, _BODY, _EVENT, _TIME and _DIRECTION. With --reply
what it writes is sent back as a chat message.
--print-only only shows messages and presences.

When the connection is lost it is made again, and goes on where it was; --since begins earlier.
If the gateway has a callback of its own, that is the one to answer: what the program here says is
shown and not sent. docs/receiving.md tells more.

` + connectionHelp + "\n\n" + clientExitCodes,
		Example: `  restanza listen --forward-to 3000/hook
  restanza listen --forward-to http://localhost:3000/ --content-type json --kind message
  restanza listen --exec 'notify-send "$RESTANZA_FROM" "$RESTANZA_BODY"' --kind message
  restanza listen --exec ./answer.sh --reply --since 10m`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              onlooking(func(cmd *cobra.Command) error { return runListen(cmd, p, f) }),
	}
	addConnection(cmd)
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&f.forwardTo, forwardFlag, "f", "", "where each stanza is POSTed: URL, host:port, port or path")
	flags.StringVar(&f.exec, execFlag, "", "command that is run for each stanza, by the shell")
	flags.BoolVar(&f.printOnly, printFlag, false, "show stanzas, and no more")
	flags.BoolVar(&f.reply, replyFlag, false, "with --exec: send back what the command writes")
	flags.StringVar(&f.contentType, typeFlag, "xml", "format of stanzas, unless the program asks for another ("+strings.Join(formatNames(), ", ")+")")
	flags.StringVar(&f.secret, secretFlag, "", "secret to sign with, whsec_…; a new one each time unless given")
	flags.DurationVar(&f.timeout, timeoutFlag, 30*time.Second, "how long the program may take for a stanza")
	flags.DurationVar(&f.patience, patienceFlag, 10*time.Minute, "how long a message waits for a program that does not listen yet; 0s: not at all")
	addEvents(cmd, "in")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "show the XML of each stanza")
	for _, name := range []string{forwardFlag, secretFlag, timeoutFlag, patienceFlag} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions) // fails for unknown flags only
	}
	_ = cmd.RegisterFlagCompletionFunc(execFlag, anyFile)
	_ = cmd.RegisterFlagCompletionFunc(typeFlag, cobra.FixedCompletions(formatNames(), cobra.ShellCompDirectiveNoFileComp))
	cmd.MarkFlagsOneRequired(forwardFlag, execFlag, printFlag)
	cmd.MarkFlagsMutuallyExclusive(forwardFlag, execFlag, printFlag)
	return cmd
}

func formatNames() (names []string) {
	for _, f := range format.All() {
		names = append(names, f.Name)
	}
	return names
}

// check refuses flags that make no sense together.
func (f *listenFlags) check(cmd *cobra.Command) error {
	kinds, _ := cmd.Flags().GetString("kind") // these fail for unknown flags only
	direction, _ := cmd.Flags().GetString("direction")
	asked := slices.Contains(strings.Split(kinds, ","), "iq")
	switch {
	case f.timeout <= 0 || f.timeout > maxTimeout:
		return fmt.Errorf("--%s: %s is not more than 0s and at most %s", timeoutFlag, f.timeout, maxTimeout)
	case f.patience < 0:
		return fmt.Errorf("--%s: %s is less than 0s", patienceFlag, f.patience)
	case !slices.Contains(formatNames(), f.contentType):
		return fmt.Errorf("--%s: there are %s", typeFlag, strings.Join(formatNames(), ", "))
	case f.forwardTo != "":
		if err := notWith(cmd, forwardFlag, replyFlag); err != nil {
			return err
		}
	case f.exec != "":
		if err := notWith(cmd, execFlag, secretFlag, patienceFlag); err != nil {
			return err
		}
	default:
		if err := notWith(cmd, printFlag, replyFlag, typeFlag, secretFlag, timeoutFlag, patienceFlag); err != nil {
			return err
		}
	}
	if asked && f.forwardTo == "" {
		return fmt.Errorf("--kind: an iq wants an answer, and only --%s has one", forwardFlag)
	}
	if direction != "in" && (f.forwardTo != "" || f.reply) {
		return errors.New("--direction: only what comes in can be answered; leave it out")
	}
	return nil
}

// options returns what the flags ask for, and where stanzas go in words.
func (f *listenFlags) options() (o listen.Options, where string, err error) {
	o = listen.Options{Format: format.Named(f.contentType), Timeout: f.timeout, Patience: f.patience, NoReply: !f.reply, Version: version()}
	if f.forwardTo == "" {
		return o, f.exec, nil
	}
	if o.URL, err = listen.Target(f.forwardTo); err != nil {
		return o, "", fmt.Errorf("--%s: %w", forwardFlag, err)
	}
	o.NoReply = false
	if o.Secret = f.secret; o.Secret == "" {
		o.Secret = signing.Generate()
	}
	if _, err := signing.Parse(o.Secret); err != nil {
		return o, "", fmt.Errorf("--%s: %w", secretFlag, err)
	}
	if err := o.Check(); err != nil {
		return o, "", fmt.Errorf("--%s: %w", forwardFlag, err)
	}
	return o, withoutUser(o.URL), nil
}

// runListen listens until a signal, or the end of the command's context.
func runListen(cmd *cobra.Command, p process, f listenFlags) error {
	if err := f.check(cmd); err != nil {
		return err
	}
	o, where, err := f.options()
	if err != nil {
		return err
	}
	c, settings, err := connectEvents(cmd, p)
	if err != nil {
		return err
	}
	query := eventQuery(cmd)
	query.Set("format", "xml")
	if f.forwardTo == "" && !query.Has("kind") {
		query.Set("kind", "message,presence") // an iq that nobody can answer is refused by the gateway at once
	}
	s := newScreen(cmd.OutOrStdout(), cmd.ErrOrStderr(), p.environ, f.verbose)
	defer s.close()
	ctx, stop := endedBySignal(cmd.Context())
	defer stop()
	feed, err := listen.Open(ctx, c, query, s.news())
	if err != nil {
		return unlessEnded(ctx, err)
	}
	defer feed.Close()
	s.note("%s", s.bold("Listening for "+feed.Component().String()+" at "+client.Printable(strings.TrimSuffix(c.URL(), "/rest"))))
	switch {
	case f.printOnly:
		err = eachEvent(ctx, feed, func(e client.Event) error { return s.await(ctx, s.event(e)) })
	case f.exec != "":
		o.Command = f.command(cmd, p, settings)
		fallthrough
	default:
		s.going(where, o.Secret)
		o.Client, o.Logger, o.Observe = c, s.news(), s.forwarded
		err = listen.Listen(ctx, feed, o)
	}
	s.note("stopped; to go on from here: --since %s", feed.Position())
	return unlessEnded(ctx, err)
}

// command returns what --exec runs. It can use the gateway as the command line does.
func (f *listenFlags) command(cmd *cobra.Command, p process, settings client.Options) listen.Command {
	x := execCommand{line: f.exec, reply: f.reply, stdout: cmd.OutOrStdout(), stderr: cmd.ErrOrStderr()}
	x.environ = append(slices.Clip(p.environ), urlVariable+"="+settings.URL, credentialsVariable+"="+settings.Credentials)
	return x.command()
}

// going says where stanzas go.
func (s *screen) going(where, secret string) {
	s.note("  %-14s %s", "stanzas go to", visible(where, 3*mostName))
	if secret != "" {
		s.note("  %-14s %s", "signed with", secret)
	}
}

// errWithheld is why an answer was not sent.
var errWithheld = errors.New("not sent: the gateway has a callback, which answers")

// forwarded shows what came of a stanza.
func (s *screen) forwarded(x listen.Exchange) {
	shown := restanza.Exchange{
		Direction: restanza.Inbound, At: x.At, Stanza: x.Stanza, Answer: x.Reply, More: x.More,
		Status: x.Status, Took: x.Took, Err: x.Err,
	}
	if x.Outbound {
		shown.Direction = restanza.Outbound
	}
	if x.Withheld {
		shown.Err = errors.Join(errWithheld, x.Err)
	}
	s.traffic(shown)
}
