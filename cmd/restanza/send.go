package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/restanza/restanza/internal/client"
)

const (
	jsonFlag    = "json"
	xmlFlag     = "xml"
	timeoutFlag = "timeout"
	fromFlag    = "from"
	idFlag      = "id"

	sendTimeout = time.Minute
	iqTimeout   = 30 * time.Second
	maxTimeout  = time.Hour

	// maxWholeStanza bounds what --xml takes, in bytes. The gateway has its own, lower bound.
	maxWholeStanza = 1 << 20
)

func newSend(p process) *cobra.Command {
	var m client.Message
	var whole bool
	var request client.Request
	types := client.MessageTypes()
	cmd := &cobra.Command{
		Use:   "send TO [TEXT]",
		Short: "Send a message, or any stanza",
		Long: `Sends a message through a gateway. Without TEXT, or if it is -, the text comes from standard
input: UTF-8, at most 194560 bytes; one line end at its end is left out. With --xml the only
argument, or standard input, is a whole stanza, which is sent as it is.

The exit code is 0 once the XMPP server has the message. If it comes back, the condition and
the text of the error are printed.

It is 0, too, if the gateway has no connection to the XMPP server and keeps the message on disk,
to send it later: then standard error says so, and where the gateway tells what becomes of it.
With --strict that does not happen: the exit code is 1.

` + connectionHelp + "\n\n" + clientExitCodes,
		Example: `  restanza send bob@localhost "hi"
  uptime | restanza send --subject uptime admin@example.net
  restanza send --type groupchat --from bot@bot.example.net/bot room@rooms.example.net "hello, all"
  restanza send --xml '<presence to="room@rooms.example.net/bot"/>'`,
		Args:              sendArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: reporting(func(cmd *cobra.Command, args []string, r *report) error {
			compose := func() (body []byte, err error) { return composeMessage(cmd, args, &m, r) }
			if whole {
				compose = func() ([]byte, error) { return wholeStanza(cmd, args) }
			}
			return send(cmd, p, compose, request, r)
		}),
	}
	addConnection(cmd)
	flags := cmd.Flags()
	flags.StringVar(&m.Type, "type", types[0], strings.Join(types, ", "))
	flags.StringVar(&m.From, fromFlag, "", "address to send as, if the credentials allow it")
	flags.StringVar(&m.Subject, "subject", "", "subject")
	flags.StringVar(&m.ID, idFlag, "", "the stanza's id; one is made up unless given")
	flags.StringVar(&m.Lang, "lang", "", "language of the text, such as en")
	flags.BoolVar(&whole, xmlFlag, false, "send a whole stanza")
	flags.BoolVar(&request.Async, "async", false, "do not wait until the XMPP server has it")
	flags.BoolVar(&request.Strict, "strict", false, "fail rather than let the gateway keep it until it has a connection to the XMPP server")
	addOutput(cmd, sendTimeout)
	for _, name := range []string{fromFlag, "subject", idFlag, "lang"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions) // fails for unknown flags only
	}
	_ = cmd.RegisterFlagCompletionFunc("type", cobra.FixedCompletions(types, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// addOutput gives the command the flags about waiting and printing.
func addOutput(cmd *cobra.Command, timeout time.Duration) {
	cmd.PersistentFlags().Duration(timeoutFlag, timeout, "how long to wait for what comes of it")
	cmd.PersistentFlags().Bool(jsonFlag, false, "print one JSON object, errors included")
	_ = cmd.RegisterFlagCompletionFunc(timeoutFlag, cobra.NoFileCompletions)
}

// timeoutOf returns the time that --timeout gives.
func timeoutOf(cmd *cobra.Command) (time.Duration, error) {
	d, err := cmd.Flags().GetDuration(timeoutFlag)
	if err == nil && (d <= 0 || d > maxTimeout) {
		err = fmt.Errorf("--%s: %s is not more than 0s and at most %s", timeoutFlag, d, maxTimeout)
	}
	return d, err
}

// composeMessage makes a message of arguments and flags.
func composeMessage(cmd *cobra.Command, args []string, m *client.Message, r *report) ([]byte, error) {
	if len(args) == 0 {
		return nil, errors.New("nobody to send to; write an address, such as bob@localhost")
	}
	m.To = args[0]
	if len(args) > 1 && args[1] != standardInput {
		m.Text = args[1]
	} else {
		if isTerminal(cmd.InOrStdin()) && !isJSON(cmd) {
			tell(cmd.ErrOrStderr(), "type the text, and end it with the end of input: Ctrl-D")
		}
		text, err := readBounded(cmd.InOrStdin(), client.MaxText, "standard input")
		if err != nil {
			return nil, err
		}
		m.Text = strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	}
	if m.ID == "" {
		m.ID = rand.Text()
	}
	r.ID = m.ID
	return m.XML()
}

// wholeStanza returns what --xml sends.
func wholeStanza(cmd *cobra.Command, args []string) ([]byte, error) {
	for _, name := range []string{"type", fromFlag, "subject", idFlag, "lang"} {
		if cmd.Flags().Changed(name) {
			return nil, fmt.Errorf("--%s: the stanza of --%s says it itself", name, xmlFlag)
		}
	}
	switch {
	case len(args) > 1:
		return nil, fmt.Errorf("--%s takes one argument, the stanza, which has its own address", xmlFlag)
	case len(args) == 1 && args[0] != standardInput:
		return []byte(args[0]), nil
	}
	return readBounded(cmd.InOrStdin(), maxWholeStanza, "standard input")
}

// send posts what compose returns, and prints the answer if there is one.
func send(cmd *cobra.Command, p process, compose func() ([]byte, error), request client.Request, r *report) (err error) {
	if request.Timeout, err = timeoutOf(cmd); err != nil {
		return err
	}
	c, err := connect(cmd, p, sender)
	if err != nil {
		return err
	}
	if request.Body, err = compose(); err != nil {
		return err
	}
	answer, err := c.Post(cmd.Context(), request)
	if err != nil {
		return err
	}
	r.note(answer)
	if isJSON(cmd) {
		return nil
	}
	if answer.Queued != "" {
		tell(cmd.ErrOrStderr(), "queued: the gateway has no connection to the XMPP server, and sends it when it has; what becomes of it: %s", answer.Queued)
	}
	if answer.XML == "" {
		return nil
	}
	return printXML(cmd.OutOrStdout(), answer.XML)
}

// note takes what the report has of an answer.
func (r *report) note(a client.Answer) {
	r.Status, r.Queued, r.Stanza = a.Status, a.Queued, a.XML
	r.Millis = float64(a.Took.Microseconds()) / 1000
}

func isJSON(cmd *cobra.Command) bool {
	set, _ := cmd.Flags().GetBool(jsonFlag) // fails for unknown flags only
	return set
}

// sendArgs takes an address and a text. A text of several words has to be one argument.
func sendArgs(_ *cobra.Command, args []string) error {
	if len(args) > 2 {
		return errors.New("too many words: put the text in quotes")
	}
	return nil
}
